//! An order's way through the shop, from one controller to the next.

use karafka::testing::{Harness, Outcome};

use shop::{
    generated::{app, messages::NoticeAbout},
    state::State,
};

const ORDER: &str = "3f2c8f6e-5a57-4c9e-9d0c-6f1f6c1d8a11";

async fn harness() -> Harness<State> {
    Harness::new(app(), State::build().await.expect("the state is built"))
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
