//! Why Kafka has not taken a record, and which key lets it.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::{
    commands::{self, SOMEWHERE},
    outgoing::Content,
};

/// Why Kafka has not taken a record.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The producer could not be made.
    #[error("the producer cannot start: {0}")]
    Start(KafkaError),
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
    /// Kafka did not acknowledge the record.
    #[error("{topic} has not acknowledged the record: {reason}")]
    Undelivered {
        /// The topic.
        topic: String,
        /// Kafka's word.
        reason: String,
    },
}

/// What a record is larger than. Its text says what to raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub(super) fn is_of_topic(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Forbidden { .. })
    }

    /// Why, without the topic; empty where there is nothing else to say.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } | Self::Invalid { reason, .. } | Self::Undelivered { reason, .. } => reason,
            Self::Forbidden { .. } => "this app's user may not write to it",
            Self::Missing { .. } => "Kafka does not know the topic",
            Self::TooLarge { .. } => "a record is too large",
            Self::Start(_) => "",
        }
    }

    /// Whether the record will be refused again as things stand.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TooLarge { .. } => Some(Refusal::TooLarge),
            Self::Invalid { .. } => Some(Refusal::Invalid),
            Self::Forbidden { .. } => Some(Refusal::Forbidden),
            Self::Missing { .. } => Some(Refusal::Missing),
            Self::Start(_) | Self::Refused { .. } | Self::Undelivered { .. } => None,
        }
    }
}

/// The producer's own bounds, as far as an error names them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// `message.max.bytes`
    pub(super) message: u64,
    /// `queue.buffering.max.kbytes`
    pub(super) queue_kbytes: u64,
    /// `batch.size`
    pub(super) batch: u64,
}

impl Bounds {
    /// The queue, if that is full and will never have room for this record. It counts values only.
    pub(super) fn queue(self, content: &Content) -> Option<SizeBound> {
        let value = content.value.as_ref().map_or(0, Vec::len) as u64;
        (value > self.queue_kbytes.saturating_mul(1024)).then_some(SizeBound::Queue(self.queue_kbytes))
    }

    /// Why a record of this size for `topic` was not taken, by the code and the words of its delivery report.
    pub(super) fn undelivered(self, topic: &str, size: usize, error: &KafkaError, words: Option<&str>) -> SendError {
        let topic = topic.to_owned();
        let code = error.rdkafka_error_code();
        let reason = || match (words, code) {
            (Some(words), Some(code)) => format!("{words} ({code:?})"),
            (None, Some(code)) => code.to_string(),
            (_, None) => error.to_string(),
        };
        match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) if (size as u64) < self.batch => {
                SendError::TooLarge { topic, size, bound: SizeBound::Batch(self.batch) }
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge { topic, size, bound: SizeBound::Topic },
            Some(RDKafkaErrorCode::MessageBatchTooLarge) => {
                SendError::TooLarge { topic, size, bound: SizeBound::Segment }
            }
            Some(RDKafkaErrorCode::InvalidRecord | RDKafkaErrorCode::InvalidTimestamp) => {
                SendError::Invalid { topic, reason: reason() }
            }
            code => code
                .and_then(|code| of_topic(&topic, code))
                .unwrap_or_else(|| SendError::Undelivered { reason: reason(), topic }),
        }
    }

    /// Why a record of this size for `topic` did not get into the producer's queue.
    pub(super) fn refused(self, topic: &str, size: usize, code: RDKafkaErrorCode) -> SendError {
        let topic = topic.to_owned();
        match code {
            RDKafkaErrorCode::MessageSizeTooLarge => {
                SendError::TooLarge { topic, size, bound: SizeBound::Client(self.message) }
            }
            code => of_topic(&topic, code).unwrap_or_else(|| SendError::Refused { topic, reason: code.to_string() }),
        }
    }
}

/// What a code says of the topic, if it is about that and not about the record.
fn of_topic(topic: &str, code: RDKafkaErrorCode) -> Option<SendError> {
    let topic = || topic.to_owned();
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed => Some(SendError::Forbidden { topic: topic() }),
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownPartition => Some(SendError::Missing { topic: topic() }),
        _ => None,
    }
}
