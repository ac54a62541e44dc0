//! Commits that Kafka refuses.

use super::*;
use crate::engine::GroupsEnd;

/// Handles 300 records while commits are refused; none may be lost, and the last commit must be the end.
fn handle_while_commits_are_refused(code: Code, times: usize) -> Shop {
    let brokers = Brokers3::start();
    let forgets = [Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION];
    let shop =
        if forgets.contains(&code) { brokers.shop_with_short_sessions(&MANIFEST) } else { brokers.shop(&MANIFEST) };
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
    assert!(shop.noted("CommitRefused {") > 0, "the refusal was not seen");
    assert_eq!(shop.noted("CommitFailed {"), 0, "a rebalance is no fault");
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
    shop.set_option("RETRY_BACKOFF_MS", "1000");
    shop.set_option("RETRY_BACKOFF_MAX_MS", "1000");
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

/// So seldom that no commit is on its way unless a stop makes one.
static SELDOM: Manifest = Manifest {
    settings: &[],
    groups: &[GroupEntry { name: "shop", settings: &[("commit_interval", "60s")] }],
    ..PLAIN
};

/// A shop whose broker takes in two commits and never answers them.
fn shop_without_answers(app: &'static Manifest) -> (Brokers3, Shop) {
    let brokers = Brokers3::start();
    brokers.cluster().coordinator(MockCoordinator::Group("shop".to_owned()), 1).expect("a coordinator");
    let native = native::MockCluster::of_client(brokers.0.client().native_ptr()).expect("a cluster");
    native.refuse_commits_in_silence(2);
    let shop = brokers.shop_with_short_sessions(app);
    (brokers, shop)
}

/// All of 40 records are said to be done again, and are.
fn all_is_repeated(shop: &Shop, end: &GroupsEnd) {
    assert_eq!(end.to_repeat.iter().map(|again| again.records).sum::<u64>(), 40, "{end:?}");
    assert!(end.to_repeat.iter().all(|again| again.group == "shop" && &*again.partition.topic == "orders"), "{end:?}");
    let successor = shop.start();
    shop.until("all again", |shop| shop.repeats() == 40);
    assert_eq!(successor.join().to_repeat, []);
}

/// If this fails, a stop whose last commit a broker takes in and never answers ends as if nothing was done again.
#[test]
fn row_8_a_stop_says_what_a_swallowed_commit_costs() {
    let (_brokers, shop) = shop_without_answers(&SELDOM);
    let running = shop.start();
    shop.until("its partitions", |shop| shop.noted("Assigned {") == 1);
    // What is committed with an assignment is over, and was nothing.
    thread::sleep(Duration::from_millis(200));
    shop.send_numbers(0..40);
    shop.until("all", |shop| shop.handled() == 40);
    let end = running.join();
    assert_eq!(end.uncommitted.len(), 1, "{end:?}");
    all_is_repeated(&shop, &end);
}

/// If this fails, the same happens where a commit was on its way when the stop came: the session is over before the last one is
/// given up.
#[test]
fn row_8_a_stop_says_what_a_swallowed_commit_before_it_costs() {
    let (_brokers, shop) = shop_without_answers(&MANIFEST);
    shop.send_numbers(0..40);
    let running = shop.start();
    shop.until("all", |shop| shop.handled() == 40);
    // Longer than a commit interval.
    thread::sleep(Duration::from_millis(400));
    let end = running.join();
    assert_eq!(shop.noted("Lost {"), 1, "{:#?}", shop.other_notes());
    all_is_repeated(&shop, &end);
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
