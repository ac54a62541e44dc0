//! Where a record goes that cannot be handled: another topic, with everything that a person needs to find out why.
//!
//! Key, value and headers stay byte for byte; `karafka.*` headers say where the record came from and what became of
//! it. A record that dies again, after a replay or in the dead letter topic's own consumer, has them once.

use crate::{Error, Record, foreign, outgoing::Outgoing};

/// Header names of a dead letter, all UTF-8 text.
pub mod header {
    /// The source topic's name in Kafka.
    pub const TOPIC: &str = "karafka.source.topic";
    /// The source partition, in decimal.
    pub const PARTITION: &str = "karafka.source.partition";
    /// The source offset, in decimal.
    pub const OFFSET: &str = "karafka.source.offset";
    /// The source record's time in milliseconds since 1970, if Kafka knew it.
    pub const TIMESTAMP: &str = "karafka.source.timestamp";
    /// The Rust type of the error, or `panic`, `timeout`, `parse`, `tombstone`.
    pub const ERROR_TYPE: &str = "karafka.error.type";
    /// The error in words, with its causes: at most 4 KiB, as it is. It may hold whatever the record's sender has written.
    pub const ERROR_MESSAGE: &str = "karafka.error.message";
    /// How many attempts there were, in decimal; 0 for a record that could not be parsed.
    pub const ATTEMPTS: &str = "karafka.attempts";
    /// The app's name.
    pub const APP: &str = "karafka.app";
    /// The group's id.
    pub const GROUP: &str = "karafka.group";

    /// All of them.
    pub const ALL: [&str; 9] = [TOPIC, PARTITION, OFFSET, TIMESTAMP, ERROR_TYPE, ERROR_MESSAGE, ATTEMPTS, APP, GROUP];
}

/// Why a record is given up, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    pub(crate) error_type: &'a str,
    pub(crate) error: &'a Error,
    pub(crate) attempts: u32,
    pub(crate) app: &'a str,
    pub(crate) group: &'a str,
}

/// The dead letter of `record` for `topic`, a name in Kafka.
pub(crate) fn dead_letter(record: &Record, topic: &str, cause: &Cause<'_>) -> Outgoing {
    let mut headers: Vec<(Vec<u8>, Option<Vec<u8>>)> = record
        .headers()
        .into_iter()
        .filter(|(name, _)| !header::ALL.iter().any(|ours| ours.as_bytes() == *name))
        .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
        .collect();
    // Headers count against the broker's limit for a record.
    let message = foreign::cut(&cause.error.to_string()).into_owned();
    let mut add = |name: &str, value: String| headers.push((name.as_bytes().to_vec(), Some(value.into_bytes())));
    add(header::TOPIC, record.topic().to_owned());
    add(header::PARTITION, record.partition().to_string());
    add(header::OFFSET, record.offset().to_string());
    if let Some(time) = record.timestamp() {
        add(header::TIMESTAMP, time.timestamp_millis().to_string());
    }
    add(header::ERROR_TYPE, cause.error_type.to_owned());
    add(header::ERROR_MESSAGE, message);
    add(header::ATTEMPTS, cause.attempts.to_string());
    add(header::APP, cause.app.to_owned());
    add(header::GROUP, cause.group.to_owned());
    Outgoing {
        topic: topic.to_owned(),
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers,
        ..Outgoing::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnedRecord;

    fn cause(error: &Error) -> Cause<'_> {
        Cause { error_type: "panic", error, attempts: 3, app: "shop", group: "shop" }
    }

    /// If this fails, what is in the dead letter topic is not what was in the source.
    #[test]
    fn bytes_stay_and_headers_do_not_pile_up() {
        let foreign =
            vec![(b"\xff".to_vec(), None), (b"twice".to_vec(), Some(vec![])), (b"twice".to_vec(), Some(vec![0]))];
        let source = OwnedRecord {
            topic: "orders".into(),
            partition: 3,
            offset: 4711,
            timestamp_ms: Some(1),
            key: Some(vec![]),
            value: Some(vec![0xff, 0]),
            headers: foreign.clone(),
        };
        let error = Error::new("the shop is closed");
        let first = dead_letter(&source.clone().into(), "orders.dead", &cause(&error));
        assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(&[][..]), Some(&[0xff, 0][..])));
        assert_eq!(first.headers[..3], foreign);
        assert_eq!(first.headers.len(), 3 + header::ALL.len());
        let again = OwnedRecord { headers: first.headers.clone(), topic: "orders.dead".into(), ..source };
        let second = dead_letter(&again.into(), "orders.dead.dead", &cause(&error));
        assert_eq!(second.headers.len(), first.headers.len());
    }

    /// If this fails, a record whose error is a whole page cannot be buried, and holds its partition up for ever.
    #[test]
    fn a_long_error_is_cut_at_a_character() {
        let error = Error::new("ü".repeat(5_000));
        let letter = dead_letter(&OwnedRecord::default().into(), "dead", &cause(&error));
        let (_, text) =
            letter.headers.iter().find(|(name, _)| name == header::ERROR_MESSAGE.as_bytes()).expect("a message");
        let text = String::from_utf8(text.clone().expect("text")).expect("UTF-8");
        assert!(text.ends_with("ü… (10,000 bytes)") && text.len() <= foreign::LONGEST, "{text}");
    }
}
