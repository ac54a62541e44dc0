//! A topic of the manifest, as a type.

use crate::{Result, outgoing::ProducerRecord};

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

    /// A record with this message, with its key where the manifest's `key:` picks one, for a
    /// [`Producer`](crate::producer::Producer).
    ///
    /// # Errors
    ///
    /// As [`Topic::encode`].
    fn record(self, message: &Self::Message) -> Result<ProducerRecord> {
        Ok(ProducerRecord::of(Self::KEY, Self::key(message), Some(Self::encode(message)?)))
    }

    /// A record without a value for `key`: what it held before is deleted when the topic is compacted.
    fn tombstone(self, key: impl Into<Vec<u8>>) -> ProducerRecord {
        ProducerRecord::of(Self::KEY, Some(key.into()), None)
    }
}

/// A topic that the controller `C` may send to: one that stands under its `emits` in the manifest.
///
/// `karafka generate` implements it for each topic over a trait of that topic, so that the compiler's message can
/// name the line to add.
pub trait EmittedBy<C>: Topic {}

/// A number for a key, always the same one. FNV-1a: keys are short, and nobody gains by making two of them meet.
#[cfg(feature = "consumer")]
pub(crate) fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
