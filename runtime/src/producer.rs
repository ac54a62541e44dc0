//! Sends records to Kafka and says when Kafka has them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

pub use crate::client::outgoing::{Delivered, Outgoing};
use crate::client::{
    self,
    native::{self, ProducedTopic},
    outgoing::{Content, Report, Sender, Sent, Ticket},
};

/// Why Kafka has not taken a record.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The producer could not be made.
    #[error("the producer cannot start: {0}")]
    Start(KafkaError),
    /// The record was refused before it was sent, such as one that is too large.
    #[error("{topic} does not take the record: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// librdkafka's word.
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

/// A producer, shared by cloning; each record is acknowledged by all in-sync replicas, and none is written twice by a
/// retry of the client.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    /// Topics that records were sent to; dropped before the client that they belong to.
    topics: RwLock<BTreeMap<String, ProducedTopic>>,
    client: ThreadedProducer<Acknowledgements>,
}

/// Hands each report to whom it belongs, on the producer's own thread.
pub(crate) struct Acknowledgements;

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Box<Report>) {
        let Report { sender, ticket } = *report;
        match result {
            Ok(message) => {
                let delivered = Delivered { partition: message.partition(), offset: message.offset() };
                sender.delivered(ticket, delivered);
            }
            Err((error, message)) => {
                sender.undelivered(ticket, native::outgoing(message), reason(error));
            }
        }
    }
}

fn reason(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

impl Producer {
    /// A producer with these librdkafka properties, `bootstrap.servers` among them.
    ///
    /// # Errors
    ///
    /// [`SendError::Start`] with what librdkafka says of the properties.
    pub fn new(properties: &BTreeMap<String, String>) -> Result<Self, SendError> {
        let mut config = ClientConfig::new();
        config.set("acks", "all").set("enable.idempotence", "true");
        for (name, value) in properties {
            config.set(name, value);
        }
        let client = config.create_with_context(Acknowledgements).map_err(SendError::Start)?;
        Ok(Self { inner: Arc::new(Inner { topics: RwLock::default(), client }) })
    }

    /// Sends one record and waits until Kafka has acknowledged it.
    ///
    /// # Errors
    ///
    /// [`SendError::Refused`] or [`SendError::Undelivered`].
    pub async fn send(&self, outgoing: Outgoing) -> Result<Delivered, SendError> {
        let (topic, content) = outgoing.split();
        let (sender, receiver) = oneshot::channel();
        let sender = Arc::new(Once(Mutex::new(Some(sender))));
        self.enqueue(&topic, &content, Box::new(Report { sender, ticket: ONLY })).await?;
        match receiver.await {
            Ok(Ok(delivered)) => Ok(delivered),
            Ok(Err(reason)) => Err(SendError::Undelivered { topic, reason }),
            Err(_) => Err(SendError::Undelivered { topic, reason: "the producer was closed".to_owned() }),
        }
    }

    /// Hands a record to the producer's queue, and waits only while that is full.
    pub(crate) async fn enqueue(&self, topic: &str, content: &Content, report: Box<Report>) -> Result<(), SendError> {
        let mut full = self.try_enqueue(topic, content, report)?;
        while let Some(report) = full {
            tokio::time::sleep(Duration::from_millis(2)).await;
            full = self.try_enqueue(topic, content, report)?;
        }
        Ok(())
    }

    /// Hands a record to the producer's queue; gives the report back if that is full.
    pub(crate) fn try_enqueue(
        &self,
        topic: &str,
        content: &Content,
        report: Box<Report>,
    ) -> Result<Option<Box<Report>>, SendError> {
        let refused = |code: RDKafkaErrorCode| SendError::Refused { topic: topic.to_owned(), reason: code.to_string() };
        let topics = self.inner.topics.read().unwrap_or_else(PoisonError::into_inner);
        let Some(produced) = topics.get(topic) else {
            drop(topics);
            let produced = ProducedTopic::of(self.inner.client.client(), topic);
            let produced = produced.ok_or_else(|| refused(RDKafkaErrorCode::InvalidTopic))?;
            self.inner.topics.write().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned(), produced);
            return self.try_enqueue(topic, content, report);
        };
        match native::produce(self.inner.client.client(), produced, content, report) {
            Ok(()) => Ok(None),
            Err((RDKafkaErrorCode::QueueFull, report)) => Ok(Some(report)),
            Err((code, _)) => Err(match self.failure() {
                Some(reason) => SendError::Refused { topic: topic.to_owned(), reason },
                None => refused(code),
            }),
        }
    }

    /// Why this producer will never send anything again, if that is so, in librdkafka's words: Kafka does not let it
    /// write, or it cannot go on without writing something twice. What is tried again is refused again; only another
    /// producer, as that of a process that has been started anew, may do better.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.inner.client.client().fatal_error().map(|(code, words)| format!("{words} ({code:?})"))
    }

    /// Fails for good.
    #[cfg(test)]
    pub(crate) fn fail_for_good(&self, words: &str) {
        native::fail_for_good(self.inner.client.client(), words);
    }

    /// Waits until nothing is on its way any more, at most this long. Blocks.
    ///
    /// # Errors
    ///
    /// How many records are still on their way.
    pub fn flush(&self, at_most: Duration) -> Result<(), usize> {
        match self.inner.client.flush(at_most) {
            Ok(()) => Ok(()),
            Err(_) => Err(usize::try_from(self.inner.client.in_flight_count()).unwrap_or(0)),
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.inner.client.in_flight_count()).finish()
    }
}

/// What [`Once`] knows its record by: there is no other.
const ONLY: Ticket = Ticket { number: 0, sent: Sent::Emit("") };

/// Waits for the one record that it has sent.
struct Once(Mutex<Option<oneshot::Sender<Result<Delivered, String>>>>);

impl Once {
    fn tell(&self, result: Result<Delivered, String>) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody waits any more if the future was dropped; the record is in Kafka all the same.
            let _ = sender.send(result);
        }
    }
}

impl Sender for Once {
    fn delivered(&self, _: Ticket, delivered: Delivered) {
        self.tell(Ok(delivered));
    }

    fn undelivered(&self, _: Ticket, _: Outgoing, reason: String) {
        self.tell(Err(reason));
    }
}
