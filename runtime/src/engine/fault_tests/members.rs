//! Members that are slow, and members that take each other's place.

use super::*;

/// As the shop, with a name of its own in the group.
static NAMED: Manifest =
    Manifest { groups: &[GroupEntry { name: "shop", settings: &[("instance_id", "till-1")] }], settings: &[], ..PLAIN };

/// As the shop, with two seconds for what runs when a partition goes.
static HURRIED: Manifest =
    Manifest { groups: &[GroupEntry { name: "shop", settings: &[("drain", "2s")] }], settings: &[], ..PLAIN };

/// If this fails, a handler that ends as it is told that its partition is gone runs beside the new owner of its record, fails
/// for it, or is done again.
#[test]
fn row_4_a_handler_that_listens_ends_before_its_partition_goes() {
    let brokers = Brokers3::start();
    let shop = brokers.shop_with_short_sessions(&HURRIED);
    shop.state.listens.store(true, Ordering::Relaxed);
    shop.send_numbers(0..20);
    shop.take_time(Duration::from_secs(25));
    let first = shop.start();
    shop.until("both partitions at work", |shop| shop.begun() == 2);
    shop.take_time(Duration::ZERO);
    let second = shop.start();
    shop.until("the successor's end of the partition", |shop| !shop.seen().is_empty());
    assert!(shop.noted("RunsOn {") >= 1 && shop.noted("Left {") >= 1, "{:#?}", shop.other_notes());
    // Begun by the first, and then by the second; nothing is known of it that a commit does not know.
    assert!(shop.noted("to_repeat: 0") >= 1, "{:#?}", shop.other_notes());
    shop.until("all", |shop| shop.handled() == 20);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let ends = [first.join(), second.join()];
    assert!(ends.iter().all(|end| end.to_repeat.is_empty() && end.uncommitted.is_empty()), "{ends:?}");
    // On a busy machine the mock group takes the other one, too.
    let left = shop.noted("Left {");
    assert_eq!((shop.noted("RunsOn {"), shop.noted("Failed {"), shop.begun()), (left, 0, 20 + left));
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}

/// If this fails, a handler that outlives its partition commits over its successor's head, or its record is lost.
#[test]
fn row_4_the_drain_does_not_fit_its_budget() {
    let brokers = Brokers3::start();
    let shop = brokers.shop_with_short_sessions(&MANIFEST);
    shop.send_numbers(0..20);
    // As long as a revocation waits, and what the mock group takes before and after it on whatever machine.
    shop.state.holds.send_replace((0..20).collect());
    let first = shop.start();
    shop.until("both partitions at work", |shop| shop.begun() == 2);
    // The successor's first handler is at work when the late one has ended, and looks at what is held after that.
    shop.take_time(Duration::from_secs(7));
    let second = shop.start();
    shop.until("the successor at work", |shop| shop.begun() == 3);
    shop.take_time(Duration::ZERO);
    assert_eq!((shop.seen().len(), shop.noted("to_repeat: 1")), (0, 1), "{:#?}", shop.other_notes());
    shop.state.holds.send_replace(BTreeSet::new());
    // The partition that was not taken goes on as soon as its handler ends.
    shop.until("the late end", |shop| {
        shop.seen().iter().map(|(partition, _)| partition).collect::<BTreeSet<_>>().len() == 2
    });
    thread::sleep(Duration::from_millis(500));
    let (begun, committed) = (shop.begun(), shop.commits_and_ends());
    assert_eq!(committed.iter().filter(|(committed, _)| committed.unwrap_or(0) == 0).count(), 1, "{committed:?}");
    assert!(begun < 21, "the successor was too fast for this test");
    shop.until("all", |shop| shop.seen().len() == 21);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let ends = [first.join(), second.join()];
    assert!(ends.iter().all(|end| end.fatal.is_empty() && end.uncommitted.is_empty()), "{ends:?}");
    assert_eq!((shop.handled(), shop.repeats(), shop.is_in_order()), (20, 1, true));
}

/// If this fails, a handler that takes longer than the poll limit costs its partitions, and starts over for ever.
#[test]
fn row_6_a_handler_beyond_the_poll_limit_keeps_its_partitions() {
    let brokers = Brokers3::start();
    let mut shop = brokers.shop_with_short_sessions(&MANIFEST);
    // The client itself leaves the group when nobody has polled it for this long.
    shop.set_option("MAX_POLL_INTERVAL_MS", "2000");
    shop.send_numbers(0..20);
    shop.take_time(Duration::from_millis(4_500));
    let running = shop.start();
    shop.until("both partitions at work", |shop| shop.begun() == 2);
    shop.take_time(Duration::ZERO);
    shop.until("all", |shop| shop.handled() == 20);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    assert_eq!((shop.noted("Lost {"), shop.noted("Revoked {")), (0, 0), "{:#?}", shop.other_notes());
    running.join();
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}

/// If this fails, a member whose name another has taken works on, or ends without a word of why. (The mock group takes
/// two members of one name for two members; it is told what Kafka says to the older one.)
#[test]
fn row_18_a_fenced_member_ends_and_says_so() {
    let brokers = Brokers3::start();
    let shop = brokers.shop_with_short_sessions(&NAMED);
    shop.send_numbers(0..300);
    shop.take_time(Duration::from_millis(20));
    let running = shop.start();
    shop.until("a start", |shop| shop.handled() >= 20);
    let fenced = Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    brokers.cluster().request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
    assert!(running.wait(Duration::from_secs(20)), "it works on: {:#?}", shop.other_notes());
    let end = running.join();
    let [(group, reason)] = &*end.fatal else { panic!("it ended without a word: {end:?}") };
    assert_eq!(group, "shop");
    assert!(reason.to_lowercase().contains("fenced"), "{reason}");
    assert!(shop.handled() < 300);
    // Its successor goes on where the last commit was: 200 ms of work on two partitions, and what was at work.
    let successor = shop.start();
    shop.until("all", |shop| shop.handled() == 300);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    successor.join();
    assert!(shop.is_in_order());
    assert!(shop.repeats() <= 2 * (500 / 20), "{} repeats", shop.repeats());
}
