//! The app: every consumer of the manifest, and what is around them, ready to run.

use std::sync::Arc;

use crate::{
    engine::consumer::Route,
    events::Listener,
    layer::{EmitLayer, Layer, Layers},
    manifest::Manifest,
};

/// An app with the state `S`, made by the generated `app()`.
///
/// [`App::run`] runs it as a process of its own, with a command line and signals; [`App::start`] inside of another program.
/// In both, [`App::listener`], [`App::layer`] and [`App::emit_layer`] add to it.
pub struct App<S> {
    pub(crate) manifest: &'static Manifest,
    pub(crate) routes: Vec<Route<S>>,
    pub(crate) layers: Layers<S>,
    pub(crate) listeners: Vec<Arc<dyn Listener>>,
}

impl<S: Send + Sync + 'static> App<S> {
    /// The manifest that was compiled in, which [`Settings`](crate::settings::Settings) are read with.
    #[must_use]
    pub fn manifest(&self) -> &'static Manifest {
        self.manifest
    }

    /// With somebody who hears what happens, beside karafka's own log: what tells Sentry of errors, counts for other metrics, or
    /// looks on in a test.
    #[must_use]
    pub fn listener(mut self, listener: impl Listener) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// With a layer around every attempt of every consumer; the first one is the outermost.
    #[must_use]
    pub fn layer(mut self, layer: impl Layer<S>) -> Self {
        self.layers.add(layer);
        self
    }

    /// With a layer around every record that a controller sends; the first one is the outermost.
    #[must_use]
    pub fn emit_layer(mut self, layer: impl EmitLayer<S>) -> Self {
        self.layers.add_emit(layer);
        self
    }
}

#[cfg(test)]
mod tests;
