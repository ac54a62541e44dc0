//! What a lane counts, record by record.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{guard::FailureKind, outgoing::Refusal};

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
    /// Times that Kafka, or the client, refused as too large what a record has sent, or its dead letter.
    pub(crate) too_large: AtomicU64,
    /// Times that it refused that as something that the topic does not take.
    pub(crate) invalid: AtomicU64,
    /// Times that this app was not allowed to write it.
    pub(crate) forbidden: AtomicU64,
    /// Times that it did not take it for another reason.
    pub(crate) unsent: AtomicU64,
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
    pub(crate) too_large: u64,
    pub(crate) invalid: u64,
    pub(crate) forbidden: u64,
    pub(crate) unsent: u64,
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

    /// The counter of what was sent and not taken.
    pub(crate) fn of_sending(&self, why: Option<Refusal>) -> &AtomicU64 {
        match why {
            Some(Refusal::TooLarge) => &self.too_large,
            Some(Refusal::Invalid) => &self.invalid,
            Some(Refusal::Forbidden) => &self.forbidden,
            Some(Refusal::Missing) | None => &self.unsent,
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
            too_large: of(&self.too_large),
            invalid: of(&self.invalid),
            forbidden: of(&self.forbidden),
            unsent: of(&self.unsent),
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
        self.too_large += other.too_large;
        self.invalid += other.invalid;
        self.forbidden += other.forbidden;
        self.unsent += other.unsent;
    }
}
