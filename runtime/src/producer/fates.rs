//! Who hears what becomes of records beside whoever has sent them: listeners, and the log for what nobody waits for.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use crate::{
    outgoing::{Content, Delivered, SendError},
    sync::Mutex,
};

/// Hears what becomes of every record of a [`Producer`](super::Producer), for metrics of one's own.
///
/// It is called on the thread that sends, and on the producer's own: what takes long holds up both. It may send by itself. A
/// panic is logged and forgotten. How many records are on their way is asked with [`Producer::in_flight`](super::Producer::in_flight).
pub trait DeliveryListener: Send + Sync + 'static {
    /// A record is on its way: `bytes` of key, value and headers. What became of it may be told before, as on another thread.
    fn sent(&self, topic: &str, bytes: usize) {
        let _ = (topic, bytes);
    }

    /// Kafka has a record, `took` after it was sent.
    fn acknowledged(&self, topic: &str, delivered: Delivered, took: Duration) {
        let _ = (topic, delivered, took);
    }

    /// Kafka does not have a record, as far as anybody knows. One that was refused at once was not told as sent.
    fn failed(&self, topic: &str, error: &SendError) {
        let _ = (topic, error);
    }
}

/// Everybody who hears.
#[derive(Default)]
pub(crate) struct Fates {
    listeners: Vec<Box<dyn DeliveryListener>>,
    unheard: Mutex<Unheard>,
}

impl Fates {
    pub(super) fn new(listeners: Vec<Box<dyn DeliveryListener>>) -> Self {
        Self { listeners, unheard: Mutex::default() }
    }

    pub(super) fn sent(&self, topic: &str, content: &Content) {
        if !self.listeners.is_empty() {
            let bytes = content.size();
            self.tell(|listener| listener.sent(topic, bytes));
        }
    }

    pub(super) fn acknowledged(&self, topic: &str, delivered: Delivered, took: Duration) {
        self.tell(|listener| listener.acknowledged(topic, delivered, took));
    }

    /// `is_awaited`: its sender is told as well.
    pub(super) fn failed(&self, topic: &str, error: &SendError, is_awaited: bool) {
        self.tell(|listener| listener.failed(topic, error));
        if !is_awaited {
            self.note_unheard(error);
        }
    }

    /// Nobody waits for a record that Kafka does not have.
    pub(super) fn note_unheard(&self, error: &SendError) {
        let now = Instant::now();
        let due = self.unheard.lock().note(now);
        if let Some(records) = due {
            say(records, Some(error));
        }
    }

    /// Says what is to be said by now.
    pub(super) fn say_what_is_due(&self) {
        let due = self.unheard.lock().due(Instant::now());
        if let Some(records) = due {
            say(records, None);
        }
    }

    /// Says what has not been said yet.
    pub(super) fn say_the_rest(&self) {
        let records = self.unheard.lock().take();
        if records > 0 {
            say(records, None);
        }
    }

    fn tell(&self, call: impl Fn(&dyn DeliveryListener)) {
        for listener in &self.listeners {
            if catch_unwind(AssertUnwindSafe(|| call(&**listener))).is_err() {
                tracing::error!(target: "karafka", "a listener of a producer panicked");
            }
        }
    }
}

impl Drop for Fates {
    fn drop(&mut self) {
        self.say_the_rest();
    }
}

fn say(records: u64, error: Option<&SendError>) {
    match error {
        Some(error) => {
            tracing::error!(target: "karafka", records, %error, "records that nobody waits for were not delivered");
        }
        None => tracing::error!(target: "karafka", records, "records that nobody waits for were not delivered"),
    }
}

/// Between two lines of the log about what nobody waits for.
const QUIET: Duration = Duration::from_secs(10);

/// Counts what nobody waits for, and says when that is worth a line.
///
/// **Invariant:** each one is in one line (held by `tests::each_one_is_in_one_line`).
#[derive(Debug, Default)]
struct Unheard {
    records: u64,
    quiet_until: Option<Instant>,
}

impl Unheard {
    /// One more. Returns how many a line is to speak of, if it is time for one.
    fn note(&mut self, now: Instant) -> Option<u64> {
        self.records += 1;
        self.due(now)
    }

    /// How many a line is to speak of, if there are any, and it is time for one.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.records == 0 || self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(now + QUIET);
        Some(self.take())
    }

    fn take(&mut self) -> u64 {
        std::mem::take(&mut self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, records that were lost are in no line of the log, or a line for each of a million hides all others.
    #[test]
    fn each_one_is_in_one_line() {
        let (mut unheard, begun) = (Unheard::default(), Instant::now());
        let lines: Vec<_> =
            (0..2_500).filter_map(|tenth| unheard.note(begun + Duration::from_millis(tenth * 10))).collect();
        assert_eq!(lines, [1, 1_000, 1_000]);
        assert_eq!((unheard.take(), unheard.take()), (499, 0));
    }
}
