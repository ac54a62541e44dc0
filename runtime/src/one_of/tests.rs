//! What a message of several types takes and refuses, wherever its tag stands.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    OwnedRecord, Parser, parser,
    types::{Bytes, Decimal, Json, Timestamp, Uuid},
};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "made")]
    Made(Box<Made>),
    #[serde(rename = "gone")]
    Gone(Gone),
}

crate::one_of!(Event, "type", { "made" => Made, "gone" => Gone });

/// The same, as serde itself reads it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum SerdesEvent {
    #[serde(rename = "made")]
    Made(Box<Made<SerdesEvent>>),
    #[serde(rename = "gone")]
    Gone(Gone),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "E: Deserialize<'de>"))]
struct Made<E = Event> {
    id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    small: Option<u8>,
    large: u64,
    below: i64,
    ratio: f64,
    narrow: f32,
    price: Decimal,
    raw: Bytes,
    at: Timestamp,
    on: bool,
    state: Stage,
    notes: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Box<E>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Stage {
    #[serde(rename = "to-do")]
    ToDo,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Gone {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra: Option<Json>,
}

fn parse(text: &str) -> Result<Event, String> {
    parser::Json.parse(text.as_bytes(), &OwnedRecord::default().into()).map_err(|error| error.to_string())
}

const FIELDS: [(&str, &str); 11] = [
    ("id", "\"7f1ff5f6-63c4-4a2b-8a0e-2f6a0f9f5c11\""),
    ("large", "18446744073709551615"),
    ("below", "-9223372036854775808"),
    ("ratio", "0.1"),
    ("narrow", "2.5"),
    ("price", "\"1.10\""),
    ("raw", "\"AAE=\""),
    ("at", "\"2026-11-22T12:01:07Z\""),
    ("on", "true"),
    ("state", "\"to-do\""),
    ("notes", "{\"a\\n\":[\"\\u00fc\",\"x\"]}"),
];

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn made() -> Vec<(String, String)> {
    FIELDS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// If this fails, whether a message can be read, and what as, depends on the order of its fields, or differs from what
    /// serde reads.
    #[test]
    fn it_reads_what_serde_reads_whatever_the_order(
        order in Just((0..FIELDS.len() + 3).collect::<Vec<_>>()).prop_shuffle(),
        inner in Just((0..FIELDS.len() + 1).collect::<Vec<_>>()).prop_shuffle(),
        change in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "null", "true", "0", "-0", "-1", "255", "256", "1.5", "1e3", "1e400", "18446744073709551616", "1.0", "\"\"",
            "\"1.25\"", "\"to-do\"", "{\"to-do\":null}", "{}", "[]", "[1]", "{\"a\":[\"b\"]}", "\"\\ud800\"",
        ]),
        is_inner in any::<bool>(),
        repeat in any::<bool>(),
    ) {
        let tag = || ("type".to_owned(), "\"made\"".to_owned());
        let mut below = made();
        below.push(tag());
        let mut below: Vec<_> = inner.iter().map(|place| below[*place].clone()).collect();
        let replace = |fields: &mut Vec<(String, String)>| {
            let at = change.index(fields.len());
            if repeat {
                let twice = fields[at].clone();
                fields.push(twice);
            } else {
                fields[at].1 = value.to_owned();
            }
        };
        if is_inner {
            replace(&mut below);
        }
        let mut fields = made();
        fields.extend([tag(), ("before".to_owned(), object(&below)), ("unknown".to_owned(), format!("[{value}]"))]);
        let mut fields: Vec<_> = order.iter().map(|place| fields[*place].clone()).collect();
        if !is_inner {
            replace(&mut fields);
        }
        let text = object(&fields);
        if let [at] = fields.iter().enumerate().filter(|(_, (name, _))| name == "type").map(|(at, _)| at).collect::<Vec<_>>()[..] {
            let mut first = fields.clone();
            first[..=at].rotate_right(1);
            prop_assert_eq!(parse(&object(&first)).is_ok(), parse(&text).is_ok(), "{}", text);
        }
        let (ours, theirs) = (parse(&text), serde_json::from_str::<SerdesEvent>(&text));
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(serde_json::to_string(ours).expect("JSON"), serde_json::to_string(theirs).expect("JSON"));
            }
            (Err(_), Err(_)) => {}
            // serde looks at what it keeps before it knows that nobody wants it as a number, or as a text.
            (Ok(_), Err(error)) if text.contains("1e400") => prop_assert!(error.to_string().contains("out of range")),
            (Ok(_), Err(error)) if text.contains("ud800") => prop_assert!(error.to_string().contains("hex escape")),
            // serde takes a number for the place of a variant in its enum, and a list for an object, which is no part of a
            // message's format.
            (Err(error), Ok(_)) if text.contains("\"type\":0") => prop_assert!(error.contains("expected a text")),
            (Err(error), Ok(_)) if text.contains("\"before\":[1]") => prop_assert!(error.contains("expected an object")),
            _ => prop_assert!(false, "{text}: {ours:?} but {theirs:?}"),
        }
    }
}

/// If this fails, half of a surrogate pair in a field that nobody reads refuses a message.
#[test]
fn what_nobody_reads_need_not_be_readable() {
    for text in [r#"{"unknown":["\ud800"],"type":"gone"}"#, r#"{"type":"gone","unknown":["\ud800"]}"#] {
        assert_eq!(parse(text), Ok(Event::Gone(Gone { why: None, extra: None })), "{text}");
    }
    for text in [r#"{"why":"\ud800","type":"gone"}"#, r#"{"type":"gone","why":"\ud800"}"#] {
        assert!(parse(text).is_err_and(|error| error.starts_with("`why`: ")), "{text}");
    }
}

/// If this fails, a person has to guess what is wrong with a message of several types.
#[test]
fn what_is_wrong_is_said_with_its_path() {
    let cases = [
        (r#"{"why":"a"}"#, "missing field `type`"),
        (r#"{"type":"lost"}"#, "`type`: unknown variant `lost`, expected `made` or `gone`"),
        (r#"{"type":1}"#, "`type`: invalid type: integer `1`, expected a text"),
        (r#"{"type":"gone","why":"a","type":"gone"}"#, "duplicate field `type`"),
        (r#"{"type":"gone","why":1}"#, "`why`: invalid type: integer `1`, expected a string"),
        (r#"{"why":1,"type":"gone"}"#, "`why`: invalid type: integer `1`, expected a string"),
        (
            r#"{"before":{"why":[1],"type":"gone"},"type":"made"}"#,
            "`before.why`: invalid type: sequence, expected a string",
        ),
        (r#"{"why":"a","why":"b","type":"gone"}"#, "duplicate field `why`"),
        (r#"{"extra":{"a":["\ud800"]},"type":"gone"}"#, "`extra.a[0]`: "),
        (r#"["gone"]"#, "invalid type: sequence, expected an object with the field `type`"),
        ("3", "invalid type: integer `3`, expected an object with the field `type`"),
    ];
    for (text, words) in cases {
        let said = parse(text).expect_err(text);
        assert!(said.starts_with(words), "{text}: {said}");
    }
}

/// If this fails, a hostile message overflows the stack, or takes a time that grows with the square of its length.
#[test]
fn nesting_has_an_end_wherever_the_tags_stand() {
    let fields = object(&made());
    let fields = &fields[1..fields.len() - 1];
    for (begin, end) in [
        (format!(r#"{{"type":"made",{fields},"before":"#), "}".to_owned()),
        (format!(r#"{{{fields},"before":"#), r#","type":"made"}"#.to_owned()),
    ] {
        let nested = |depth: usize| format!(r#"{}{{"type":"gone"}}{}"#, begin.repeat(depth), end.repeat(depth));
        let mut event = &parse(&nested(100)).expect("a hundred are few");
        for _ in 0..100 {
            let Event::Made(made) = event else { panic!("{event:?}") };
            event = made.before.as_deref().expect("one below");
        }
        assert_eq!(event, &Event::Gone(Gone { why: None, extra: None }));
        for depth in [127, 128, 129, 3_000] {
            parse(&nested(depth)).expect_err("too deep");
        }
    }
}

/// If this fails, a number of a message is another one, or none, when its tag comes last.
#[test]
fn a_narrow_number_is_the_same_wherever_the_tag_stands() {
    let fields = object(&made());
    let fields = fields[1..fields.len() - 1].replace("\"narrow\":2.5", "\"narrow\":NUMBER");
    let narrow = |text: &str| match parse(text) {
        Ok(Event::Made(made)) => Ok(made.narrow.to_bits()),
        Ok(other) => panic!("{other:?}"),
        Err(_) => Err(()),
    };
    for number in [
        "1.00000017881393421514957253748434595763683319091796875001",
        "16777217",
        "12345678901234567890123",
        "-0",
        "-1",
        "1e-60",
        "3.4028235e38",
        "340282356779733661637539395458142568448",
        "1e39",
        "-1e39",
        "1e400",
    ] {
        let fields = fields.replace("NUMBER", number);
        let first = narrow(&format!(r#"{{"type":"made",{fields}}}"#));
        assert_eq!(first, narrow(&format!(r#"{{{fields},"type":"made"}}"#)), "{number}");
        let direct = serde_json::from_str::<f32>(number).map(f32::to_bits).map_err(drop);
        assert_eq!(first, direct, "{number}");
    }
}

/// If this fails, a record makes an app write what is no JSON, by a field called as serde_json calls the text of a value.
#[test]
fn a_field_with_the_name_of_a_raw_value_is_a_field() {
    #[derive(Debug, Serialize)]
    #[serde(tag = "type")]
    enum Any {
        #[serde(rename = "any")]
        Any(Json),
    }
    crate::one_of!(Any, "type", { "any" => Any });
    let name = crate::types::raw_name().expect("there is one");
    for text in [
        format!(r#"{{"type":"any","{name}":"1-2"}}"#),
        format!(r#"{{"{name}":"1-2","type":"any"}}"#),
        format!(r#"{{"a":{{"{name}":"1-2"}},"type":"any"}}"#),
    ] {
        let Any::Any(value) = serde_json::from_str(&text).expect("an object");
        let mut wanted: Json = text.parse().expect("JSON");
        wanted.as_object_mut().expect("an object").remove("type");
        assert_eq!(value, wanted, "{text}");
    }
}

/// If this fails, an app cannot put a message of several types among fields of its own.
#[test]
fn it_can_be_flattened() {
    #[derive(Debug, Deserialize)]
    struct Envelope {
        number: u64,
        #[serde(flatten)]
        event: Event,
    }
    let envelope: Envelope = serde_json::from_str(r#"{"number":1,"why":"a","type":"gone"}"#).expect("an envelope");
    assert_eq!(envelope.number, 1);
    assert_eq!(envelope.event, Event::Gone(Gone { why: Some("a".to_owned()), extra: None }));
    let value = serde_json::json!({ "why": "b", "type": "gone", "extra": [1] });
    let gone = Gone { why: Some("b".to_owned()), extra: Some(Json::from(vec![1])) };
    assert_eq!(serde_json::from_value::<Event>(value).expect("an event"), Event::Gone(gone));
}
