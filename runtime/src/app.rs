//! The app: every consumer of the manifest, ready to run.

use std::sync::Arc;

use crate::{
    BatchController, Controller, FromState, Interchanger, Parser, Routed, Worker,
    engine::consumer::{BatchConsumer, Route, TypedConsumer},
    manifest::{ConsumerEntry, Manifest},
    worker::MessageOf,
};

/// An app with the state `S`, made by the generated `app()`; `App::run` runs it.
pub struct App<S> {
    pub(crate) manifest: &'static Manifest,
    pub(crate) routes: Vec<Route<S>>,
}

impl<S: Send + Sync + 'static> App<S> {
    /// The app of this manifest, as yet without consumers.
    #[must_use]
    pub fn new(manifest: &'static Manifest) -> Self {
        Self { manifest, routes: Vec::new() }
    }

    /// With a consumer: worker `W` (and so its controller), parser `P`, interchanger `I`.
    #[must_use]
    pub fn consumer<W, P, I>(mut self, entry: &'static ConsumerEntry) -> Self
    where
        W: Worker + FromState<S>,
        W::Controller: Routed<State = S> + Controller + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self.routes.push(Route { entry, build: |state| Arc::new(TypedConsumer::<W, P, I>::from_state(state)) });
        self
    }

    /// As [`App::consumer`], for one with `batch:`.
    #[must_use]
    pub fn batch_consumer<W, P, I>(mut self, entry: &'static ConsumerEntry) -> Self
    where
        W: Worker + FromState<S>,
        W::Controller: Routed<State = S> + BatchController + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self.routes.push(Route { entry, build: |state| Arc::new(BatchConsumer::<W, P, I>::from_state(state)) });
        self
    }
}
