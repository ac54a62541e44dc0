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
mod vitals;

use std::{io, net::SocketAddr, sync::Arc};

use self::http::{Answer, Limits, Server};
pub use self::verdict::{Reason, Status, Verdict};
pub(crate) use self::{verdict::Question, vitals::Vitals};
use crate::metrics;

/// How an app is, for whoever has it inside of another program: to be cloned into a web server's handlers.
#[derive(Clone)]
pub struct Health(Arc<Vitals>);

impl Health {
    pub(crate) fn of(vitals: &Arc<Vitals>) -> Self {
        Self(Arc::clone(vitals))
    }

    /// Whether the app gets on: what `/live` says. Where it does not, a new process mends it.
    #[must_use]
    pub fn live(&self) -> Verdict {
        self.0.judge(Question::Live)
    }

    /// Whether the app has its partitions and all of them move: what `/ready` says.
    #[must_use]
    pub fn ready(&self) -> Verdict {
        self.0.judge(Question::Ready)
    }

    /// All that is counted, in Prometheus' text format: what `/metrics` says.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.0.metrics()
    }
}

/// Health over HTTP, served until it is dropped.
pub(crate) struct Served(Server);

impl Served {
    /// Serves health at `address`, which may be before anything else has started.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub(crate) fn serve(address: SocketAddr, vitals: &Arc<Vitals>) -> io::Result<Self> {
        Self::serve_within(Limits::of_process(), address, vitals)
    }

    fn serve_within(limits: Limits, address: SocketAddr, vitals: &Arc<Vitals>) -> io::Result<Self> {
        let vitals = Arc::clone(vitals);
        Ok(Self(Server::start(address, Arc::new(move |path: &str| answer(path, &vitals)), limits)?))
    }

    /// Where it is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn answer(path: &str, vitals: &Vitals) -> Answer {
    let question = match path {
        "/live" => Question::Live,
        "/ready" => Question::Ready,
        "/metrics" => {
            return Answer { status: 200, content_type: metrics::CONTENT_TYPE, body: vitals.metrics() };
        }
        _ => {
            let body = "there is /live, /ready and /metrics\n".to_owned();
            return Answer { status: 404, content_type: "text/plain; charset=utf-8", body };
        }
    };
    let verdict = vitals.judge(question);
    let status = if verdict.passes() { 200 } else { 503 };
    Answer { status, content_type: "application/json", body: verdict.to_json() + "\n" }
}

#[cfg(test)]
mod tests;
