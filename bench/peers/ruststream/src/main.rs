//! RustStream at the work of `EventsController`: typed, tracked, with the client settings of karafka's engine.

use std::{
    env,
    error::Error,
    sync::LazyLock,
};

use benched::{generated::messages::Event, probe::Probe};
use ruststream_rdkafka::prelude::*;
use tokio::sync::Notify;

/// The last message has been handled.
static DONE: Notify = Notify::const_new();

static PROBE: LazyLock<&'static Probe> =
    LazyLock::new(|| Probe::of_process().expect("BENCH_MESSAGES is a number"));

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by the benchmark"))
}

#[subscriber(
    KafkaTopic::new(variable("BENCH_TOPIC"))
        .commit(Commit::Tracked)
        .start(StartOffset::Earliest)
        .config("fetch.queue.backoff.ms", "5")
        .config("fetch.wait.max.ms", "20")
        .config("queued.max.messages.kbytes", "16384")
)]
async fn handle(event: &Event) -> HandlerOutcome {
    if PROBE.see(event) {
        DONE.notify_one();
    }
    HandlerOutcome::ack()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let broker = KafkaBroker::new([variable("KARAFKA_BROKERS")]).default_group(variable("BENCH_GROUP"));
    let app = RustStream::new(AppInfo::new("peer", "0.1.0")).with_broker(broker, |b| {
        b.include(handle);
    });
    Ok(app.run_until(DONE.notified()).await?)
}
