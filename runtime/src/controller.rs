//! What an app does with a message.

use std::future::Future;

use crate::{Context, Message, Record, Result, Routed};

/// Handles the messages of one topic, or of several that carry the same type.
///
/// ```
/// # use karafka::{Context, Controller, Message, Result, Routed};
/// # #[derive(Default)] pub struct OrdersController;
/// # impl Routed for OrdersController { type State = (); type Message = String; const NAME: &'static str = "OrdersController"; }
/// impl Controller for OrdersController {
///     async fn perform(&self, message: &Message<String>, _ctx: &Context<Self>) -> Result {
///         println!("{} bytes at offset {}", message.payload.len(), message.offset());
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `perform`",
    label = "this controller gets messages one by one",
    note = "write `impl Controller for …` with `perform`; with `batch:` under all of its topics in karafka.yml it is \
            `impl BatchController for …` with `perform_batch`"
)]
pub trait Controller: Routed {
    /// Handles one message. The offset moves on only after `Ok`; an error or a panic is retried in place.
    ///
    /// The message is lent: an attempt that fails is repeated without parsing again, and nothing outlives the lane
    /// that commits it.
    ///
    /// # Errors
    ///
    /// Whatever kept the message from being handled. It is reported, and the message is tried again after a backoff.
    fn perform(&self, message: &Message<Self::Message>, ctx: &Context<Self>) -> impl Future<Output = Result> + Send;

    /// Decides, before any work is done, whether the message is wanted. Accepts by default.
    ///
    /// # Errors
    ///
    /// A failure of that message, retried like one of [`Controller::perform`].
    fn before_enqueue(
        &self,
        _message: &Message<Self::Message>,
        _ctx: &Context<Self>,
    ) -> impl Future<Output = Result<Admission>> + Send {
        async { Ok(Admission::Accept) }
    }

    /// Handles a record without a value, when the manifest says `tombstones: deliver`: its key says whose value is gone, its
    /// headers, offset and timestamp why and when.
    ///
    /// # Errors
    ///
    /// By default an error that says what to write; otherwise as [`Controller::perform`].
    fn perform_tombstone(&self, _record: &Record, _ctx: &Context<Self>) -> impl Future<Output = Result> + Send {
        async {
            Err(crate::Error::new(format_args!(
                "`tombstones: deliver` is set, but `{}` has no `perform_tombstone`",
                Self::NAME
            )))
        }
    }
}

/// What [`Controller::before_enqueue`] says to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// Perform it.
    Accept,
    /// Count it as done without performing it; the reason is counted and logged.
    Skip(std::borrow::Cow<'static, str>),
    /// Ask again after this time. The partition waits meanwhile; the poll thread does not.
    Defer(std::time::Duration),
}

impl Admission {
    /// Skips the message, for this reason.
    pub fn skip(reason: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Skip(reason.into())
    }
}
