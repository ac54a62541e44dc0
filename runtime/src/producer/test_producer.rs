//! A producer without a Kafka, for tests of what sends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::{Outlet, Producer, ProducerBuilder, fates::Fates};
use crate::{
    Result, Topic,
    outgoing::{Content, Delivered, SendError},
    sync::Mutex,
};

/// A record that a test's producer has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestRecord {
    /// The topic's name in Kafka; that of a topic of the manifest is its key there.
    pub topic: String,
    /// The partition: the one that was asked for, else 0.
    pub partition: i32,
    /// How many records its topic's partition had before.
    pub offset: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Remembers what is sent to it instead of sending it, and fails when it is told to.
///
/// ```
/// use karafka::producer::{ProducerRecord, SendError, TestProducer};
///
/// # async fn run() {
/// let kafka = TestProducer::new();
/// let producer = kafka.producer();
/// producer.send(ProducerRecord::to("audit").value("signed in")).await.unwrap();
/// assert_eq!(kafka.records()[0].value.as_deref(), Some(b"signed in".as_slice()));
///
/// kafka.fail_if(|topic| (topic == "audit").then(|| SendError::Full { topic: topic.to_owned() }));
/// producer.send(ProducerRecord::to("audit").value("signed out")).await.unwrap_err();
/// # }
/// ```
#[derive(Clone, Default)]
pub struct TestProducer(Arc<Remembered>);

/// What a test's producer has taken.
#[derive(Default)]
pub(super) struct Remembered(Mutex<Taken>);

type Fault = Arc<Mutex<dyn FnMut(&str) -> Option<SendError> + Send>>;

#[derive(Default)]
struct Taken {
    records: Vec<TestRecord>,
    /// Of topics of a manifest in Kafka, by key.
    names: BTreeMap<String, String>,
    ends: BTreeMap<(String, i32), i64>,
    fault: Option<Fault>,
}

impl TestProducer {
    /// One that takes everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What sends to it, for the code under test.
    ///
    /// # Panics
    ///
    /// Never: nothing of it can fail.
    #[must_use]
    pub fn producer(&self) -> Producer {
        self.built(Producer::builder())
    }

    /// As [`TestProducer::producer`], with what the builder says of listeners and traces.
    ///
    /// # Panics
    ///
    /// Never: nothing of it can fail.
    #[must_use]
    pub fn built(&self, builder: ProducerBuilder) -> Producer {
        self.0.0.lock().names.extend(builder.names().clone());
        let producer = builder.on(|_| Ok(Outlet::Test(Arc::clone(&self.0))));
        producer.unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Asks this before each record, with the name of its topic: one for which an error is returned fails with that.
    pub fn fail_if(&self, fault: impl FnMut(&str) -> Option<SendError> + Send + 'static) {
        self.0.0.lock().fault = Some(Arc::new(Mutex::new(fault)));
    }

    /// All that it has taken, in the order in which it was sent.
    #[must_use]
    pub fn records(&self) -> Vec<TestRecord> {
        self.0.0.lock().records.clone()
    }

    /// The messages that were sent to a topic, in their order, tombstones left out.
    ///
    /// # Errors
    ///
    /// The first value that is no message of the topic.
    pub fn messages<T: Topic>(&self, _topic: T) -> Result<Vec<T::Message>>
    where
        T::Message: DeserializeOwned,
    {
        let taken = self.0.0.lock();
        let name = taken.names.get(T::KEY).map_or(T::KEY, String::as_str);
        let values = taken.records.iter().filter(|record| record.topic == name);
        values.filter_map(|record| record.value.as_deref()).map(|value| Ok(serde_json::from_slice(value)?)).collect()
    }
}

impl Remembered {
    /// Takes a record, which whoever hears is told, or fails as it was told to.
    pub(super) fn take(&self, topic: &str, content: &Content, fates: &Fates) -> Result<Delivered, SendError> {
        let delivered = self.remember(topic, content)?;
        fates.sent(topic, content);
        fates.acknowledged(topic, delivered, Duration::ZERO);
        Ok(delivered)
    }

    fn remember(&self, topic: &str, content: &Content) -> Result<Delivered, SendError> {
        // Called without the lock, as it may look at what was taken.
        let fault = self.0.lock().fault.clone();
        if let Some(error) = fault.and_then(|fault| (*fault.lock())(topic)) {
            return Err(error);
        }
        let mut taken = self.0.lock();
        let partition = content.partition.unwrap_or_default();
        let end = taken.ends.entry((topic.to_owned(), partition)).or_default();
        let offset = *end;
        *end += 1;
        let Content { key, value, headers, .. } = content.clone();
        taken.records.push(TestRecord { topic: topic.to_owned(), partition, offset, key, value, headers });
        Ok(Delivered { partition, offset: Some(offset) })
    }
}

impl std::fmt::Debug for TestProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestProducer").field("records", &self.0.0.lock().records.len()).finish()
    }
}
