//! Where a group begins, and where it goes on when its position is gone.

use super::*;

static LATEST: Manifest = Manifest {
    consumers: &[ConsumerEntry { settings: &[("start", "latest"), ("tombstones", "skip")], ..PLAIN.consumers[0] }],
    ..PLAIN
};

static SINCE: Manifest =
    Manifest { consumers: &[ConsumerEntry { settings: &[("start", "24h ago")], ..PLAIN.consumers[0] }], ..PLAIN };

static LOST_TO_EARLIEST: Manifest = Manifest {
    consumers: &[ConsumerEntry { settings: &[("lost_position", "earliest")], ..PLAIN.consumers[0] }],
    ..PLAIN
};

static LOST_TO_LATEST: Manifest = Manifest {
    consumers: &[ConsumerEntry { settings: &[("lost_position", "latest")], ..PLAIN.consumers[0] }],
    ..PLAIN
};

/// If this fails, a group with `start: latest` works off the past, or, after a stop before its first record, skips what
/// came in between.
#[test]
fn a_new_group_begins_at_the_end_and_stays_there() {
    let shop = Shop::open();
    shop.send_numbers(0..30);
    let running = shop.start_as(&LATEST);
    shop.until("both positions", |shop| shop.noted("Positioned {") == 2);
    assert_eq!(running.join().handled, 0);
    shop.send_numbers(30..40);
    let running = shop.start_as(&LATEST);
    shop.until("what came since", |shop| shop.seen().len() >= 10);
    assert_eq!(running.join().handled, 10);
    assert_eq!(shop.noted("Positioned {"), 2, "the group has offsets from its first moment on");
    assert!(shop.seen().iter().all(|(_, number)| *number >= 30));
}

/// If this fails, an age as the start keeps the app from starting. (The mock cluster knows no times, and answers as
/// Kafka does when nothing is as new as that.)
#[test]
fn without_records_as_new_as_the_start_a_group_begins_at_the_end() {
    let shop = Shop::open();
    shop.send_numbers(0..10);
    let running = shop.start_as(&SINCE);
    shop.until("both positions", |shop| shop.noted("from: None") == 2);
    shop.send_numbers(10..20);
    shop.until("the new ones", |shop| shop.seen().len() >= 10);
    assert_eq!(running.join().handled, 10);
}

impl Shop {
    /// Commits `offset` for both partitions in the place of the group.
    fn commit(&self, offset: i64) {
        use rdkafka::{
            ClientConfig, Offset, TopicPartitionList,
            consumer::{BaseConsumer, CommitMode, Consumer},
        };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("group.id", "shop");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in 0..2 {
            list.add_partition_offset("orders", partition, Offset::Offset(offset)).expect("an offset");
        }
        consumer.commit(&list, CommitMode::Sync).expect("committed");
    }
}

/// If this fails, a group whose records are gone jumps somewhere in silence, and nobody hears of the loss.
#[test]
fn a_lost_position_stops_the_partition_and_is_reported() {
    let shop = Shop::open();
    shop.send_numbers(0..30);
    shop.commit(1_000);
    let running = shop.start();
    shop.until("the reports", |shop| shop.noted("the offset to read from is gone") == 2);
    assert_eq!(running.join().handled, 0);
    assert_eq!(shop.noted("Positioned {"), 0);
}

/// If this fails, `lost_position: earliest` does not go on by itself, or does not say that it has.
#[test]
fn a_lost_position_goes_on_at_the_beginning_if_told_to() {
    let shop = Shop::open();
    shop.send_numbers(0..30);
    shop.commit(1_000);
    let running = shop.start_as(&LOST_TO_EARLIEST);
    shop.until("all", |shop| shop.seen().len() >= 30);
    assert_eq!(running.join().handled, 30);
    assert_eq!(shop.noted("from: Some(1000), to: 0, passed: -1000"), 2);
    let running = shop.start_as(&LOST_TO_EARLIEST);
    shop.send_numbers(30..31);
    shop.until("a new one", |shop| shop.seen().len() >= 31);
    assert_eq!(running.join().handled, 1, "the new position is committed");
}

/// If this fails, `lost_position: latest` does not go on by itself, or does not say that it has.
#[test]
fn a_lost_position_goes_on_at_the_end_if_told_to() {
    let shop = Shop::open();
    shop.send_numbers(0..30);
    shop.commit(1_000);
    let running = shop.start_as(&LOST_TO_LATEST);
    shop.until("both positions", |shop| shop.noted("from: Some(1000)") == 2);
    shop.send_numbers(30..40);
    shop.until("the new ones", |shop| shop.seen().len() >= 10);
    assert_eq!(running.join().handled, 10);
}
