//! Samples are valid, different, and the same for the same seed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::model::{
    sample::{sample, sample_at},
    value::check,
};

const SHOP: &str = "
Order: { id: uuid, customer: string, email: string, status: open | paid | shipped, total: decimal, lines: [{ sku: string, price: decimal, count: u8 }], note?: string, placed_at: timestamp, parent?: Order, event: Event }
Made: { id: uuid }
Gone: { reason?: string }
Held: { until: date, from: time, raw: bytes, rate: f64, extra: json, order?: Order }
Event: { one_of: { made: Made, gone: Gone, held: Held }, by: type }
";

/// If this fails, `karafka send --sample` shows other messages than it did, or ones that are no pleasure to read.
#[test]
fn samples_are_worth_looking_at() {
    let model = messages(SHOP);
    let samples: Vec<String> = (0..4)
        .map(|seed| serde_json::to_string_pretty(&sample(&model, &Payload::Message("Order".to_owned()), seed)).unwrap())
        .chain((0..2).flat_map(|seed| [Payload::Json, Payload::Text].map(|p| sample(&model, &p, seed).to_string())))
        .collect();
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("model_samples", samples.join("\n"));
    });
}

/// If this fails, trying an app with a few samples leaves a variant, an enum's value or an absent field untried.
#[test]
fn samples_cover_what_a_message_can_be() {
    let model = messages(SHOP);
    let all = |name: &str, count: u64| -> Vec<Value> {
        (0..count).map(|seed| sample(&model, &Payload::Message(name.to_owned()), seed)).collect()
    };
    let words = |values: &[Value], field: &str| -> BTreeSet<String> {
        values.iter().filter_map(|value| Some(value.get(field)?.as_str()?.to_owned())).collect()
    };
    assert_eq!(words(&all("Event", 3), "type").len(), 3, "each in turn");
    let orders = all("Order", 60);
    assert_eq!(words(&orders, "status").len(), 3);
    assert!(orders.iter().any(|order| order.get("note").is_none()), "an optional field is absent at times");
    assert!(orders.iter().any(|order| order.get("note").is_some()));
    let counts = orders.iter().flat_map(|order| order["lines"].as_array().unwrap()).map(|line| &line["count"]);
    let counts: BTreeSet<u64> = counts.filter_map(Value::as_u64).collect();
    assert!(counts.contains(&0) && counts.contains(&255), "the bounds of u8 come up: {counts:?}");
}

/// If this fails, samples of a run that is long past look as if they came from the future.
#[test]
fn moments_are_near_the_given_one() {
    let model = messages("Ping: { at: timestamp }");
    let base = karafka::types::Timestamp::from_timestamp_millis(1_700_000_000_000).unwrap();
    for seed in 0..50 {
        let value = sample_at(&model, &Payload::Message("Ping".to_owned()), seed, base);
        let at: karafka::types::Timestamp = serde_json::from_value(value["at"].clone()).unwrap();
        let before = base.timestamp() - at.timestamp();
        assert!((0..=30 * 24 * 3_600).contains(&before), "{at}");
    }
}

/// If this fails, a recursive message makes samples without end.
#[test]
fn recursive_messages_end() {
    let model = messages(
        "Tree: { one_of: { fork: Fork, leaf: Leaf }, by: kind }\nFork: { left: Tree, right: Tree }\nLeaf: { n: u8 }\nNode: { next?: Node, all: [Node], named: { string: Node } }",
    );
    for seed in 0..200 {
        for name in ["Tree", "Node"] {
            let payload = Payload::Message(name.to_owned());
            let value = sample(&model, &payload, seed);
            check(&model, &payload, &value.clone().into()).unwrap();
            assert!(value.to_string().len() < 20_000, "{value}");
        }
    }
}
