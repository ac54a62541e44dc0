//! Rows of the fault table on the real client and a mock cluster that is told to fail; `tests/faults.md` is the table.

use std::thread;

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    mocking::{MockCluster, MockCoordinator},
    producer::{BaseProducer, DefaultProducerContext, Producer as _},
    types::{RDKafkaApiKey, RDKafkaRespErr as Code},
};

use super::*;
use crate::client::native;

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
    ..MANIFEST
};

/// Three brokers that do as they are told.
struct Brokers3(BaseProducer);

impl Brokers3 {
    fn start() -> Self {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "3").set("log_level", "2");
        let brokers = Self(config.create().expect("brokers"));
        // Groups rebalance at once.
        native::MockCluster::of_client(brokers.0.client().native_ptr()).expect("a cluster");
        for (topic, partitions) in [("orders", 2), ("confirmed", 1), ("orders.dead", 1)] {
            brokers.cluster().create_topic(topic, partitions, 3).expect("a topic");
        }
        brokers
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.0.client().mock_cluster().expect("a cluster")
    }

    fn shop(&self, app: &'static Manifest) -> Shop {
        let mut shop = Shop::at(&self.cluster().bootstrap_servers(), app);
        // Longer than any trouble here, so that repeats come from the trouble and not from the session's end.
        shop.variables.insert("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS".to_owned(), "10000".to_owned());
        shop
    }

    fn refuse_commits(&self, code: Code, times: usize) {
        self.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &vec![code; times]);
    }
}

impl Shop {
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
        let numbers: std::collections::BTreeSet<_> = self.seen().into_iter().map(|(_, number)| number).collect();
        numbers.len()
    }

    fn take_time(&self, time: Duration) {
        *self.state.sleep.lock().expect("no panic") = time;
    }

    fn is_in_order(&self) -> bool {
        let mut first = std::collections::BTreeSet::new();
        let seen: Vec<_> = self.seen().into_iter().filter(|record| first.insert(*record)).collect();
        (0..2).all(|partition| seen.iter().filter(|record| record.0 == partition).map(|record| record.1).is_sorted())
    }
}

/// Handles 300 records while commits are refused; none may be lost, and the last commit must be the end.
fn handle_while_commits_are_refused(code: Code, times: usize) -> Shop {
    let brokers = Brokers3::start();
    let mut shop = brokers.shop(&MANIFEST);
    if code == Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID {
        // The mock group waits for the member that it says it does not know until its session is over.
        shop.variables.insert("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS".to_owned(), "2000".to_owned());
    }
    shop.take_time(Duration::from_millis(5));
    shop.send_numbers(0..300);
    brokers.refuse_commits(code, times);
    let running = shop.start();
    shop.until("all", |shop| shop.handled() == 300);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert!(end.fatal.is_empty() && end.uncommitted.is_empty(), "{end:?}");
    assert!(shop.is_committed_to_the_end(), "{:?}", shop.commits_and_ends());
    assert!(shop.is_in_order());
    shop
}

/// If this fails, a commit that Kafka refused in a rebalance counts as done, and its records are done again.
#[test]
fn row_8_commits_refused_in_a_rebalance_are_made_again() {
    let shop = handle_while_commits_are_refused(Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 4);
    assert_eq!(shop.repeats(), 0);
    assert!(shop.noted("CommitFailed {") > 0, "the refusal was not seen");
}

/// If this fails, a coordinator that starts up loses commits.
#[test]
fn row_8_commits_that_a_loading_coordinator_refuses_are_made_again() {
    let shop = handle_while_commits_are_refused(Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 4);
    assert_eq!(shop.repeats(), 0);
}

/// If this fails, a commit that timed out counts as done.
#[test]
fn row_8_commits_that_time_out_are_made_again() {
    let shop = handle_while_commits_are_refused(Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 4);
    assert_eq!(shop.repeats(), 0);
}

/// If this fails, a member that the group has forgotten loses records, or does not come back.
#[test]
fn row_8_an_unknown_member_joins_again() {
    let shop = handle_while_commits_are_refused(Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1);
    // What was done since the commit before: 200 ms of work on two partitions, and what was in flight.
    assert!(shop.repeats() <= 150, "{} repeats", shop.repeats());
}

/// If this fails, a member of an old generation loses records, or does not come back.
#[test]
fn row_8_an_old_generation_joins_again() {
    let shop = handle_while_commits_are_refused(Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1);
    assert!(shop.repeats() <= 150, "{} repeats", shop.repeats());
}

/// If this fails, a commit that the client tries again by itself lands after a later one, and takes the group back.
#[test]
fn row_8_a_commit_that_is_tried_again_does_not_undo_a_later_one() {
    let brokers = Brokers3::start();
    let mut shop = brokers.shop(&MANIFEST);
    // The client waits this long before it tries again: several commits are due meanwhile.
    for name in ["KARAFKA_OPTIONS_RETRY_BACKOFF_MS", "KARAFKA_OPTIONS_RETRY_BACKOFF_MAX_MS"] {
        shop.variables.insert(name.to_owned(), "1000".to_owned());
    }
    shop.take_time(Duration::from_millis(5));
    shop.send_numbers(0..200);
    brokers.refuse_commits(Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1);
    let running = shop.start();
    shop.until("all", |shop| shop.handled() == 200);
    // Each look may see a commit go back; the client's own attempt comes 1.2 s after the first at the latest.
    let mut highest = [0; 2];
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for (place, (committed, _)) in shop.commits_and_ends().into_iter().enumerate() {
            let committed = committed.unwrap_or(0);
            assert!(committed >= highest[place], "partition {place} went from {} back to {committed}", highest[place]);
            highest[place] = committed;
        }
        thread::sleep(Duration::from_millis(20));
    }
    running.join();
    assert!(shop.is_committed_to_the_end(), "{:?}", shop.commits_and_ends());
}

/// If this fails, a clean stop in which Kafka refuses a commit that is on its way repeats what it was about.
#[test]
fn row_8_a_stop_makes_a_refused_commit_again() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&MANIFEST);
    shop.send_numbers(0..40);
    // So slow that a commit is on its way when the stop comes.
    brokers.cluster().broker_round_trip_time(-1, Duration::from_millis(150)).expect("a delay");
    brokers.refuse_commits(Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 1);
    let running = shop.start();
    shop.until("all", |shop| shop.handled() == 40);
    thread::sleep(Duration::from_millis(250));
    let end = running.join();
    assert!(end.uncommitted.is_empty(), "{end:?}");
    assert!(shop.is_committed_to_the_end(), "{:?}", shop.commits_and_ends());
}

/// If this fails, a group whose coordinator moves loses, repeats or stops.
#[test]
fn row_9_the_coordinator_moves_while_records_are_handled() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&MANIFEST);
    shop.take_time(Duration::from_millis(5));
    shop.send_numbers(0..600);
    let move_to = |broker| {
        let group = MockCoordinator::Group("shop".to_owned());
        brokers.cluster().coordinator(group, broker).expect("it moves");
    };
    move_to(1);
    let running = shop.start();
    for (handled, broker) in [(100, 2), (250, 3), (400, 1)] {
        shop.until("some more", |shop| shop.handled() >= handled);
        move_to(broker);
    }
    shop.until("all", |shop| shop.handled() == 600);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert!(end.fatal.is_empty(), "{end:?}");
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}

/// If this fails, a slow network loses or repeats records.
#[test]
fn row_10_half_a_second_of_latency_is_slower_and_not_wrong() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&MANIFEST);
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.send_numbers(0..40);
    let running = shop.start();
    shop.until("a start", |shop| shop.handled() > 0);
    brokers.cluster().broker_round_trip_time(-1, Duration::from_millis(500)).expect("a delay");
    shop.send_numbers(40..50);
    shop.until("all, acknowledged", |shop| shop.noted("Done {") == 50);
    brokers.cluster().broker_round_trip_time(-1, Duration::ZERO).expect("no delay");
    let end = running.join();
    assert_eq!((end.handled, shop.repeats(), shop.is_in_order()), (50, 0, true));
    assert!(shop.is_committed_to_the_end(), "{:?}", shop.commits_and_ends());
}

/// If this fails, an outage of all brokers loses or repeats what was handled meanwhile, or nobody hears of it.
#[test]
fn row_7_all_brokers_are_away_for_a_while() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&MANIFEST);
    shop.take_time(Duration::from_millis(3));
    shop.send_numbers(0..1_000);
    let running = shop.start();
    shop.until("a start", |shop| shop.handled() >= 100);
    brokers.cluster().broker_down(-1).expect("they go");
    shop.until("a word of it", |shop| shop.noted("Disconnected {") == 1);
    thread::sleep(Duration::from_secs(2));
    brokers.cluster().broker_up(-1).expect("they come back");
    shop.until("all", |shop| shop.handled() == 1_000);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    running.join();
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}

/// If this fails, a dead letter that Kafka does not take is dropped, or its record counts as done without it.
#[test]
fn row_12_a_dead_letter_that_kafka_refuses_is_sent_again() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&BURYING);
    shop.send(Some("poison"), Some("not json"));
    shop.send_numbers(0..50);
    // Not one that the client itself tries again.
    let refusals = vec![Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3];
    brokers.cluster().request_errors(RDKafkaApiKey::Produce, &refusals);
    let running = shop.start();
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert_eq!((end.dead, shop.handled(), shop.repeats()), (1, 50, 0), "{:#?}", shop.other_notes());
    assert!(shop.noted("sent again") > 0, "{:#?}", shop.other_notes());
}

/// If this fails, a dead letter waits until the partition has no more work: it holds the commit back for that long,
/// and a crash repeats everything since.
#[test]
fn row_13_a_dead_letter_does_not_wait_for_the_end_of_the_work() {
    const RECORDS: u64 = 30_000;
    let brokers = Brokers3::start();
    let shop = brokers.shop(&BURYING);
    shop.send(Some("poison"), Some("not json"));
    shop.runtime.block_on(async {
        let sent = (0..RECORDS).map(|number| {
            let key = Some(format!("k{}", number % 1_000).into_bytes());
            let value = Some(number.to_string().into_bytes());
            let (producer, topic) = (shop.producer.clone(), "orders".to_owned());
            async move { producer.send(Outgoing { topic, key, value, headers: Vec::new() }).await }
        });
        for sent in sent.map(|sent| shop.runtime.spawn(sent)).collect::<Vec<_>>() {
            sent.await.expect("no panic").expect("acknowledged");
        }
    });
    let running = shop.start();
    let mut consumer = ClientConfig::new();
    consumer.set("bootstrap.servers", &shop.address).set("log_level", "2");
    let consumer: BaseConsumer = consumer.create().expect("a consumer");
    let handled_before = loop {
        let (_, end) = consumer.fetch_watermarks("orders.dead", 0, Duration::from_secs(10)).expect("watermarks");
        if end > 0 {
            break shop.seen().len();
        }
        assert!(shop.seen().len() < RECORDS as usize, "all the others came first");
    };
    shop.until("all", |shop| shop.handled() == RECORDS as usize);
    running.join();
    assert!(handled_before < RECORDS as usize, "{handled_before} records were handled before it was sent");
}
