//! An order's way through the shop, from one controller to the next.

use karafka::{
    dead_letter::header,
    testing::{Harness, Outcome, Simulation},
};

use shop::{
    generated::{app, messages::NoticeAbout},
    state::State,
};

const ORDER: &str = "3f2c8f6e-5a57-4c9e-9d0c-6f1f6c1d8a11";

async fn harness() -> Harness<State> {
    Harness::new(app(), State::build().await.expect("the state is built"))
}

/// The whole shop, with every group, on a Kafka in the process; time is virtual.
async fn open() -> Simulation<State> {
    Simulation::new(app(), State::build().await.expect("the state is built"))
}

fn order(lines: &str) -> String {
    format!(r#"{{ "id": "{ORDER}", "customer": "c-1", "lines": [{lines}] }}"#)
}

/// Hands whatever was emitted to the controllers of its topics, until nothing more is.
async fn follow(harness: &Harness<State>, first: Outcome) -> Vec<&'static str> {
    let mut way = Vec::new();
    let mut outcomes = vec![first];
    while let Some(outcome) = outcomes.pop() {
        assert!(outcome.is_done(), "{outcome}");
        for topic in ["reservations", "payments", "shipments", "notices"] {
            for record in outcome.emitted(topic) {
                way.push(topic);
                let value = record.value.clone().expect("messages have values");
                outcomes.push(harness.consume(topic, value).await);
            }
        }
    }
    way
}

/// If this fails, an order that can be met does not reach its customer.
#[tokio::test]
async fn an_order_is_reserved_paid_shipped_and_told() {
    let harness = harness().await;
    let order = order(r#"{ "sku": "tea", "quantity": 2, "price": "9.95" }"#);
    let outcome = harness.consume("orders", &order).await;
    let way = follow(&harness, outcome).await;
    assert_eq!(way, ["reservations", "payments", "shipments", "notices"]);
    assert_eq!(harness.state().told()[0].about, NoticeAbout::Shipped);
    assert_eq!(harness.state().stock("tea"), 98);
}

/// If this fails, a message that comes twice takes goods out of the stock twice.
#[tokio::test]
async fn an_order_that_comes_twice_is_met_once() {
    let harness = harness().await;
    let order = order(r#"{ "sku": "tea", "quantity": 2, "price": "9.95" }"#);
    for _ in 0..2 {
        let outcome = harness.consume("orders", &order).await;
        follow(&harness, outcome).await;
    }
    assert_eq!(harness.state().stock("tea"), 98);
    assert_eq!(harness.state().told().len(), 1);
}

/// If this fails, customers wait for goods that are not there, or a part of the order is gone from the stock.
#[tokio::test]
async fn what_is_sold_out_is_told_and_nothing_is_reserved() {
    let harness = harness().await;
    let order = order(
        r#"{ "sku": "cup", "quantity": 1, "price": "4" },
           { "sku": "tea", "quantity": 101, "price": "9.95" }"#,
    );
    let outcome = harness.consume("orders", &order).await;
    assert_eq!(follow(&harness, outcome).await, ["reservations", "notices"]);
    let told = harness.state().told();
    assert_eq!(told[0].about, NoticeAbout::SoldOut);
    assert_eq!(told[0].note.as_deref(), Some("tea"));
    assert_eq!(harness.state().stock("cup"), 100);
}

/// If this fails, the shop ships what nobody pays for.
#[tokio::test]
async fn what_is_too_dear_is_declined() {
    let harness = harness().await;
    let order = order(r#"{ "sku": "pot", "quantity": 2, "price": "500.01" }"#);
    let outcome = harness.consume("orders", &order).await;
    let way = follow(&harness, outcome).await;
    assert_eq!(way, ["reservations", "payments", "notices"]);
    assert_eq!(harness.state().told()[0].about, NoticeAbout::Declined);
}

/// If this fails, an empty basket travels through the whole shop.
#[tokio::test]
async fn an_empty_basket_is_skipped() {
    let harness = harness().await;
    let outcome = harness.consume("orders", order("")).await;
    assert!(outcome.emitted("reservations").is_empty(), "{outcome}");
}

const TEA: &str = r#"{ "sku": "tea", "quantity": 2, "price": "9.95" }"#;

/// If this fails, a bank that is away for a moment costs the shop an order.
#[tokio::test]
async fn a_payment_is_tried_again_until_the_bank_answers() {
    let run = open().await;
    run.fail("payments", 4, "the bank is away");
    run.send("orders", order(TEA));
    run.settle().await;
    assert!(run.dead_letters("payments").is_empty());
    assert_eq!(run.state().told()[0].about, NoticeAbout::Shipped);
}

/// If this fails, a payment that fails for good holds up the others, or nobody can find it.
#[tokio::test]
async fn a_payment_that_fails_for_good_goes_to_the_dead_letter_topic() {
    let run = open().await;
    run.fail_always("payments", "card declined");
    run.send("orders", order(TEA));
    run.settle().await;
    let letters = run.dead_letters("payments");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].key(), Some(ORDER.as_bytes()));
    assert_eq!(letters[0].header(header::ATTEMPTS), Some(&b"5"[..]));
    assert_eq!(run.lag("payments"), 0);
    assert!(run.state().told().is_empty());
}

/// If this fails, a crash between two steps loses an order, or takes its goods out of the stock twice.
#[tokio::test]
async fn an_order_survives_a_crash_at_each_step() {
    for topic in ["reservations", "payments", "shipments", "notices"] {
        let run = open().await;
        run.send("orders", order(TEA));
        // What was emitted is in Kafka; that its cause is done is not committed yet.
        run.until(|run| !run.emitted(topic).is_empty()).await;
        run.crash().await;
        run.start();
        run.settle().await;
        assert_eq!(run.state().stock("tea"), 98, "crashed after {topic}");
        let told = run.state().told();
        assert_eq!(told.len(), 1, "crashed after {topic}: {told:?}");
        assert_eq!(told[0].about, NoticeAbout::Shipped);
    }
}
