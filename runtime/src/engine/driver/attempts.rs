//! Begins attempts, and says what becomes of a record when one has ended.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use super::{Driver, Waiting};
use crate::{
    Context, Error, Parser, Record, Routed, Worker,
    engine::{
        attempt::{Bounds, Parts, Unperformed, Work},
        backoff::after,
        counts::count,
        pulse::{Beat, Pulse},
        shared::{EmitScope, NO_OFFSET},
        tracker::Sequence,
    },
    settings::Tombstones,
    trace,
    worker::{FailureKind, MessageOf},
};

/// An attempt with everything that it needs.
pub(super) struct Job<W: Worker> {
    sequence: Sequence,
    work: Work<MessageOf<W>>,
    ctx: Context<W::Controller>,
    begun: Option<Instant>,
}

/// Why something was not performed, and what. Boxed, so that what comes back is small where all went well.
type GivenBack<T> = (Unperformed, Box<Work<T>>);

/// An attempt that has ended.
pub(super) struct Ended<W: Worker> {
    sequence: Sequence,
    offset: i64,
    attempt: Result<(), GivenBack<MessageOf<W>>>,
    ctx: Context<W::Controller>,
    begun: Option<Instant>,
}

/// Makes one attempt, in its span and under the eyes of the watchdog.
pub(super) async fn attempt<W, P, I>(
    parts: &Parts<W, P, I>,
    pulse: &Pulse,
    bounds: Bounds,
    group: &str,
    job: Job<W>,
) -> Ended<W>
where
    W: Worker,
    P: Parser<MessageOf<W>>,
{
    let Job { sequence, work, ctx, begun } = job;
    let offset = work.record().offset();
    let attempt = {
        let mut beat = Beat::new(pulse, offset, ctx.attempt());
        let span = trace::span(work.record(), group, ctx.attempt(), ctx.trace.as_deref());
        let mut attempt = pin!(parts.attempt(&work, &ctx, bounds));
        poll_fn(|cx| span.in_scope(|| beat.poll(cx, attempt.as_mut()))).await
    };
    Ended { sequence, offset, attempt: attempt.map_err(|why| (why, Box::new(work))), ctx, begun }
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
    pub(super) fn start(&mut self, is_first: bool) -> Option<Job<W>> {
        let (sequence, attempt) = self.lane.start()?;
        let (mut work, emitted) = match self.next.take_if(|(next, _)| *next == sequence) {
            Some((_, record)) => (self.prepare(sequence, record)?, 0),
            None => match self.waiting.remove(&sequence)? {
                Waiting::Work(work, emitted) => (*work, emitted),
                Waiting::Record(record) => {
                    self.memory.give_back(record.size());
                    (self.prepare(sequence, record)?, 0)
                }
            },
        };
        self.shared.set_at_work(self.lane.committable().unwrap_or(NO_OFFSET));
        let mut ctx = self.contexts.pop().unwrap_or_else(|| {
            let scope = EmitScope::Lane { lane: Arc::clone(self.shared), sequence };
            Context::new(Arc::clone(self.app), scope)
        });
        ctx.attempt = attempt;
        ctx.trace = trace::of(work.record_mut());
        *ctx.emitted.get_mut() = emitted;
        if let EmitScope::Lane { sequence: current, .. } = &mut ctx.scope {
            *current = sequence;
        }
        let measured = self.report.wants_done() || (is_first && self.consumer.durations.is_some());
        Some(Job { sequence, work, ctx, begun: measured.then(Instant::now) })
    }

    /// Parses a record. `None` if it ends here: a tombstone by policy, or what cannot be parsed.
    fn prepare(&mut self, sequence: Sequence, record: Record) -> Option<Work<MessageOf<W>>> {
        if record.value().is_some() {
            match self.shared.pulse.during(record.offset(), || self.parts.parse(record)) {
                Ok(message) => return Some(Work::Message(message)),
                Err((record, error)) => {
                    self.report.unparseable(&record, &error, self.consumer.dead_letter.as_deref());
                    self.give_up_unparsed(sequence, &record, "parse", &error);
                }
            }
            return None;
        }
        match self.consumer.tombstones {
            Tombstones::Deliver => return Some(Work::Tombstone(record)),
            Tombstones::Skip => {
                self.report.tombstone_skipped(&record);
                self.finished(sequence, 0, &self.shared.counts.skipped);
            }
            Tombstones::Fail => {
                let error = Error::new(TOMBSTONE_REFUSED);
                self.report.tombstone_refused(&record, self.consumer.dead_letter.as_deref());
                self.give_up_unparsed(sequence, &record, "tombstone", &error);
            }
        }
        None
    }

    /// What cannot be parsed goes to the dead letter topic; without one, its line waits until a person has changed
    /// something and the app starts again.
    fn give_up_unparsed(&mut self, sequence: Sequence, record: &Record, error_type: &str, error: &Error) {
        count(&self.shared.counts.unparseable);
        if self.consumer.dead_letter.is_some() {
            self.bury(sequence, record, error_type, error, 0, 0);
        } else {
            self.shared.pulse.add_stuck();
            self.lane.stuck(sequence);
        }
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, ended: Ended<W>) {
        let Ended { sequence, offset, attempt, mut ctx, begun } = ended;
        let emitted = *ctx.emitted.get_mut();
        let number = ctx.attempt;
        self.contexts.push(ctx);
        let took = begun.map(|begun| begun.elapsed());
        if let (Some(took), Some(durations)) = (took, &self.consumer.durations) {
            durations.observe(took);
        }
        match attempt {
            Ok(()) => {
                let missing = self.finished(sequence, emitted, &self.shared.counts.done);
                if let Some(took) = took
                    && self.report.wants_done()
                {
                    self.log_done(sequence, offset, took, missing);
                }
            }
            Err((Unperformed::Skipped(reason), work)) => {
                self.report.skipped(work.record(), &reason);
                self.finished(sequence, emitted, &self.shared.counts.skipped);
            }
            Err((Unperformed::Deferred(wait), work)) => {
                self.report.deferred(work.record(), wait);
                count(&self.shared.counts.deferred);
                self.lane.deferred(sequence, self.started.elapsed() + wait);
                self.keep(sequence, work, emitted);
            }
            Err((Unperformed::Failed(kind, error), work)) => {
                let counts = &self.shared.counts;
                count(match kind {
                    FailureKind::Error => &counts.failed,
                    FailureKind::Panicked => &counts.panicked,
                    FailureKind::TimedOut => &counts.timed_out,
                });
                if self.consumer.dead_letter.is_some() && self.consumer.bounds.is_last(number, &error) {
                    self.report.gave_up(work.record(), number, &error, self.consumer.dead_letter.as_deref());
                    let error_type = match kind {
                        FailureKind::Error => error.type_name(),
                        FailureKind::Panicked => "panic",
                        FailureKind::TimedOut => "timeout",
                    };
                    self.bury(sequence, work.record(), error_type, &error, number, emitted);
                } else {
                    count(&counts.retried);
                    let step = if error.is_permanent() { u32::MAX } else { number };
                    let wait = after(self.consumer.backoff, step, self.jitter.next());
                    self.report.failed(work.record(), number, kind, &error, wait);
                    self.lane.failed(sequence, self.started.elapsed() + wait);
                    self.keep(sequence, work, emitted);
                    self.publish();
                }
            }
        }
        let oldest = if self.lane.is_working() { self.lane.committable() } else { None };
        self.shared.set_at_work(oldest.unwrap_or(NO_OFFSET));
    }

    fn keep(&mut self, sequence: Sequence, mut work: Box<Work<MessageOf<W>>>, emitted: u32) {
        match &mut *work {
            Work::Message(message) => message.record.detach(),
            Work::Tombstone(record) => record.detach(),
        }
        self.waiting.insert(sequence, Waiting::Work(work, emitted));
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
