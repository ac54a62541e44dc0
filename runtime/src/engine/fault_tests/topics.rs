//! Topics that are not there.

use super::*;

/// What an app says of a topic that Kafka does not know.
const UNKNOWN: &str = "Kafka does not know the topic `orders`";

fn shop_that_looks_often(brokers: &Brokers3) -> Shop {
    let mut shop = brokers.shop_with_short_sessions(&MANIFEST);
    for name in ["TOPIC_METADATA_REFRESH_INTERVAL_MS", "TOPIC_METADATA_PROPAGATION_MAX_MS"] {
        shop.set_option(name, "500");
    }
    shop
}

/// If this fails, an app that starts before its topic is silent, or has to be started again.
#[test]
fn row_17_a_topic_that_is_missing_at_the_start_is_named_and_picked_up() {
    let brokers = Brokers3::with_topics(&[("confirmed", 1)]);
    let shop = shop_that_looks_often(&brokers);
    let running = shop.start();
    shop.until("a word of it", |shop| shop.noted(UNKNOWN) > 0);
    brokers.create_topic("orders", 2);
    shop.send_numbers(0..50);
    shop.until("all", |shop| shop.handled() == 50);
    running.join();
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}

/// If this fails, a topic that Kafka does not know for a while takes its consumer down for good, in silence, or costs
/// records.
#[test]
fn row_17_a_topic_that_is_gone_for_a_while_is_named_and_picked_up() {
    let brokers = Brokers3::start();
    let shop = shop_that_looks_often(&brokers);
    shop.send_numbers(0..50);
    let running = shop.start();
    shop.until("the first", |shop| shop.handled() == 50);
    shop.until("the commit", Shop::is_committed_to_the_end);
    brokers.cluster().topic_error("orders", Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).expect("it is gone");
    shop.until("a word of it", |shop| shop.noted(UNKNOWN) > 0);
    brokers.cluster().topic_error("orders", Code::RD_KAFKA_RESP_ERR_NO_ERROR).expect("it is back");
    shop.send_numbers(50..100);
    shop.until("all", |shop| shop.handled() == 100);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    running.join();
    assert_eq!((shop.repeats(), shop.is_in_order()), (0, true));
}
