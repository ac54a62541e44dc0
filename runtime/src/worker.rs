//! What stands between a message and its controller.

use std::future::Future;

use crate::{Context, Controller, Message, Result, Routed};

/// Performs the messages of one controller; derived for each, and yours to write where the manifest names one.
///
/// A worker of your own can wrap every attempt: hold a permit, open a span, set a time limit.
pub trait Worker: Send + Sync + 'static {
    /// The controller whose messages it performs.
    type Controller: Controller;
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
        message: &Message<<Self::Controller as Routed>::Message>,
        ctx: &Context<Self::Controller>,
    ) -> impl Future<Output = Result> + Send {
        controller.perform(message, ctx)
    }
}
