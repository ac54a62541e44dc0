//! What stands in the way of what is sent: topics that are not there, brokers that are away, what is not acknowledged.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    client::ProducerClient,
    flights::{FlightLooks, Unacknowledged},
};
use crate::{
    client::topics::{LOOK_AGAIN, LOOK_SOON, TopicStates, TopicUse},
    commands,
    native::TopicLookup,
    obstacle::{Obstacle, ObstacleKind, Severity},
};

/// For how long what is sent may stay unacknowledged before that is worth a word: a broker that is started again takes
/// some seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// Watches what an app sends, from outside of the app's code.
pub(crate) struct Sending {
    /// Dropped before the producer.
    lookup: TopicLookup,
    producer: ProducerClient,
    /// Where the app may send to.
    topics: BTreeSet<String>,
    states: TopicStates,
    is_asking: bool,
    next_look: Instant,
    looks: FlightLooks,
    /// How many records were acknowledged at the last look.
    acknowledged: u64,
    /// Nobody else says that brokers are away.
    is_alone: bool,
}

impl Sending {
    /// Of an app that sends to these topics. `is_alone`: it consumes nothing, and so nothing else says that brokers are
    /// away. `None` if librdkafka gives no queue for answers.
    pub(crate) fn new(producer: ProducerClient, topics: BTreeSet<String>, is_alone: bool) -> Option<Self> {
        let lookup = TopicLookup::new(producer.handle()?)?;
        Some(Self {
            lookup,
            producer,
            topics,
            states: TopicStates::default(),
            is_asking: false,
            next_look: Instant::now(),
            looks: FlightLooks::default(),
            acknowledged: 0,
            is_alone,
        })
    }

    /// What stands in the way now; never waits.
    pub(crate) fn look(&mut self, now: Instant) -> Vec<Obstacle> {
        self.look_at_topics(now);
        let watch = self.producer.watch();
        let brokers = &*watch.brokers;
        let unacknowledged: Vec<_> =
            self.looks.look(&watch.flights, now).into_iter().filter(|topic| topic.lasting >= PATIENCE).collect();
        let mut connection = watch.connection.lock();
        let acknowledged = watch.flights.acknowledged();
        if std::mem::replace(&mut self.acknowledged, acknowledged) < acknowledged {
            connection.reached();
        }
        let away = connection.obstacles(true, now);
        drop(connection);
        if !away.is_empty() {
            self.next_look = self.next_look.min(now + LOOK_SOON);
        }
        let mut obstacles = self.states.obstacles(TopicUse::Write, brokers);
        obstacles.extend(unacknowledged.iter().map(|topic| self.unacknowledged(topic, &away, brokers)));
        if self.is_alone {
            obstacles.extend(away);
        }
        obstacles
    }

    fn look_at_topics(&mut self, now: Instant) {
        if self.is_asking
            && let Some(answer) = self.lookup.answer()
        {
            self.is_asking = false;
            let asks_again = answer.is_err() && self.lookup.asks_again();
            self.next_look = if asks_again { now } else { now + LOOK_SOON };
            if let Ok(described) = answer {
                self.producer.watch().connection.lock().reached();
                self.states = TopicStates::of(&described, TopicUse::Write);
                if self.states.is_well() {
                    self.next_look = now + LOOK_AGAIN;
                }
            }
        }
        if !self.is_asking && now >= self.next_look && !self.topics.is_empty() {
            self.is_asking = true;
            self.lookup.ask(self.topics.iter().map(String::as_str));
        }
    }

    /// A topic of which nothing is acknowledged: why, as far as anybody knows.
    fn unacknowledged(&self, unacknowledged: &Unacknowledged, away: &[Obstacle], brokers: &str) -> Obstacle {
        let topic = &unacknowledged.topic;
        let (severity, reason, help) = if self.states.misses(topic) {
            let help = commands::create_topic(brokers, topic);
            (Severity::Person, Some("Kafka does not know the topic".to_owned()), help)
        } else if self.states.forbids(topic) == Some(true) {
            let help = commands::grant(brokers, &["Write", "Describe"], &format!("--topic {topic}"));
            (Severity::Person, Some("this app's user may not write to it".to_owned()), help)
        } else if let Some(away) = away.first() {
            (away.severity.max(Severity::Passes), Some(away.words.clone()), away.help.clone())
        } else {
            let help = format!(
                "{} shows whether its partitions have leaders, and as many replicas in sync as `min.insync.replicas` wants",
                commands::describe_topic(brokers, topic)
            );
            (Severity::Passes, unacknowledged.reason.clone(), help)
        };
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let words = format!("nothing that is sent to `{topic}` is acknowledged{reason}; the records that sent it wait");
        Obstacle { topic: Some(topic.clone()), ..Obstacle::new(ObstacleKind::Unacknowledged, severity, words, help) }
    }
}
