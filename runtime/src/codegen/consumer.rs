//! What the generated files of an app that consumes touch beside the rest.

use std::sync::Arc;

use crate::{
    BatchController, Controller, FromState, Interchanger, Parser,
    engine::consumer::{BatchConsumer, TypedConsumer},
    layer::Layers,
    manifest::{ConsumerEntry, Manifest},
    worker::MessageOf,
};

pub use crate::{App, Routed, Worker, engine::consumer::Route, interchanger, parser};

/// The app of a manifest, with a route for each of its consumers.
#[must_use]
pub fn app<S: Send + Sync + 'static>(manifest: &'static Manifest, routes: &[Route<S>]) -> App<S> {
    App { manifest, routes: routes.to_vec(), layers: Layers::default(), listeners: Vec::new() }
}

/// A consumer: worker `W` (and so its controller), parser `P`, interchanger `I`.
#[must_use]
pub const fn route<S, W, P, I>(entry: &'static ConsumerEntry) -> Route<S>
where
    S: Send + Sync + 'static,
    W: Worker + FromState<S>,
    W::Controller: Routed<State = S> + Controller + FromState<S>,
    P: Parser<MessageOf<W>> + FromState<S>,
    I: Interchanger<MessageOf<W>> + FromState<S>,
{
    Route { entry, build: |state| Arc::new(TypedConsumer::<W, P, I>::from_state(state)) }
}

/// As [`route`], of a consumer with `batch:`.
#[must_use]
pub const fn batch_route<S, W, P, I>(entry: &'static ConsumerEntry) -> Route<S>
where
    S: Send + Sync + 'static,
    W: Worker + FromState<S>,
    W::Controller: Routed<State = S> + BatchController + FromState<S>,
    P: Parser<MessageOf<W>> + FromState<S>,
    I: Interchanger<MessageOf<W>> + FromState<S>,
{
    Route { entry, build: |state| Arc::new(BatchConsumer::<W, P, I>::from_state(state)) }
}
