//! The app: every consumer of the manifest, ready to run.

use std::{future::Future, process::ExitCode, sync::Arc};

use crate::{
    FromState, Interchanger, Parser, Result, Routed, Worker,
    engine::consumer::{Consumer, TypedConsumer},
    manifest::{ConsumerEntry, Manifest},
    server,
};

/// What the worker `W` performs.
pub(crate) type MessageOf<W> = <<W as Worker>::Controller as Routed>::Message;

/// An app with the state `S`, made by the generated `app()`.
pub struct App<S> {
    pub(crate) manifest: &'static Manifest,
    pub(crate) routes: Vec<Route<S>>,
}

/// A consumer that is built once the app's state is there.
pub(crate) struct Route<S> {
    pub(crate) entry: &'static ConsumerEntry,
    pub(crate) build: fn(&S) -> Arc<dyn Consumer<S>>,
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
        W::Controller: Routed<State = S> + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self.routes.push(Route { entry, build: |state| Arc::new(TypedConsumer::<W, P, I>::from_state(state)) });
        self
    }

    /// Runs what the command line says, `server` if it says nothing, and gives the exit status: 0 after a clean end,
    /// 1 when the app could not start or its client gave up, 2 when a stop had to be forced or the call is wrong.
    ///
    /// `build_state` is called once, before the first record.
    pub fn run<F, Fut>(self, build_state: F) -> ExitCode
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<S>>,
    {
        server::main(self, build_state)
    }
}
