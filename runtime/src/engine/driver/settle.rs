//! What becomes of a record that was not performed is decided by [`retry`](crate::engine::core::retry); here it is told and done.

use std::time::Duration;

use super::{lane_driver::LaneDriver, outbox::GivenUp};
use crate::{
    Error, Record,
    engine::{
        core::{
            debts::Debts,
            retry::{Fate, Setback},
            tracker::Sequence,
        },
        counts::count,
    },
    guard::FailureKind,
    settings::Tombstones,
    unperformed::Unperformed,
};

/// Why a record was not performed, as it is told.
#[derive(Clone, Copy)]
pub(super) enum Why<'a> {
    Skipped(&'a str),
    Deferred(Duration),
    Failed(FailureKind, &'a Error),
    Unwritable(&'a Error),
    Taken(&'a Error),
}

impl Unperformed {
    pub(super) fn why(&self) -> Why<'_> {
        match self {
            Self::Skipped(reason) => Why::Skipped(reason),
            Self::Deferred(wait) => Why::Deferred(*wait),
            Self::Failed(kind, error) => Why::Failed(*kind, error),
            Self::Unwritable(error) => Why::Unwritable(error),
            Self::Taken(error) => Why::Taken(error),
        }
    }
}

/// An attempt that has ended without performing its record.
pub(super) struct Tried<'a> {
    pub(super) sequence: Sequence,
    pub(super) record: &'a Record,
    /// Which one it was, from 1.
    pub(super) attempt: u32,
    /// When it ended.
    pub(super) at: Duration,
    /// What spreads the wait, if there is one; `None`: the lane's own jitter.
    pub(super) random: Option<f64>,
}

/// Why no attempt can be made at a record.
#[derive(Clone, Copy)]
pub(super) enum Unreadable<'a> {
    /// Its parser's error.
    Unparseable(&'a Error),
    /// It is a tombstone, under `tombstones: fail`.
    Tombstone,
    /// It is a tombstone that `tombstones: deliver` would put into a batch, which `karafka check` refuses.
    InBatch,
}

impl<S> LaneDriver<'_, S> {
    /// An attempt has ended without performing its record. `sent` returns how much the record has sent, and is asked when
    /// it is to wait for that.
    #[cold]
    pub(super) fn not_performed(
        &mut self,
        tried: &Tried<'_>,
        why: Why<'_>,
        sent: impl FnOnce(&mut Debts) -> u32,
    ) -> Fate {
        let Tried { sequence, record, attempt, at, random } = *tried;
        let (setback, cause) = match why {
            Why::Skipped(_) => (Setback::Skipped, None),
            Why::Deferred(wait) => (Setback::Deferred(wait), None),
            Why::Taken(_) => (Setback::Taken, None),
            Why::Failed(kind, error) => {
                let cause = GivenUp { error_type: kind.error_type(error), error, attempts: attempt };
                (Setback::Failed { attempt, error }, Some(cause))
            }
            Why::Unwritable(error) => {
                let cause = GivenUp { error_type: "interchanger", error, attempts: attempt };
                (Setback::Unreadable, Some(cause))
            }
        };
        let jitter = &mut self.jitter;
        let fate = self.consumer.retries().fate(setback, || random.unwrap_or_else(|| jitter.next()));
        let (report, counts) = (&self.report, &self.shared.counts);
        match why {
            Why::Skipped(reason) => report.skipped(record, reason),
            Why::Deferred(wait) => {
                report.deferred(record, wait);
                count(&counts.deferred);
            }
            Why::Taken(error) => report.left(record, error),
            Why::Unwritable(error) => {
                count(&counts.failed);
                report.unwritable(record, error, self.consumer.ordering, self.consumer.dead_letter.as_deref());
            }
            Why::Failed(kind, error) => {
                count(counts.of(kind));
                match fate {
                    Fate::Again(wait) => {
                        count(&counts.retried);
                        report.failed(record, attempt, kind, error, wait);
                    }
                    Fate::DeadLetter => report.gave_up(record, attempt, error, self.consumer.dead_letter.as_deref()),
                    _ => report.not_repeated(record, words(kind), error),
                }
            }
        }
        self.carry_out(fate, sequence, record, at, cause.as_ref(), sent);
        fate
    }

    /// No attempt can be made at a record.
    #[cold]
    pub(super) fn unreadable(&mut self, sequence: Sequence, record: &Record, what: Unreadable<'_>) -> Fate {
        let (ordering, dead_letter) = (self.consumer.ordering, self.consumer.dead_letter.as_deref());
        let (error_type, error) = match what {
            Unreadable::Unparseable(error) => ("parse", error),
            Unreadable::Tombstone => ("tombstone", &Error::new(TOMBSTONE_REFUSED)),
            Unreadable::InBatch => ("tombstone", &Error::new(TOMBSTONE_IN_BATCH)),
        };
        let fate = self.consumer.retries().fate(Setback::Unreadable, || 0.0);
        match (fate, what) {
            (Fate::PassedOver, Unreadable::Unparseable(_)) => {
                self.report.not_repeated(record, "cannot be parsed", error);
            }
            (Fate::PassedOver, _) => self.report.not_repeated(record, "is a tombstone", error),
            (_, Unreadable::Unparseable(_)) => self.report.unparseable(record, error, ordering, dead_letter),
            (_, Unreadable::Tombstone) => self.report.tombstone_refused(record, ordering, dead_letter),
            (_, Unreadable::InBatch) => {}
        }
        count(&self.shared.counts.unparseable);
        self.carry_out(
            fate,
            sequence,
            record,
            Duration::ZERO,
            Some(&GivenUp { error_type, error, attempts: 0 }),
            |_| 0,
        );
        fate
    }

    /// A tombstone that is not delivered.
    #[cold]
    pub(super) fn end_tombstone(&mut self, sequence: Sequence, record: &Record) -> Fate {
        match self.consumer.tombstones {
            Tombstones::Skip => {
                self.report.tombstone_skipped(record);
                self.carry_out(Fate::Skipped, sequence, record, Duration::ZERO, None, |_| 0);
                Fate::Skipped
            }
            Tombstones::Fail => self.unreadable(sequence, record, Unreadable::Tombstone),
            Tombstones::Deliver => self.unreadable(sequence, record, Unreadable::InBatch),
        }
    }

    fn carry_out(
        &mut self,
        fate: Fate,
        sequence: Sequence,
        record: &Record,
        at: Duration,
        cause: Option<&GivenUp<'_>>,
        sent: impl FnOnce(&mut Debts) -> u32,
    ) {
        match fate {
            Fate::Skipped | Fate::PassedOver => {
                let sent = sent(&mut self.outbox.debts);
                self.lane.performed(sequence, sent);
                if fate == Fate::Skipped {
                    count(&self.shared.counts.skipped);
                }
            }
            Fate::DeadLetter => {
                let sent = sent(&mut self.outbox.debts);
                if let Some(cause) = cause {
                    self.lane.dying(sequence, sent + 1);
                    self.outbox.send_dead_letter(sequence, record, cause);
                }
            }
            Fate::Again(wait) => self.lane.failed(sequence, at.saturating_add(wait)),
            Fate::PutOff(wait) => self.lane.deferred(sequence, at.saturating_add(wait)),
            // Never: the lane ends.
            Fate::Left => self.lane.deferred(sequence, Duration::MAX),
            Fate::Stuck => {
                self.shared.status.add_stuck();
                self.lane.stuck(sequence);
            }
        }
        self.publish();
    }
}

/// What is said of an attempt that is not repeated.
fn words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Error => "failed",
        FailureKind::Panicked => "panicked",
        FailureKind::TimedOut => "timed out",
    }
}

/// Why a tombstone is skipped, for tests of a controller.
pub(crate) const TOMBSTONE_SKIPPED: &str = "a tombstone, and `tombstones: skip` is set";

/// Why a tombstone is refused.
pub(crate) const TOMBSTONE_REFUSED: &str =
    "the record has no value (a tombstone); say `tombstones: skip` or `tombstones: deliver` if that is expected";

/// Why a tombstone is refused that `tombstones: deliver` would hand over.
pub(crate) const TOMBSTONE_IN_BATCH: &str = "the record has no value (a tombstone), and a batch holds messages";
