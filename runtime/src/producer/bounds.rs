//! What bounds a record on its way, and what its refusal means.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::outgoing::{Content, SendError, SizeBound};

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
            code => code.and_then(|code| of_topic(&topic, code)).unwrap_or_else(|| SendError::Undelivered {
                reason: reason(),
                cause: None,
                topic,
            }),
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
