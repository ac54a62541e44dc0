//! Notices a topic that was deleted and recreated under its old name: its offsets mean other records then.
//!
//! librdkafka follows the name, and goes on in the new topic at the offset that it had in the old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::topics::{LOOK_AGAIN, LOOK_SOON};
use crate::native::TopicId;

/// How often a topic is looked at that somebody suspects, before it counts as the one that it was: the broker that answers
/// may be the last to hear that it was recreated.
const LOOKS: u8 = 2;

/// How long after the first of these looks the next one is.
const LOOK_TWICE: Duration = Duration::from_millis(400);

/// The ids of a group's topics, looked up now and then.
pub(super) struct TopicWatch {
    /// The ids of topics that are read.
    known: BTreeMap<String, TopicId>,
    /// Topics that are read from somewhere new since Kafka was asked.
    outdated: BTreeSet<String>,
    /// Topics whose positions are lost.
    suspects: BTreeMap<String, Suspect>,
    /// Those that the question on its way is about: what was asked before says nothing of them.
    asked: BTreeSet<String>,
    is_asking: bool,
    next_look: Instant,
}

/// A topic that may be another one by now.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    /// How many looks at it are still to come.
    looks: u8,
    /// Its id was known before anything was lost.
    was_known: bool,
}

/// What an answer of Kafka says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Topics that were recreated, each once.
    pub(super) recreated: Vec<String>,
    /// Suspects that were not, and whether that is known: their ids are the ones that they had.
    pub(super) seen: Vec<(String, bool)>,
}

impl TopicWatch {
    pub(super) fn new(now: Instant) -> Self {
        let (known, outdated) = (BTreeMap::new(), BTreeSet::new());
        Self { known, outdated, suspects: BTreeMap::new(), asked: BTreeSet::new(), is_asking: false, next_look: now }
    }

    /// Whether Kafka is to be asked now.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        if self.is_asking || now < self.next_look {
            return false;
        }
        self.next_look = now + LOOK_AGAIN;
        self.is_asking = true;
        self.outdated.clear();
        self.asked = self.suspects.keys().cloned().collect();
        true
    }

    /// Whether Kafka has answered for every topic since it [began](TopicWatch::begins).
    pub(super) fn is_current(&self) -> bool {
        self.outdated.is_empty() && !self.is_asking
    }

    /// Whether an answer is to come.
    pub(super) fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// Kafka has answered.
    pub(super) fn hear(&mut self, ids: BTreeMap<String, TopicId>, now: Instant) -> Heard {
        self.is_asking = false;
        let (mut heard, mut same) = (Heard::default(), BTreeSet::new());
        for (topic, id) in ids {
            if self.outdated.contains(&topic) {
                continue;
            }
            match self.known.insert(topic.clone(), id) {
                Some(known) if known != id => heard.recreated.push(topic),
                Some(_) => {
                    same.insert(topic);
                }
                None => {}
            }
        }
        for topic in std::mem::take(&mut self.asked) {
            let Some(Suspect { looks, was_known }) = self.suspects.remove(&topic) else { continue };
            if heard.recreated.contains(&topic) {
                continue;
            }
            if looks > 1 {
                self.suspects.insert(topic, Suspect { looks: looks - 1, was_known });
                self.next_look = self.next_look.min(now + LOOK_TWICE);
            } else {
                let is_same = was_known && same.contains(&topic);
                heard.seen.push((topic, is_same));
            }
        }
        heard
    }

    /// A position in the topic is lost: it is looked at at once, and [`TopicWatch::hear`] says what came of it.
    pub(super) fn suspect(&mut self, topic: &str, now: Instant) {
        let was_known = self.known.contains_key(topic);
        self.suspects.insert(topic.to_owned(), Suspect { looks: LOOKS, was_known });
        // An answer that is on its way is from before.
        self.asked.remove(topic);
        self.next_look = now;
    }

    /// Something stands in the way, and it is to be seen soon when it is gone.
    pub(super) fn look_soon(&mut self, now: Instant) {
        self.next_look = self.next_look.min(now + LOOK_SOON);
    }

    /// Something is wrong with a topic, and it is to be seen what.
    pub(super) fn look_now(&mut self, now: Instant) {
        self.next_look = now;
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

    /// If this fails, nobody notices that a topic was recreated, or it is said again and again.
    #[test]
    fn a_topic_with_another_id_is_told_once() {
        let now = Instant::now();
        let mut watch = TopicWatch::new(now);
        assert!(watch.asks(now));
        assert!(!watch.asks(now), "one question at a time");
        assert_eq!(watch.hear(ids(7), now), Heard::default(), "the first time");
        assert!(!watch.asks(now + LOOK_AGAIN / 2));
        assert!(watch.asks(now + LOOK_AGAIN));
        assert_eq!(watch.hear(BTreeMap::new(), now), Heard::default(), "a topic that is away");
        assert!(watch.asks(now + LOOK_AGAIN * 2));
        assert_eq!(watch.hear(ids(8), now).recreated, ["orders"]);
        assert!(watch.asks(now + LOOK_AGAIN * 3));
        assert_eq!(watch.hear(ids(8), now), Heard::default());
    }

    /// If this fails, what Kafka said before partitions came is held against them: a topic that is read from its
    /// beginning anyway is begun twice.
    #[test]
    fn what_was_asked_before_a_topic_began_says_nothing() {
        let now = Instant::now();
        let mut watch = TopicWatch::new(now);
        assert!(watch.asks(now));
        watch.begins("orders", now);
        assert_eq!(watch.hear(ids(7), now), Heard::default(), "that was the topic of before");
        assert!(!watch.is_current());
        assert!(watch.asks(now), "at once");
        assert!(!watch.is_current());
        assert_eq!(watch.hear(ids(8), now), Heard::default());
        assert!(watch.is_current());
    }

    fn seen(topic: &str, is_same: bool) -> Heard {
        Heard { recreated: Vec::new(), seen: vec![(topic.to_owned(), is_same)] }
    }

    /// If this fails, a position that is lost is called one that retention has passed before Kafka was asked whether the
    /// topic is another, or by an answer that is older than the loss, or of a broker that has not heard of it yet.
    #[test]
    fn a_suspect_is_looked_at_twice_from_now_on() {
        let now = Instant::now();
        let mut watch = TopicWatch::new(now);
        assert!(watch.asks(now));
        watch.hear(ids(7), now);
        assert!(watch.asks(now + LOOK_AGAIN), "a question is on its way");
        let now = now + LOOK_AGAIN;
        watch.suspect("orders", now);
        assert_eq!(watch.hear(ids(7), now), Heard::default(), "it was asked before");
        assert!(watch.asks(now), "at once");
        assert_eq!(watch.hear(ids(7), now), Heard::default(), "once is not enough");
        assert!(!watch.asks(now));
        assert!(watch.asks(now + LOOK_TWICE));
        assert_eq!(watch.hear(ids(7), now), seen("orders", true));
        assert!(!watch.asks(now + LOOK_TWICE), "it is known");

        let now = now + LOOK_AGAIN + LOOK_TWICE;
        watch.suspect("orders", now);
        assert!(watch.asks(now));
        watch.hear(ids(7), now);
        assert!(watch.asks(now + LOOK_TWICE));
        assert_eq!(watch.hear(ids(8), now), Heard { recreated: vec!["orders".to_owned()], seen: Vec::new() });
        assert!(!watch.asks(now + LOOK_TWICE));
    }

    /// If this fails, a topic is said to be the same where nobody can know: the broker has no ids, the topic is away, or
    /// its id was not known before.
    #[test]
    fn what_has_no_id_is_not_said_to_be_the_same() {
        let now = Instant::now();
        for (before, answer) in [(None, ids(7)), (Some(ids(7)), BTreeMap::new()), (None, BTreeMap::new())] {
            let mut watch = TopicWatch::new(now);
            if let Some(before) = before {
                assert!(watch.asks(now));
                watch.hear(before, now);
            }
            watch.suspect("orders", now);
            assert!(watch.asks(now));
            assert_eq!(watch.hear(answer.clone(), now), Heard::default());
            assert!(watch.asks(now + LOOK_TWICE));
            assert_eq!(watch.hear(answer, now), seen("orders", false));
        }
    }
}
