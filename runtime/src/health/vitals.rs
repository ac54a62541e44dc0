//! What is known of an app while it runs, and what can be said of it: who serves it over HTTP asks here, and so does who has
//! the app inside of another program.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use super::verdict::{Question, Verdict, judge};
use crate::{
    engine::watch::Watch,
    events::Listener,
    manifest::Manifest,
    metrics::{self, Tally},
};

/// What an app shows of itself, from before it starts.
pub(crate) struct Vitals {
    manifest: &'static Manifest,
    tally: Arc<Tally>,
    watch: OnceLock<Arc<Watch>>,
}

impl Vitals {
    /// Of an app of this manifest that has not started. `listener` hears what [`Vitals::listener`] hears.
    pub(crate) fn new(manifest: &'static Manifest, listener: Arc<dyn Listener>) -> Self {
        Self { manifest, tally: Arc::new(Tally::new(listener)), watch: OnceLock::new() }
    }

    /// What the engine tells its events to.
    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.tally) as _
    }

    /// The app has started.
    pub(crate) fn watch(&self, watch: Arc<Watch>) {
        // It starts once.
        let _ = self.watch.set(watch);
    }

    /// Answers a question as of now.
    pub(crate) fn judge(&self, question: Question) -> Verdict {
        let now = Instant::now();
        let view = self.watch.get().map(|watch| watch.view(now));
        judge(question, view.as_ref(), &self.tally.told(now), now)
    }

    /// All that is counted, in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        let now = Instant::now();
        let view = self.watch.get().map(|watch| watch.view(now));
        metrics::text(self.manifest, &view.unwrap_or_default(), &self.tally.told(now))
    }
}
