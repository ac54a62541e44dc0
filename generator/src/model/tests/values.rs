//! Which values fit a message, and what is said of those that do not.

use std::collections::BTreeMap;

use karafka::types::{
    As, Bytes, Date, Decimal, DecimalNumber, DecimalText, Json, Time, Timestamp, TimestampMillis, TimestampSeconds,
    Uuid,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::model::{sample::sample, value::check};

const SHOP: &str = "
Order: { id: uuid, status: open | paid, lines: [{ sku: string, price: decimal, count: u8 }], note?: string, tags: { string: bool }, at: timestamp }
Paid: { id: uuid, cents: u32 }
Refused: { id: uuid, reason?: string }
Payment: { one_of: { paid: Paid, refused: Refused }, by: type }
";

fn order() -> Json {
    Json::from(json!({
        "id": "0f9c7a1e-2b3c-4d5e-8f90-a1b2c3d4e5f6", "status": "open", "at": "2026-11-22T12:01:07Z",
        "lines": [{ "sku": "TEA-100", "price": "3.20", "count": 2 }], "tags": { "gift": true },
    }))
}

/// What is said of an order in which one place has been replaced; `None` removes it.
fn verdict(pointer: &str, value: Option<Json>) -> String {
    let mut order = order();
    match value {
        Some(value) if order.pointer(pointer).is_some() => *order.pointer_mut(pointer).unwrap() = value,
        value => {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let parent = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => drop(parent.insert(key, value)),
                None => drop(parent.remove(key)),
            }
        }
    }
    let checked = check(&messages(SHOP), &Payload::Message("Order".to_owned()), &order);
    checked.map_or_else(|error| error.to_string(), |()| "fits".to_owned())
}

/// If this fails, `karafka send` refuses a message without saying which field is wrong and what it takes.
#[test]
fn what_does_not_fit_is_said_with_its_path() {
    let cases = [
        ("/lines/0/price", Some(json!(3.2).into()), "fits"),
        (
            "/lines/0/price",
            Some(json!(true).into()),
            "lines[0].price: expected a decimal as text or as a number, such as \"1.10\", found `true`",
        ),
        (
            "/lines/0/price",
            Some(json!("dear").into()),
            "lines[0].price: expected a decimal as text or as a number, such as \"1.10\", found \"dear\"",
        ),
        ("/lines/0/count", Some(json!(256).into()), "lines[0].count: expected a whole number from 0 to 255, found 256"),
        ("/lines/0/count", Some(json!(1.5).into()), "lines[0].count: expected a whole number from 0 to 255, found 1.5"),
        (
            "/lines/0/count",
            Some(json!("2").into()),
            "lines[0].count: expected a whole number from 0 to 255, found a text",
        ),
        ("/lines", Some(json!({}).into()), "lines: expected a list, found an object"),
        ("/lines/0", Some(json!("tea").into()), "lines[0]: expected an object, found a text"),
        ("/status", Some(json!("lost").into()), "status: expected `open` or `paid`, found \"lost\""),
        ("/status", None, "status: missing, expected `open` or `paid`"),
        ("/id", Some(json!("17").into()), "id: expected a uuid as text, found \"17\""),
        ("/id", Some(Json::Null), "id: expected a uuid as text, found null"),
        (
            "/at",
            Some(json!("noon").into()),
            "at: expected a timestamp as text, such as \"2026-11-22T12:01:07Z\", found \"noon\"",
        ),
        ("/tags/a b", Some(json!(1).into()), "tags[\"a b\"]: expected `true` or `false`, found a number"),
        ("/tags/b", Some(json!(false).into()), "fits"),
        ("/note", Some(Json::Null), "fits"),
        ("/note", Some(json!(7).into()), "note: expected a text, found a number"),
        ("/unknown", Some(json!([1]).into()), "fits"),
        // Not the first of a list or a map.
        (
            "/lines",
            Some(json!([{ "sku": "TEA", "price": "3.20", "count": 2 }, { "sku": "POT", "price": "3.20" }]).into()),
            "lines[1].count: missing, expected a whole number from 0 to 255",
        ),
        (
            "/tags",
            Some(json!({ "a": true, "b": false, "c": 1 }).into()),
            "tags.c: expected `true` or `false`, found a number",
        ),
        ("/tags/a_b", Some(json!(1).into()), "tags.a_b: expected `true` or `false`, found a number"),
        ("/tags/a-b", Some(json!(1).into()), "tags.a-b: expected `true` or `false`, found a number"),
        ("/tags/Größe2", Some(json!(1).into()), "tags.Größe2: expected `true` or `false`, found a number"),
        ("/tags/", Some(json!(1).into()), "tags[\"\"]: expected `true` or `false`, found a number"),
        // What is long is not shown, in characters and with its quotes.
        (
            "/status",
            Some(json!("ö".repeat(38)).into()),
            "status: expected `open` or `paid`, found \"öööööööööööööööööööööööööööööööööööööö\"",
        ),
        ("/status", Some(json!("ö".repeat(39)).into()), "status: expected `open` or `paid`, found a text"),
        ("/status", Some(json!(7).into()), "status: expected `open` or `paid`, found a number"),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(verdict(pointer, value.clone()), expected, "{pointer} {value:?}");
    }
}

/// If this fails, a person is told of another range than the type has.
#[test]
fn each_number_says_what_it_may_be() {
    let model = messages("M: { u8?: u8, u16?: u16, u32?: u32, u64?: u64, i8?: i8, f64?: f64, one?: only | other }");
    for (field, value, words) in [
        ("u8", "-1", "0 to 255"),
        ("u16", "-1", "0 to 65535"),
        ("u32", "-1", "0 to 4294967295"),
        ("u64", "-1", "0 to 18446744073709551615"),
        ("i8", "128", "-128 to 127"),
        ("f64", "\"1\"", "expected a number, found"),
        ("f64", "true", "expected a number, found"),
    ] {
        let json = serde_json::from_str(&format!("{{ \"{field}\": {value} }}")).unwrap();
        let error = value::check(&model, &Payload::Message("M".into()), &json).unwrap_err();
        assert!(error.message.contains(words), "{field}: {}", error.message);
    }
}

/// If this fails, a typing error in a field's name costs its author a search.
#[test]
fn a_missing_field_finds_its_misspelling() {
    let mut order = order();
    let fields = order.as_object_mut().unwrap();
    let status = fields.remove("status").unwrap();
    fields.insert("statsu".to_owned(), status);
    let error = check(&messages(SHOP), &Payload::Message("Order".to_owned()), &order).unwrap_err();
    assert_eq!(error.to_string(), "status: missing, expected `open` or `paid`; is it `statsu`?");
}

/// If this fails, a message of several types is sent with a tag that no consumer knows, or refused for a good one.
#[test]
fn tags_tell_types_apart() {
    let model = messages(SHOP);
    let id = "0f9c7a1e-2b3c-4d5e-8f90-a1b2c3d4e5f6";
    let verdict = |value: serde_json::Value| {
        let checked = check(&model, &Payload::Message("Payment".to_owned()), &value.into());
        checked.map_or_else(|error| error.to_string(), |()| "fits".to_owned())
    };
    assert_eq!(verdict(json!({ "type": "paid", "id": id, "cents": 3 })), "fits");
    assert_eq!(verdict(json!({ "type": "refused", "id": id })), "fits");
    assert_eq!(verdict(json!({ "type": "refused" })), "id: missing, expected a uuid as text");
    assert_eq!(
        verdict(json!({ "type": "paid", "id": id })),
        "cents: missing, expected a whole number from 0 to 4294967295"
    );
    assert_eq!(verdict(json!({ "type": "lost" })), "type: expected `paid` or `refused`, found \"lost\"");
    assert_eq!(verdict(json!({ "id": id })), "type: missing, expected `paid` or `refused`");
    assert_eq!(verdict(json!([])), "expected an object, found a list");
}

/// If this fails, raw bytes or text are sent as JSON.
#[test]
fn topics_without_a_type_take_json_or_text() {
    let model = Model::default();
    for value in [json!(null), json!([1]), json!({ "a": 1 })].map(Json::from) {
        check(&model, &Payload::Json, &value).unwrap();
        check(&model, &Payload::Bytes, &value).unwrap_err();
    }
    check(&model, &Payload::Text, &"a".into()).unwrap();
    check(&model, &Payload::Bytes, &"a".into()).unwrap();
}

/// What `karafka generate` makes of `WIDE`, written by hand.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read by serde")]
struct Wide {
    text: String,
    on: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    #[serde(with = "As::<DecimalText>")]
    decimal: Decimal,
    #[serde(with = "As::<DecimalNumber>")]
    decimals: Vec<Decimal>,
    bytes: Bytes,
    uuid: Uuid,
    timestamp: Timestamp,
    #[serde(with = "As::<TimestampMillis>")]
    millis: Timestamp,
    #[serde(default, with = "As::<TimestampSeconds>")]
    seconds: Option<Timestamp>,
    date: Date,
    time: Time,
    any: Json,
    #[serde(default)]
    maybe: Option<Box<Wide>>,
    list: Vec<Choice>,
    map: BTreeMap<String, Vec<u8>>,
    #[serde(rename = "inProgress")]
    in_progress: Stage,
}

#[derive(Debug)]
#[expect(dead_code, reason = "only read by serde")]
enum Choice {
    A(One),
    B(Two),
}

karafka::one_of!(Choice, "kind", { "a" => A, "b" => B });

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read by serde")]
struct One {
    n: u64,
    #[serde(with = "As::<DecimalText>")]
    price: Decimal,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read by serde")]
struct Two {
    #[serde(default)]
    at: Option<Timestamp>,
    raw: Bytes,
}

#[derive(Debug, Deserialize)]
enum Stage {
    #[serde(rename = "to-do")]
    ToDo,
    #[serde(rename = "done")]
    Done,
}

const WIDE: &str = "
Wide: { text: string, on: bool, i8: i8, i16: i16, i32: i32, i64: i64, u8: u8, u16: u16, u32: u32, u64: u64, f32: f32, f64: f64, decimal: decimal, decimals: [decimal(number)], bytes: bytes, uuid: uuid, timestamp: timestamp, millis: timestamp(millis), seconds?: timestamp(seconds), date: date, time: time, any: json, maybe?: Wide, list: [Choice], map: { string: [u8] }, inProgress: to-do | done }
Choice: { one_of: { a: One, b: Two }, by: kind }
One: { n: u64, price: decimal }
Two: { at?: timestamp, raw: bytes }
";

/// Every place of a value, as JSON pointers.
fn places(value: &Json, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| places(item, &format!("{here}/{at}"), found));
        }
        Json::Object(entries) => {
            entries.iter().for_each(|(key, item)| places(item, &format!("{here}/{key}"), found));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// If this fails, `karafka send` accepts what the app cannot parse, or refuses what it can.
    #[test]
    fn the_check_agrees_with_the_generated_types(
        seed in any::<u64>(),
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "null", "true", "0", "-0", "-1", "255", "256", "-129", "70000", "5000000000", "18446744073709551615",
            "18446744073709551616", "12345678901234567890123", "-9223372036854775808", "1.5", "1.10", "1.0", "1e3", "1e300",
            "1e400", "\"\"", "\"text\"", "\"1.25\"", "\"1e5\"", "\"-0.0\"", "\"2026-11-22\"", "\"2026-02-30\"",
            "\"12:01:07\"", "\"24:00:00\"", "\"2026-11-22T12:01:07Z\"", "\"2026-11-22T12:01:07+02:00\"",
            "\"2026-11-22 12:01:07\"", "\"0f9c7a1e2b3c4d5e8f90a1b2c3d4e5f6\"", "\"AAE=\"", "\"AAE\"", "\"done\"",
            "\"b\"", "{}",
        ]),
        remove in any::<bool>(),
    ) {
        let model = messages(WIDE);
        let payload = Payload::Message("Wide".to_owned());
        let mut sample = Json::from(sample(&model, &payload, seed));
        let mut found = Vec::new();
        places(&sample, "", &mut found);
        let place = place.get(&found).clone();
        match place.rsplit_once('/') {
            Some((parent, key)) if remove && sample.pointer(parent).unwrap().is_object() => {
                sample.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            }
            _ => *sample.pointer_mut(&place).unwrap() = value.parse().unwrap(),
        }
        let text = sample.to_string();
        let read = serde_json::from_str::<Wide>(&text);
        let checked = check(&model, &payload, &sample);
        prop_assert_eq!(read.is_ok(), checked.is_ok(), "{}: {:?} but {:?}", place, read.err(), checked);
    }
}

/// If this fails, a person who has written a field twice is shown another one, or none.
#[test]
fn a_field_that_stands_twice_is_said_with_its_path() {
    let model = messages(
        "Order: { id: u8, lines: [Line], by: { string: Line }, deep: [[Line]], paid: Payment, state: open | paid }\nLine: { n?: u8, m?: u8 }\nCard: { n: u8 }\nCash: { m: u8 }\nPayment: { one_of: { card: Card, cash: Cash }, by: type }",
    );
    let twice = |text: &str| {
        let checked = crate::model::check_repeated(&model, &Payload::Message("Order".to_owned()), text.as_bytes());
        checked.map_or_else(|error| error.to_string(), |()| "once".to_owned())
    };
    for (text, said) in [
        (r#"{"id":1,"lines":[{"n":1,"m":2},{"n":1}],"by":{"a":{"n":1},"b":{"n":1}},"id2":1,"id2":2}"#, "once"),
        (r#"{"id":1,"lines":[],"id":1}"#, "id: stands twice"),
        (r#"{"lines":[{"n":1,"m":2},{"n":1},{"n":1,"m":1,"m":1}]}"#, "lines[2].m: stands twice"),
        (r#"{"by":{"a":{"n":1},"b":{"n":1},"b":{"m":1,"m":1}}}"#, "by.b.m: stands twice"),
        (r#"{"deep":[[],[{"n":1}],[{"n":1},{"n":1,"n":1}]]}"#, "deep[2][1].n: stands twice"),
        (r#"{"id":1,"state":"open","paid":{"type":"card","n":1,"n":1}}"#, "paid.n: stands twice"),
        (r#"{"paid":{"type":"card","n":1,"m":1,"m":1}}"#, "once"),
        (r#"{"paid":{"n":1,"type":"cash","m":1,"n":1,"type":"card"}}"#, "paid.type: stands twice"),
        // What does not fit is refused in other words.
        (r#"{"lines":{"n":1,"n":1},"by":[{"n":1,"n":1}],"state":{"n":1,"n":1}}"#, "once"),
        (r#"{"paid":{"type":"lost","n":1,"n":1}}"#, "once"),
        (r#"{"id":1,"id":"#, "once"),
    ] {
        assert_eq!(twice(text), said, "{text}");
    }
    let json = crate::model::check_repeated(&model, &Payload::Json, br#"{"id":1,"id":1}"#);
    assert_eq!(json, Ok(()));
}

/// If this fails, the key of a record is another than the one that the app itself would write.
#[test]
fn a_field_is_taken_as_the_app_writes_it() {
    let model = messages(SHOP);
    let of = |message: &str, value: serde_json::Value, name: &str| {
        let payload = if message.is_empty() { Payload::Json } else { Payload::Message(message.to_owned()) };
        crate::model::value::field(&model, &payload, &value.into(), name).map(|found| found.to_string())
    };
    let upper = "0F9C7A1E-2B3C-4D5E-8F90-A1B2C3D4E5F6";
    let lower = format!("{:?}", upper.to_lowercase());
    assert_eq!(of("Order", json!({ "id": upper }), "id"), Some(lower.clone()));
    assert_eq!(of("Order", json!({ "id": upper }), "status"), None);
    assert_eq!(of("Order", json!({ "status": "open", "other": upper }), "status"), Some("\"open\"".to_owned()));
    assert_eq!(of("Order", json!({ "other": upper }), "other"), Some(format!("{upper:?}")));
    assert_eq!(of("Payment", json!({ "type": "refused", "id": upper }), "id"), Some(lower));
    assert_eq!(of("Payment", json!({ "type": "paid", "cents": "7" }), "cents"), Some("\"7\"".to_owned()));
    assert_eq!(of("Payment", json!({ "type": "paid" }), "type"), Some("\"paid\"".to_owned()));
    assert_eq!(of("Payment", json!({ "type": "lost", "id": upper }), "id"), Some(format!("{upper:?}")));
    assert_eq!(of("", json!({ "id": upper }), "id"), Some(format!("{upper:?}")));
}
