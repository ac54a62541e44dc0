//! How much librdkafka may fetch ahead.
//!
//! Each partition has a queue of its own, and librdkafka's limits hold for each queue: so a group's memory is shared out
//! among all partitions of its topics, which a member of the group may come to have alone.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};

/// How long the brokers may take to say how many partitions there are.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many partitions a topic is taken to have when they have not said.
const ASSUMED: usize = 4;
/// What librdkafka needs for a record beside its bytes.
const RECORD: u64 = 400;

/// Sets what bounds the queues to `memory` bytes in all, where the user has not said otherwise. Asks the brokers for the
/// number of partitions if that matters.
pub(super) fn bound<'a>(config: &mut ClientConfig, memory: u64, topics: impl Iterator<Item = &'a str>) {
    if limits(memory, 1).iter().all(|(name, _)| config.get(name).is_some()) {
        return;
    }
    let partitions = count(config, topics);
    for (name, value) in limits(memory, partitions) {
        if config.get(name).is_none() {
            config.set(name, value.to_string());
        }
    }
}

/// The properties for this many partitions.
///
/// A queue that is below both limits, of records and of bytes, is fetched for once more. So a third of a partition's
/// share is for the bytes below the limit, a third for the fetch beyond it, and a third for what records need beside
/// their bytes.
fn limits(memory: u64, partitions: usize) -> [(&'static str, u64); 4] {
    let third = memory / 3 / partitions.max(1) as u64;
    [
        ("queued.max.messages.kbytes", (third / 1024).clamp(16, 2_097_151)),
        ("queued.min.messages", (third / RECORD).clamp(16, 100_000)),
        // Smaller fetches than these would be answered with a single batch of a single partition.
        ("max.partition.fetch.bytes", third.clamp(64 << 10, 1 << 20)),
        ("fetch.max.bytes", (memory / 3).clamp(1 << 20, 50 << 20)),
    ]
}

/// How many partitions the topics have.
fn count<'a>(config: &ClientConfig, topics: impl Iterator<Item = &'a str>) -> usize {
    let until = Instant::now() + PATIENCE;
    // A client of its own, because these limits cannot be changed once the group's client is made. It belongs to no
    // group, which it would take a tenth of a second to leave.
    let mut alone = config.clone();
    for name in ["group.id", "group.instance.id", "group.protocol", "partition.assignment.strategy"] {
        alone.remove(name);
    }
    let client = alone.create::<BaseConsumer>().ok();
    let known = |topic: &str| {
        let left = until.saturating_duration_since(Instant::now());
        let metadata = client.as_ref()?.fetch_metadata(Some(topic), left.max(Duration::from_millis(1))).ok()?;
        metadata.topics().iter().map(|topic| topic.partitions().len()).reduce(|a, b| a + b).filter(|count| *count > 0)
    };
    topics.map(|topic| known(topic).unwrap_or(ASSUMED)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a consumer of many partitions takes more memory than its manifest allows, up to being killed.
    #[test]
    fn what_is_fetched_ahead_fits_the_memory() {
        for partitions in [1, 4, 63, 200] {
            let memory = 32 << 20;
            let limits: std::collections::BTreeMap<_, _> = limits(memory, partitions).into_iter().collect();
            let bytes = limits["queued.max.messages.kbytes"] * 1024 + limits["max.partition.fetch.bytes"];
            let records = limits["queued.min.messages"] * RECORD;
            let all = (bytes + records) * partitions as u64;
            assert!(all <= memory + memory / 4, "{partitions} partitions: {all} bytes");
        }
        assert_eq!(limits(32 << 20, 1_000)[2].1, 64 << 10, "no fetch is smaller");
    }
}
