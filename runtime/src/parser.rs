//! From a record's bytes to the typed message.

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

/// JSON into any type that serde can read; `parser: json`, the default.
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
        parsed.map_err(|plain| explain::<T>(value, plain))
    }
}

/// Reads a value that failed once more, slowly, to say where it went wrong.
#[cold]
fn explain<T: DeserializeOwned>(value: &[u8], plain: serde_json::Error) -> Error {
    let mut reader = serde_json::Deserializer::from_slice(value);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) if error.path().iter().next().is_some() => {
            Error::new(format_args!("`{}`: {}", error.path(), error.inner()))
        }
        _ => plain.into(),
    }
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
        Ok(std::str::from_utf8(value)?.to_owned())
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
