//! Begins attempts, and says what becomes of a record when one has ended.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use super::{Driver, Waiting};
use crate::{
    Context, Controller, Error, Interchanger, Parser, Record, Routed, Worker,
    engine::{
        app_shared::EmitScope,
        attempt::{Attempt, Bounds, Parts, Unperformed, Work},
        clock,
        core::{backoff::before_next, tracker::Sequence},
        counts::count,
        lane_status::{LaneStatus, PollGuard},
    },
    settings::Tombstones,
    trace,
    worker::MessageOf,
};

/// A record at work with everything that its attempts need. It stays where it is from the first attempt to the last,
/// because a message is large to move about; its memory is used again for other records.
pub(super) struct Slot<W: Worker> {
    sequence: Sequence,
    offset: i64,
    /// `None` between two records.
    work: Option<Work<MessageOf<W>>>,
    ctx: Context<W::Controller>,
    begun: Option<Instant>,
    /// How the last attempt ended.
    ended: Attempt,
}

/// Makes one attempt, in its span and under the eyes of the watchdog.
pub(super) async fn attempt<W, P, I>(
    parts: &Parts<W, P, I>,
    status: &LaneStatus,
    bounds: Bounds,
    group: &str,
    mut slot: Box<Slot<W>>,
) -> Box<Slot<W>>
where
    W: Worker,
    W::Controller: Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    if let Some(work) = &slot.work {
        #[cfg(any(test, feature = "testing"))]
        crate::testing::stage::call(&mut slot.ctx, group, work.record());
        let ctx = &slot.ctx;
        let mut guard = PollGuard::new(status, slot.sequence, slot.offset, ctx.attempt());
        let span = trace::span(work.record(), group, ctx.attempt(), ctx.trace.as_deref());
        let mut attempt = pin!(parts.attempt(work, ctx, bounds));
        let ended = poll_fn(|cx| span.in_scope(|| guard.poll(cx, attempt.as_mut()))).await;
        slot.ended = ended;
    }
    slot
}

impl<W, P, I, S> Driver<'_, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    /// Starts the next record that may. `None` if it ended without an attempt.
    ///
    /// The first attempt of a turn is measured where durations are wanted: each one while there is little to do or
    /// handlers wait, one in [`TURN`] of those that are ready at once, so that the clock does not cost what they do.
    pub(super) fn start(&mut self, is_first: bool) -> Option<Box<Slot<W>>> {
        let (sequence, attempt) = self.lane.start()?;
        let mut slot = match self.next.take_if(|(next, _)| *next == sequence) {
            Some((_, record)) => self.prepare(sequence, record)?,
            None => match self.waiting.remove(&sequence)? {
                Waiting::Slot(slot) => slot,
                Waiting::Record(record, _reserved) => self.prepare(sequence, record)?,
            },
        };
        slot.ctx.attempt = attempt;
        // Looking for headers costs as much as all else that the engine does for a record.
        if (self.sends || trace::is_wanted())
            && let Some(work) = &mut slot.work
        {
            slot.ctx.trace = trace::of(work.record_mut());
        }
        let measured = self.report.wants_done() || (is_first && self.consumer.durations.is_some());
        slot.begun = measured.then(clock::now);
        Some(slot)
    }

    /// Parses a record. `None` if it ends here: a tombstone by policy, or what cannot be parsed.
    fn prepare(&mut self, sequence: Sequence, record: Record) -> Option<Box<Slot<W>>> {
        let offset = record.offset();
        let mut slot = self.slots.pop().unwrap_or_else(|| {
            let scope = EmitScope::Lane { lane: Arc::clone(self.shared), sequence };
            let mut ctx = Context::new(Arc::clone(self.app), scope);
            ctx.jobs.clone_from(&self.consumer.jobs);
            Box::new(Slot { sequence, offset, work: None, ctx, begun: None, ended: Ok(()) })
        });
        if record.value().is_some() {
            let refused = self.shared.status.during(offset, || self.parts.parse(record, &mut slot.work).err());
            if let Some((record, error)) = refused {
                self.slots.push(slot);
                if self.consumer.commit_first.is_some() {
                    self.pass_over(sequence, &record, "cannot be parsed", &error);
                } else {
                    let (ordering, dead_letter) = (self.consumer.ordering, self.consumer.dead_letter.as_deref());
                    self.report.unparseable(&record, &error, ordering, dead_letter);
                    self.give_up_unparsed(sequence, &record, "parse", &error);
                }
                return None;
            }
        } else if self.consumer.tombstones == Tombstones::Deliver {
            slot.work = Some(Work::Tombstone(record));
        } else {
            self.slots.push(slot);
            self.end_tombstone(sequence, &record);
            return None;
        }
        (slot.sequence, slot.offset) = (sequence, offset);
        *slot.ctx.emitted.get_mut() = 0;
        if let EmitScope::Lane { sequence: current, .. } = &mut slot.ctx.scope {
            *current = sequence;
        }
        Some(slot)
    }

    /// A tombstone that is not delivered.
    pub(super) fn end_tombstone(&mut self, sequence: Sequence, record: &Record) {
        if self.consumer.tombstones == Tombstones::Skip {
            self.report.tombstone_skipped(record);
            self.finished(sequence, 0, &self.shared.counts.skipped);
        } else if self.consumer.commit_first.is_some() {
            self.pass_over(sequence, record, "is a tombstone", &Error::new(TOMBSTONE_REFUSED));
        } else {
            let error = Error::new(TOMBSTONE_REFUSED);
            self.report.tombstone_refused(record, self.consumer.ordering, self.consumer.dead_letter.as_deref());
            self.give_up_unparsed(sequence, record, "tombstone", &error);
        }
    }

    /// What cannot be parsed goes to the dead letter topic; without one, its key waits until a person has changed
    /// something and the app starts again.
    pub(super) fn give_up_unparsed(&mut self, sequence: Sequence, record: &Record, error_type: &str, error: &Error) {
        count(&self.shared.counts.unparseable);
        if self.consumer.dead_letter.is_some() {
            self.send_dead_letter(sequence, record, error_type, error, 0, 0);
        } else {
            self.shared.status.add_stuck();
            self.lane.stuck(sequence);
        }
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, mut slot: Box<Slot<W>>) {
        let (sequence, emitted) = (slot.sequence, *slot.ctx.emitted.get_mut());
        let took = slot.begun.map(clock::since);
        if let (Some(took), Some(durations)) = (took, &self.consumer.durations) {
            durations.observe(took);
        }
        match std::mem::replace(&mut slot.ended, Ok(())) {
            Ok(()) => {
                let missing = self.finished(sequence, emitted, &self.shared.counts.done);
                if let Some(took) = took
                    && self.report.wants_done()
                {
                    self.log_done(sequence, slot.offset, took, missing);
                }
                self.put_away(slot);
            }
            Err(why) => self.not_performed(sequence, why, slot),
        }
    }

    #[cold]
    fn not_performed(&mut self, sequence: Sequence, why: Unperformed, mut slot: Box<Slot<W>>) {
        let emitted = *slot.ctx.emitted.get_mut();
        let Some(work) = &slot.work else { return };
        match why {
            Unperformed::Skipped(reason) => {
                self.report.skipped(work.record(), &reason);
                self.finished(sequence, emitted, &self.shared.counts.skipped);
                self.put_away(slot);
            }
            Unperformed::Deferred(wait) => {
                self.report.deferred(work.record(), wait);
                count(&self.shared.counts.deferred);
                self.lane.deferred(sequence, clock::since(self.started).saturating_add(wait));
                self.keep(sequence, slot);
            }
            Unperformed::Taken(error) => {
                self.report.left(work.record(), &error);
                // Never: the lane ends.
                self.lane.deferred(sequence, Duration::MAX);
                self.put_away(slot);
            }
            Unperformed::Failed(kind, error) => {
                let (counts, number) = (&self.shared.counts, slot.ctx.attempt);
                count(counts.of(kind));
                if self.consumer.commit_first.is_some() {
                    self.not_repeated(sequence, work.record(), kind, &error, emitted);
                    self.put_away(slot);
                } else if self.consumer.dead_letter.is_some() && self.consumer.bounds.is_last(number, &error) {
                    self.report.gave_up(work.record(), number, &error, self.consumer.dead_letter.as_deref());
                    self.send_dead_letter(sequence, work.record(), kind.error_type(&error), &error, number, emitted);
                    self.put_away(slot);
                } else {
                    count(&counts.retried);
                    let wait = before_next(self.consumer.backoff, number, &error, self.jitter.next());
                    self.report.failed(work.record(), number, kind, &error, wait);
                    self.lane.failed(sequence, clock::since(self.started).saturating_add(wait));
                    self.keep(sequence, slot);
                    self.publish();
                }
            }
        }
    }

    /// Keeps a record that is tried again.
    fn keep(&mut self, sequence: Sequence, mut slot: Box<Slot<W>>) {
        if let Some(work) = &mut slot.work {
            work.record_mut().detach();
        }
        self.waiting.insert(sequence, Waiting::Slot(slot));
    }

    /// Drops a record that needs no further attempt, and keeps the place that it had.
    fn put_away(&mut self, mut slot: Box<Slot<W>>) {
        slot.work = None;
        slot.ctx.trace = None;
        self.slots.push(slot);
    }

    /// A record is done, but for emits that Kafka has not acknowledged: says how many.
    pub(super) fn finished(&mut self, sequence: Sequence, emitted: u32, counter: &AtomicU64) -> u32 {
        let missing = self.lane.performed(sequence, emitted);
        count(counter);
        self.publish();
        missing
    }
}

/// Why a tombstone is skipped, for tests of a controller.
pub(crate) const TOMBSTONE_SKIPPED: &str = "a tombstone, and `tombstones: skip` is set";

/// Why a tombstone is refused.
pub(crate) const TOMBSTONE_REFUSED: &str =
    "the record has no value (a tombstone); say `tombstones: skip` or `tombstones: deliver` if that is expected";
