//! Why Kafka, or the client, gives no records of a partition.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::TopicPartition;
use crate::{
    commands::{self, SOMEWHERE},
    obstacle::{Obstacle, ObstacleKind, Severity},
};

/// For how long what was not repeated counts: librdkafka fetches again after half a second, and says the same.
const REPEATED: Duration = Duration::from_secs(30);

/// What librdkafka has said of a partition instead of giving records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchFault {
    code: Code,
    /// Where it stands.
    offset: Option<i64>,
    /// librdkafka's.
    words: String,
}

impl FetchFault {
    pub(crate) fn new(code: Code, offset: Option<i64>, words: String) -> Self {
        Self { code, offset, words }
    }

    /// Whether it is about rights: then Kafka is to be asked about the topic, as librdkafka says it once.
    pub(crate) fn is_of_rights(&self) -> bool {
        self.code == Code::TopicAuthorizationFailed
    }

    /// Whether it is still so this long after it came, as far as can be known: `is_forbidden` is what Kafka has said of the
    /// topic since.
    pub(crate) fn holds(&self, is_forbidden: Option<bool>, age: Duration) -> bool {
        match self.code {
            // This one is said once.
            Code::TopicAuthorizationFailed => is_forbidden != Some(false),
            _ => age < REPEATED,
        }
    }

    /// What stands in the way of the partition.
    pub(crate) fn obstacle(&self, partition: &TopicPartition, group: &str) -> Obstacle {
        let (kind, words, help) = self.told(partition, group);
        Obstacle {
            topic: Some(partition.topic.to_string()),
            partitions: vec![partition.clone()],
            offset: self.offset,
            ..Obstacle::new(kind, Severity::Person, words, help)
        }
    }

    fn told(&self, partition: &TopicPartition, group: &str) -> (ObstacleKind, String, String) {
        let skip = |offset: i64| {
            let TopicPartition { topic, partition } = partition;
            format!(
                "stop the app and move the group behind it: kafka-consumer-groups --bootstrap-server … --group {group} \
                 --topic {topic}:{partition} --reset-offsets --to-offset {} --execute",
                offset + 1
            )
        };
        match self.code {
            Code::NotImplemented => {
                let codec = codec(&self.words).unwrap_or("something");
                let words = format!("its records are compressed with {codec}, which this program was built without");
                let help = format!(
                    "build the app with the feature `{codec}` of the crate `karafka`, which its default features have"
                );
                (ObstacleKind::Unreadable, words, help)
            }
            Code::BadCompression | Code::BadMessage | Code::InvalidMessage => {
                let words = format!("what Kafka sends of it cannot be read: {}", self.words);
                let help = self.offset.map_or_else(|| "look into the broker's log".to_owned(), skip);
                (ObstacleKind::Unreadable, words, help)
            }
            Code::TopicAuthorizationFailed => (
                ObstacleKind::TopicForbidden,
                "this app's user may not read it".to_owned(),
                commands::grant(SOMEWHERE, &["Read"], &format!("--topic {}", partition.topic)),
            ),
            Code::MessageSizeTooLarge | Code::InvalidMessageSize => (
                ObstacleKind::FetchFails,
                "a record is larger than this client takes".to_owned(),
                "raise `fetch.message.max.bytes` and `receive.message.max.bytes` under `kafka.options`, or leave them out"
                    .to_owned(),
            ),
            _ => (
                ObstacleKind::FetchFails,
                // librdkafka's own words name broker and offset: what is the same of many partitions is said once.
                format!("Kafka gives none of its records: {}", self.code),
                format!("{}, and the broker's log", commands::describe_topic(SOMEWHERE, &partition.topic)),
            ),
        }
    }
}

/// The name of the codec in words as `Decompression (codec 0x4) of message at 7 of 90 bytes failed`.
fn codec(words: &str) -> Option<&'static str> {
    let (_, rest) = words.split_once("codec 0x")?;
    match rest.as_bytes().first()? {
        b'1' => Some("gzip"),
        b'2' => Some("snappy"),
        b'3' => Some("lz4"),
        b'4' => Some("zstd"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Code, words: &str) -> FetchFault {
        FetchFault::new(code, Some(4711), words.to_owned())
    }

    /// If this fails, whoever is woken reads librdkafka's number of a codec, or is told to mend what is not broken.
    #[test]
    fn each_fault_has_its_mend() {
        let partition = TopicPartition { topic: "orders".into(), partition: 3 };
        let cases = [
            (
                fault(
                    Code::NotImplemented,
                    "Decompression (codec 0x4) of message at 4711 of 90 bytes failed: Local: Not implemented",
                ),
                "orders/3@4711: its records are compressed with zstd, which",
                "feature `zstd`",
            ),
            (
                fault(Code::BadMessage, "MessageSet at offset 4711 (90 bytes) failed CRC32C check"),
                "orders/3@4711: what Kafka sends of it cannot be read",
                "--group shop --topic orders:3 --reset-offsets --to-offset 4712",
            ),
            (
                fault(Code::TopicAuthorizationFailed, "Fetch from broker 1 failed: Broker: Topic authorization failed"),
                "orders/3@4711: this app's user may not read it",
                "--operation Read --topic orders",
            ),
            (
                fault(Code::KafkaStorageError, "Fetch from broker 1 failed at offset 4711"),
                "orders/3@4711: Kafka gives none of its records",
                "--describe --topic orders",
            ),
        ];
        for (fault, words, help) in cases {
            let obstacle = fault.obstacle(&partition, "shop");
            assert!(obstacle.to_string().starts_with(words), "{obstacle}");
            assert!(obstacle.help.contains(help), "{}", obstacle.help);
            assert_eq!(obstacle.severity, Severity::Person);
        }
    }

    /// If this fails, a partition that is read again is told to stand still, or one that may not be read is told to be well
    /// because librdkafka says it once.
    #[test]
    fn it_holds_until_it_is_known_to_be_over() {
        let (now, later) = (Duration::ZERO, 2 * REPEATED);
        let unreadable = fault(Code::BadMessage, "");
        assert!(unreadable.holds(None, now) && !unreadable.holds(None, later));
        let forbidden = fault(Code::TopicAuthorizationFailed, "");
        assert!(
            forbidden.holds(None, later) && forbidden.holds(Some(true), later) && !forbidden.holds(Some(false), now)
        );
    }
}
