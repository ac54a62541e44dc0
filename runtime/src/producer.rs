//! Sends records to Kafka and says when Kafka has them.

mod error;
pub(crate) mod flights;
mod polling;
pub(crate) mod sending;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, Producer as _, ProducerContext},
};
use tokio::sync::oneshot;

use error::Bounds;
pub(crate) use error::Refusal;
pub use error::{SendError, SizeBound};
use flights::{Flight, Flights};
use polling::Polling;

pub use crate::client::outgoing::{Delivered, Outgoing};
use crate::{
    client::{
        self,
        connection::{BOOTSTRAP, Connection},
        native::{self, ProducedTopic},
        outgoing::{Content, DeliveryReport, Sender, Sent, Ticket},
    },
    settings::one_spelling,
    sync::{Mutex, RwLock},
};

/// As large as librdkafka lets a record be. Whether it is too large is the broker's to say, which counts compressed bytes,
/// and knows what the topic takes; what a source can hold, its copy can then.
const LARGEST: &str = "1000000000";

/// A producer, shared by cloning; each record is acknowledged by all in-sync replicas, and none is written twice by a
/// retry of the client. Records are compressed with lz4, and may be as large as librdkafka allows, unless
/// `compression.type` and `message.max.bytes` say otherwise.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    /// Topics that records were sent to; dropped before the client that they belong to.
    topics: RwLock<BTreeMap<String, (ProducedTopic, Arc<Flight>)>>,
    /// Dropped before the client, too.
    _polling: Polling,
    client: Arc<BaseProducer<Acknowledgements>>,
    bounds: Bounds,
    watch: Arc<ProducerWatch>,
}

/// What the outside may know of a producer.
struct ProducerWatch {
    /// `bootstrap.servers`
    brokers: String,
    connection: Mutex<Connection>,
    flights: Flights,
}

/// Hands each report to whom it belongs, on the producer's own thread.
pub(crate) struct Acknowledgements {
    bounds: Bounds,
    watch: Arc<ProducerWatch>,
}

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let mut connection = self.watch.connection.lock();
        connection.hear_log(facility, message, Instant::now());
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let mut connection = self.watch.connection.lock();
        if !connection.hear(code, reason, Instant::now()) {
            tracing::debug!(target: "karafka", reason, "the producer's client says");
        }
    }
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<DeliveryReport>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Box<DeliveryReport>) {
        let DeliveryReport { sender, ticket } = *report;
        match result {
            Ok(message) => {
                let delivered = Delivered { partition: message.partition(), offset: message.offset() };
                self.watch.flights.with(message.topic(), Flight::acknowledged);
                sender.delivered(ticket, delivered);
            }
            Err((error, message)) => {
                let outgoing = native::outgoing(message);
                let words = native::produce_error(message);
                let error = self.bounds.undelivered(&outgoing.topic, outgoing.size(), error, words.as_deref());
                // What is refused as it is says nothing of the topic, and is told with its record.
                let reason = error.refusal().is_none().then(|| error.reason());
                self.watch.flights.with(&outgoing.topic, |flight| flight.returned(reason, Instant::now()));
                sender.undelivered(ticket, outgoing, error);
            }
        }
    }
}

impl Producer {
    /// A producer with these librdkafka properties, `bootstrap.servers` among them.
    ///
    /// # Errors
    ///
    /// [`SendError::Start`] with what librdkafka says of the properties.
    pub fn new(properties: &BTreeMap<String, String>) -> Result<Self, SendError> {
        let mut config = ClientConfig::new();
        let ours = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.max.bytes", LARGEST),
            // On by default: a broker counts compressed bytes, so that what came compressed also goes.
            ("compression.type", "lz4"),
        ];
        let given = properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(given) {
            config.set(one_spelling(name), value);
        }
        client::hear_causes(&mut config);
        let start = |error| SendError::Start(client::without_secret(error));
        let bounds = bounds(&config).map_err(start)?;
        let brokers = config.get(BOOTSTRAP).unwrap_or_default().to_owned();
        let connection = Mutex::new(Connection::of(&config));
        let watch = Arc::new(ProducerWatch { brokers, connection, flights: Flights::default() });
        let context = Acknowledgements { bounds, watch: Arc::clone(&watch) };
        let client: Arc<BaseProducer<_>> = Arc::new(config.create_with_context(context).map_err(start)?);
        let polling = Polling::start(Arc::clone(&client))
            .map_err(|error| start(KafkaError::ClientCreation(format!("no thread for what is sent: {error}"))))?;
        let inner = Inner { topics: RwLock::default(), _polling: polling, client, bounds, watch };
        Ok(Self { inner: Arc::new(inner) })
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
        self.enqueue(&topic, &content, Box::new(DeliveryReport { sender, ticket: ONLY })).await?;
        match receiver.await {
            Ok(Ok(delivered)) => Ok(delivered),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SendError::Undelivered { topic, reason: "the producer was closed".to_owned() }),
        }
    }

    /// Hands a record to the producer's queue, and waits only while that is full.
    pub(crate) async fn enqueue(
        &self,
        topic: &str,
        content: &Content,
        report: Box<DeliveryReport>,
    ) -> Result<(), SendError> {
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
        report: Box<DeliveryReport>,
    ) -> Result<Option<Box<DeliveryReport>>, SendError> {
        let refused = |code| self.inner.bounds.refused(topic, content.size(), code);
        let topics = self.inner.topics.read();
        let Some((produced, flight)) = topics.get(topic) else {
            drop(topics);
            let produced = ProducedTopic::of(self.inner.client.client(), topic);
            let produced = produced.ok_or_else(|| refused(RDKafkaErrorCode::InvalidTopic))?;
            let known = (produced, self.inner.watch.flights.of(topic));
            self.inner.topics.write().insert(topic.to_owned(), known);
            return self.try_enqueue(topic, content, report);
        };
        match native::produce(self.inner.client.client(), produced, content, report) {
            Ok(()) => {
                flight.sent();
                Ok(None)
            }
            Err((RDKafkaErrorCode::QueueFull, report)) => match self.inner.bounds.queue(content) {
                None => Ok(Some(report)),
                Some(bound) => Err(SendError::TooLarge { topic: topic.to_owned(), size: content.size(), bound }),
            },
            Err((code, report)) => match (self.failure(), refused(code)) {
                (Some(reason), _) => Err(SendError::Refused { topic: topic.to_owned(), reason }),
                // None of the record's doing: it comes back as one that the broker has not taken.
                (None, error) if error.is_of_topic() => {
                    let DeliveryReport { sender, ticket } = *report;
                    sender.undelivered(ticket, content.clone().to(topic.to_owned()), error);
                    Ok(None)
                }
                (None, error) => Err(error),
            },
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

/// The bounds that hold for a client of these properties.
fn bounds(config: &ClientConfig) -> KafkaResult<Bounds> {
    let native = config.create_native_config()?;
    let of = |name| -> KafkaResult<u64> { Ok(native.get(name)?.parse().unwrap_or(u64::MAX)) };
    Ok(Bounds {
        message: of("message.max.bytes")?,
        queue_kbytes: of("queue.buffering.max.kbytes")?,
        batch: of("batch.size")?,
    })
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.inner.client.in_flight_count()).finish()
    }
}

/// What [`Once`] knows its record by: there is no other.
const ONLY: Ticket = Ticket::new(0, Sent::Emit(""));

/// Waits for the one record that it has sent.
struct Once(Mutex<Option<oneshot::Sender<Result<Delivered, SendError>>>>);

impl Once {
    fn tell(&self, result: Result<Delivered, SendError>) {
        if let Some(sender) = self.0.lock().take() {
            // Nobody waits any more if the future was dropped; the record is in Kafka all the same.
            let _ = sender.send(result);
        }
    }
}

impl Sender for Once {
    fn delivered(&self, _: Ticket, delivered: Delivered) {
        self.tell(Ok(delivered));
    }

    fn undelivered(&self, _: Ticket, _: Outgoing, error: SendError) {
        self.tell(Err(error));
    }
}

#[cfg(test)]
mod tests;
