//! The scalar types of the manifest, under one roof so that an app needs no crate of its own for them.

use std::{fmt, ops::Deref};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub(crate) mod encoding;
mod json;

pub use encoding::{As, DecimalNumber, DecimalText, Encoded, Encoding, Holds, TimestampMillis, TimestampSeconds};
pub use json::{Entries, EntriesMut, IntoEntries, Json, JsonIndex, JsonNumber, JsonObject, NotANumber};
pub(crate) use json::{Fault, Str, Tree, raw_name, read, scan};

/// A number without rounding, as text on the wire; `decimal` in the manifest.
pub use rust_decimal::Decimal;

/// An identifier of 128 bits; `uuid` in the manifest.
pub use uuid::Uuid;

/// A moment in UTC, RFC 3339 on the wire; `timestamp` in the manifest.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A day, `2026-11-22` on the wire; `date` in the manifest.
pub type Date = chrono::NaiveDate;

/// A time of day, `12:01:07` on the wire; `time` in the manifest.
pub type Time = chrono::NaiveTime;

/// Bytes, base64 (RFC 4648, padded) in JSON; `bytes` in the manifest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// Takes the bytes out.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes(\"{}\")", self.0.escape_ascii())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}
