//! Records on their way to Kafka, and who is told what became of them.

/// A record on its way to Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic's name in Kafka.
    pub topic: String,
    /// The key; `None` lets Kafka's partitioner choose.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order: bytes, as Kafka has them; a name can come twice.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Where Kafka has put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// What librdkafka carries along with a record; boxed twice, because it has room for a thin pointer only.
pub(crate) type Report = Box<Box<dyn Acknowledge>>;

/// What becomes of a record, told on the producer's own thread.
pub(crate) trait Acknowledge: Send + Sync {
    /// Kafka has the record.
    fn delivered(self: Box<Self>, delivered: Delivered);
    /// Kafka does not have it; here it is again.
    fn undelivered(self: Box<Self>, outgoing: Outgoing, reason: String);
}
