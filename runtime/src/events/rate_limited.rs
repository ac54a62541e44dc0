//! Keeps what comes again and again from filling the screen, or the disk.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Event, Listener, Summary, summary::Summaries};
use crate::foreign;
use crate::sync::{Mutex, MutexGuard};

/// How long a warning is not said again.
const QUIET: Duration = Duration::from_secs(10);

/// The same of what is refused until a person has changed something.
const QUIET_FOR_A_PERSON: Duration = Duration::from_secs(300);

/// The kind of those.
const REFUSED: &str = "refused";

/// The most warnings that are remembered.
const REMEMBERED: usize = 1_000;

/// Passes events on, but a warning in the same words at most every ten seconds, and that what a partition sends to a topic
/// is [refused](Event::Refused) at most every five minutes.
///
/// Of attempts that fail, and of records that are skipped or put off, it passes the first ones of ten seconds, for each
/// controller; what follows comes as an [`Event::Summary`]. Everything else passes always, as that a record is given up.
#[derive(Debug)]
pub struct RateLimited<L> {
    inner: L,
    summaries: Mutex<Summaries>,
    said: Mutex<BTreeMap<(&'static str, String, String), Instant>>,
}

impl<L: Listener> RateLimited<L> {
    /// In front of `inner`.
    #[must_use]
    pub fn new(inner: L) -> Self {
        Self { inner, summaries: Mutex::default(), said: Mutex::default() }
    }

    /// In front of `inner`, shared; and what tells what is due.
    pub(crate) fn shared(inner: L) -> (Arc<dyn Listener>, Box<dyn Fn() + Send>) {
        let limited = Arc::new(Self::new(inner));
        let told = Arc::clone(&limited);
        (limited, Box::new(move || told.tell_due()))
    }

    /// Tells what was summed up and is due. To be called now and then, as nothing else may happen for long.
    pub fn tell_due(&self) {
        let due = self.lock().due(Instant::now());
        self.tell(&due);
    }

    fn tell(&self, summaries: &[Summary]) {
        summaries.iter().for_each(|summary| self.inner.on(&Event::Summary(summary)));
    }

    fn lock(&self) -> MutexGuard<'_, Summaries> {
        self.summaries.lock()
    }

    fn passes(&self, event: &Event<'_>, now: Instant) -> bool {
        let key = |kind, group: &str, words: &str| (kind, group.to_owned(), foreign::cut(words).into_owned());
        let key = match *event {
            Event::Warning { group, message } => key("warning", group, message),
            Event::SendFailed { topic, reason, .. } => key("send", topic, reason),
            Event::CommitFailed { group, reason } => key("commit", group, reason),
            Event::Refused { place, topic, .. } => key(REFUSED, &format!("{}/{}", place.topic, place.partition), topic),
            Event::CommitRefused { group, reason } => key("refused commit", group, reason),
            _ => return true,
        };
        let is_said = |(kind, ..): &(&str, String, String), last: &Instant| {
            let quiet = if *kind == REFUSED { QUIET_FOR_A_PERSON } else { QUIET };
            now.saturating_duration_since(*last) < quiet
        };
        let mut said = self.said.lock();
        if said.get(&key).is_some_and(|last| is_said(&key, last)) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|key, last| is_said(key, last));
        }
        // Words that are different each time cannot be remembered for ever.
        if said.len() < REMEMBERED {
            said.insert(key, now);
        }
        true
    }
}

impl<L: Listener> Listener for RateLimited<L> {
    fn wants_done(&self) -> bool {
        self.inner.wants_done()
    }

    fn on(&self, event: &Event<'_>) {
        // As many as there are records, and nothing else of it is wanted.
        if matches!(event, Event::Done { .. } | Event::JobDone { .. }) {
            self.inner.on(event);
            return;
        }
        let now = Instant::now();
        let (due, is_told) = {
            let mut summaries = self.lock();
            let due = if matches!(event, Event::Stopped(_)) { summaries.rest(now) } else { summaries.due(now) };
            (due, summaries.hear(event, now))
        };
        self.tell(&due);
        if is_told && self.passes(event, now) {
            self.inner.on(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{TopicPartitionOffset, Totals};

    /// If this fails, an outage of Kafka fills the logs with one sentence, or a new sentence is not heard.
    #[test]
    fn says_the_same_every_ten_seconds() {
        let limited = RateLimited::new(());
        let start = Instant::now();
        let passes = |message: &str, after: u64| {
            limited.passes(&Event::Warning { group: "g", message }, start + Duration::from_secs(after))
        };
        assert!(passes("brokers are down", 0));
        assert!(!passes("brokers are down", 0));
        assert!(!passes("brokers are down", 9));
        assert!(passes("something else", 9));
        assert!(passes("brokers are down", 10));
        assert!(!passes("brokers are down", 19));
    }

    /// If this fails, thousands of records that one topic refuses fill the log, or another topic's refusal is not heard.
    #[test]
    fn says_what_a_topic_refuses_now_and_then() {
        let limited = RateLimited::new(());
        let start = Instant::now();
        let passes = |partition, offset, topic, after| {
            let place = TopicPartitionOffset { topic: "orders", partition, offset };
            let (controller, reason) = ("OrdersController", "too large");
            let refused =
                Event::Refused { place, controller, topic, size: 7, is_dead_letter: false, reason, failures: 1 };
            limited.passes(&refused, start + Duration::from_secs(after))
        };
        assert!(passes(0, 1, "receipts", 0));
        assert!(!passes(0, 1, "receipts", 30) && !passes(0, 2, "receipts", 299));
        assert!(passes(1, 1, "receipts", 30) && passes(0, 1, "orders.dead", 30));
        assert!(passes(0, 3, "receipts", 300));
    }

    /// If this fails, what was summed up is not told at a stop, or not before what comes after it.
    #[test]
    fn a_stop_tells_what_was_summed_up() {
        struct Heard(Mutex<Vec<String>>);
        impl Listener for Heard {
            fn on(&self, event: &Event<'_>) {
                let word = match event {
                    Event::Skipped { .. } => "skipped".to_owned(),
                    Event::Summary(summary) => format!("{} more", summary.count),
                    other => format!("{other:?}").chars().take_while(char::is_ascii_alphabetic).collect(),
                };
                self.0.lock().push(word);
            }
        }
        let limited = RateLimited::new(Heard(Mutex::default()));
        for offset in 0..100 {
            let place = TopicPartitionOffset { topic: "orders", partition: 0, offset };
            limited.on(&Event::Skipped { place, controller: "C", reason: "a test" });
        }
        limited.on(&Event::Resumed);
        limited.on(&Event::Stopped(Totals::default()));
        let heard = limited.inner.0.lock();
        assert!(heard[..10].iter().all(|word| word == "skipped"));
        assert_eq!(heard[10..], ["Resumed", "90 more", "Stopped"]);
    }

    /// If this fails, memory grows with every warning that carries a number, or such warnings are lost.
    #[test]
    fn remembers_a_bounded_number() {
        let limited = RateLimited::new(());
        let now = Instant::now();
        for number in 0..5_000 {
            let message = format!("offset {number}");
            assert!(limited.passes(&Event::Warning { group: "g", message: &message }, now));
        }
        let said = limited.said.lock();
        assert_eq!(said.len(), REMEMBERED);
    }
}
