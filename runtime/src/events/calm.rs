//! Keeps a warning that comes again and again from filling the screen, or the disk.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Event, Listener};

/// How long a warning is not said again.
const QUIET: Duration = Duration::from_secs(10);

/// The most warnings that are remembered.
const REMEMBERED: usize = 1_000;

/// Passes events on, but a warning in the same words at most every ten seconds. Everything else passes always.
#[derive(Debug)]
pub struct Calm<L> {
    inner: L,
    said: Mutex<BTreeMap<(&'static str, String, String), Instant>>,
}

impl<L: Listener> Calm<L> {
    /// In front of `inner`.
    #[must_use]
    pub fn new(inner: L) -> Self {
        Self { inner, said: Mutex::default() }
    }

    fn passes(&self, event: &Event<'_>, now: Instant) -> bool {
        let (kind, group, words) = match *event {
            Event::Warning { group, message } => ("warning", group, message),
            Event::Disconnected { group, reason } => ("disconnected", group, reason),
            Event::CommitFailed { group, reason } => ("commit", group, reason),
            _ => return true,
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, group.to_owned(), words.to_owned());
        if said.get(&key).is_some_and(|last| now.saturating_duration_since(*last) < QUIET) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, last| now.saturating_duration_since(*last) < QUIET);
        }
        // Words that are different each time cannot be remembered for ever.
        if said.len() < REMEMBERED {
            said.insert(key, now);
        }
        true
    }
}

impl<L: Listener> Listener for Calm<L> {
    fn wants_done(&self) -> bool {
        self.inner.wants_done()
    }

    fn on(&self, event: &Event<'_>) {
        if self.passes(event, Instant::now()) {
            self.inner.on(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an outage of Kafka fills the logs with one sentence, or a new sentence is not heard.
    #[test]
    fn says_the_same_every_ten_seconds() {
        let calm = Calm::new(());
        let start = Instant::now();
        let passes = |message: &str, after: u64| {
            calm.passes(&Event::Warning { group: "g", message }, start + Duration::from_secs(after))
        };
        assert!(passes("brokers are down", 0));
        assert!(!passes("brokers are down", 0));
        assert!(!passes("brokers are down", 9));
        assert!(passes("something else", 9));
        assert!(passes("brokers are down", 10));
        assert!(!passes("brokers are down", 19));
    }

    /// If this fails, memory grows with every warning that carries a number, or such warnings are lost.
    #[test]
    fn remembers_a_bounded_number() {
        let calm = Calm::new(());
        let now = Instant::now();
        for number in 0..5_000 {
            let message = format!("offset {number}");
            assert!(calm.passes(&Event::Warning { group: "g", message: &message }, now));
        }
        let said = calm.said.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(said.len(), REMEMBERED);
    }
}
