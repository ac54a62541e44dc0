//! What an app wraps around its work: a layer around every attempt, another around every record that is sent.
//!
//! In the manner of tower, without its types: a layer is a value with one `async fn`, which does something before, hands on to
//! what is inside of it, and does something after. It sees all consumers, whatever their messages are: tenancy, a database
//! transaction, audit, timing, headers.
//!
//! ```
//! use karafka::{Result, layer::{Attempt, Emission, EmitLayer, Layer, Next, NextEmit}};
//! # struct State;
//!
//! /// Says how long attempts take.
//! struct Timing;
//!
//! impl Layer<State> for Timing {
//!     async fn call(&self, attempt: &Attempt<'_, State>, next: Next<'_, State>) -> Result {
//!         let begun = std::time::Instant::now();
//!         let result = next.run().await;
//!         println!("{} took {:?}", attempt.controller(), begun.elapsed());
//!         result
//!     }
//! }
//!
//! /// Names the sender of every record.
//! struct Source;
//!
//! impl EmitLayer<State> for Source {
//!     async fn call(&self, mut emission: Emission<'_, State>, next: NextEmit<'_, State>) -> Result {
//!         emission.header("source", "shop");
//!         next.send(emission).await
//!     }
//! }
//!
//! # fn wrapped(app: karafka::App<State>) -> karafka::App<State> {
//! // The first one is the outermost.
//! app.layer(Timing).emit_layer(Source)
//! # }
//! ```

use std::{future::Future, pin::Pin, sync::Arc};

use crate::{Record, Result, outgoing::Content, sync::Mutex};

/// Wraps every attempt of every consumer of an app; see [the module](self).
///
/// Inside of it are `before_enqueue`, the worker (derived or of the app's own) and the controller; outside of it are the
/// attempt's `timeout`, which it is within, and the hooks on failure. Of a consumer with `jobs: redis` it wraps what the server
/// does (`before_enqueue`, and handing the job over, without a `timeout`), and again the attempt in the worker:
/// [`Attempt::hands_over`] says which. A layer that fails after the job was handed over has it handed over once more.
///
/// Of a batch it wraps the attempt at all of it. What the batch reports of a message with `batch.fail` is no error to the layer;
/// what is reported with `batch.done` holds only where the layer returns `Ok`, as an error may have taken back what was done.
pub trait Layer<S>: Send + Sync + 'static {
    /// Makes one attempt: hands on with [`Next::run`], and returns what the attempt has come to. One that does not hand on
    /// decides alone: `Ok` means that the message is done.
    ///
    /// # Errors
    ///
    /// What fails the attempt: what `next` returned, or a reason of its own.
    fn call(&self, attempt: &Attempt<'_, S>, next: Next<'_, S>) -> impl Future<Output = Result> + Send;
}

/// Wraps every record that a controller sends with [`Context::emit`](crate::Context::emit); see [the module](self).
///
/// Copies for a dead letter topic, which are to be what has failed, do not go through it.
pub trait EmitLayer<S>: Send + Sync + 'static {
    /// Sends one record: hands on with [`NextEmit::send`]. One that does not hand on sends nothing.
    ///
    /// # Errors
    ///
    /// What `emit` returns to the controller: what `next` returned, or a reason of its own.
    fn call(&self, emission: Emission<'_, S>, next: NextEmit<'_, S>) -> impl Future<Output = Result> + Send;
}

/// The attempt that a layer wraps.
pub struct Attempt<'a, S> {
    pub(crate) state: &'a S,
    pub(crate) controller: &'static str,
    pub(crate) number: u32,
    pub(crate) records: Vec<&'a Record>,
    pub(crate) hands_over: bool,
}

impl<'a, S> Attempt<'a, S> {
    /// The app's state.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.state
    }

    /// The controller's constant, such as `Videos::DetailsController`.
    #[must_use]
    pub fn controller(&self) -> &'static str {
        self.controller
    }

    /// Which attempt it is, from 1; of a batch, which one of the message that was attempted most often.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The record, or the first one of a batch: where it comes from, its key and headers.
    ///
    /// # Panics
    ///
    /// Never: an attempt is at one record at least.
    #[must_use]
    pub fn record(&self) -> &Record {
        self.records[0]
    }

    /// The records: one, or those of a batch in the order of their offsets.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.records.iter().copied()
    }

    /// Whether the message is handed over as a job, and performed elsewhere.
    #[must_use]
    pub fn hands_over(&self) -> bool {
        self.hands_over
    }
}

/// What is inside of a layer.
pub struct Next<'a, S> {
    layers: &'a [Arc<dyn AnyLayer<S>>],
    attempt: &'a Attempt<'a, S>,
    inside: BoxFuture<'a>,
}

type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result> + Send + 'a>>;

impl<'a, S> Next<'a, S> {
    /// Makes the attempt, through the layers that are further inside.
    ///
    /// A message that `before_enqueue` skips or defers is no failure: that is `Ok` here.
    ///
    /// # Errors
    ///
    /// What the attempt failed with.
    pub async fn run(self) -> Result {
        let Self { layers, attempt, inside } = self;
        match layers.split_first() {
            None => inside.await,
            Some((layer, layers)) => layer.call(attempt, Next { layers, attempt, inside }).await,
        }
    }
}

/// A record that is about to be sent.
pub struct Emission<'a, S> {
    state: &'a S,
    controller: &'static str,
    topic: &'static str,
    content: Content,
}

impl<'a, S> Emission<'a, S> {
    /// The app's state.
    #[must_use]
    pub fn state(&self) -> &'a S {
        self.state
    }

    /// The constant of the controller that sends it.
    #[must_use]
    pub fn controller(&self) -> &'static str {
        self.controller
    }

    /// The topic's key in the manifest.
    #[must_use]
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.content.key.as_deref()
    }

    /// The record's value, encoded; `None` for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.content.value.as_deref()
    }

    /// The record's headers so far.
    #[must_use]
    pub fn headers(&self) -> &[(Vec<u8>, Option<Vec<u8>>)] {
        &self.content.headers
    }

    /// Adds a header; a name can come twice.
    pub fn header(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.content.headers.push((name.into(), Some(value.into())));
    }

    /// Replaces the value: what encrypts it, or signs it.
    pub fn set_value(&mut self, value: impl Into<Vec<u8>>) {
        self.content.value = Some(value.into());
    }
}

/// What is inside of an emit layer.
pub struct NextEmit<'a, S> {
    layers: &'a [Arc<dyn AnyEmitLayer<S>>],
    /// What `inside` sends is laid here.
    slot: Arc<Mutex<Option<Content>>>,
    inside: BoxFuture<'a>,
}

impl<S: Sync> NextEmit<'_, S> {
    /// Hands the record to the producer, through the layers that are further inside.
    ///
    /// # Errors
    ///
    /// See [`Context::emit`](crate::Context::emit).
    pub async fn send(self, emission: Emission<'_, S>) -> Result {
        let Self { layers, slot, inside } = self;
        match layers.split_first() {
            None => {
                *slot.lock() = Some(emission.content);
                inside.await
            }
            Some((layer, layers)) => layer.call(emission, NextEmit { layers, slot, inside }).await,
        }
    }
}

/// A [`Layer`] without its type.
trait AnyLayer<S>: Send + Sync {
    fn call<'a>(&'a self, attempt: &'a Attempt<'a, S>, next: Next<'a, S>) -> BoxFuture<'a>;
}

impl<S: Sync, L: Layer<S>> AnyLayer<S> for L {
    fn call<'a>(&'a self, attempt: &'a Attempt<'a, S>, next: Next<'a, S>) -> BoxFuture<'a> {
        Box::pin(Layer::call(self, attempt, next))
    }
}

/// An [`EmitLayer`] without its type.
trait AnyEmitLayer<S>: Send + Sync {
    fn call<'a>(&'a self, emission: Emission<'a, S>, next: NextEmit<'a, S>) -> BoxFuture<'a>;
}

impl<S: Sync, L: EmitLayer<S>> AnyEmitLayer<S> for L {
    fn call<'a>(&'a self, emission: Emission<'a, S>, next: NextEmit<'a, S>) -> BoxFuture<'a> {
        Box::pin(EmitLayer::call(self, emission, next))
    }
}

/// The layers of an app, outermost first.
pub(crate) struct Layers<S> {
    attempt: Vec<Arc<dyn AnyLayer<S>>>,
    emit: Vec<Arc<dyn AnyEmitLayer<S>>>,
}

impl<S> Default for Layers<S> {
    fn default() -> Self {
        Self { attempt: Vec::new(), emit: Vec::new() }
    }
}

impl<S> Clone for Layers<S> {
    fn clone(&self) -> Self {
        Self { attempt: self.attempt.clone(), emit: self.emit.clone() }
    }
}

impl<S: Sync> Layers<S> {
    pub(crate) fn add(&mut self, layer: impl Layer<S>) {
        self.attempt.push(Arc::new(layer));
    }

    pub(crate) fn add_emit(&mut self, layer: impl EmitLayer<S>) {
        self.emit.push(Arc::new(layer));
    }

    /// Whether nothing is wrapped around an attempt.
    pub(crate) fn wrap_no_attempt(&self) -> bool {
        self.attempt.is_empty()
    }

    /// Whether nothing is wrapped around what is sent.
    pub(crate) fn wrap_no_emit(&self) -> bool {
        self.emit.is_empty()
    }

    /// Makes an attempt, which is `inside`, through all layers.
    pub(crate) async fn attempt<'a>(
        &'a self,
        attempt: &'a Attempt<'a, S>,
        inside: impl Future<Output = Result> + Send + 'a,
    ) -> Result {
        Next { layers: &self.attempt, attempt, inside: Box::pin(inside) }.run().await
    }

    /// Hands a record to `send` through all layers.
    pub(crate) async fn emit<F: Future<Output = Result> + Send>(
        &self,
        state: &S,
        controller: &'static str,
        topic: &'static str,
        content: Content,
        send: impl FnOnce(Content) -> F + Send,
    ) -> Result {
        let slot = Arc::new(Mutex::new(None));
        let laid = Arc::clone(&slot);
        let inside = Box::pin(async move {
            let content = laid.lock().take();
            if let Some(content) = content { send(content).await } else { Ok(()) }
        });
        NextEmit { layers: &self.emit, slot, inside }.send(Emission { state, controller, topic, content }).await
    }
}
