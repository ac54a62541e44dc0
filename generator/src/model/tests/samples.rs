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

const EVERY: &str = "
Every: { name: string, order_id: string, code: string, shipment: string, on: bool, tiny: i8, small: i16, age: i32, millis: i64, stars: u8, port: u16, views: u32, count: u64, latitude: f32, weight: f64, price: decimal, fee: decimal(number), raw: bytes, key: uuid, at: timestamp, at_ms: timestamp(millis), at_s: timestamp(seconds), day: date, hour: time, any: json, tags: [[string]], by: { string: { string: u8 } } }
Node: { n: u8, next?: Node, all: [Node] }
Tree: { one_of: { fork: Fork, wide: Wide, leaf: Leaf }, by: kind }
Fork: { left: Tree, right?: Tree }
Wide: { state: open | shut, trees: [Tree], leaf: Leaf }
Leaf: { n: u8 }
";

/// If this fails, a test that an app's author has written with a sample of a seed gets another message after an update.
#[test]
fn a_seed_gives_the_same_sample_for_ever() {
    let model = messages(EVERY);
    let of = |name: &str, seeds: std::ops::Range<u64>| -> Vec<String> {
        seeds.map(|seed| sample(&model, &Payload::Message(name.to_owned()), seed).to_string()).collect()
    };
    let lines = [of("Every", 0..6), of("Node", 0..4), of("Tree", 0..9)].concat();
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("model_samples_of_every_type", lines.join("\n"));
    });
}

/// If this fails, samples show an app less than its fields can hold, or what no other program takes for a value of the type.
#[test]
fn samples_cover_what_a_field_can_hold() {
    let model = messages(EVERY);
    let all: Vec<Value> = (0..1_000).map(|seed| sample(&model, &Payload::Message("Every".to_owned()), seed)).collect();
    let numbers = |field: &str| -> BTreeSet<i64> { all.iter().filter_map(|value| value[field].as_i64()).collect() };
    let texts = |field: &str| -> BTreeSet<&str> { all.iter().filter_map(|value| value[field].as_str()).collect() };
    let ends = |field: &str| numbers(field).first().copied().zip(numbers(field).last().copied());
    assert_eq!(ends("tiny"), Some((-128, 127)), "numbers of no known name are cut to what the type holds");
    assert_eq!(ends("small"), Some((-32_768, 32_767)));
    assert_eq!(ends("age"), Some((i32::MIN.into(), i32::MAX.into())));
    assert_eq!(ends("stars"), Some((0, 255)));
    let ages: BTreeSet<i64> = numbers("age").range(i64::from(i32::MIN) + 1..i32::MAX.into()).copied().collect();
    assert_eq!((ages.first(), ages.last(), ages.len()), (Some(&18), Some(&90), 73), "each age");
    let stars: Vec<i64> = numbers("stars").into_iter().collect();
    assert_eq!(stars, [0, 1, 2, 3, 4, 5, 255]);
    let on: BTreeSet<bool> = all.iter().filter_map(|value| value["on"].as_bool()).collect();
    assert_eq!(on.len(), 2);
    assert_eq!(texts("name").len(), 5);
    assert_eq!(texts("shipment").len(), 10);
    for id in texts("order_id").iter().chain(&texts("code")) {
        let number = id.strip_prefix(['o', 'c']).and_then(|rest| rest.strip_prefix('-'));
        assert!(number.is_some_and(|number| (1_000..10_000).contains(&number.parse().unwrap())), "{id}");
    }
    let lengths: BTreeSet<usize> = texts("raw").iter().map(|raw| raw.trim_end_matches('=').len() * 3 / 4).collect();
    assert_eq!(lengths, (6..13).collect());
    for key in texts("key") {
        let key: karafka::types::Uuid = key.parse().unwrap();
        assert_eq!((key.get_version_num(), key.get_variant()), (4, uuid::Variant::RFC4122));
    }
    // Twentieths of a price, quarters of a weight.
    for price in texts("price") {
        let (whole, cents) = price.split_once('.').unwrap();
        assert!((1..251).contains(&whole.parse::<u32>().unwrap()), "{price}");
        assert!(cents.len() == 2 && cents.parse::<u32>().unwrap() % 5 == 0, "{price}");
    }
    let quarters: BTreeSet<String> =
        all.iter().map(|value| format!("{:.2}", value["weight"].as_f64().unwrap().fract())).collect();
    assert_eq!(quarters.into_iter().collect::<Vec<_>>(), ["0.00", "0.25", "0.50", "0.75"]);
    let lists: BTreeSet<usize> = all.iter().map(|value| value["tags"].as_array().unwrap().len()).collect();
    assert_eq!(lists, (0..4).collect());
    // Keys of a map are all different, or some of its values would be lost.
    let maps: BTreeSet<usize> = all.iter().map(|value| value["by"].as_object().unwrap().len()).collect();
    assert_eq!(maps, (0..4).collect());
}
