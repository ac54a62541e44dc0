//! Rows of the fault table on the real client and a mock cluster that is told to fail; `tests/faults.md` is the table.

mod brokers;
mod commits;
mod members;
mod records;
mod standing;
mod topics;

use std::{collections::BTreeSet, thread};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    mocking::{MockCluster, MockCoordinator},
    producer::{BaseProducer, DefaultProducerContext, Producer as _},
    types::{RDKafkaApiKey, RDKafkaRespErr as Code},
};

use super::*;
use crate::native;

/// The shop, with the session in the hands of each test.
static MANIFEST: Manifest = Manifest { settings: &[], ..PLAIN };

/// As the shop, with what fails going to `orders.dead`, by key.
static BURYING: Manifest = Manifest {
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }],
    consumers: &[ConsumerEntry {
        topic: "orders",
        group: "shop",
        controller: "OrdersController",
        worker: "OrdersWorker",
        parser: "json",
        interchanger: "json",
        emits: &["confirmed"],
        settings: &[("retry.backoff", "20ms..100ms"), ("retry.attempts", "2"), ("dead_letter", "orders.dead")],
    }],
    settings: &[],
    ..PLAIN
};

/// As the shop, by key.
static KEYED: Manifest =
    Manifest { groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }], settings: &[], ..PLAIN };

/// Three brokers that do as they are told.
struct Brokers3(BaseProducer);

impl Brokers3 {
    fn start() -> Self {
        Self::with_topics(&[("orders", 2), ("confirmed", 1), ("orders.dead", 1)])
    }

    fn with_topics(topics: &[(&str, i32)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "3").set("log_level", "2");
        let brokers = Self(config.create().expect("brokers"));
        // Groups rebalance at once.
        native::MockCluster::of_client(brokers.0.client().native_ptr()).expect("a cluster");
        topics.iter().for_each(|(topic, partitions)| brokers.create_topic(topic, *partitions));
        brokers
    }

    fn create_topic(&self, topic: &str, partitions: i32) {
        self.cluster().create_topic(topic, partitions, 3).expect("a topic");
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.0.client().mock_cluster().expect("a cluster")
    }

    fn shop(&self, app: &'static Manifest) -> Shop {
        // Longer than any trouble here, so that repeats come from the trouble and not from the session's end.
        self.shop_with_session(app, "10000")
    }

    /// A shop with this session, unless its manifest says one.
    fn shop_with_session(&self, app: &'static Manifest, milliseconds: &str) -> Shop {
        let mut shop = Shop::at(&self.cluster().bootstrap_servers(), app);
        // A variable would win.
        if !app.settings.iter().any(|(key, _)| key.ends_with("session.timeout.ms")) {
            shop.set_option("SESSION_TIMEOUT_MS", milliseconds);
        }
        shop
    }

    /// The same for tests in which the mock group waits for the session of a member to be over, as it does before it
    /// gives anything to a second member, or to one that it has forgotten.
    fn shop_with_short_sessions(&self, app: &'static Manifest) -> Shop {
        self.shop_with_session(app, "2000")
    }

    fn refuse_commits(&self, code: Code, times: usize) {
        self.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &vec![code; times]);
    }
}

impl Shop {
    /// Sets a property of librdkafka, as the environment does.
    fn set_option(&mut self, name: &str, value: &str) {
        self.variables.insert(format!("KARAFKA_OPTIONS_{name}"), value.to_owned());
    }

    /// What the group has committed in each partition, and where the partition ends.
    fn commits_and_ends(&self) -> Vec<(Option<i64>, i64)> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("group.id", "shop").set("log_level", "2");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_range("orders", 0, 1);
        let limit = Duration::from_secs(10);
        let committed = consumer.committed_offsets(list, limit).expect("offsets");
        let offset = |partition| match committed.find_partition("orders", partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        let end = |partition| consumer.fetch_watermarks("orders", partition, limit).expect("watermarks").1;
        (0..2).map(|partition| (offset(partition), end(partition))).collect()
    }

    fn is_committed_to_the_end(&self) -> bool {
        self.commits_and_ends().iter().all(|(committed, end)| committed.unwrap_or(0) == *end)
    }

    /// How often records were handled beyond once each.
    fn repeats(&self) -> usize {
        let mut seen = self.seen();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        all - seen.len()
    }

    /// How many different numbers were handled.
    fn handled(&self) -> usize {
        let numbers: BTreeSet<_> = self.seen().into_iter().map(|(_, number)| number).collect();
        numbers.len()
    }

    fn take_time(&self, time: Duration) {
        *self.state.sleep.lock().expect("no panic") = time;
    }

    /// Whether records of each partition were handled in order, repeats aside.
    fn is_in_order(&self) -> bool {
        self.is_in_order_by(|(partition, _)| u64::from(partition.cast_unsigned()))
    }

    /// Whether records of each key of [`Shop::send_numbers`] were.
    fn is_in_order_by_key(&self) -> bool {
        self.is_in_order_by(|(_, number)| number % 7)
    }

    fn is_in_order_by(&self, line: impl Fn((i32, u64)) -> u64) -> bool {
        let (mut first, mut last) = (BTreeSet::new(), BTreeMap::new());
        let mut seen = self.seen().into_iter().filter(|record| first.insert(*record));
        seen.all(|record| last.insert(line(record), record.1).is_none_or(|before| before < record.1))
    }
}
