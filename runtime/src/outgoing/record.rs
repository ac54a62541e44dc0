//! A record that is to be sent, as its sender writes it.

use std::borrow::Cow;

use super::Content;
#[cfg(test)]
use super::Outgoing;

/// A record to be sent: of a topic of the manifest, as [`Topic::record`](crate::Topic::record) makes it from a message, or of
/// any topic of Kafka.
///
/// ```
/// use karafka::producer::ProducerRecord;
///
/// let record = ProducerRecord::to("audit").key("c-7").value("signed in").header("source", "web").partition(2);
/// assert_eq!((record.topic(), record.key_bytes()), ("audit", Some(b"c-7".as_slice())));
/// // Without a value it is a tombstone.
/// assert_eq!(ProducerRecord::to("customers").key("c-7").value_bytes(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing is sent until a producer has it"]
pub struct ProducerRecord {
    topic: TopicName,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TopicName {
    /// The topic's key in the manifest; its name in Kafka can differ.
    Key(&'static str),
    Name(String),
}

impl ProducerRecord {
    /// A record without key, value and headers for the topic of this name in Kafka.
    pub fn to(topic: impl Into<String>) -> Self {
        Self { topic: TopicName::Name(topic.into()), content: Content::default() }
    }

    /// A record for a topic of the manifest.
    pub(crate) fn of(topic: &'static str, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Self {
        Self { topic: TopicName::Key(topic), content: Content { key, value, ..Content::default() } }
    }

    /// With this key: records of one key are on one partition, in their order.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.content.key = Some(key.into());
        self
    }

    /// With this value; without any the record is a tombstone.
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.content.value = Some(value.into());
        self
    }

    /// With a header more; a name can come twice.
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.content.headers.push((name.into(), Some(value.into())));
        self
    }

    /// On this partition, whatever its key.
    pub fn partition(mut self, partition: i32) -> Self {
        self.content.partition = Some(partition);
        self
    }

    /// With this timestamp, in milliseconds since 1970, instead of the time when it is sent. To librdkafka 0 is no timestamp: it stands
    /// for that time.
    pub fn timestamp_ms(mut self, timestamp: i64) -> Self {
        self.content.timestamp = Some(timestamp);
        self
    }

    /// The topic: its key in the manifest where it was made from a topic of one, else its name in Kafka.
    #[must_use]
    pub fn topic(&self) -> &str {
        match &self.topic {
            TopicName::Key(key) => key,
            TopicName::Name(name) => name,
        }
    }

    /// The key.
    #[must_use]
    pub fn key_bytes(&self) -> Option<&[u8]> {
        self.content.key.as_deref()
    }

    /// The value; `None` is a tombstone.
    #[must_use]
    pub fn value_bytes(&self) -> Option<&[u8]> {
        self.content.value.as_deref()
    }

    /// Headers in their order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.content.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()))
    }

    /// The name of its topic in Kafka, and the rest.
    pub(crate) fn split<'n>(self, names: impl FnOnce(&'static str) -> Option<&'n str>) -> (Cow<'n, str>, Content) {
        let topic = match self.topic {
            TopicName::Key(key) => Cow::Borrowed(names(key).unwrap_or(key)),
            TopicName::Name(name) => Cow::Owned(name),
        };
        (topic, self.content)
    }
}

#[cfg(test)]
impl From<Outgoing> for ProducerRecord {
    fn from(outgoing: Outgoing) -> Self {
        let (topic, content) = outgoing.split();
        Self { topic: TopicName::Name(topic), content }
    }
}
