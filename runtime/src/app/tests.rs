//! Apps as tests put them together, a consumer after the other.

use crate::{
    App, BatchController, Controller, FromState, Interchanger, Parser, Routed, Worker, codegen,
    manifest::{ConsumerEntry, Manifest},
    worker::MessageOf,
};

impl<S: Send + Sync + 'static> App<S> {
    pub(crate) fn new(manifest: &'static Manifest) -> Self {
        codegen::app(manifest, &[])
    }

    pub(crate) fn consumer<W, P, I>(mut self, entry: &'static ConsumerEntry) -> Self
    where
        W: Worker + FromState<S>,
        W::Controller: Routed<State = S> + Controller + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self.routes.push(codegen::route::<S, W, P, I>(entry));
        self
    }

    pub(crate) fn batch_consumer<W, P, I>(mut self, entry: &'static ConsumerEntry) -> Self
    where
        W: Worker + FromState<S>,
        W::Controller: Routed<State = S> + BatchController + FromState<S>,
        P: Parser<MessageOf<W>> + FromState<S>,
        I: Interchanger<MessageOf<W>> + FromState<S>,
    {
        self.routes.push(codegen::batch_route::<S, W, P, I>(entry));
        self
    }
}
