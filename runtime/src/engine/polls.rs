//! Whether one task is in an app's code at this moment, and for how long it has not come out.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// For how long an attempt may wait where no `timeout` says it: handlers that take longer are rare, and say so.
pub(crate) const LONG: Duration = Duration::from_secs(5 * 60);

/// The polls of one task that runs an app's code.
///
/// Only that task counts them, so that a poll costs two plain stores; for how long one has been under way is what a
/// watchdog has seen.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    /// Odd while a poll is under way.
    number: AtomicU64,
    /// For how long the poll that is under way has not returned, in milliseconds.
    blocked: AtomicU64,
}

impl Polls {
    /// A poll begins. Returns what its [end](Self::end) takes.
    #[inline]
    pub(crate) fn begin(&self) -> u64 {
        let number = self.number.load(Ordering::Relaxed) + 1;
        self.number.store(number, Ordering::Release);
        number
    }

    /// The poll of this number ends.
    #[inline]
    pub(crate) fn end(&self, number: u64) {
        self.number.store(number + 1, Ordering::Release);
    }

    /// The number of the poll that is under way, if there is one: another number means another poll.
    pub(crate) fn polling(&self) -> Option<u64> {
        let number = self.number.load(Ordering::Acquire);
        (number % 2 == 1).then_some(number)
    }

    /// Notes for how long the poll that is under way has not returned.
    pub(crate) fn set_blocked(&self, since: Option<Duration>) {
        let milliseconds = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1));
        self.blocked.store(milliseconds, Ordering::Relaxed);
    }

    /// For how long the poll that is under way has not returned, once a watchdog finds that worth a word.
    pub(crate) fn blocked(&self) -> Option<Duration> {
        self.polling()?;
        match self.blocked.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Some(Duration::from_millis(milliseconds)),
        }
    }
}
