//! The loop that one would write without karafka: poll, parse, touch, store the offset, commit each second.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use benched::{generated::messages::Event, probe::Probe};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

/// The client's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// Those of karafka's engine, as far as they change what a message costs.
    Tuned,
    /// What the library does if nobody says otherwise.
    Defaults,
}

/// What karafka's engine sets for a group with one topic and the default `memory`; its wait is that of 63 partitions.
pub(crate) const TUNED: [(&str, &str); 3] =
    [("fetch.queue.backoff.ms", "5"), ("fetch.wait.max.ms", "20"), ("queued.max.messages.kbytes", "16384")];

/// Consumes until the probe has seen everything.
pub(crate) fn run(settings: Settings) -> Result<()> {
    let probe = Probe::of_process()?;
    let consumer: BaseConsumer = config(settings)?.create()?;
    let topic = env::var("BENCH_TOPIC")?;
    consumer.subscribe(&[&topic])?;

    let mut committed = Instant::now();
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            let event: Event = serde_json::from_slice(message.payload().context("a record without a value")?)?;
            let is_last = probe.see(&event);
            consumer.store_offset_from_message(&message)?;
            if is_last {
                break;
            }
        }
        if committed.elapsed() >= Duration::from_secs(1) {
            committed = Instant::now();
            let _nothing_stored_yet = consumer.commit_consumer_state(CommitMode::Async);
        }
    }
    Ok(consumer.commit_consumer_state(CommitMode::Sync)?)
}

/// A consumer of the run's group.
pub(crate) fn config(settings: Settings) -> Result<ClientConfig> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", env::var("KARAFKA_BROKERS")?)
        .set("group.id", env::var("BENCH_GROUP")?)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false");
    if settings == Settings::Tuned {
        for (name, value) in TUNED {
            config.set(name, value);
        }
    }
    Ok(config)
}
