//! What generated files touch, all of it in one place.
//!
//! Not for authors: `karafka generate` writes every use of this module, under its full path. What a committed file names
//! here keeps its name and its meaning for as long as the file's version of karafka is supported, and a table gains fields
//! without a change to any file, because each entry ends in `..NEW`.
//!
//! With the feature `producer` alone it holds what an app that consumes nothing touches.

#[cfg(feature = "consumer")]
mod consumer;

use serde::Serialize;

use crate::types::{As, encoding};

#[cfg(feature = "consumer")]
pub use self::consumer::{App, Route, Routed, Worker, app, batch_route, interchanger, parser, route};
pub use crate::{
    EmittedBy, Result, Topic,
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    one_of,
    producer::{Producer, StartError as ProducerStartError},
    settings::Settings,
    types::{Bytes, Encoded, Json, TimestampMillis, TimestampSeconds},
};

/// The encodings of fields, for `#[serde(with = "…")]`.
pub mod with {
    use super::{As, encoding};

    /// `decimal`.
    pub type DecimalText = As<encoding::DecimalText>;

    /// `decimal(number)`.
    pub type DecimalNumber = As<encoding::DecimalNumber>;

    /// `timestamp(millis)`.
    pub type TimestampMillis = As<encoding::TimestampMillis>;

    /// `timestamp(seconds)`.
    pub type TimestampSeconds = As<encoding::TimestampSeconds>;
}

/// The producer of an app, which sends to its topics under their names in Kafka.
///
/// # Errors
///
/// As [`Producer::from_settings`].
pub fn producer(settings: &Settings) -> Result<Producer, ProducerStartError> {
    Producer::from_settings(settings)
}

/// Writes a message as JSON.
///
/// # Errors
///
/// What serde says of the message.
pub fn encode_json<T: Serialize>(message: &T) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(message)?)
}

/// Writes bytes as they are.
///
/// # Errors
///
/// None; the signature is that of [`Topic::encode`].
pub fn encode_bytes(message: &Bytes) -> Result<Vec<u8>> {
    Ok(message.to_vec())
}

/// Writes text as UTF-8.
///
/// # Errors
///
/// None; the signature is that of [`Topic::encode`].
pub fn encode_text(message: &str) -> Result<Vec<u8>> {
    Ok(message.as_bytes().to_vec())
}

/// The bytes of a key field: text as it is, anything else as its JSON.
///
/// # Panics
///
/// Never: what is not writable as JSON gives an empty key.
#[must_use]
pub fn key_bytes<T: Serialize>(field: &T) -> Option<Vec<u8>> {
    let mut json = serde_json::to_vec(field).ok()?;
    match json.first()? {
        b'n' => None,
        b'"' if json.contains(&b'\\') => Some(serde_json::from_slice::<String>(&json).ok()?.into_bytes()),
        b'"' => {
            json.pop();
            json.remove(0);
            Some(json)
        }
        _ => Some(json),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::{Decimal, Json};

    fn key(field: impl Serialize) -> Option<String> {
        key_bytes(&field).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    /// If this fails, records of one key come into two partitions, or records of two keys are taken for one key's.
    #[test]
    fn a_key_is_the_fields_text_or_its_json() {
        for (written, expected) in [
            (key("c-1"), "c-1"),
            (key(""), ""),
            (key("\"ü\\\n"), "\"ü\\\n"),
            (key("null"), "null"),
            (key(7_u64), "7"),
            (key(u64::MAX), "18446744073709551615"),
            (key(0.1_f32), "0.1"),
            (key(0.1), "0.1"),
            (key(true), "true"),
            (key(Decimal::new(110, 2)), "1.10"),
            (key("12345678901234567890123".parse::<Json>().expect("a number")), "12345678901234567890123"),
            (key("1.10".parse::<Json>().expect("a number")), "1.10"),
        ] {
            assert_eq!(written.as_deref(), Some(expected));
        }
        assert_eq!((key(None::<u8>), key(())), (None, None));
        assert_eq!(key(BTreeMap::from([((1, 2), 3)])), None, "JSON has no such names");
    }
}
