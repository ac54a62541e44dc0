//! One attempt at a batch: admitted, performed, with panics caught and a bound on its time.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Instant};

use crate::{
    Batch, Context, Error, Failure, Message, Parser, Result, Worker,
    batch::{BatchController, RecordResult, admit},
    engine::{
        atomic_offset::NO_OFFSET,
        attempt::Parts,
        core::{debts::BatchId, lane::OrderingKey, tracker::Sequence},
        lane_status::{LaneStatus, PollGuard},
    },
    guard::{Bounds, FailureKind, guarded},
    trace,
    unperformed::Unperformed,
    worker::MessageOf,
};

/// A batch with everything that an attempt needs.
pub(super) struct BatchWork<W: Worker> {
    pub(super) id: BatchId,
    /// One for each message, in the same order.
    pub(super) items: Vec<Item>,
    pub(super) batch: Batch<MessageOf<W>>,
    pub(super) ctx: Context<W::Controller>,
    pub(super) begun: Option<Instant>,
}

/// What the lane knows of a record in a batch.
pub(super) struct Item {
    pub(super) sequence: Sequence,
    pub(super) key: OrderingKey,
    pub(super) attempt: u32,
    pub(super) debts: Vec<BatchId>,
}

/// An attempt that has ended.
pub(super) struct Ended<W: Worker> {
    pub(super) id: BatchId,
    pub(super) items: Vec<Item>,
    pub(super) messages: Vec<Message<MessageOf<W>>>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) ctx: Context<W::Controller>,
    pub(super) begun: Option<Instant>,
}

/// What became of one record.
pub(crate) enum Outcome {
    Done,
    Not(Unperformed),
    /// It failed with others, for one reason.
    Together(FailureKind, Arc<Error>),
    /// It failed with others, when the batch had been told that it is somebody else's.
    Taken(Arc<Error>),
    /// It was not attempted: one before it was put off or has failed.
    Left,
}

impl Outcome {
    fn failure(&self) -> Option<(FailureKind, &Error)> {
        match self {
            Self::Not(Unperformed::Failed(kind, error)) => Some((*kind, error)),
            Self::Together(kind, error) => Some((*kind, error)),
            Self::Done | Self::Left | Self::Taken(_) | Self::Not(_) => None,
        }
    }
}

/// Makes one attempt, in its span and under the eyes of the watchdog.
pub(super) async fn attempt<W, P, I>(
    parts: &Parts<W, P, I>,
    status: &LaneStatus,
    bounds: Bounds,
    group: &str,
    work: BatchWork<W>,
) -> Ended<W>
where
    W: Worker,
    W::Controller: BatchController,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    #[cfg(any(test, feature = "testing"))]
    let work = played(work, group);
    let BatchWork { id, items, batch, ctx, begun } = work;
    let (messages, outcomes) = {
        let first = batch.messages().first();
        let offset = first.map_or(NO_OFFSET, |first| first.offset());
        let mut guard = PollGuard::of_batch(status, id, offset, ctx.attempt(), batch.messages().len());
        let span = first.map_or_else(tracing::Span::none, |first| trace::span(first, group, ctx.attempt(), None));
        let tried = |place: usize| items.get(place).map_or((None, 1), |item| (item.key, item.attempt));
        let mut attempt = pin!(parts.attempt_batch(batch, tried, &ctx, bounds));
        poll_fn(|cx| span.in_scope(|| guard.poll(cx, attempt.as_mut()))).await
    };
    Ended { id, items, messages, outcomes, ctx, begun }
}

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    W::Controller: BatchController,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    /// Makes one attempt, and calls the worker's hooks for each message that failed. `known` gives a message's key,
    /// and which attempt at it this is.
    pub(crate) async fn attempt_batch(
        &self,
        batch: Batch<MessageOf<W>>,
        known: impl Fn(usize) -> (OrderingKey, u32) + Sync,
        ctx: &Context<W::Controller>,
        bounds: Bounds,
    ) -> (Vec<Message<MessageOf<W>>>, Vec<Outcome>) {
        let inside = self.admit_and_perform_batch(&batch, &known, ctx);
        let performed = if ctx.app.layers.wrap_no_attempt() {
            guarded(inside, bounds.timeout).await
        } else {
            let wrapped = ctx.wrapped(batch.messages().iter().map(|message| &message.record).collect());
            guarded(ctx.app.layers.attempt(&wrapped, inside), bounds.timeout).await
        };
        let rest = performed.map_err(|(kind, error)| (kind, Arc::new(error)));
        let (messages, reports) = batch.into_parts();
        let is_taken = ctx.scope.is_taken();
        // A layer that returns an error may have taken back what was done inside of it, as a transaction does.
        let is_undone = rest.is_err() && !ctx.app.layers.wrap_no_attempt();
        let outcome = |report| match report {
            RecordResult::Done if !is_undone => Outcome::Done,
            RecordResult::Not(Unperformed::Failed(_, error)) if is_taken => Outcome::Not(Unperformed::Taken(error)),
            RecordResult::Not(why) => Outcome::Not(why),
            RecordResult::Left => Outcome::Left,
            RecordResult::Done | RecordResult::Open => match &rest {
                Ok(()) => Outcome::Done,
                Err((_, error)) if is_taken => Outcome::Taken(Arc::clone(error)),
                Err((kind, error)) => Outcome::Together(*kind, Arc::clone(error)),
            },
        };
        let outcomes: Vec<_> = reports.into_iter().map(outcome).collect();
        for (place, (message, outcome)) in messages.iter().zip(&outcomes).enumerate() {
            if let Some((kind, error)) = outcome.failure() {
                let attempt = known(place).1;
                let failure = Failure { kind, error, attempt, is_last: bounds.is_last(attempt, error) };
                self.call_hooks(&failure, message, Some(message), ctx).await;
            }
        }
        (messages, outcomes)
    }

    async fn admit_and_perform_batch(
        &self,
        batch: &Batch<MessageOf<W>>,
        known: &(impl Fn(usize) -> (OrderingKey, u32) + Sync),
        ctx: &Context<W::Controller>,
    ) -> Result {
        admit(&self.controller, batch, ctx, |place| known(place).0).await;
        #[cfg(any(test, feature = "testing"))]
        crate::context::simulated::act(ctx).await?;
        if batch.is_empty() { Ok(()) } else { self.worker.perform_batch(&self.controller, batch, ctx).await }
    }
}

/// Asks a simulation's script about each record.
#[cfg(any(test, feature = "testing"))]
fn played<W: Worker>(mut work: BatchWork<W>, group: &str) -> BatchWork<W> {
    for (place, (message, item)) in work.batch.messages().iter().zip(&work.items).enumerate() {
        if let Some(error) = crate::context::simulated::call_in_batch(&mut work.ctx, group, message, item.attempt) {
            work.batch.set(place, RecordResult::Not(Unperformed::Failed(FailureKind::Error, error)));
        }
    }
    work
}
