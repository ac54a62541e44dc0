//! Notices a topic that was deleted and made anew under its old name: its offsets mean other records then.
//!
//! librdkafka follows the name, and goes on in the new topic at the offset that it had in the old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::native::TopicId;

/// How often topics are looked at; as often as librdkafka looks at their partitions, by our settings.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The ids of a group's topics, looked up now and then.
pub(super) struct TopicWatch {
    /// The ids of topics that are read.
    known: BTreeMap<String, TopicId>,
    /// Topics that are read from somewhere new since Kafka was asked.
    outdated: BTreeSet<String>,
    is_asking: bool,
    next_look: Instant,
}

impl TopicWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self { known: BTreeMap::new(), outdated: BTreeSet::new(), is_asking: false, next_look: now }
    }

    /// Whether Kafka is to be asked now.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        if self.is_asking || now < self.next_look {
            return false;
        }
        self.next_look = now + LOOK_AGAIN;
        self.is_asking = true;
        self.outdated.clear();
        true
    }

    /// Whether an answer is to come.
    pub(super) fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// Kafka has answered. Gives the topics that were made anew, each once.
    pub(super) fn hear(&mut self, ids: BTreeMap<String, TopicId>) -> Vec<String> {
        self.is_asking = false;
        let mut anew = Vec::new();
        for (topic, id) in ids {
            if !self.outdated.contains(&topic)
                && let Some(known) = self.known.insert(topic.clone(), id)
                && known != id
            {
                anew.push(topic);
            }
        }
        anew
    }

    /// The topic is read from where its group's offsets or its settings say, as of now.
    pub(super) fn begins(&mut self, topic: &str, now: Instant) {
        self.known.remove(topic);
        self.outdated.insert(topic.to_owned());
        self.next_look = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(orders: i64) -> BTreeMap<String, TopicId> {
        BTreeMap::from([("orders".to_owned(), (0, orders)), ("videos".to_owned(), (0, 1))])
    }

    /// If this fails, nobody notices that a topic was made anew, or it is said again and again.
    #[test]
    fn a_topic_with_another_id_is_told_once() {
        let now = Instant::now();
        let mut watch = TopicWatch::new(now);
        assert!(watch.asks(now));
        assert!(!watch.asks(now), "one question at a time");
        assert!(watch.hear(ids(7)).is_empty(), "the first time");
        assert!(!watch.asks(now + LOOK_AGAIN / 2));
        assert!(watch.asks(now + LOOK_AGAIN));
        assert_eq!(watch.hear(BTreeMap::new()), [""; 0], "a topic that is away");
        assert!(watch.asks(now + LOOK_AGAIN * 2));
        assert_eq!(watch.hear(ids(8)), ["orders"]);
        assert!(watch.asks(now + LOOK_AGAIN * 3));
        assert!(watch.hear(ids(8)).is_empty());
    }

    /// If this fails, what Kafka said before partitions came is held against them: a topic that is read from its
    /// beginning anyway is begun twice.
    #[test]
    fn what_was_asked_before_a_topic_began_says_nothing() {
        let now = Instant::now();
        let mut watch = TopicWatch::new(now);
        assert!(watch.asks(now));
        watch.begins("orders", now);
        assert!(watch.hear(ids(7)).is_empty(), "that was the topic of before");
        assert!(watch.asks(now), "at once");
        assert!(watch.hear(ids(8)).is_empty());
    }
}
