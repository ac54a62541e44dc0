//! What a lane counts, record by record.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::worker::FailureKind;

/// Counters of one lane. Its own task is the only one that adds; anybody may read.
///
/// Each attempt is counted in one of them, so that sums of them never go back.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Records performed.
    pub(crate) done: AtomicU64,
    /// Records skipped by `before_enqueue` or `tombstones: skip`.
    pub(crate) skipped: AtomicU64,
    /// Times that a record was put off by `before_enqueue`.
    pub(crate) deferred: AtomicU64,
    /// Attempts that ended with an error.
    pub(crate) failed: AtomicU64,
    /// Attempts that panicked.
    pub(crate) panicked: AtomicU64,
    /// Attempts that took too long.
    pub(crate) timed_out: AtomicU64,
    /// Records that could not be parsed, tombstones under `tombstones: fail` among them.
    pub(crate) unparseable: AtomicU64,
    /// Failed attempts after which there is another.
    pub(crate) retried: AtomicU64,
    /// Records in the dead letter topic, acknowledged.
    pub(crate) dead: AtomicU64,
}

/// [`Counts`] at one moment, or several of them together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) deferred: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) timed_out: u64,
    pub(crate) unparseable: u64,
    pub(crate) retried: u64,
    pub(crate) dead: u64,
}

/// Counts one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    /// The counter of attempts that failed in this way.
    pub(crate) fn of(&self, kind: FailureKind) -> &AtomicU64 {
        match kind {
            FailureKind::Error => &self.failed,
            FailureKind::Panicked => &self.panicked,
            FailureKind::TimedOut => &self.timed_out,
        }
    }

    pub(crate) fn read(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            done: of(&self.done),
            skipped: of(&self.skipped),
            deferred: of(&self.deferred),
            failed: of(&self.failed),
            panicked: of(&self.panicked),
            timed_out: of(&self.timed_out),
            unparseable: of(&self.unparseable),
            retried: of(&self.retried),
            dead: of(&self.dead),
        }
    }
}

impl Counted {
    /// Records handled or skipped.
    pub(crate) fn handled(self) -> u64 {
        self.done + self.skipped
    }

    /// Failed attempts, and records that could not be parsed.
    pub(crate) fn failures(self) -> u64 {
        self.failed + self.panicked + self.timed_out + self.unparseable
    }
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.skipped += other.skipped;
        self.deferred += other.deferred;
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.timed_out += other.timed_out;
        self.unparseable += other.unparseable;
        self.retried += other.retried;
        self.dead += other.dead;
    }
}
