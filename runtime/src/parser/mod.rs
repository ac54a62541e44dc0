//! From a record's bytes to the typed message.

mod magic;

use serde::de::DeserializeOwned;

use crate::{Error, Record, Result, types::Bytes};

/// Turns a record's value into a message of type `T`.
///
/// It runs once a record, in the lane of the record's partition. A failure stops the partition with a report; it is
/// never passed on as if it had worked. Records without a value (tombstones) never reach it.
pub trait Parser<T>: Send + Sync + 'static {
    /// Parses `value`, the record's value; the record gives headers, key and coordinates to those who need them.
    ///
    /// # Errors
    ///
    /// Why the bytes are not a `T`, for the person who reads the report.
    fn parse(&self, value: &[u8], record: &Record) -> Result<T>;
}

/// JSON into any type that serde can read; `parser: json`, the default. A byte order mark before it is skipped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl<T: DeserializeOwned> Parser<T> for Json {
    fn parse(&self, value: &[u8], _record: &Record) -> Result<T> {
        // Looking at all bytes once is far cheaper than at each text in them. What is not UTF-8 may still stand in a
        // field that nobody reads.
        let parsed = match std::str::from_utf8(value) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(value),
        };
        parsed.or_else(|plain| again(value, plain))
    }
}

/// What some editors and Windows write before UTF-8; JSON has none (RFC 8259, 8.1), and lets it be skipped.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a value that failed once more, slowly: behind a byte order mark, or to say where it went wrong.
#[cold]
fn again<T: DeserializeOwned>(value: &[u8], plain: serde_json::Error) -> Result<T> {
    match value.strip_prefix(BYTE_ORDER_MARK) {
        Some(value) => serde_json::from_slice(value).map_err(|plain| explain::<T>(value, plain)),
        None => Err(explain::<T>(value, plain)),
    }
}

/// Where it went wrong.
fn explain<T: DeserializeOwned>(value: &[u8], plain: serde_json::Error) -> Error {
    if let Some(words) = magic::named(value) {
        return Error::new(format_args!("no JSON: the value is {words}"));
    }
    let mut found = failure::<T>(value);
    if !plain.is_data() {
        // What is no JSON can stand inside of a field that is read as a whole.
        let inner = failure::<serde_json::Value>(value);
        found = inner.filter(|inner| inner.inner().to_string() == plain.to_string()).or(found);
    }
    match found {
        Some(error) if error.path().iter().next().is_some() => {
            let advice = if lacks_offset(value, error.path()) {
                "; it has no offset: write `Z` or `+01:00` behind it"
            } else {
                ""
            };
            Error::new(format_args!("`{}`: {}{advice}", error.path(), error.inner()))
        }
        _ => plain.into(),
    }
}

/// Whether a moment that does not say where on Earth it is stands at `path`. chrono speaks of an end that is premature.
fn lacks_offset(value: &[u8], path: &serde_path_to_error::Path) -> bool {
    use serde_path_to_error::Segment;
    let Ok(whole) = serde_json::from_slice::<serde_json::Value>(value) else { return false };
    let found = path.iter().try_fold(&whole, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    found.and_then(|found| found.as_str()).is_some_and(|text| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .any(|form| chrono::NaiveDateTime::parse_from_str(text.trim(), form).is_ok())
    })
}

/// What is wrong with `value` as a `T`, and where.
fn failure<T: DeserializeOwned>(value: &[u8]) -> Option<serde_path_to_error::Error<serde_json::Error>> {
    serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(value)).err()
}

/// The bytes as they are; `parser: bytes`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawBytes;

impl Parser<Bytes> for RawBytes {
    fn parse(&self, value: &[u8], _record: &Record) -> Result<Bytes> {
        Ok(Bytes::from(value.to_vec()))
    }
}

/// UTF-8 text; `parser: text`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text;

impl Parser<String> for Text {
    fn parse(&self, value: &[u8], _record: &Record) -> Result<String> {
        match (std::str::from_utf8(value), magic::named(value)) {
            (Err(_), Some(words)) => Err(Error::new(format_args!("no text: the value is {words}"))),
            (text, _) => Ok(text?.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OwnedRecord, types::Json as AnyJson};

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only parsed")]
        lines: Vec<Line>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Line {
        #[expect(dead_code, reason = "only parsed")]
        price: u32,
    }

    fn parse<T>(parser: &impl Parser<T>, value: &[u8]) -> Result<T> {
        parser.parse(value, &OwnedRecord::default().into())
    }

    /// If this fails, a person has to guess which of a hundred fields is wrong.
    #[test]
    fn a_wrong_field_is_named_with_its_path() {
        let wrong = parse::<Order>(&Json, br#"{"lines":[{"price":1},{"price":"2"}]}"#).expect_err("a text is no u32");
        assert!(wrong.to_string().starts_with("`lines[1].price`: invalid type: string"), "{wrong}");
        let missing = parse::<Order>(&Json, br#"{"lines":[{}]}"#).expect_err("no price");
        assert!(missing.to_string().starts_with("`lines[0]`: missing field `price`"), "{missing}");
        let no_json = parse::<Order>(&Json, b"orders").expect_err("no JSON");
        assert!(no_json.to_string().contains("expected value at line 1 column 1"), "{no_json}");
    }

    /// If this fails, what a Windows program writes goes to the dead letters for three bytes that nobody sees.
    #[test]
    fn a_byte_order_mark_is_skipped() {
        parse::<Order>(&Json, b"\xef\xbb\xbf{\"lines\":[]}").expect("an order");
        let wrong = parse::<Order>(&Json, b"\xef\xbb\xbf{\"lines\":[{\"price\":true}]}").expect_err("no number");
        assert!(wrong.to_string().starts_with("`lines[0].price`: invalid type: boolean"), "{wrong}");
        parse::<Order>(&Json, b"\xef\xbb\xbf\xef\xbb\xbf{\"lines\":[]}").expect_err("one is a mark, two are none");
    }

    /// If this fails, a person who is sent another format looks for a slip in the JSON, or in the text.
    #[test]
    fn another_format_is_named() {
        let framed = parse::<Order>(&Json, b"\0\0\0\0\x07{\"lines\":[]}").expect_err("no JSON").to_string();
        assert!(framed.starts_with("no JSON: the value is framed for a schema registry"), "{framed}");
        let compressed = parse(&Text, b"\x1f\x8b\x08\0").expect_err("no text").to_string();
        assert!(compressed.starts_with("no text: the value is compressed by gzip"), "{compressed}");
        assert_eq!(
            parse(&Text, b"\x01abcdefghijklmnopqrst").expect("text").len(),
            21,
            "what is text is taken as it is"
        );
    }

    /// If this fails, a person looks for the premature end of a moment that ends where all of theirs do.
    #[test]
    fn a_moment_without_an_offset_is_told_so() {
        #[derive(Debug, serde::Deserialize)]
        struct Visit {
            #[expect(dead_code, reason = "only parsed")]
            times: Vec<crate::types::Timestamp>,
        }
        for time in ["2026-11-28T15:07:08", "2026-11-28 15:07:08.5", "2026-11-28T15:07"] {
            let text = format!(r#"{{"times":["2026-11-28T15:07:08Z","{time}"]}}"#);
            let error = parse::<Visit>(&Json, text.as_bytes()).expect_err("no offset").to_string();
            let words = "it has no offset: write `Z` or `+01:00` behind it";
            assert!(error.starts_with("`times[1]`: ") && error.ends_with(words), "{error}");
        }
        let other = parse::<Visit>(&Json, br#"{"times":["yesterday"]}"#).expect_err("no moment").to_string();
        assert!(!other.contains("offset"), "{other}");
    }

    /// If this fails, a topic cannot evolve: a producer that adds a field stops every consumer.
    #[test]
    fn unknown_fields_are_tolerated() {
        parse::<Order>(&Json, br#"{"lines":[],"new":{"a":1}}"#).expect("an order");
        parse::<AnyJson>(&Json, b"[1, null]").expect("any JSON");
    }

    /// If this fails, bytes or text reach a controller as something else than what was sent.
    #[test]
    fn bytes_and_text_stay_as_they_are() {
        assert_eq!(parse(&RawBytes, b"\xff\0").expect("bytes").into_vec(), b"\xff\0");
        assert_eq!(parse(&Text, "ü".as_bytes()).expect("text"), "ü");
        assert!(parse(&Text, b"\xff").is_err());
    }
}
