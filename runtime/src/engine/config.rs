//! What librdkafka is told: the settings, and what belongs to the engine.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rdkafka::ClientConfig;

use super::Brokers;
use crate::settings::{Group, Protocol, Settings};

/// Properties of a group's consumer, but for those that bound what is fetched ahead.
pub(crate) fn consumer(settings: &Settings, group: &Group, brokers: &Brokers) -> ClientConfig {
    let mut properties = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        properties.insert(name.to_owned(), value.to_owned());
    };
    // A partition whose queue was full is fetched again after this time: librdkafka waits for a second by default, and
    // the consumer idles meanwhile.
    set("fetch.queue.backoff.ms", "5");
    // librdkafka asks a broker one thing at a time: while it waits for news of partitions that have none, those whose
    // queues run empty are not fetched for. By default that is half a second, and a busy partition idles beside quiet ones.
    set("fetch.wait.max.ms", "20");
    // A new topic, or one that was made anew, is noticed within this time: librdkafka's default is five minutes.
    set("topic.metadata.refresh.interval.ms", "30000");
    // A connection that is cut again and again is made again within this time. librdkafka's own ten seconds, and half
    // as much for jitter, are as long as a session: the coordinator would take the member for dead.
    set("reconnect.backoff.max.ms", "1000");
    if brokers.embedded {
        // The mock cluster lets a member that is not a group's first wait for almost a whole session.
        set("session.timeout.ms", "1500");
        set("heartbeat.interval.ms", "300");
        set("fetch.wait.max.ms", "10");
    }
    for (name, value) in settings.options.iter().chain(&settings.consumer_options) {
        set(name, value);
    }
    set("bootstrap.servers", &brokers.address);
    set("group.id", &group.id);
    set("group.protocol", group.protocol.as_str());
    if group.protocol == Protocol::Classic {
        set("partition.assignment.strategy", group.assignor.as_str());
    }
    if let Some(instance_id) = &group.instance_id {
        set("group.instance.id", instance_id);
    }
    // Cooperative assignors go round in circles when two members share a client id.
    set("client.id", &unique(&settings.client_id));
    set("enable.auto.commit", "false");
    // With it, dropping a consumer commits everything that was prefetched.
    set("enable.auto.offset.store", "false");
    // The end of a partition would come as an error, which moves librdkafka's position; see `client::native`.
    set("enable.partition.eof", "false");
    // A position that is gone is an error, never a silent jump.
    set("auto.offset.reset", "error");
    config_of(&properties)
}

/// For how long after its last turn a process may take itself for a member: the group waits for a session, but counts
/// from the last heartbeat that it got, which may be an interval older than the turn.
pub(crate) fn session_timeout(consumer: &ClientConfig) -> Duration {
    let of = |name: &str, default: u64| {
        Duration::from_millis(consumer.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default))
    };
    let session = of("session.timeout.ms", 45_000);
    // Commits are signs of life as well, so that a long interval does not count whole.
    session.saturating_sub(of("heartbeat.interval.ms", 3_000)).max(session / 2)
}

/// Properties of the app's producer.
pub(crate) fn producer(settings: &Settings, brokers: &Brokers) -> BTreeMap<String, String> {
    let mut properties = settings.options.clone();
    properties.extend(settings.producer_options.clone());
    properties.insert("bootstrap.servers".to_owned(), brokers.address.clone());
    properties.insert("client.id".to_owned(), unique(&settings.client_id));
    properties
}

fn unique(prefix: &str) -> String {
    static CLIENTS: AtomicU32 = AtomicU32::new(0);
    let start = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64 & 0xff_ffff);
    format!("{prefix}-{}-{start:x}-{}", std::process::id(), CLIENTS.fetch_add(1, Ordering::Relaxed))
}

fn config_of(properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in properties {
        config.set(name, value);
    }
    config
}
