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
    match serde_json::to_value(field).ok()? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.into_bytes()),
        other => Some(other.to_string().into_bytes()),
    }
}

/// A number for a key, always the same one. FNV-1a: keys are short, and nobody gains by making two of them meet.
pub(crate) fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
