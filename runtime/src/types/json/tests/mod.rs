//! What a JSON value keeps, refuses, and is made from.

pub(crate) mod documents;
mod travel;

use std::{
    collections::hash_map::DefaultHasher,
    fmt::{self, Display},
    hash::{Hash as _, Hasher as _},
    io::Read as _,
};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::{OwnedRecord, Parser, Result, parser, types::Decimal};
use documents::{NAME, document, number};

fn json(text: &str) -> Json {
    text.parse().expect(text)
}

/// What the app's own parser makes of a record.
fn parsed(text: &[u8]) -> Result<Json> {
    Parser::<Json>::parse(&parser::Json, text, &OwnedRecord::default().into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// If this fails, a value leaves an app with other digits, texts or fields than it came with.
    #[test]
    fn a_text_comes_back_token_by_token(document in document(), blanks in prop::collection::vec(0_usize..6, 1..20)) {
        let mut next = blanks.iter().cycle().map(|blank| ["", "", "", " ", "\r\n", " \t "][*blank]);
        let text = document.with(&mut || next.next().unwrap_or_default());
        let value = json(&text);
        prop_assert_eq!(value.to_string(), document.text());
        prop_assert_eq!(&parsed(text.as_bytes()).expect("JSON"), &value);
        prop_assert_eq!(&serde_json::from_slice::<Json>(text.as_bytes()).expect("JSON"), &value);
        prop_assert_eq!(&serde_json::from_reader::<_, Json>(text.as_bytes().chain(&b""[..])).expect("JSON"), &value);
        prop_assert_eq!(&json(&format!("{value:#}")), &value);
        prop_assert_eq!(&value.to_message::<Json>().expect("JSON"), &value);
        prop_assert_eq!(&Json::from_message(&value).expect("JSON"), &value);
    }

    /// If this fails, an app sees another value than serde_json does, where that has no digits to lose.
    #[test]
    fn it_is_the_value_that_serde_json_reads(document in document()) {
        let text = document.text();
        // An object with a field of this name it takes for something else.
        prop_assume!(!text.contains(NAME));
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let ours = json(&text);
            prop_assert_eq!(&Value::try_from(ours.clone()).expect("it is one"), &value);
            prop_assert_eq!(&serde_json::to_value(&ours).expect("it is one"), &value);
            prop_assert_eq!(Value::try_from(Json::from(value.clone())).expect("it is one"), value);
        }
    }

    /// If this fails, what is no JSON reaches a controller, or JSON does not.
    #[test]
    fn it_takes_what_serde_json_takes(document in document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = document.text().into_bytes();
        prop_assume!(!document.text().contains(NAME));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let theirs = serde_json::from_slice::<Value>(&bytes);
        match parsed(&bytes) {
            Ok(value) => {
                prop_assert_eq!(parsed(value.to_string().as_bytes()).expect("our own"), value);
                // It refuses numbers beyond the range of an f64, as ours need not.
                let refused = theirs.err().map(|error| error.to_string());
                prop_assert!(refused.is_none_or(|words| words.starts_with("number out of range")));
            }
            Err(error) => prop_assert!(theirs.is_err(), "{} is refused: {}", String::from_utf8_lossy(&bytes), error),
        }
    }

    /// If this fails, equal numbers are two, or two are one.
    #[test]
    fn a_number_is_its_text(text in number(), other in number()) {
        let number: JsonNumber = text.parse().expect("a number");
        prop_assert_eq!(number.as_str(), &text);
        prop_assert_eq!(format!("{number}{number:?}"), format!("{text}{text}"));
        prop_assert_eq!(number == other.parse().expect("a number"), text == other);
        prop_assert_eq!(&serde_json::from_str::<JsonNumber>(&text).expect("a number"), &number);
        prop_assert_eq!(number.as_f64(), text.parse().ok().filter(|value: &f64| value.is_finite()));
        if let Some(decimal) = number.as_decimal() {
            // A decimal has no -0.
            prop_assert_eq!(decimal.to_string(), text.strip_prefix('-').filter(|_| decimal.is_zero()).unwrap_or(&text));
        }
    }
}

/// If this fails, a hostile record ends the process, keeps it busy for minutes, or passes for a message.
#[test]
fn hostile_texts_are_refused() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    parsed(nested(127).as_bytes()).expect("as deep as serde_json reads");
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    parsed(objects(127).as_bytes()).expect("as deep as serde_json reads");
    for text in [nested(128), objects(128), nested(10_000), objects(10_000), "[".repeat(1_000_000)] {
        parsed(text.as_bytes()).expect_err("too deep, or without an end");
    }

    let long = "9".repeat(1_000_000);
    let value = parsed(long.as_bytes()).expect("a number");
    assert_eq!((value.as_f64(), value.as_u64(), value.to_string()), (None, None, long));
    assert!(Value::try_from(value).is_err(), "serde_json has no such number");

    for wrong in ["01", "+1", "1.", ".5", "-", "1e", "1e+", "0x1", "NaN", "Infinity", "1_000", "--1", "1.e5"] {
        let text = format!("{{\"lines\":[1.10,{{\"price\":{wrong}}}]}}");
        let error = parsed(text.as_bytes()).expect_err(wrong).to_string();
        // What follows a number that is cut short is looked for behind the field.
        let path = if matches!(wrong, "0x1" | "1_000") { "`lines[1].?`: " } else { "`lines[1].price`: " };
        assert!(error.starts_with(path), "{wrong}: {error}");
        assert!(wrong.parse::<JsonNumber>().is_err(), "{wrong}");
    }
    for number in ["", " 1", "1 ", "\"1\"", "null", "1 2"] {
        assert!(number.parse::<JsonNumber>().is_err(), "{number}");
    }

    for half in ["\\ud800", "\\udc00", "\\ud800x", "\\ud800\\u0041"] {
        let text = format!("{{\"a\":[0,\"{half}\"]}}");
        let error = parsed(text.as_bytes()).expect_err(half).to_string();
        assert!(error.starts_with("`a[1]`: half of a surrogate pair"), "{half}: {error}");
        parsed(format!("{{\"{half}\":1}}").as_bytes()).expect_err("a name");
    }
    assert_eq!(parsed(br#""\ud83d\ude00\n\u0000""#).expect("a text"), "😀\n\0");
    for bytes in [&b"\"\xff\""[..], b"[\"a\x01\"]", b"\xef\xbb1", b"", b" ", b"1 1", b"[1,]", b"{\"a\":1,}", b"{1:1}"] {
        parsed(bytes).expect_err("no JSON");
    }
}

/// If this fails, fields change their order on the way, or two apps see two values in one record.
#[test]
fn fields_keep_their_order_and_the_last_of_a_name_counts() {
    assert_eq!(json(r#"{"z":1,"a":2,"z":3.0}"#).to_string(), r#"{"z":3.0,"a":2}"#);
    let (one, other) = (json(r#"{"a":1,"b":{"c":2,"d":3}}"#), json(r#"{"b":{"d":3,"c":2},"a":1}"#));
    assert_eq!(one, other);
    let hash = |value: &Json| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&one), hash(&other));

    let mut fields = one.as_object().expect("an object").clone();
    assert_eq!((fields.len(), fields.is_empty(), fields.contains_key("b")), (2, false, true));
    assert_eq!(fields.insert("e", true), None);
    assert_eq!(fields.remove("a"), Some(Json::from(1)));
    fields.extend([("f", "g")]);
    for (_, value) in &mut fields {
        *value = value.is_object().into();
    }
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["b", "e", "f"]);
    assert_eq!(fields.values().collect::<Vec<_>>(), [&Json::from(true), &Json::from(false), &Json::from(false)]);
    assert_eq!(fields.iter().rev().len(), 3);
    assert_eq!(format!("{fields:?}"), r#"{"b": Bool(true), "e": Bool(false), "f": Bool(false)}"#);
    assert_eq!(fields.into_iter().next_back(), Some(("f".to_owned(), false.into())));
}

/// If this fails, code that was written for `serde_json::Value` reads something else.
#[test]
fn it_is_read_and_changed_as_serde_jsons_value_is() {
    let mut value = json(r#"{"id":7,"below":-7,"total":1.10,"on":true,"none":null,"tags":["a","b"],"a/b":{"~":[{}]}}"#);
    assert_eq!((value["id"].as_u64(), value["id"].as_i64(), value["id"].as_f64()), (Some(7), Some(7), Some(7.0)));
    assert_eq!((value["below"].as_u64(), value["below"].as_i64()), (None, Some(-7)));
    assert_eq!((value["total"].as_i64(), value["total"].as_f64()), (None, Some(1.1)));
    assert_eq!((value["on"].as_bool(), value["tags"][1].as_str()), (Some(true), Some("b")));
    assert!(value["none"].is_null() && value["nowhere"][3]["x"].is_null() && value.get("nowhere").is_none());
    assert!(value["id"].is_number() && value["on"].is_boolean() && value["tags"].is_array() && value.is_object());
    assert!(value["tags"][0].is_string() && value.get(String::from("tags")).is_some_and(Json::is_array));
    for (pointer, found) in
        [("", true), ("/tags/1", true), ("/a~1b/~0/0", true), ("/tags/01", false), ("/tags/2", false), ("tags", false)]
    {
        assert_eq!(value.pointer(pointer).is_some(), found, "{pointer}");
        assert_eq!(value.pointer_mut(pointer).is_some(), found, "{pointer}");
    }

    assert!(value["id"] == 7 && value["below"] == -7_i64 && value["total"] == 1.1 && value["on"] == true);
    assert!(value["tags"][0] == "a" && value["tags"][0] == *"a");
    assert!(value["total"] != json("1.1") && value["id"] != json("7.0"), "numbers are their texts");

    value["new"]["deep"] = 1.into();
    value["tags"][0] = Json::Null;
    value.get_mut("tags").and_then(Json::as_array_mut).expect("a list").push(2.into());
    value.as_object_mut().expect("an object").remove("a/b");
    assert_eq!(value["on"].take(), true);
    let written = r#"{"id":7,"below":-7,"total":1.10,"on":null,"none":null,"tags":[null,"b",2],"new":{"deep":1}}"#;
    assert_eq!(value.to_string(), written);
    assert_eq!(format!("{:#}", json(r#"{"a":[1.0]}"#)), "{\n  \"a\": [\n    1.0\n  ]\n}");
    assert_eq!(Json::default(), Json::Null);
}

/// If this fails, what an app builds is written with other digits.
#[test]
fn it_is_made_from_what_rust_has() {
    let made: Json = [
        ("u", Json::from(u64::MAX)),
        ("i", i128::MIN.into()),
        ("f", 1.0.into()),
        ("nan", f64::NAN.into()),
        ("d", Decimal::new(110, 2).into()),
        ("n", "1e400".parse::<JsonNumber>().expect("a number").into()),
        ("o", None::<bool>.into()),
        ("v", vec!["a", "b"].into()),
        ("m", std::collections::BTreeMap::from([("k".to_owned(), ())]).into()),
        ("t", std::borrow::Cow::Borrowed("x").into()),
    ]
    .into_iter()
    .collect();
    let written = r#"{"u":18446744073709551615,"i":-170141183460469231731687303715884105728,"f":1.0,"nan":null,"d":1.10,"n":1e400,"o":null,"v":["a","b"],"m":{"k":null},"t":"x"}"#;
    assert_eq!(made.to_string(), written);
    assert!(JsonNumber::try_from(f64::INFINITY).is_err());
    assert_eq!(Json::from(json!({ "a": [1, 2.5, null, true, "x"] })), json(r#"{"a":[1,2.5,null,true,"x"]}"#));
}

/// serde's formatter: a serializer that is not serde_json's.
struct Formatted<'a>(&'a JsonNumber);

impl Display for Formatted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Around {
    name: String,
    #[serde(flatten)]
    rest: Json,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Text(String),
    Any(Json),
}

/// If this fails, a value cannot be read or written where serde hands numbers over by value, or comes out as something
/// that is none.
#[test]
fn elsewhere_numbers_go_by_value() {
    let shown = |text: &str| format!("{}", Formatted(&text.parse().expect("a number")));
    assert_eq!([shown("7"), shown("-7"), shown("1.10")], ["7", "-7", "1.1"]);
    let mut text = String::new();
    fmt::write(&mut text, format_args!("{}", Formatted(&"1e400".parse().expect("a number")))).expect_err("no f64");

    // A hostile object that looks like serde_json's own way to hand a text over.
    let name = raw_name().expect("serde_json has a name for it");
    let around = format!(r#"{{"name":"a","{name}":"[1]","n":[1.5,-2,null,true]}}"#);
    let read: Around = serde_json::from_str(&around).expect("an object");
    assert_eq!(read.rest[name], "[1]");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), around);
    let either = format!(r#"{{"{name}":"[1]","m":{{"{name}":"x"}}}}"#);
    assert_eq!(serde_json::from_str::<Either>(&either).expect("any JSON"), Either::Any(json(&either)));
    assert_eq!(json(&either)[name], "[1]");
    // Writing is to the digit all the same.
    let written = Around { name: "a".to_owned(), rest: json(r#"{"n":1.10}"#) };
    assert_eq!(serde_json::to_string(&written).expect("JSON"), r#"{"name":"a","n":1.10}"#);
    assert!(serde_json::from_str::<Around>(r#"{"name":"a","n":"\ud800"}"#).is_err());

    let by_value = Json::deserialize(json!({ "a": [1, -1, 1.5, "x", null] })).expect("any JSON");
    assert_eq!(by_value, json(r#"{"a":[1,-1,1.5,"x",null]}"#));
    let not_finite = serde::de::value::F64Deserializer::<serde_json::Error>::new(f64::NAN);
    assert!(Json::deserialize(not_finite).is_err());
}

/// If this fails, indexing takes a typing error for an order to build an object.
#[test]
#[should_panic(expected = "there is no field \"b\" in 1")]
fn a_number_has_no_fields() {
    json(r#"{"a":1}"#)["a"]["b"] = 2.into();
}
