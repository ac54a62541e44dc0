//! Single values that fit the name of their field.

use karafka::types::{
    Bytes, Decimal, DecimalNumber, Encoded, Encoding, Timestamp, TimestampMillis, TimestampSeconds, Uuid,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{super::Scalar, draw::Draw};
use crate::names::case::snake;

/// Milliseconds of the month that moments are drawn from.
const MONTH: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Texts by the last word of a field's name.
const TEXTS: &[(&[&str], &[&str])] = &[
    (
        &["name", "author", "owner", "person"],
        &["Ada Lovelace", "Grace Hopper", "Alan Kay", "Barbara Liskov", "Edsger Dijkstra"],
    ),
    (&["email", "mail"], &["ada@example.com", "grace@example.com", "alan@example.org", "barbara@example.net"]),
    (
        &["title", "subject", "headline"],
        &["A quiet morning", "Notes on the engine", "The long way home", "Seven small rivers"],
    ),
    (
        &["description", "note", "notes", "comment", "text", "body", "content", "message", "summary"],
        &["All is well", "Please ring twice", "As discussed on Monday", "Handle with care"],
    ),
    (&["reason", "cause", "error"], &["changed my mind", "out of stock", "found it cheaper", "arrived too late"]),
    (&["city", "town", "place", "location"], &["Lisbon", "Kraków", "Oslo", "Kyoto", "Quito"]),
    (&["country"], &["PT", "PL", "NO", "JP", "EC"]),
    (&["street", "address"], &["12 Mill Lane", "3 Harbour Road", "88 Station Street"]),
    (&["zip", "postcode", "postal"], &["1100-148", "31-042", "0150", "600-8216"]),
    (&["phone", "mobile", "telephone"], &["+351 210 000 001", "+48 12 000 00 02", "+47 22 00 00 03"]),
    (&["currency"], &["EUR", "USD", "PLN", "JPY"]),
    (&["language", "locale", "lang"], &["en", "pt", "pl", "ja"]),
    (&["color", "colour"], &["teal", "amber", "crimson", "ivory"]),
    (
        &["url", "uri", "link", "href", "website"],
        &["https://example.com/a", "https://example.org/b", "https://example.net/c"],
    ),
    (&["host", "hostname", "domain"], &["a.example.com", "b.example.org", "c.example.net"]),
    (&["ip"], &["192.0.2.1", "198.51.100.7", "203.0.113.42"]),
    (&["path", "file", "filename"], &["/videos/first.mp4", "/videos/second.mp4", "/images/cover.png"]),
    (&["status", "state", "phase"], &["new", "open", "done"]),
    (&["kind", "type", "category"], &["basic", "standard", "special"]),
    (&["tag", "tags", "label", "labels", "topic", "topics"], &["music", "travel", "science", "cooking"]),
    (&["sku", "product", "item", "article"], &["TEA-100", "CUP-022", "POT-007", "JAM-314"]),
    (&["version"], &["1.0.0", "1.4.2", "2.0.0"]),
];

/// What texts of no known name are made of, and keys of maps.
const WORDS: &[&str] = &["alder", "birch", "cedar", "elm", "hazel", "linden", "maple", "oak", "rowan", "willow"];

/// Ranges of numbers by the last word of a field's name.
const RANGES: &[(&[&str], u64, u64)] = &[
    (&["age"], 18, 90),
    (&["seconds", "duration"], 30, 7_200),
    (&["minutes"], 1, 120),
    (&["hours"], 1, 24),
    (&["days"], 1, 30),
    (&["millis", "ms", "latency"], 1, 900),
    (&["quantity", "count", "pieces", "units"], 1, 9),
    (&["year"], 1995, 2026),
    (&["month"], 1, 12),
    (&["day"], 1, 28),
    (&["percent", "percentage", "progress", "score"], 0, 100),
    (&["rating", "stars", "priority", "level"], 1, 5),
    (&["port"], 1024, 49_151),
    (&["width", "height"], 240, 2_160),
    (&["price", "total", "amount", "cost", "fee", "balance", "sum"], 1, 250),
    (&["cents"], 100, 25_000),
    (&["latitude", "lat"], 0, 60),
    (&["longitude", "lon", "lng"], 0, 120),
    (&["size", "bytes", "length"], 100, 90_000),
    (&["views", "likes", "visits"], 0, 5_000),
];

/// A value of this type for a field of this name.
pub(super) fn scalar(scalar: Scalar, field: &str, draw: Draw, base: Timestamp) -> Value {
    match scalar {
        Scalar::String => text(field, draw).into(),
        Scalar::Bool => draw.one_in(2).into(),
        Scalar::I8 => integer(field, draw, i8::MIN.into(), i8::MAX.into()),
        Scalar::I16 => integer(field, draw, i16::MIN.into(), i16::MAX.into()),
        Scalar::I32 => integer(field, draw, i32::MIN.into(), i32::MAX.into()),
        Scalar::I64 => integer(field, draw, i64::MIN.into(), i64::MAX.into()),
        Scalar::U8 => integer(field, draw, 0, u8::MAX.into()),
        Scalar::U16 => integer(field, draw, 0, u16::MAX.into()),
        Scalar::U32 => integer(field, draw, 0, u32::MAX.into()),
        Scalar::U64 => integer(field, draw, 0, u64::MAX.into()),
        // Quarters are exact in both widths, so what is read is what was written.
        Scalar::F32 | Scalar::F64 => {
            json!(near(field, draw).min(1 << 20) as f64 + draw.at("fraction").below(4) as f64 / 4.0)
        }
        Scalar::Decimal => price(field, draw).to_string().into(),
        Scalar::DecimalNumber => encoded::<DecimalNumber>(price(field, draw)),
        Scalar::Bytes => {
            let length = 6 + draw.below(7) as usize;
            written(Bytes::from((0..length).map(|at| draw.nth(at).bits() as u8).collect::<Vec<_>>()))
        }
        Scalar::Uuid => uuid(draw),
        Scalar::Timestamp => moment(draw, base),
        Scalar::TimestampMillis => encoded::<TimestampMillis>(instant(draw, base)),
        Scalar::TimestampSeconds => encoded::<TimestampSeconds>(instant(draw, base)),
        Scalar::Date => written(instant(draw, base).date_naive()),
        Scalar::Time => written(instant(draw, base).time()),
        Scalar::Json => json!({ "kind": text("kind", draw.at("kind")), "count": draw.at("count").below(10) }),
    }
}

/// A price that suits the field, in steps of five hundredths.
fn price(field: &str, draw: Draw) -> Decimal {
    let hundredths = near(field, draw) * 100 + draw.at("fraction").below(20) * 5;
    Decimal::new(i64::try_from(hundredths).unwrap_or_default(), 2)
}

fn encoded<E: Encoding>(value: E::Value) -> Value {
    written(Encoded::<E>(value))
}

/// A text for a field of this name.
pub(super) fn text(field: &str, draw: Draw) -> String {
    let words = snake(field);
    let last = words.rsplit('_').next().unwrap_or_default();
    if let Some((_, texts)) = TEXTS.iter().find(|(names, _)| names.contains(&last)) {
        return (*draw.pick(texts).unwrap_or(&"")).to_owned();
    }
    // `customer_id`, `customer` and their like: `c-1993`.
    let of = words.strip_suffix("_id").unwrap_or(&words);
    if of.len() < words.len() || ["id", "key", "code", "number", "customer", "user", "account"].contains(&last) {
        return format!("{}-{}", of.chars().next().unwrap_or('n'), 1_000 + draw.below(9_000));
    }
    (*draw.pick(WORDS).unwrap_or(&"")).to_owned()
}

/// A key of a map, different for each index.
pub(super) fn key(index: usize, draw: Draw) -> String {
    let word = draw.pick(WORDS).unwrap_or(&"");
    if index == 0 { (*word).to_owned() } else { format!("{word}_{}", index + 1) }
}

/// An identifier with the bits of version 4 (RFC 9562, section 5.4).
pub(super) fn uuid(draw: Draw) -> Value {
    let bits = u128::from(draw.bits()) << 64 | u128::from(draw.at("low").bits());
    let version = bits & !(0xf << 76) | 0x4 << 76;
    let variant = version & !(0x3 << 62) | 0x2 << 62;
    written(Uuid::from_u128(variant))
}

/// A moment of the month before `base`, to the second.
pub(super) fn moment(draw: Draw, base: Timestamp) -> Value {
    written(instant(draw, base))
}

fn instant(draw: Draw, base: Timestamp) -> Timestamp {
    let milliseconds = base.timestamp_millis().saturating_sub(draw.below(MONTH) as i64);
    Timestamp::from_timestamp_millis(milliseconds.div_euclid(1_000) * 1_000).unwrap_or(base)
}

/// A whole number that suits the field; now and then the least or the most that its type holds.
fn integer(field: &str, draw: Draw, least: i128, most: i128) -> Value {
    let edge = draw.at("edge");
    let number = match edge.below(24) {
        0 => least,
        1 => most,
        _ => i128::from(near(field, draw)).min(most),
    };
    match u64::try_from(number) {
        Ok(number) => number.into(),
        Err(_) => i64::try_from(number).unwrap_or_default().into(),
    }
}

/// A number that suits the field's name.
fn near(field: &str, draw: Draw) -> u64 {
    let words = snake(field);
    let last = words.rsplit('_').next().unwrap_or_default();
    let range = RANGES.iter().find(|(names, ..)| names.contains(&last));
    let (least, most) = range.map_or((1, 1_000), |(_, least, most)| (*least, *most));
    least + draw.below(most - least + 1)
}

fn written(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
