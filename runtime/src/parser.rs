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
        serde_json::from_slice(value).map_err(|plain| explain::<T>(value, plain))
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
