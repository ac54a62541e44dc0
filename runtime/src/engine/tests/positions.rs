//! Where a group begins, and where it goes on when its position is gone.

use super::{
    stall::{KEYED, Stall, once},
    *,
};

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
        self.commit_of(&[(0, offset), (1, offset)]);
    }

    /// The offsets behind the last records of both partitions.
    fn ends(&self) -> Vec<i64> {
        use rdkafka::{
            ClientConfig,
            consumer::{BaseConsumer, Consumer},
        };
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.address).create().expect("a consumer");
        let end =
            |partition| consumer.fetch_watermarks("orders", partition, Duration::from_secs(10)).expect("an end").1;
        (0..2).map(end).collect()
    }

    /// The same for single partitions.
    fn commit_of(&self, offsets: &[(i32, i64)]) {
        use rdkafka::{
            ClientConfig, Offset, TopicPartitionList,
            consumer::{BaseConsumer, CommitMode, Consumer},
        };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("group.id", "shop");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset("orders", *partition, Offset::Offset(*offset)).expect("an offset");
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
    shop.until("the reports", |shop| shop.noted("PositionLost {") == 2);
    assert_eq!(running.join().handled, 0);
    assert_eq!(shop.noted("Positioned {"), 0);
    // The mock cluster has no ids of topics, and this process has read nothing of them.
    assert_eq!(shop.noted("from: 1000, log: Some(Log { first: 0, end: "), 2);
    assert_eq!(shop.noted("cause: BeyondEnd, moves: false"), 2);
}

/// If this fails, a group that has lost the offset of a partition reads it again, or skips it, as if it were new.
#[test]
fn a_known_group_without_an_offset_is_told_from_a_new_one() {
    for (manifest, skips) in [(&PLAIN, false), (&LATEST, true)] {
        let shop = Shop::open();
        shop.send_numbers(0..60);
        let ends = shop.ends();
        assert_eq!(ends.iter().sum::<i64>(), 60);
        shop.commit_of(&[(1, ends[1])]);
        let running = shop.start_as(manifest);
        shop.until("the word of it", |shop| shop.noted("Positioned {") == 1);
        let to = if skips { ends[0] } else { 0 };
        let words = format!(
            "from: None, to: {to}, passed: {to}, log: Some(Log {{ first: 0, end: {} }}), cause: NoOffset {{ in_topic: 1, \
             elsewhere: 0 }}",
            ends[0]
        );
        assert_eq!(shop.noted(&words), 1, "{words}");
        running.join();
    }
}

/// If this fails, a new group alarms a person, or says nothing of where it begins; or one without records does.
#[test]
fn a_new_group_says_where_it_begins() {
    let shop = Shop::open();
    let running = shop.start();
    shop.until("the partitions", |shop| shop.noted("Assigned {") == 1);
    shop.send_numbers(0..30);
    shop.until("all", |shop| shop.seen().len() >= 30);
    running.join();
    assert_eq!(shop.noted("Positioned {"), 0, "there was nothing to say");
    let shop = Shop::open();
    shop.send_numbers(0..30);
    let running = shop.start();
    shop.until("all", |shop| shop.seen().len() >= 30);
    running.join();
    assert_eq!(shop.noted("cause: NewGroup"), 2);
    assert_eq!(shop.noted("Positioned {"), 2);
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

static FOLLOWS_TO_LATEST: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[("retry.backoff", "20ms..100ms"), ("lost_position", "latest")],
        ..KEYED.consumers[0]
    }],
    ..KEYED
};

static FOLLOWS: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[("retry.backoff", "20ms..100ms"), ("lost_position", "earliest")],
        ..KEYED.consumers[0]
    }],
    ..KEYED
};

/// If this fails, retention that passes a slow consumer stops it until somebody starts it again, or it jumps in silence,
/// or loses what it has read already.
#[test]
fn a_position_that_is_lost_in_mid_run_is_followed_at_once() {
    let stall = Stall::with_records(10);
    stall.fail(4, 8);
    let running = stall.start_as(&FOLLOWS);
    stall.until("all but one", |stall| stall.handled().len() == 9);
    stall.forget_before(40);
    (10..60).for_each(|number| stall.send(&format!("k{number}"), &number.to_string()));
    stall.until("all that is there", |stall| stall.commit() == Some((60, None)));
    // A second time, with nothing left to do.
    stall.forget_before(80);
    (60..100).for_each(|number| stall.send(&format!("k{number}"), &number.to_string()));
    stall.until("all that is there then", |stall| stall.commit() == Some((100, None)));
    running.join();
    let parts = [once(0..10), once(40..60), once(80..100)];
    let expected: BTreeMap<u64, u32> = parts.into_iter().flatten().collect();
    assert_eq!(stall.handled(), expected, "what was read is done, and what is there");
    assert_eq!(stall.noted("from: Some(10), to: 40, passed: 30"), 1);
    assert_eq!(stall.noted("cause: Retention"), 2);
    assert_eq!(stall.noted("from: Some(60), to: 80, passed: 20"), 1);
}

/// If this fails, `lost_position: fail` moves by itself, or health does not say that a partition waits.
#[test]
fn a_position_that_is_lost_in_mid_run_halts_its_partition_by_default() {
    let stall = Stall::with_records(2);
    let running = stall.start();
    stall.until("both", |stall| stall.commit() == Some((2, None)));
    stall.forget_before(10);
    (2..20).for_each(|number| stall.send(&format!("k{number}"), &number.to_string()));
    // It is seen when the first record is there.
    let words = "from: 2, log: Some(Log { first: 10, end: ";
    stall.until("the report", |stall| stall.noted(words) == 1);
    assert_eq!(stall.noted("cause: Retention, moves: false"), 1);
    let view = running.watch().view(Instant::now()).groups;
    assert!(view[0].lanes[0].halted);
    running.join();
    assert_eq!(stall.commit(), Some((2, None)));
    // What the topic was before this start nobody knows.
    let running = stall.start();
    stall.until("the report of the next start", |stall| stall.noted("cause: BeforeLog, moves: false") == 1);
    running.join();
    assert_eq!((stall.commit(), stall.handled()), (Some((2, None)), once(0..2)));
}

/// If this fails, a log that was truncated is called another thing where it is known, or called that where it is not.
#[test]
fn row_14_a_log_that_was_truncated_is_called_that_where_it_is_known() {
    for (is_old, cause) in [(false, "Truncated"), (true, "BeyondEnd")] {
        let stall = Stall::with_records(20);
        if is_old {
            stall.have_no_ids();
        }
        let running = stall.start();
        stall.until("all", |stall| stall.commit() == Some((20, None)));
        stall.truncate(15);
        let words = format!("from: 20, log: Some(Log {{ first: 0, end: 15 }}), cause: {cause}, moves: false");
        stall.until(&words, |stall| stall.noted(&words) == 1);
        running.join();
    }
    let stall = Stall::with_records(20);
    let running = stall.start_as(&FOLLOWS);
    stall.until("all", |stall| stall.commit() == Some((20, None)));
    stall.truncate(15);
    let words = "from: Some(20), to: 0, passed: -20, log: Some(Log { first: 0, end: 15 }), cause: Truncated";
    stall.until(words, |stall| stall.noted(words) == 1 && stall.commit() == Some((15, None)));
    running.join();
}

/// If this fails, a topic that was recreated is called one that retention has passed, or a partition stands still or skips
/// what is in it, until somebody looks by chance; whatever `lost_position` says.
#[test]
fn row_17_a_lost_position_of_a_topic_that_was_recreated_is_called_that_at_once() {
    for manifest in [&KEYED, &FOLLOWS, &FOLLOWS_TO_LATEST] {
        let stall = Stall::with_records(50);
        let running = stall.start_as(manifest);
        stall.until("all", |stall| stall.commit() == Some((50, None)));
        stall.recreate_unseen(5);
        // It is seen when the first record is there.
        let words = "from: Some(50), to: 0, passed: -50, log: Some(Log { first: 0, end: ";
        stall.until("all of the new one", |stall| stall.noted(words) == 1 && stall.commit() == Some((5, None)));
        assert_eq!(stall.noted("cause: Recreated"), 1);
        running.join();
        assert_eq!(stall.noted("PositionLost {") + stall.noted("lost its position"), 0);
        assert_eq!(stall.noted("the topic `orders` was recreated"), 1);
        assert!((0..5).all(|number| stall.handled()[&number] == 2));
    }
}

/// If this fails, a topic that was recreated while the group gave its partitions anew is read twice, or is not called that.
#[test]
fn row_17_a_topic_that_was_recreated_amid_a_rebalance_is_begun_once() {
    let stall = Stall::with_records(50);
    let running = stall.start_as(&FOLLOWS);
    stall.until("all", |stall| stall.commit() == Some((50, None)));
    stall.lose();
    stall.until("its end", |stall| stall.noted("Lost {") == 1);
    stall.forget_commit();
    stall.recreate_unseen(5);
    // Both are heard of in one turn.
    stall.freeze(true);
    stall.see_recreated();
    stall.assign();
    stall.freeze(false);
    stall.until("all of the new one", |stall| stall.commit() == Some((5, None)));
    stall.until("the end", |stall| stall.noted("the topic `orders` was recreated") == 1);
    // So long that a second beginning would show.
    std::thread::sleep(Duration::from_millis(300));
    let words = "from: Some(50), to: 0, passed: -50, log: Some(Log { first: 0, end: 5 }), cause: Recreated";
    assert_eq!(stall.noted(words), 1);
    running.join();
    assert!((0..5).all(|number| stall.handled()[&number] == 2), "once of each topic: {:?}", stall.handled());
}

/// If this fails, a group whose offset is deleted while it runs stands still, commits nothing any more, or begins anew in
/// silence when the partition comes back.
#[test]
fn an_offset_that_is_deleted_in_mid_run_is_committed_again_or_told() {
    let stall = Stall::with_records(10);
    let running = stall.start();
    stall.until("all", |stall| stall.commit() == Some((10, None)));
    stall.forget_commit();
    stall.send("k10", "10");
    stall.until("the next commit", |stall| stall.commit() == Some((11, None)));
    stall.forget_commit();
    stall.revoke();
    stall.until("it is gone", |stall| stall.noted("Revoked {") == 1);
    stall.assign();
    let words = "from: Some(11), to: 0, passed: -11, log: Some(Log { first: 0, end: 11 }), cause: OffsetGone";
    stall.until(words, |stall| stall.noted(words) == 1 && stall.commit() == Some((11, None)));
    assert_eq!(running.join().handled, 22, "`start` says where it begins, as of a new group");
}

/// If this fails, an offset that has expired between two runs is not told, or under `at_most_once` or with batches only.
#[test]
fn an_offset_that_is_gone_at_a_start_is_told_however_records_are_delivered() {
    static ONCE: Manifest =
        Manifest { groups: &[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once")] }], ..KEYED };
    for manifest in [&KEYED, &ONCE] {
        let stall = Stall::with_records(10);
        stall.commit_elsewhere();
        let running = stall.start_as(manifest);
        let words = "from: None, to: 0, passed: 0, log: Some(Log { first: 0, end: 10 }), cause: NoOffset { in_topic: 0, \
                     elsewhere: 1 }";
        stall.until(words, |stall| stall.noted(words) == 1 && stall.handled().len() == 10);
        running.join();
    }
}

/// If this fails, records of a topic that was recreated are skipped as those that had their offsets before, or their
/// consumer goes on in the middle of them.
#[test]
fn row_17_what_was_finished_of_a_topic_that_was_recreated_skips_nothing() {
    let stall = Stall::with_records(50);
    stall.fail(3, u32::MAX);
    let running = stall.start();
    stall.until("a commit of all but one", |stall| {
        stall.handled().len() == 49
            && stall.commit().is_some_and(|(offset, metadata)| offset == 3 && metadata.is_some())
    });
    stall.fail(3, 0);
    stall.recreate(80);
    stall.until("a commit of all", |stall| stall.commit() == Some((80, None)));
    let end = running.join();
    assert!(end.fatal.is_empty(), "{:?}", end.fatal);
    let handled = stall.handled();
    assert!((0..80).all(|number| handled.get(&number).is_some_and(|times| *times >= 1)), "{handled:?}");
    // Each record but the one that failed was in the old topic as well.
    assert!((0..50).filter(|number| *number != 3).all(|number| handled[&number] >= 2), "{handled:?}");
    assert_eq!(stall.noted("the topic `orders` was recreated"), 1);
}

/// If this fails, an app with `assignor: range` goes on in the middle of a topic that was recreated, also after a restart.
#[test]
fn row_17_without_single_moves_the_next_start_begins_a_topic_that_was_recreated() {
    let stall = Stall::with_records(50);
    stall.be_eager();
    let running = stall.start();
    stall.until("a commit of all", |stall| stall.commit() == Some((50, None)));
    stall.recreate(80);
    stall.until("a commit of the beginning", |stall| stall.commit() == Some((0, None)));
    let end = running.join();
    assert!(end.fatal.iter().any(|(_, reason)| reason.contains("was recreated")), "{:?}", end.fatal);
    assert_eq!(stall.noted("cause: Recreated"), 1);
    let running = stall.start();
    stall.until("a commit of all there is", |stall| stall.commit() == Some((80, None)));
    running.join();
    assert!((0..80).all(|number| stall.handled()[&number] >= 1));
}

/// If this fails, a process that comes back under its `instance_id` with other topics ends at once, again and again.
#[test]
fn a_partition_that_nobody_here_consumes_keeps_no_other_back() {
    let stall = Stall::with_records(3);
    let running = stall.start();
    stall.give_foreign();
    stall.until("the word of it", |stall| stall.noted("strangers/0 was assigned, and nobody here consumes it") == 1);
    stall.send("k3", "3");
    stall.until("all records", |stall| stall.handled() == once(0..4));
    let end = running.join();
    assert!(end.fatal.is_empty(), "{:?}", end.fatal);
}
