//! A topic of the manifest, as a type.

use serde::Serialize;

use crate::{Result, types::Bytes};

/// A record's key: absent and empty are two things in Kafka.
pub type Key<'a> = Option<&'a [u8]>;

/// A topic that the manifest names; written by `karafka generate`.
pub trait Topic: Copy + Send + Sync + 'static {
    /// What the topic carries.
    type Message: Send + Sync + 'static;
    /// The key under `topics:` in the manifest. The name in Kafka can differ; see `name:`.
    const KEY: &'static str;

    /// The bytes of `message` on the wire.
    ///
    /// # Errors
    ///
    /// Why the message cannot be written, such as a map whose keys are not text.
    fn encode(message: &Self::Message) -> Result<Vec<u8>>;

    /// The record's key that the manifest's `key:` picks from the message, if it names one.
    fn key(_message: &Self::Message) -> Option<Vec<u8>> {
        None
    }
}

/// A topic that the controller `C` may send to: one that stands under its `emits` in the manifest.
///
/// `karafka generate` implements it for each topic over a trait of that topic, so that the compiler's message can
/// name the line to add.
pub trait EmittedBy<C>: Topic {}

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

/// A number for a key, always the same one. FNV-1a: keys are short, and nobody gains by making two of them meet.
pub(crate) fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
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
