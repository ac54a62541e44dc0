//! One attempt at one record, in the place that the record keeps.

use std::{future::poll_fn, pin::pin, time::Instant};

use crate::{
    Context, Controller, Interchanger, Parser, Worker,
    engine::{
        attempt::{Attempt, Parts, Work},
        core::tracker::Sequence,
        lane_status::{LaneStatus, PollGuard},
    },
    guard::Bounds,
    trace,
    worker::MessageOf,
};

/// A record at work with everything that its attempts need. It stays where it is from the first attempt to the last,
/// because a message is large to move about; its memory is used again for other records.
pub(super) struct Slot<W: Worker> {
    pub(super) sequence: Sequence,
    pub(super) offset: i64,
    /// `None` between two records.
    pub(super) work: Option<Work<MessageOf<W>>>,
    pub(super) ctx: Context<W::Controller>,
    pub(super) begun: Option<Instant>,
    /// How the last attempt ended.
    pub(super) ended: Attempt,
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
        crate::context::simulated::call(&mut slot.ctx, group, work.record());
        let ctx = &slot.ctx;
        let mut guard = PollGuard::new(status, slot.sequence, slot.offset, ctx.attempt());
        let span = trace::span(work.record(), group, ctx.attempt(), ctx.trace.as_deref());
        let mut attempt = pin!(parts.attempt(work, ctx, bounds));
        let polled = poll_fn(|cx| span.in_scope(|| guard.poll(cx, attempt.as_mut())));
        let ended = match ctx.trace.as_deref() {
            None => polled.await,
            // In a place of its own, so that an attempt without a trace is small.
            Some(trace) => Box::pin(trace.clone().scope(polled)).await,
        };
        slot.ended = ended;
    }
    slot
}
