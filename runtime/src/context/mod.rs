//! What a controller can reach while it handles a message.

mod app_shared;
mod revoked;
mod scope;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod simulated;

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{self, Poll, ready},
};

pub(crate) use self::{
    app_shared::{AppShared, Outlet},
    revoked::Revoked,
    scope::{EmitScope, LaneScope, WaitsForRoom},
};
use crate::{
    EmittedBy, Record, Result, Routed, jobs::enqueue::JobRoute, layer, outgoing::Content, trace::TraceContext,
};

/// The app's state, the attempt, and the topics that the manifest lets this controller send to.
pub struct Context<C: Routed> {
    pub(crate) app: Arc<AppShared<C::State>>,
    pub(crate) scope: EmitScope,
    pub(crate) attempt: u32,
    /// What this record has sent so far, in all its attempts.
    pub(crate) emitted: AtomicU32,
    /// Where the message goes instead of being performed here.
    pub(crate) jobs: Option<Arc<JobRoute>>,
    /// The span of this attempt, where the record came with a trace.
    pub(crate) trace: Option<Box<TraceContext>>,
    /// What a simulation lets happen in the place of this attempt.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) act: crate::sync::Mutex<Option<simulated::Act>>,
}

impl<C: Routed> Context<C> {
    pub(crate) fn new(app: Arc<AppShared<C::State>>, scope: EmitScope) -> Self {
        Self {
            app,
            scope,
            attempt: 1,
            emitted: AtomicU32::new(0),
            jobs: None,
            trace: None,
            #[cfg(any(test, feature = "testing"))]
            act: crate::sync::Mutex::default(),
        }
    }

    /// Whether messages are performed, and not handed over as jobs, with no layer around that.
    pub(crate) fn performs_unwrapped(&self) -> bool {
        self.jobs.is_none() && self.app.layers.wrap_no_attempt()
    }

    /// The attempt at these records, as layers see it.
    pub(crate) fn wrapped<'a>(&'a self, records: Vec<&'a Record>) -> layer::Attempt<'a, C::State> {
        let (state, hands_over) = (&self.app.state, self.jobs.is_some());
        layer::Attempt { state, controller: C::NAME, number: self.attempt, records, hands_over }
    }

    /// The app's state, as `src/state.rs` built it.
    #[must_use]
    pub fn state(&self) -> &C::State {
        &self.app.state
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Ready when the message at work is not this process's any more: somebody else may be at it from here on.
    ///
    /// That is so
    ///
    /// - when a rebalance has taken the partition and the `drain` of its group is used up: what runs then is told, and
    ///   whoever ends within 200 ms still ends before the partition goes;
    /// - when the partition is lost, as its session is over or another process has taken this one's name, or when its topic
    ///   was deleted and recreated;
    /// - when the app stops and its time is up (`KARAFKA_SHUTDOWN_TIMEOUT`, or a second signal): 200 ms later what runs is
    ///   dropped where it waits. Of a job in `worker` this is the only case; the job is put back into its queue.
    ///
    /// It is never ready for an attempt that ends before, such as in a rebalance that waits for it, and it is ready at once
    /// when that has happened already. Dropping it is nothing to worry about; asking costs nothing until it is awaited.
    ///
    /// An attempt that is told goes on until it ends; nothing drops it but its `timeout` and a stop. What it comes to is not
    /// committed when the partition has gone, so that the best to do is to end, without what others would do once more. An
    /// error is no failed attempt then: no hook is called, nothing goes to the dead letter topic, and the next attempt,
    /// wherever it is, has the number of this one. Under `delivery: at_most_once` a message was committed before it was
    /// begun, and nobody else begins it: there an error is what it always is.
    ///
    /// ```
    /// # use karafka::{Context, Error, Message, Result, Routed};
    /// # struct Videos;
    /// # impl Routed for Videos { type State = (); type Message = String; const NAME: &'static str = "Videos"; }
    /// # async fn encode(_: &str) -> Result { Ok(()) }
    /// # async fn perform(message: &Message<String>, ctx: &Context<Videos>) -> Result {
    /// tokio::select! {
    ///     encoded = encode(&message.payload) => encoded,
    ///     () = ctx.revoked() => Err(Error::new("its partition is gone: somebody else encodes it")),
    /// }
    /// # }
    /// ```
    pub async fn revoked(&self) {
        self.scope.revoked().wait().await;
    }

    /// Sends `message` to a topic under the controller's `emits`; await it.
    ///
    /// The future is ready when the record is on its way. The offset of the message at work counts as done only when
    /// Kafka has acknowledged all that it sent; a record that Kafka did not take is sent again, with a backoff. So is one that
    /// it refuses as too large, which health names until the topic takes it.
    ///
    /// A record that came with a W3C trace context (`traceparent`) hands it on: what is emitted belongs to the same
    /// trace, under the span of this attempt, unless a header of that name is given here.
    ///
    /// ```
    /// # use karafka::{Context, EmittedBy, Result, Routed, Topic};
    /// # #[derive(Clone, Copy)] struct OrderConfirmed;
    /// # impl Topic for OrderConfirmed {
    /// #     type Message = String;
    /// #     const KEY: &'static str = "order_confirmed";
    /// #     fn encode(message: &String) -> Result<Vec<u8>> { karafka::codegen::encode_text(message) }
    /// # }
    /// # struct Orders;
    /// # impl Routed for Orders { type State = (); type Message = String; const NAME: &'static str = "Orders"; }
    /// # impl EmittedBy<Orders> for OrderConfirmed {}
    /// # async fn perform(ctx: &Context<Orders>, confirmed: String) -> Result {
    /// ctx.emit(OrderConfirmed, &confirmed).key("c-1993").header("source", "shop").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit<'a, T: EmittedBy<C>>(&'a self, _topic: T, message: &T::Message) -> Emit<'a, C> {
        self.emit_value(T::KEY, T::encode(message).map(Some), T::key(message))
    }

    /// Sends a record without a value for `key`: what it held before is deleted when the topic is compacted.
    pub fn emit_tombstone<T: EmittedBy<C>>(&self, _topic: T, key: impl Into<Vec<u8>>) -> Emit<'_, C> {
        self.emit_value(T::KEY, Ok(None), Some(key.into()))
    }

    /// Hands a record to the producer, and counts it: the message at work waits for its acknowledgement. Returns what is to
    /// be waited for if the producer's queue is full.
    fn hand_over(&self, topic: &'static str, content: Content) -> Result<Option<WaitsForRoom<'_>>> {
        Ok(match self.app.send(&self.scope, topic, content)? {
            None => {
                self.emitted.fetch_add(1, Ordering::Relaxed);
                None
            }
            Some(room) => Some(Box::pin(async move {
                room.await?;
                self.emitted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })),
        })
    }

    fn emit_value(&self, topic: &'static str, value: Result<Option<Vec<u8>>>, key: Option<Vec<u8>>) -> Emit<'_, C> {
        Emit { ctx: self, topic, key, value, headers: Vec::new() }
    }
}

/// A record about to be sent; see [`Context::emit`].
#[must_use = "nothing is sent until it is awaited: write `.await?` behind it"]
pub struct Emit<'a, C: Routed> {
    ctx: &'a Context<C>,
    topic: &'static str,
    key: Option<Vec<u8>>,
    value: Result<Option<Vec<u8>>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl<'a, C: Routed> Emit<'a, C> {
    /// With this key, whatever the manifest's `key:` says.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With a header; a name can come twice.
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    fn send(mut self) -> Result<Option<WaitsForRoom<'a>>> {
        if let Some(trace) = &self.ctx.trace {
            trace.add_to(&mut self.headers);
        }
        let Self { ctx, topic, key, value, headers } = self;
        let content = Content { key, value: value?, headers, ..Content::default() };
        if ctx.app.layers.wrap_no_emit() {
            return ctx.hand_over(topic, content);
        }
        let send = move |content| async move {
            match ctx.hand_over(topic, content)? {
                None => Ok(()),
                Some(room) => room.await,
            }
        };
        Ok(Some(Box::pin(ctx.app.layers.emit(&ctx.app.state, C::NAME, topic, content, send))))
    }
}

impl<'a, C: Routed> IntoFuture for Emit<'a, C> {
    type Output = Result;
    type IntoFuture = Sending<'a, C>;

    fn into_future(self) -> Sending<'a, C> {
        Sending { emit: Some(self), waits: None }
    }
}

/// An [`Emit`] that is awaited: ready when the record is on its way.
///
/// Only where the producer's queue is full does it take an allocation and a wait.
#[must_use = "nothing is sent until it is awaited: write `.await?` behind it"]
pub struct Sending<'a, C: Routed> {
    /// Until it is polled.
    emit: Option<Emit<'a, C>>,
    waits: Option<WaitsForRoom<'a>>,
}

impl<C: Routed> Future for Sending<'_, C> {
    type Output = Result;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result> {
        if let Some(emit) = self.emit.take() {
            self.waits = emit.send()?;
        } else if self.waits.is_none() {
            // It is over, and nobody asks again.
            return Poll::Pending;
        }
        if let Some(waits) = &mut self.waits {
            let sent = ready!(waits.as_mut().poll(cx));
            self.waits = None;
            sent?;
        }
        Poll::Ready(Ok(()))
    }
}
