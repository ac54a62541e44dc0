//! How much librdkafka may fetch ahead.
//!
//! Each partition has a queue of its own, and librdkafka's limits hold for each queue: so a group's memory is shared out
//! among all partitions of its topics, which a member of the group may come to have alone.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};

use crate::settings::sizes::{AtWork, PREFETCHED};

/// How long the brokers may take to say how many partitions there are.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many partitions a topic is taken to have when they have not said.
const ASSUMED: usize = 4;
/// What librdkafka needs for a record beside its bytes.
const RECORD: u64 = 400;

/// The largest answer that is taken from a broker: a batch that a topic holds comes whole, however large it is, and
/// librdkafka would cut the connection at 100 MB for ever. What is no answer of Kafka, such as "HTTP", says that it is larger.
const LARGEST_ANSWER: u64 = 1_001_000_000;
/// The least `message.max.bytes`, and so the least `fetch.max.bytes`.
const LEAST_FETCH: u64 = 1_000;
/// librdkafka's own `message.max.bytes`.
const DEFAULT_MESSAGE: u64 = 1_000_000;
/// What a busy partition gets at least beside quiet ones, in KiB a second, as far as the least wait allows.
const BESIDE_QUIET: u64 = 5 << 10;
/// Below it a broker is kept busy by apps that have nothing to do.
const LEAST_WAIT: u64 = 20;
/// librdkafka's own. A broker answers a connection's requests one after another: whatever else is asked on it, as what has become
/// of a topic, waits behind the fetch.
const LONGEST_WAIT: u64 = 500;
/// What librdkafka wants an answer to have room for beside `fetch.max.bytes`.
const FRAME: u64 = 512;

/// What a group may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// The group's `memory`, in bytes; a half of it is for what is fetched ahead.
    pub(crate) memory: u64,
    /// What may be at work at once.
    pub(crate) at_work: AtWork,
    /// How large a record may be.
    pub(crate) largest: u64,
}

/// Sets what bounds the queues to the group's memory, where the user has not said otherwise. Asks the brokers for the
/// number of partitions if that matters. Says what a person has to know of it, if large records would take more.
pub(super) fn bound<'a>(
    config: &mut ClientConfig,
    budget: Budget,
    topics: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let memory = budget.memory / PREFETCHED;
    let given: BTreeMap<&str, u64> = NAMES
        .into_iter()
        .chain([MESSAGE])
        .filter_map(|name| Some((name, config.get(name)?.trim().parse().ok()?)))
        .collect();
    let is_bounded = limits(memory, 1).iter().all(|(name, _)| given.contains_key(name)) && given.contains_key(WAIT);
    let partitions = if is_bounded { 1 } else { count(config, topics) };
    for (name, value) in properties(&given, memory, partitions) {
        config.set(name, value.to_string());
    }
    let above = budget.at_work.above(partitions as u64, budget.largest, budget.memory);
    above.map(|(words, help)| format!("{words}; {help}"))
}

const QUEUED: &str = "queued.max.messages.kbytes";
const RECORDS: &str = "queued.min.messages";
const PARTITION: &str = "max.partition.fetch.bytes";
const FETCH: &str = "fetch.max.bytes";
const RECEIVE: &str = "receive.message.max.bytes";
const MESSAGE: &str = "message.max.bytes";
const WAIT: &str = "fetch.wait.max.ms";
const NAMES: [&str; 6] = [QUEUED, RECORDS, PARTITION, FETCH, RECEIVE, WAIT];

/// The properties that are to be set, where `given` are the user's. Whatever these are, a client can be made of both, unless
/// they contradict each other ([`crate::settings::Settings::check_options`]).
fn properties(given: &BTreeMap<&str, u64>, memory: u64, partitions: usize) -> BTreeMap<&'static str, u64> {
    let mut set: BTreeMap<_, _> = limits(memory, partitions).into_iter().collect();
    // Whoever writes it for a consumer wants as much to come at once.
    let wanted = set.remove(FETCH).unwrap_or(0).max(given.get(MESSAGE).copied().unwrap_or(0));
    let fits = given.get(RECEIVE).map_or(u64::MAX, |receive| receive.saturating_sub(FRAME));
    // No client is made for less; a batch comes whole either way.
    let fetch = given.get(FETCH).copied().unwrap_or(wanted.min(fits)).max(LEAST_FETCH);
    let receive = given.get(RECEIVE).copied().unwrap_or(LARGEST_ANSWER.max(fetch + FRAME)).max(LEAST_FETCH + FRAME);
    set.insert(WAIT, wait(given.get(QUEUED).copied().unwrap_or(set[QUEUED])));
    set.retain(|name, _| !given.contains_key(name));
    // It bounds what is sent; librdkafka takes it for the least that a consumer fetches at once.
    set.extend([(FETCH, fetch), (RECEIVE, receive), (MESSAGE, fetch.min(DEFAULT_MESSAGE))]);
    set
}

/// The bounds for this many partitions.
///
/// A queue that is below both limits, of records and of bytes, is fetched for once more. So a third of a partition's
/// share is for the bytes below the limit, a third for the fetch beyond it, and a third for what records need beside
/// their bytes.
fn limits(memory: u64, partitions: usize) -> [(&'static str, u64); 4] {
    let third = memory / 3 / partitions.max(1) as u64;
    [
        (QUEUED, (third / 1024).clamp(16, 2_097_151)),
        (RECORDS, (third / RECORD).clamp(16, 100_000)),
        // Smaller fetches than these would be answered with a single batch of a single partition.
        (PARTITION, third.clamp(64 << 10, 1 << 20)),
        (FETCH, (memory / 3).clamp(1 << 20, 50 << 20)),
    ]
}

/// How long a broker may wait for news, in milliseconds, where a partition's queue takes so many KiB.
///
/// librdkafka asks a broker one thing at a time. While it waits for news of partitions that have none, one whose queue was full
/// and has run empty is not fetched for: beside quiet partitions a busy one gets what its queue takes in each such wait.
/// A short wait costs the broker a request of every idle app each time. So it is as long as a busy partition can bear.
fn wait(queued: u64) -> u64 {
    (queued.saturating_mul(1_000) / BESIDE_QUIET).clamp(LEAST_WAIT, LONGEST_WAIT)
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

    /// If this fails, properties that a person sets, each of them fine by itself, keep a consumer from being made, or a
    /// record that the topic holds from being fetched.
    #[test]
    fn whatever_is_set_a_client_can_be_made() {
        let megabyte = 1_000_000;
        // Set by a person: `message.max.bytes`, `fetch.max.bytes`, `receive.message.max.bytes`, one partition's share. Then
        // what comes of the second and the third.
        let table = [
            (64, [None, None, None, None], (11_184_810, LARGEST_ANSWER)),
            (1, [None, None, None, None], (1 << 20, LARGEST_ANSWER)),
            (4_096, [None, None, None, None], (50 << 20, LARGEST_ANSWER)),
            (64, [Some(100 * megabyte), None, None, None], (100 * megabyte, LARGEST_ANSWER)),
            (64, [Some(1_000 * megabyte), None, None, None], (1_000 * megabyte, LARGEST_ANSWER)),
            (64, [Some(100 * megabyte), Some(5 * megabyte), None, None], (5 * megabyte, LARGEST_ANSWER)),
            (64, [None, Some(5 * megabyte), None, Some(9 * megabyte)], (5 * megabyte, LARGEST_ANSWER)),
            (64, [None, Some(0), None, None], (1_000, LARGEST_ANSWER)),
            (64, [None, Some(2_147_483_135), None, None], (2_147_483_135, 2_147_483_647)),
            (64, [None, None, Some(megabyte), None], (megabyte - 512, megabyte)),
            (64, [Some(100 * megabyte), None, Some(megabyte), None], (megabyte - 512, megabyte)),
            (64, [None, None, Some(1_000), None], (1_000, 1_512)),
            (64, [None, Some(megabyte), Some(megabyte + 512), None], (megabyte, megabyte + 512)),
            (64, [None, None, Some(2_147_483_647), Some(1)], (11_184_810, 2_147_483_647)),
        ];
        for (memory, [message, fetch, receive, partition], expected) in table {
            let mut config = ClientConfig::new();
            config.set("group.id", "g").set("bootstrap.servers", "127.0.0.1:1").set("log_level", "0");
            let set = [(MESSAGE, message), (FETCH, fetch), (RECEIVE, receive), (PARTITION, partition)];
            for (name, value) in set.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                config.set(name, value.to_string());
            }
            let at_work = AtWork { concurrency: 32, is_by_partition: true, records: 1 };
            bound(&mut config, Budget { memory: memory << 20, at_work, largest: 1 << 20 }, std::iter::empty());
            let of = |name| config.get(name).and_then(|value| value.parse::<u64>().ok()).expect("it is set");
            assert_eq!((of(FETCH), of(RECEIVE)), expected, "{set:?}");
            assert_eq!(of(PARTITION), partition.unwrap_or(of(PARTITION)));
            let made: Result<BaseConsumer, _> = config.create();
            assert!(made.is_ok(), "{set:?}: {:?}", made.err());
        }
    }

    /// If this fails, a busy partition idles beside quiet ones, or an app with nothing to do keeps its brokers busy.
    #[test]
    fn a_broker_waits_for_news_as_long_as_a_busy_partition_can_bear() {
        let memory = 32 << 20;
        let set = |given: &[(&'static str, u64)], partitions| {
            properties(&given.iter().copied().collect(), memory, partitions).get(WAIT).copied()
        };
        for (partitions, wait) in [(1, 500), (4, 500), (12, 177), (63, 33), (1_000, 20)] {
            assert_eq!(set(&[], partitions), Some(wait), "{partitions} partitions");
        }
        assert_eq!(set(&[(QUEUED, 2_048)], 63), Some(400), "the queue is the user's");
        assert_eq!(set(&[(WAIT, 7)], 4), None, "the wait is the user's");
    }

    /// If this fails, a consumer of many partitions takes more memory than its manifest allows, up to being killed.
    #[test]
    fn what_is_fetched_ahead_fits_the_memory() {
        for partitions in [1, 4, 63, 200] {
            let memory = 32 << 20;
            let limits: std::collections::BTreeMap<_, _> = limits(memory, partitions).into_iter().collect();
            let bytes = limits[QUEUED] * 1024 + limits[PARTITION];
            let records = limits[RECORDS] * RECORD;
            let all = (bytes + records) * partitions as u64;
            assert!(all <= memory + memory / 4, "{partitions} partitions: {all} bytes");
        }
        assert_eq!(limits(32 << 20, 1_000)[2].1, 64 << 10, "no fetch is smaller");
    }
}
