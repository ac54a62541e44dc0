//! A record as Kafka delivered it: bytes, headers, coordinates.

use std::{ffi::CStr, fmt, sync::Arc};

use crate::{native::NativeRecord, topic::Key, types::Timestamp};

/// A record of a partition, not yet parsed.
///
/// Value, key and headers are bytes: null and empty are two things everywhere, and names of headers need not be UTF-8.
pub struct Record {
    inner: Inner,
}

enum Inner {
    Native(NativeRecord),
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
            Inner::Native(record) => record.topic(),
            Inner::Owned(record) => &record.topic,
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        match &self.inner {
            Inner::Native(record) => record.partition(),
            Inner::Owned(record) => record.partition,
        }
    }

    /// The offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        match &self.inner {
            Inner::Native(record) => record.offset(),
            Inner::Owned(record) => record.offset,
        }
    }

    /// When the record was made or appended, if Kafka knows it.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let milliseconds = match &self.inner {
            Inner::Native(record) => record.timestamp_ms(),
            Inner::Owned(record) => record.timestamp_ms,
        };
        milliseconds.and_then(Timestamp::from_timestamp_millis)
    }

    /// The key; absent and empty are two things.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        match &self.inner {
            Inner::Native(record) => record.key(),
            Inner::Owned(record) => record.key.as_deref(),
        }
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Native(record) => record.value(),
            Inner::Owned(record) => record.value.as_deref(),
        }
    }

    /// Names and values of headers in their order; a name can come twice.
    #[must_use]
    pub fn headers(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        match &self.inner {
            Inner::Native(record) => record.headers(),
            Inner::Owned(record) => {
                record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect()
            }
        }
    }

    /// The value of the last header of this name; `None` if there is none, or it is null.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().into_iter().rfind(|(n, _)| *n == name.as_bytes()).and_then(|(_, value)| value)
    }

    /// The record with bytes of its own, however long it is kept.
    #[must_use]
    pub fn to_owned_record(&self) -> OwnedRecord {
        OwnedRecord {
            topic: Arc::from(self.topic()),
            partition: self.partition(),
            offset: self.offset(),
            timestamp_ms: self.timestamp().map(|time| time.timestamp_millis()),
            key: self.key().map(<[u8]>::to_vec),
            value: self.value().map(<[u8]>::to_vec),
            headers: self.headers().into_iter().map(|(n, v)| (n.to_vec(), v.map(<[u8]>::to_vec))).collect(),
        }
    }
}

impl Record {
    /// Copies the bytes of a record that is borrowed from a fetch.
    pub(crate) fn detach(&mut self) {
        if let Inner::Native(_) = self.inner {
            self.inner = Inner::Owned(Box::new(self.to_owned_record()));
        }
    }

    /// As [`Record::header`], without a lock: nobody else has the record. Costs next to nothing if it has no headers.
    pub(crate) fn own_header(&mut self, name: &CStr) -> Option<&[u8]> {
        match &mut self.inner {
            Inner::Native(record) => record.last_header(name),
            Inner::Owned(record) => {
                let found = record.headers.iter().rfind(|(known, _)| known == name.to_bytes());
                found.and_then(|(_, value)| value.as_deref())
            }
        }
    }

    /// Roughly how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.key().map_or(0, <[u8]>::len) + self.value().map_or(0, <[u8]>::len) + size_of::<OwnedRecord>()
    }
}

impl From<NativeRecord> for Record {
    fn from(record: NativeRecord) -> Self {
        Self { inner: Inner::Native(record) }
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
