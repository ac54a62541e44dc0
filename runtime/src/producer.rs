//! Sends records to Kafka and says when Kafka has them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

pub use crate::client::outgoing::{Delivered, Outgoing};
use crate::client::{
    native,
    outgoing::{Acknowledge, Report},
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
    inner: Arc<ThreadedProducer<Acknowledgements>>,
}

/// Hands each report to whom it belongs, on the producer's own thread.
pub(crate) struct Acknowledgements;

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Report;

    fn delivery(&self, result: &DeliveryResult<'_>, acknowledge: Report) {
        match result {
            Ok(message) => {
                acknowledge.delivered(Delivered { partition: message.partition(), offset: message.offset() });
            }
            Err((error, message)) => {
                acknowledge.undelivered(native::outgoing(message), reason(error));
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
        let inner = config.create_with_context(Acknowledgements).map_err(SendError::Start)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Sends one record and waits until Kafka has acknowledged it.
    ///
    /// # Errors
    ///
    /// [`SendError::Refused`] or [`SendError::Undelivered`].
    pub async fn send(&self, outgoing: Outgoing) -> Result<Delivered, SendError> {
        let topic = outgoing.topic.clone();
        let (sender, receiver) = oneshot::channel();
        self.enqueue(outgoing, Box::new(Once(sender))).await?;
        match receiver.await {
            Ok(Ok(delivered)) => Ok(delivered),
            Ok(Err(reason)) => Err(SendError::Undelivered { topic, reason }),
            Err(_) => Err(SendError::Undelivered { topic, reason: "the producer was closed".to_owned() }),
        }
    }

    /// Hands a record to the producer's queue, and waits only while that is full.
    pub(crate) async fn enqueue(&self, outgoing: Outgoing, acknowledge: Box<dyn Acknowledge>) -> Result<(), SendError> {
        let mut acknowledge = Box::new(acknowledge);
        loop {
            match native::produce(self.inner.client(), &outgoing, acknowledge) {
                Ok(()) => return Ok(()),
                Err((RDKafkaErrorCode::QueueFull, back)) => {
                    acknowledge = back;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err((code, _)) => {
                    return Err(SendError::Refused { topic: outgoing.topic, reason: code.to_string() });
                }
            }
        }
    }

    /// Waits until nothing is on its way any more, at most this long. Blocks.
    ///
    /// # Errors
    ///
    /// How many records are still on their way.
    pub fn flush(&self, at_most: Duration) -> Result<(), usize> {
        match self.inner.flush(at_most) {
            Ok(()) => Ok(()),
            Err(_) => Err(usize::try_from(self.inner.in_flight_count()).unwrap_or(0)),
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.inner.in_flight_count()).finish()
    }
}

struct Once(oneshot::Sender<Result<Delivered, String>>);

impl Acknowledge for Once {
    fn delivered(self: Box<Self>, delivered: Delivered) {
        // Nobody waits any more if the sender's future was dropped; the record is in Kafka all the same.
        let _ = self.0.send(Ok(delivered));
    }

    fn undelivered(self: Box<Self>, _outgoing: Outgoing, reason: String) {
        let _ = self.0.send(Err(reason));
    }
}
