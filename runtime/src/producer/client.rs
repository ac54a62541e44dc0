//! The client that sends: librdkafka's, with the reports of what became of each record.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, DeliveryResult},
    producer::{BaseProducer, Producer as _, ProducerContext, PurgeConfig},
};

use super::{
    bounds::Bounds,
    fates::Fates,
    polling::Polling,
    room::Room,
    watch::{Flight, ProducerWatch},
};
use crate::{
    librdkafka,
    native::{self, Opaque, ProducedTopic},
    outgoing::{Content, Delivered, DeliveryReport, SendError},
    settings::one_spelling,
    sync::RwLock,
};

/// As large as librdkafka lets a record be. Whether it is too large is the broker's to say, which counts compressed bytes,
/// and knows what the topic takes; what a source can hold, its copy can then.
const LARGEST: &str = "1000000000";

/// A client that sends, shared by cloning; each record is acknowledged by all in-sync replicas, and none is written twice
/// by a retry of the client. Records are compressed with lz4, and may be as large as librdkafka allows, unless
/// `compression.type` and `message.max.bytes` say otherwise.
#[derive(Clone)]
pub(crate) struct ProducerClient {
    inner: Arc<Inner>,
}

struct Inner {
    /// Topics that records were sent to; dropped before the client that they belong to.
    topics: RwLock<BTreeMap<String, Arc<KnownTopic>>>,
    /// Dropped before what polls it, which has the last part of the client, and ends it.
    client: Arc<BaseProducer<Acknowledgements>>,
    polling: Polling,
    bounds: Bounds,
    watch: Arc<ProducerWatch>,
    room: Arc<Room>,
    fates: Arc<Fates>,
}

/// A topic that records were sent to.
struct KnownTopic {
    produced: ProducedTopic,
    flight: Arc<Flight>,
}

/// Hands each report to whom it belongs, on the producer's own thread.
pub(crate) struct Acknowledgements {
    bounds: Bounds,
    watch: Arc<ProducerWatch>,
    room: Arc<Room>,
    fates: Arc<Fates>,
    /// Whether Kafka says where a record is: not if it is not asked for an acknowledgement.
    tells_offsets: bool,
}

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.watch.hear_log(facility, message);
        librdkafka::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        if !self.watch.hear(code, reason) {
            tracing::debug!(target: "karafka", reason, "the producer's client says");
        }
    }
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Opaque;

    fn delivery(&self, result: &DeliveryResult<'_>, Opaque(report): Opaque) {
        // A panic, as of a waker or of who reads the log, must not end the thread: nobody would be told any more.
        let told = catch_unwind(AssertUnwindSafe(|| match result {
            Ok(message) => self.acknowledged(message, report),
            Err((error, message)) => self.came_back(error, message, report),
        }));
        self.room.leave();
        if told.is_err() {
            // What panicked may have been the log.
            let _ = catch_unwind(|| tracing::error!(target: "karafka", "who was told of a record panicked"));
        }
    }
}

impl Acknowledgements {
    fn acknowledged(&self, message: &BorrowedMessage<'_>, report: Option<Box<DeliveryReport>>) {
        let offset = Some(message.offset()).filter(|offset| self.tells_offsets && *offset >= 0);
        let delivered = Delivered { partition: message.partition(), offset };
        let took = native::latency(message).unwrap_or_default();
        self.watch.acknowledged(message.topic(), took);
        self.fates.acknowledged(message.topic(), delivered, took);
        if let Some(report) = report {
            report.sender.delivered(report.ticket, delivered);
        }
    }

    fn came_back(&self, error: &KafkaError, message: &BorrowedMessage<'_>, report: Option<Box<DeliveryReport>>) {
        let (topic, size) = (message.topic(), native::size(message));
        let mut error = self.bounds.undelivered(topic, size, error, native::produce_error(message).as_deref());
        if let SendError::Undelivered { cause, .. } = &mut error {
            *cause = self.watch.cause();
        }
        // What is refused as it is says nothing of the topic, and is told with its record.
        let reason = error.refusal().is_none().then(|| error.reason());
        self.watch.returned(topic, reason);
        self.fates.failed(topic, &error, report.is_some());
        if let Some(report) = report {
            let DeliveryReport { sender, ticket } = *report;
            sender.undelivered(ticket, native::outgoing(message), error);
        }
    }
}

impl ProducerClient {
    /// A client with these librdkafka properties, `bootstrap.servers` among them.
    ///
    /// # Errors
    ///
    /// [`SendError::Start`] with what librdkafka says of the properties.
    pub(crate) fn new(properties: &BTreeMap<String, String>, fates: Arc<Fates>) -> Result<Self, SendError> {
        let config = Self::config(properties);
        let start = |error| SendError::Start { reason: librdkafka::why_no_client(error) };
        let bounds = bounds(&config).map_err(start)?;
        let watch = Arc::new(ProducerWatch::of(&config));
        let room = Arc::<Room>::default();
        let context = Acknowledgements {
            bounds,
            watch: Arc::clone(&watch),
            room: Arc::clone(&room),
            fates: Arc::clone(&fates),
            tells_offsets: config.get("acks").is_none_or(|acks| acks.trim() != "0"),
        };
        let client: Arc<BaseProducer<_>> = Arc::new(config.create_with_context(context).map_err(start)?);
        let (waits, told) = (Arc::clone(&room), Arc::clone(&fates));
        let at_times = move || {
            waits.wake_all();
            told.say_what_is_due();
        };
        let waits = Arc::clone(&room);
        let polling = Polling::start(Arc::clone(&client), move || waits.wake(), at_times)
            .map_err(|error| start(KafkaError::ClientCreation(format!("no thread for what is sent: {error}"))))?;
        let inner = Inner { topics: RwLock::default(), client, polling, bounds, watch, room, fates };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What librdkafka is told: these properties, over what holds where nobody says otherwise.
    ///
    /// What is set over them here is refused where they are said, by `settings::refused` and its neighbours (held by
    /// `engine::config::tests::what_is_written_holds_or_is_refused`).
    pub(crate) fn config(properties: &BTreeMap<String, String>) -> ClientConfig {
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
        // Whoever sends waits for each report.
        config.set("delivery.report.only.error", "false");
        librdkafka::hear_causes(&mut config);
        config
    }

    /// Waits until there is room for a record that came back, beside those who wait already, and hands it over, while `may` lets
    /// it.
    pub(crate) async fn wait_for_room<G>(
        &self,
        topic: &str,
        content: &Content,
        report: Option<Box<DeliveryReport>>,
        may: impl Fn() -> Result<G, SendError>,
    ) -> Result<(), SendError> {
        let hand_over = |report| {
            let _entered = may()?;
            self.hand_over(topic, content, report)
        };
        self.inner.room.wait(report, hand_over).await
    }

    /// Hands a record to the queue; gives the report back if that is full, or others wait for room.
    pub(crate) fn try_enqueue(
        &self,
        topic: &str,
        content: &Content,
        report: Option<Box<DeliveryReport>>,
    ) -> Result<Handed, SendError> {
        if self.inner.room.is_waited_for() {
            return Ok(Handed::Back(report));
        }
        self.hand_over(topic, content, report)
    }

    /// Has everybody who waits for room look whether it is still worth it.
    pub(super) fn wake_who_waits(&self) {
        self.inner.room.wake_all();
    }

    fn known(&self, topic: &str) -> Option<Arc<KnownTopic>> {
        if let Some(known) = self.inner.topics.read().get(topic) {
            return Some(Arc::clone(known));
        }
        let produced = ProducedTopic::of(self.inner.client.client(), topic)?;
        let known = KnownTopic { produced, flight: self.inner.watch.flight(topic) };
        Some(Arc::clone(self.inner.topics.write().entry(topic.to_owned()).or_insert_with(|| Arc::new(known))))
    }

    /// Hands a record to the queue, whoever else waits for room; gives the report back if there is none.
    ///
    /// No lock is held here when somebody is told, who may send.
    pub(super) fn hand_over(
        &self,
        topic: &str,
        content: &Content,
        report: Option<Box<DeliveryReport>>,
    ) -> Result<Handed, SendError> {
        let Inner { client, bounds, room, fates, .. } = &*self.inner;
        let refused = |code| bounds.refused(topic, content.size(), code);
        let known = self.known(topic).ok_or_else(|| refused(RDKafkaErrorCode::InvalidTopic))?;
        room.enter();
        match native::produce(client.client(), &known.produced, content, Opaque(report)) {
            Ok(()) => {
                known.flight.sent();
                fates.sent(topic, content);
                Ok(Handed::Over)
            }
            Err((code, Opaque(report))) => {
                room.back_out();
                match (self.failure(), refused(code), report) {
                    (_, _, report) if code == RDKafkaErrorCode::QueueFull => match bounds.queue(content) {
                        None => Ok(Handed::Back(report)),
                        Some(bound) => {
                            Err(SendError::TooLarge { topic: topic.to_owned(), size: content.size(), bound })
                        }
                    },
                    (Some(reason), _, _) => Err(SendError::Refused { topic: topic.to_owned(), reason }),
                    // None of the record's doing: it comes back as one that the broker has not taken.
                    (None, error, Some(report)) if error.is_of_topic() => {
                        fates.failed(topic, &error, true);
                        let DeliveryReport { sender, ticket } = *report;
                        sender.undelivered(ticket, content.clone().to(topic.to_owned()), error);
                        Ok(Handed::Over)
                    }
                    (None, error, _) => Err(error),
                }
            }
        }
    }

    /// Why this producer will never send anything again, if that is so, in librdkafka's words: Kafka does not let it
    /// write, or it cannot go on without writing something twice. What is tried again is refused again; only another
    /// producer, as that of a process that has been started anew, may do better.
    pub(crate) fn failure(&self) -> Option<String> {
        self.inner.client.client().fatal_error().map(|(code, words)| format!("{words} ({code:?})"))
    }

    /// Fails for good.
    #[cfg(test)]
    pub(crate) fn fail_for_good(&self, words: &str) {
        native::fail_for_good(self.inner.client.client(), words);
    }

    /// How many records are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.inner.room.in_flight()
    }

    /// What its records are counted in, for as long as somebody looks.
    #[cfg(feature = "consumer")]
    pub(crate) fn watched(&self) -> Arc<ProducerWatch> {
        Arc::clone(&self.inner.watch)
    }

    /// What its records are counted in.
    #[cfg(feature = "consumer")]
    pub(super) fn watch(&self) -> &ProducerWatch {
        &self.inner.watch
    }

    /// For the calls of `native`.
    #[cfg(feature = "consumer")]
    pub(super) fn handle(&self) -> Option<native::ClientHandle> {
        native::ClientHandle::from_wrapper(self.inner.client.client().native_ptr())
    }

    /// Whether this is the thread that hands out reports: it cannot wait for them.
    pub(super) fn is_here(&self) -> bool {
        self.inner.polling.is_here()
    }

    /// Has everything that is in the queue sent at once, and waits until nothing is on its way, at most this long. Blocks.
    /// Returns how many records still are.
    pub(crate) fn flush(&self, at_most: Duration) -> usize {
        native::flush(self.inner.client.client(), at_most);
        self.in_flight()
    }

    /// Gives up what is on its way; whoever has sent it is told soon, on the thread that hands out reports.
    pub(crate) fn give_up(&self) {
        // Without a wait for the threads of its brokers, which may be asking for an address for long.
        self.inner.client.purge(PurgeConfig::default().queue().inflight().non_blocking());
    }
}

/// What became of a record that was handed to the queue.
pub(crate) enum Handed {
    /// It is in there, and its sender is told what becomes of it.
    Over,
    /// The queue is full; here is its report again.
    Back(Option<Box<DeliveryReport>>),
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
