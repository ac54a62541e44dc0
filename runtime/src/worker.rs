//! What stands between a message and its controller.

use std::future::Future;

use crate::{Batch, BatchController, Context, Controller, Failure, Message, Record, Result, Routed};

/// What the worker `W` performs, parsed.
pub(crate) type MessageOf<W> = <<W as Worker>::Controller as Routed>::Message;

/// Performs the messages of one controller; derived for each, and yours to write where the manifest names one.
///
/// A worker of your own can wrap every attempt (hold a permit, open a span) and hear of failures.
pub trait Worker: Send + Sync + 'static {
    /// The controller whose messages it performs: a [`Controller`] or a [`BatchController`].
    type Controller: Routed;
    /// The constant in the manifest, such as `Workers::DetailsWorker`.
    const NAME: &'static str;

    /// Performs one attempt. Calls [`Controller::perform`] by default.
    ///
    /// # Errors
    ///
    /// Whatever kept the message from being handled; see [`Controller::perform`].
    fn perform(
        &self,
        controller: &Self::Controller,
        message: &Message<MessageOf<Self>>,
        ctx: &Context<Self::Controller>,
    ) -> impl Future<Output = Result> + Send
    where
        Self: Sized,
        Self::Controller: Controller,
    {
        controller.perform(message, ctx)
    }

    /// Performs one attempt at a batch. Calls [`BatchController::perform_batch`] by default.
    ///
    /// # Errors
    ///
    /// See [`BatchController::perform_batch`].
    fn perform_batch(
        &self,
        controller: &Self::Controller,
        batch: &Batch<MessageOf<Self>>,
        ctx: &Context<Self::Controller>,
    ) -> impl Future<Output = Result> + Send
    where
        Self: Sized,
        Self::Controller: BatchController,
    {
        controller.perform_batch(batch, ctx)
    }

    /// Called after each attempt that failed, before the backoff. `message` is `None` for a tombstone, of which the
    /// `record` says all that there is. Of a batch it is called
    /// for each message that failed, with that one's attempt.
    ///
    /// Nothing depends on it: a panic in here is logged and forgotten.
    fn after_failure(
        &self,
        _failure: &Failure<'_>,
        _record: &Record,
        _message: Option<&Message<MessageOf<Self>>>,
        _ctx: &Context<Self::Controller>,
    ) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }

    /// Called once, after the last attempt and its [`Worker::after_failure`], before the record goes to the dead letter
    /// topic. Never called where there is no end to the attempts.
    fn gave_up(
        &self,
        _failure: &Failure<'_>,
        _record: &Record,
        _message: Option<&Message<MessageOf<Self>>>,
        _ctx: &Context<Self::Controller>,
    ) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}
