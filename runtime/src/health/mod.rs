//! How an app is doing, over HTTP: `/live`, `/ready`, `/metrics`.
//!
//! `/live` asks whether the process gets on: a poll thread that stands still, a record that is past its time-out, or a
//! runtime of which no thread is free, fails it, and a new process mends it. Backoffs, pauses, missing brokers and a missing
//! Redis do not: a restart would not help.
//! `/ready` asks whether the app has its partitions and all of them move. An app that a person has quieted has them, and is
//! ready: no other process could take its part, and a probe that failed would only page somebody. Both answer `healthy`,
//! `degraded`, `rebalancing` or `failed` with the reasons, as JSON; the HTTP status is 200 or 503. What degrades, as a handler
//! that keeps its thread does, wants a person and touches little: both pass.
//!
//! Whoever reaches the port is answered, however many others there are and whatever they do: at most 256 are held, or an
//! eighth of the files that the process may have open (`ulimit -n`); they have one second to ask and five to be gone, and
//! who has been silent for longest makes room for who comes.

mod callers;
mod http;
pub(crate) mod verdict;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use self::{
    http::{Answer, Limits, Server},
    verdict::{Question, judge},
};
use crate::{
    engine::watch::Watch,
    events::Listener,
    foreign,
    manifest::Manifest,
    metrics::{self, Tally},
};

/// An app's health, served until it is dropped.
pub(crate) struct Health {
    server: Server,
    tally: Arc<Tally>,
    watch: Arc<OnceLock<Arc<Watch>>>,
}

impl Health {
    /// Serves health at `address`, before anything else has started. `listener` hears what [`Health::listener`] hears.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub(crate) fn serve(
        address: SocketAddr,
        manifest: &'static Manifest,
        listener: Arc<dyn Listener>,
    ) -> io::Result<Self> {
        Self::serve_within(Limits::of_process(), address, manifest, listener)
    }

    fn serve_within(
        limits: Limits,
        address: SocketAddr,
        manifest: &'static Manifest,
        listener: Arc<dyn Listener>,
    ) -> io::Result<Self> {
        let tally = Arc::new(Tally::new(listener));
        let watch: Arc<OnceLock<Arc<Watch>>> = Arc::default();
        let (heard, seen) = (Arc::clone(&tally), Arc::clone(&watch));
        let answers = move |path: &str| answer(path, manifest, &heard, seen.get().map(|watch| &**watch));
        let server = Server::start(address, Arc::new(answers), limits)?;
        Ok(Self { server, tally, watch })
    }

    /// Where it is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
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
}

fn answer(path: &str, manifest: &Manifest, tally: &Tally, watch: Option<&Watch>) -> Answer {
    let now = Instant::now();
    let view = watch.map(|watch| watch.view(now));
    let told = tally.told(now);
    let question = match path {
        "/live" => Question::Live,
        "/ready" => Question::Ready,
        "/metrics" => {
            let body = metrics::text(manifest, &view.unwrap_or_default(), &told);
            return Answer { status: 200, content_type: metrics::CONTENT_TYPE, body };
        }
        _ => {
            let body = "there is /live, /ready and /metrics\n".to_owned();
            return Answer { status: 404, content_type: "text/plain; charset=utf-8", body };
        }
    };
    let verdict = judge(question, view.as_ref(), &told, now);
    let status = if question.passes(verdict.status) { 200 } else { 503 };
    // Only maps with keys that are not text, or numbers that are not finite, cannot be written; there are none.
    let body = foreign::json(&serde_json::to_string(&verdict).unwrap_or_default()).into_owned() + "\n";
    Answer { status, content_type: "application/json", body }
}

#[cfg(test)]
mod tests;
