//! A record as Kafka delivered it: bytes, headers, coordinates.

use std::{fmt, sync::Arc};

use crate::{topic::Key, types::Timestamp};

/// A record of a partition, not yet parsed.
///
/// Value, key and headers are bytes: null and empty are two things everywhere, and names of headers need not be UTF-8.
pub struct Record {
    inner: Inner,
}

enum Inner {
    Owned(Box<OwnedRecord>),
}

/// A record that owns its bytes: one that waits long, or that a test made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedRecord {
    /// The topic's name in Kafka.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970, if Kafka knows the time.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values of headers in their order; a name can come twice.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Record {
    /// The topic's name in Kafka.
    #[must_use]
    pub fn topic(&self) -> &str {
        match &self.inner {
            Inner::Owned(record) => &record.topic,
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        match &self.inner {
            Inner::Owned(record) => record.partition,
        }
    }

    /// The offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        match &self.inner {
            Inner::Owned(record) => record.offset,
        }
    }

    /// When the record was made or appended, if Kafka knows it.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let milliseconds = match &self.inner {
            Inner::Owned(record) => record.timestamp_ms,
        };
        milliseconds.and_then(Timestamp::from_timestamp_millis)
    }

    /// The key; absent and empty are two things.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        match &self.inner {
            Inner::Owned(record) => record.key.as_deref(),
        }
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Owned(record) => record.value.as_deref(),
        }
    }

    /// Names and values of headers in their order; a name can come twice.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        match &self.inner {
            Inner::Owned(record) => record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())),
        }
    }

    /// The value of the last header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().filter(|(n, _)| *n == name.as_bytes()).last().and_then(|(_, value)| value)
    }
}

impl From<OwnedRecord> for Record {
    fn from(record: OwnedRecord) -> Self {
        Self { inner: Inner::Owned(Box::new(record)) }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic(), self.partition(), self.offset())
    }
}
