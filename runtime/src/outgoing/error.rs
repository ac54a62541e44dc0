//! Why Kafka has not taken a record, and which key lets it.

use std::fmt;

use crate::commands::{self, SOMEWHERE};

/// Why Kafka has not taken a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The producer could not be made.
    #[error("the producer cannot start: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
    /// The record was refused before it was sent, such as one to a topic that may not be written to.
    #[error("{topic} does not take the record: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// librdkafka's word.
        reason: String,
    },
    /// The record, or the batch that it was sent in, is larger than something allows.
    #[error("{topic} does not take a record of {size} bytes: {bound}")]
    TooLarge {
        /// The topic.
        topic: String,
        /// Its key, value and headers, before compression.
        size: usize,
        /// What it is larger than.
        bound: SizeBound,
    },
    /// This app may not write to the topic.
    #[error(
        "{topic} does not take the record: this app's user may not write to it; {}",
        commands::grant(SOMEWHERE, &["Write"], &format!("--topic {topic}"))
    )]
    Forbidden {
        /// The topic.
        topic: String,
    },
    /// Kafka does not know the topic.
    #[error(
        "{topic} does not take the record: Kafka does not know the topic; {}",
        commands::create_topic(SOMEWHERE, topic)
    )]
    Missing {
        /// The topic.
        topic: String,
    },
    /// Kafka takes no such record, as none without a key in a topic that is compacted.
    #[error("{topic} does not take the record: {reason}")]
    Invalid {
        /// The topic.
        topic: String,
        /// Kafka's word.
        reason: String,
    },
    /// The producer's queue is full, and it was told not to wait for room.
    #[error("{topic} does not take the record now: the producer's queue is full")]
    Full {
        /// The topic.
        topic: String,
    },
    /// The producer is closed.
    #[error("{topic} does not take the record: the producer is closed")]
    Closed {
        /// The topic.
        topic: String,
    },
    /// Kafka did not acknowledge the record.
    #[error(
        "{topic} has not acknowledged the record: {reason}{}",
        cause.as_ref().map(|cause| format!("; the producer {cause}")).unwrap_or_default()
    )]
    Undelivered {
        /// The topic.
        topic: String,
        /// Kafka's word.
        reason: String,
        /// What keeps the producer from its brokers, in words that fit behind its name, as far as its client has said it: a
        /// record that nobody took has only run out of time.
        cause: Option<String>,
    },
}

/// What a record is larger than. Its text says what to raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SizeBound {
    /// The producer's own `message.max.bytes`, in bytes.
    Client(u64),
    /// All the room in the producer's queue, `queue.buffering.max.kbytes`, in KiB.
    Queue(u64),
    /// The topic's `max.message.bytes`, which counts compressed bytes of a whole batch.
    Topic,
    /// The topic's `segment.bytes`, which a whole batch has to fit.
    Segment,
    /// As `Topic`; the record is smaller than the producer's `batch.size`, in bytes, and may have been refused with others.
    Batch(u64),
}

impl fmt::Display for SizeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(bytes) => write!(
                f,
                "the producer's `message.max.bytes` is {bytes}; raise it, or leave it out, so that the broker decides"
            ),
            Self::Queue(kbytes) => write!(
                f,
                "the producer's queue holds {kbytes} KiB, so that it would wait for ever; raise `queue.buffering.max.kbytes`"
            ),
            Self::Topic => f.write_str(RAISE),
            Self::Batch(bytes) => write!(
                f,
                "{RAISE}; if it was refused with others of its batch, `batch.size`, {bytes} bytes, can be lowered instead"
            ),
            Self::Segment => f.write_str(
                "the broker says that it is larger than a segment; raise the topic's `segment.bytes`, or the broker's \
                 `log.segment.bytes`",
            ),
        }
    }
}

/// Which of the two is too low cannot be told from here.
const RAISE: &str = "the broker says that it is too large; raise the topic's `max.message.bytes`, or the broker's \
                     `message.max.bytes`";

/// What lets a record be refused again and again, until a person has changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    TooLarge,
    Invalid,
    Forbidden,
    Missing,
}

impl SendError {
    /// Whether it is about the topic and not about the record.
    pub(crate) fn is_of_topic(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Forbidden { .. })
    }

    /// The topic that does not take the record.
    pub(crate) fn topic(&self) -> &str {
        match self {
            Self::Start { .. } => "",
            Self::Refused { topic, .. }
            | Self::TooLarge { topic, .. }
            | Self::Forbidden { topic }
            | Self::Missing { topic }
            | Self::Invalid { topic, .. }
            | Self::Full { topic }
            | Self::Closed { topic }
            | Self::Undelivered { topic, .. } => topic,
        }
    }

    /// Why, without the topic; empty where there is nothing else to say.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } | Self::Invalid { reason, .. } | Self::Undelivered { reason, .. } => reason,
            Self::Forbidden { .. } => "this app's user may not write to it",
            Self::Missing { .. } => "Kafka does not know the topic",
            Self::TooLarge { .. } => "a record is too large",
            Self::Full { .. } => "the producer's queue is full",
            Self::Closed { .. } => "the producer is closed",
            Self::Start { .. } => "",
        }
    }

    /// Whether the record will be refused again as things stand.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TooLarge { .. } => Some(Refusal::TooLarge),
            Self::Invalid { .. } => Some(Refusal::Invalid),
            Self::Forbidden { .. } => Some(Refusal::Forbidden),
            Self::Missing { .. } => Some(Refusal::Missing),
            Self::Start { .. }
            | Self::Refused { .. }
            | Self::Full { .. }
            | Self::Closed { .. }
            | Self::Undelivered { .. } => None,
        }
    }
}
