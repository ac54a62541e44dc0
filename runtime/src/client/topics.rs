//! What Kafka says of topics that an app reads or writes, and what of that stands in its way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::TopicPartition;
use crate::obstacle::{Obstacle, ObstacleKind, Severity};
use crate::{commands, native::Described};

/// How often Kafka is asked about topics: what librdkafka does not say of them, as a partition without a leader, is to be known
/// soon.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(8);

/// The same while something stands in the way.
pub(crate) const LOOK_SOON: Duration = Duration::from_secs(5);

/// What topics are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicUse {
    /// A group consumes them.
    Read,
    /// The app emits to them, or gives records up there.
    Write,
}

/// The topics that Kafka does not know, and what else is known of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicStates {
    /// How many topics were described.
    count: usize,
    missing: BTreeSet<String>,
    /// Those that may not be used as they should be.
    forbidden: BTreeSet<String>,
    /// Those that may be, as Kafka has said.
    allowed: BTreeSet<String>,
    /// Names that Kafka takes for no topic's.
    invalid: BTreeSet<String>,
    leaderless: BTreeMap<String, Vec<i32>>,
}

impl TopicStates {
    /// From what Kafka says.
    pub(crate) fn of(described: &Described, used: TopicUse) -> Self {
        let mut states = Self { count: described.len(), ..Self::default() };
        for (topic, answer) in described {
            match answer {
                Ok(facts) => {
                    let may = facts.may.is_none_or(|may| if used == TopicUse::Read { may.read } else { may.write });
                    if !may {
                        states.forbidden.insert(topic.clone());
                    } else if facts.may.is_some() {
                        states.allowed.insert(topic.clone());
                    }
                    if !facts.leaderless.is_empty() {
                        states.leaderless.insert(topic.clone(), facts.leaderless.clone());
                    }
                }
                Err(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownTopicId) => {
                    states.missing.insert(topic.clone());
                }
                Err(Code::TopicAuthorizationFailed) => {
                    states.forbidden.insert(topic.clone());
                }
                Err(Code::InvalidTopic) => {
                    states.invalid.insert(topic.clone());
                }
                // That of a moment, as while a topic is made.
                Err(_) => {}
            }
        }
        states
    }

    /// Whether everything is as it should be.
    pub(crate) fn is_well(&self) -> bool {
        [&self.missing, &self.forbidden, &self.invalid].into_iter().all(BTreeSet::is_empty)
            && self.leaderless.is_empty()
    }

    /// Whether this topic may not be used; `None` if Kafka does not say it.
    pub(crate) fn forbids(&self, topic: &str) -> Option<bool> {
        if self.forbidden.contains(topic) { Some(true) } else { self.allowed.contains(topic).then_some(false) }
    }

    /// Whether Kafka does not know this topic.
    pub(crate) fn misses(&self, topic: &str) -> bool {
        self.missing.contains(topic) || self.invalid.contains(topic)
    }

    /// What stands in the way. `brokers` as `bootstrap.servers` has them.
    pub(crate) fn obstacles(&self, used: TopicUse, brokers: &str) -> Vec<Obstacle> {
        // Where there is nothing else to read, nothing goes on.
        let bad = self.missing.len() + self.forbidden.len() + self.invalid.len();
        let severity = if used == TopicUse::Read && bad == self.count { Severity::Person } else { Severity::Degrades };
        let mut obstacles = Vec::new();
        let mut say = |kind, words, help| obstacles.push(Obstacle::new(kind, severity, words, help));
        if let Some(named) = Named::of(&self.missing) {
            let waits = match used {
                TopicUse::Read => "nothing of it is consumed until it is there",
                TopicUse::Write => "what is sent there waits, with the offsets of its records",
            };
            let help = format!("{}, or correct the name in karafka.yml", commands::create_topic(brokers, named.first));
            say(ObstacleKind::TopicMissing, format!("Kafka does not know the {}; {waits}", named.words), help);
        }
        if let Some(named) = Named::of(&self.invalid) {
            let help = "a name has letters, digits, `.`, `_` and `-`, and at most 249 of them".to_owned();
            say(ObstacleKind::TopicInvalid, format!("Kafka takes no such name: {}", named.words), help);
        }
        if let Some(named) = Named::of(&self.forbidden) {
            let (operation, may_not) = match used {
                TopicUse::Read => ("Read", "may not read"),
                TopicUse::Write => ("Write", "may not write to"),
            };
            let help = commands::grant(brokers, &[operation, "Describe"], &format!("--topic {}", named.first));
            say(ObstacleKind::TopicForbidden, format!("this app's user {may_not} the {}", named.words), help);
        }
        let topics = self.leaderless.iter();
        let partitions: Vec<_> = topics
            .flat_map(|(topic, partitions)| {
                partitions
                    .iter()
                    .map(|partition| TopicPartition { topic: topic.as_str().into(), partition: *partition })
            })
            .collect();
        if !partitions.is_empty() {
            let words = match used {
                TopicUse::Read => "no broker leads it, and nothing of it can be read",
                TopicUse::Write => "no broker leads it, and what is sent there waits",
            };
            let help = "start the brokers that hold its replicas again; kafka-topics --describe --unavailable-partitions \
                        names them";
            let obstacle = Obstacle::new(ObstacleKind::NoLeader, Severity::Passes, words, help);
            obstacles.push(Obstacle { partitions, ..obstacle });
        }
        obstacles
    }
}

/// Topics by name, for a sentence.
struct Named<'a> {
    first: &'a str,
    words: String,
}

/// How many topics are named at most.
const NAMED: usize = 10;

impl<'a> Named<'a> {
    fn of(topics: &'a BTreeSet<String>) -> Option<Self> {
        let first = topics.first()?;
        let names: Vec<_> = topics.iter().take(NAMED).map(|topic| format!("`{topic}`")).collect();
        let more = if topics.len() > NAMED { format!(" and {} more", topics.len() - NAMED) } else { String::new() };
        let noun = if topics.len() == 1 { "topic" } else { "topics" };
        Some(Self { first, words: format!("{noun} {}{more}", names.join(", ")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::topics::{Operations, TopicFacts};

    fn facts(leaderless: &[i32], read: bool, write: bool) -> TopicFacts {
        TopicFacts { id: None, leaderless: leaderless.to_vec(), may: Some(Operations { read, write }) }
    }

    fn described(topics: &[(&str, Result<TopicFacts, Code>)]) -> Described {
        topics.iter().map(|(topic, answer)| ((*topic).to_owned(), answer.clone())).collect()
    }

    /// If this fails, a topic that is not there, or may not be used, or has nobody who leads it, is "healthy"; or what may
    /// be read is refused because it may not be written.
    #[test]
    fn each_state_of_a_topic_has_its_words() {
        let answer = described(&[
            ("gone", Err(Code::UnknownTopicOrPartition)),
            ("hidden", Err(Code::TopicAuthorizationFailed)),
            ("new", Err(Code::LeaderNotAvailable)),
            ("orders", Ok(facts(&[], true, false))),
            ("receipts", Ok(facts(&[0, 2], false, true))),
            ("white space", Err(Code::InvalidTopic)),
        ]);
        let shown = |used| {
            let obstacles = TopicStates::of(&answer, used).obstacles(used, "b:9092");
            let of = |obstacle: &Obstacle| format!("{:?} {} | {}", obstacle.severity, obstacle, obstacle.help);
            obstacles.iter().map(of).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(shown(TopicUse::Read), @r"
        Degrades Kafka does not know the topic `gone`; nothing of it is consumed until it is there | kafka-topics --bootstrap-server b:9092 --create --topic gone --partitions … --replication-factor …, or correct the name in karafka.yml
        Degrades Kafka takes no such name: topic `white space` | a name has letters, digits, `.`, `_` and `-`, and at most 249 of them
        Degrades this app's user may not read the topics `hidden`, `receipts` | kafka-acls --bootstrap-server b:9092 --add --allow-principal User:… --operation Read --operation Describe --topic hidden
        Passes receipts/0, receipts/2: no broker leads it, and nothing of it can be read | start the brokers that hold its replicas again; kafka-topics --describe --unavailable-partitions names them
        ");
        insta::assert_snapshot!(shown(TopicUse::Write), @r"
        Degrades Kafka does not know the topic `gone`; what is sent there waits, with the offsets of its records | kafka-topics --bootstrap-server b:9092 --create --topic gone --partitions … --replication-factor …, or correct the name in karafka.yml
        Degrades Kafka takes no such name: topic `white space` | a name has letters, digits, `.`, `_` and `-`, and at most 249 of them
        Degrades this app's user may not write to the topics `hidden`, `orders` | kafka-acls --bootstrap-server b:9092 --add --allow-principal User:… --operation Write --operation Describe --topic hidden
        Passes receipts/0, receipts/2: no broker leads it, and what is sent there waits | start the brokers that hold its replicas again; kafka-topics --describe --unavailable-partitions names them
        ");
        let missing = TopicStates::of(&described(&[("gone", Err(Code::UnknownTopic))]), TopicUse::Read);
        assert_eq!(missing.obstacles(TopicUse::Read, "b:9092")[0].severity, Severity::Person);
        assert!(
            !missing.is_well()
                && TopicStates::of(&described(&[("orders", Ok(facts(&[], true, false)))]), TopicUse::Read).is_well()
        );
    }

    /// If this fails, a broker that has no access control, or is older, forbids everything.
    #[test]
    fn what_is_not_said_is_allowed() {
        let answer = described(&[("orders", Ok(TopicFacts::default()))]);
        assert!(
            TopicStates::of(&answer, TopicUse::Read).is_well() && TopicStates::of(&answer, TopicUse::Write).is_well()
        );
    }
}
