//! Records on their way to Kafka, and who is told what became of them.

mod error;
mod record;

use std::sync::Arc;

#[cfg(feature = "consumer")]
pub(crate) use error::Refusal;
pub use error::{SendError, SizeBound};
pub use record::ProducerRecord;

/// A record on its way to Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The topic's name in Kafka.
    pub(crate) topic: String,
    /// The key; `None` lets Kafka's partitioner choose.
    pub(crate) key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub(crate) value: Option<Vec<u8>>,
    /// Headers in their order: bytes, as Kafka has them; a name can come twice.
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The partition; `None` lets Kafka's partitioner choose.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970; `None`: when it is sent.
    pub(crate) timestamp: Option<i64>,
}

impl Outgoing {
    /// The bytes of key, value and headers.
    #[cfg(feature = "consumer")]
    pub(crate) fn size(&self) -> usize {
        size(self.key.as_ref(), self.value.as_ref(), &self.headers)
    }

    #[cfg(feature = "consumer")]
    pub(crate) fn split(self) -> (String, Content) {
        let Self { topic, key, value, headers, partition, timestamp } = self;
        (topic, Content { key, value, headers, partition, timestamp })
    }
}

/// A record on its way, without its topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
}

impl Content {
    /// The bytes of key, value and headers.
    pub(crate) fn size(&self) -> usize {
        size(self.key.as_ref(), self.value.as_ref(), &self.headers)
    }

    pub(crate) fn to(self, topic: String) -> Outgoing {
        let Self { key, value, headers, partition, timestamp } = self;
        Outgoing { topic, key, value, headers, partition, timestamp }
    }
}

fn size(key: Option<&Vec<u8>>, value: Option<&Vec<u8>>, headers: &[(Vec<u8>, Option<Vec<u8>>)]) -> usize {
    let length = |bytes: Option<&Vec<u8>>| bytes.map_or(0, Vec::len);
    let headers = headers.iter().map(|(name, value)| name.len() + length(value.as_ref()));
    length(key) + length(value) + headers.sum::<usize>()
}

/// Where Kafka has put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset; `None` where Kafka was not asked for an acknowledgement, which has none then.
    pub offset: Option<i64>,
}

/// What goes along with a record, or a job: who is told what became of it, and which one it was.
pub(crate) struct DeliveryReport {
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) ticket: Ticket,
}

/// What a sender knows a record, or a job, by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    pub(crate) sent: Sent,
    /// How often Kafka has not taken it so far.
    pub(crate) failures: u32,
}

impl Ticket {
    /// For something that is sent for the first time.
    pub(crate) const fn new(number: u64, sent: Sent) -> Self {
        Self { number, sent, failures: 0 }
    }
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    /// What a controller sent, with the topic's key.
    Emit(&'static str),
    /// A record that was given up.
    #[cfg(feature = "consumer")]
    DeadLetter,
    /// A job, to Redis.
    #[cfg(feature = "consumer")]
    Job,
}

/// Whoever sends records, and is told on the producer's own thread what becomes of them.
pub(crate) trait Sender: Send + Sync {
    /// Kafka has the record.
    fn delivered(&self, ticket: Ticket, delivered: Delivered);
    /// Kafka does not have it; here it is again.
    fn undelivered(&self, ticket: Ticket, outgoing: Outgoing, error: SendError);
}
