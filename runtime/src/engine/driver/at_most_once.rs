//! `delivery: at_most_once`: what has failed is not repeated, and a lane that drains finishes what is committed.

use super::Driver;
use crate::{
    Error, Parser, Record, Routed, Worker,
    engine::{core::tracker::Sequence, counts::count, signals::Signal},
    worker::{FailureKind, MessageOf},
};

impl<W, P, I, S> Driver<'_, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    /// Obeys the group's thread.
    pub(super) fn obey(&mut self) {
        match self.shared.signal() {
            Signal::Run if self.lane.is_closed() && !self.has_unfinished() => self.lane.drain(),
            Signal::Run => {}
            // What is committed already would be lost: it is performed before the partition is let go.
            Signal::Drain if self.consumer.commit_first.is_some() && self.has_unfinished() => {}
            Signal::Drain => self.lane.drain(),
            Signal::Lose => self.lane.lose(),
        }
    }

    /// Whether a record may start now: the process did not stand still, and nobody wants it quiet. What is left to do
    /// before a partition is let go is done in quiet, too.
    #[inline]
    pub(super) fn may_start(&mut self) -> bool {
        let is_quiet = self.session.is_quiet() && self.shared.signal() == Signal::Run;
        !is_quiet && self.session.lets_start(&mut self.gate)
    }

    /// Whether something was taken in that is neither done nor stuck.
    pub(super) fn has_unfinished(&self) -> bool {
        // Records of batches wait with whoever gathers them, so that nobody counts here what rests.
        self.taken_in() > 0 || self.lane.next_timer().is_some() || self.shared.commit_request.is_open()
    }

    /// How many records were taken in and are not done.
    fn taken_in(&self) -> usize {
        self.deliveries.len() + self.waiting.len() + usize::from(self.next.is_some()) + self.lane.running()
    }

    /// How many more records may be taken in: under `at_most_once` they are committed first, and a crash loses them. So
    /// none are while nothing is to begin.
    pub(super) fn room_ahead(&self) -> usize {
        match self.consumer.commit_first {
            None => usize::MAX,
            Some(_) if self.session.is_quiet() && self.shared.signal() == Signal::Run => 0,
            Some(most) => most.saturating_sub(self.taken_in()),
        }
    }

    /// An attempt has failed, and there is no other.
    pub(super) fn not_repeated(
        &mut self,
        sequence: Sequence,
        record: &Record,
        kind: FailureKind,
        error: &Error,
        emitted: u32,
    ) {
        let what = match kind {
            FailureKind::Error => "failed",
            FailureKind::Panicked => "panicked",
            FailureKind::TimedOut => "timed out",
        };
        self.report.not_repeated(record, what, error);
        self.lane.performed(sequence, emitted);
        self.publish();
    }

    /// A record cannot be parsed, or is a tombstone that is refused: it is passed over, as its commit is made.
    pub(super) fn pass_over(&mut self, sequence: Sequence, record: &Record, what: &str, error: &Error) {
        count(&self.shared.counts.unparseable);
        self.report.not_repeated(record, what, error);
        self.lane.performed(sequence, 0);
        self.publish();
    }
}
