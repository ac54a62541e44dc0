//! Brokers that are away, slow, or hand the group over.

use super::*;

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
    shop.until("a word of it", |shop| shop.noted("kind: Disconnected") == 1);
    thread::sleep(Duration::from_secs(2));
    brokers.cluster().broker_up(-1).expect("they come back");
    shop.until("all", |shop| shop.handled() == 1_000);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    running.join();
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}
