//! Sends records to Kafka, and says what became of each.
//!
//! ```no_run
//! use karafka::{Result, producer::{Producer, ProducerRecord}};
//!
//! # async fn run() -> Result {
//! // Where Kafka is, and all else, as an app's variables say it: KARAFKA_BROKERS, KARAFKA_OPTIONS_….
//! let producer = Producer::from_env()?;
//! let delivered = producer.send(ProducerRecord::to("audit").key("c-7").value("signed in")).await?;
//! println!("partition {}, offset {:?}", delivered.partition, delivered.offset);
//! # Ok(())
//! # }
//! ```
//!
//! An app's topics are sent to by their types, `producer.send(topics::OrderConfirmed.record(&confirmed)?)`, through the
//! `generated::producer` that `karafka generate` writes.

mod bounds;
mod builder;
pub(crate) mod client;
mod close;
mod deliveries;
mod delivery;
pub(crate) mod fates;
#[cfg(feature = "consumer")]
pub(crate) mod flights;
mod gate;
mod polling;
mod room;
#[cfg(feature = "consumer")]
pub(crate) mod sending;
mod test_producer;
mod variant;
#[cfg_attr(not(feature = "consumer"), path = "unwatched.rs")]
pub(crate) mod watch;

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

pub use self::{
    builder::{ProducerBuilder, StartError, WhenFull},
    close::NotDelivered,
    delivery::Delivery,
    fates::DeliveryListener,
    test_producer::{TestProducer, TestRecord},
    variant::{Acks, Compression, Variant},
};
use self::{
    client::{Handed, ProducerClient},
    close::Ending,
    deliveries::Deliveries,
    delivery::Slot,
    fates::Fates,
    gate::{Gate, Inside},
    test_producer::Remembered,
    variant::{Kind, LazyClient},
};
pub use crate::outgoing::{Delivered, ProducerRecord, SendError, SizeBound};
use crate::{
    outgoing::{Content, DeliveryReport},
    settings::Settings,
    sync::Mutex,
    trace::TraceContext,
};

/// How long a producer that is dropped waits for what is on its way.
const ON_DROP: Duration = Duration::from_secs(5);

/// Sends records, and is shared by cloning.
///
/// Unless it is told otherwise, each record is acknowledged by all in-sync replicas, none is written twice by a retry of the
/// client, those of one partition arrive in the order in which they were handed over, and they are compressed with lz4.
///
/// End it with [`Producer::close`]. When the last clone is dropped, that thread waits up to 5 seconds for what is on its way.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Clones>,
    outlet: Arc<Outlet>,
}

/// What all clones have. The last one that goes closes it.
struct Clones(Arc<Shared>);

/// What a producer is, for its clones, and for the thread that closes it.
struct Shared {
    /// The outlet that no variant was asked for.
    first: Arc<Outlet>,
    variants: Mutex<BTreeMap<Kind, Arc<Outlet>>>,
    /// A topic's name in Kafka by its key in the manifest.
    names: BTreeMap<String, String>,
    when_full: WhenFull,
    trace: Option<Box<dyn Fn() -> Option<TraceContext> + Send + Sync>>,
    fates: Arc<Fates>,
    buffer: Mutex<Buffer>,
    gate: Gate,
    ending: Ending,
}

/// What waits for [`Producer::flush`].
#[derive(Default)]
struct Buffer {
    records: VecDeque<(Arc<Outlet>, ProducerRecord)>,
    /// Nobody will send what comes.
    is_closed: bool,
}

/// What is taken out of the buffer to be sent. What is not on its way when this is dropped is in the buffer again, before
/// what has come meanwhile.
struct Buffered<'a> {
    rest: VecDeque<(Arc<Outlet>, ProducerRecord)>,
    shared: &'a Shared,
}

impl<'a> Buffered<'a> {
    fn take(shared: &'a Shared) -> Self {
        Self { rest: mem::take(&mut shared.buffer.lock().records), shared }
    }
}

impl Drop for Buffered<'_> {
    fn drop(&mut self) {
        let mut buffer = self.shared.buffer.lock();
        if !buffer.is_closed {
            self.rest.append(&mut buffer.records);
            mem::swap(&mut buffer.records, &mut self.rest);
            return;
        }
        drop(buffer);
        for (_, record) in self.rest.drain(..) {
            let (topic, _) = self.shared.split(record);
            self.shared.fates.failed(&topic, &SendError::Closed { topic: topic.to_string() }, false);
        }
    }
}

/// Where records go.
enum Outlet {
    Kafka(LazyClient),
    Test(Arc<Remembered>),
}

impl Producer {
    /// A producer that is told everything one by one.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::default()
    }

    /// A producer as the environment of this process says, in an app's variables: `KARAFKA_BROKERS`, and
    /// `KARAFKA_OPTIONS_…` for properties of librdkafka.
    ///
    /// # Errors
    ///
    /// [`StartError`]: everything that is wrong with them, or that nothing says where Kafka is.
    pub fn from_env() -> Result<Self, StartError> {
        ProducerBuilder::from_env()?.start()
    }

    /// A producer as an app's settings say; topics of its manifest go by their names in Kafka.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn from_settings(settings: &Settings) -> Result<Self, StartError> {
        ProducerBuilder::from_settings(settings)?.start()
    }

    /// Sends one record; await what is returned to know that Kafka has it, and where.
    ///
    /// The record is on its way when this returns, unless the producer's queue is full. It is sent again by itself until Kafka
    /// has it or `message.timeout.ms` is over, five minutes by default.
    pub fn send(&self, record: impl Into<ProducerRecord>) -> Delivery {
        let fates = &self.shared().fates;
        let (topic, content) = self.prepare(record.into());
        let slot = Slot::new(fates);
        let handed = self.outlet.try_send(self.shared(), &topic, &content, Some(slot.report()));
        match (handed, self.shared().when_full) {
            (Ok(Handed::Over), _) => Delivery::on_its_way(slot),
            (Ok(Handed::Back(_)), WhenFull::Fail) => self.refuse(SendError::Full { topic: topic.into_owned() }),
            (Ok(Handed::Back(report)), WhenFull::Wait) => {
                let (producer, topic) = (self.clone(), topic.into_owned());
                let named = topic.clone();
                let room = async move { producer.outlet.send(producer.shared(), &topic, &content, report).await };
                Delivery::waits_for_room(room, slot, named)
            }
            (Err(error), _) => self.refuse(error),
        }
    }

    /// Sends many records, and waits until the fate of each is known. The results are in the order of the records.
    ///
    /// One that fails does not keep the others back. Where this is dropped before it is ready, those that are not on their way are not
    /// sent.
    pub async fn send_all<R: Into<ProducerRecord>>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Vec<Result<Delivered, SendError>> {
        let deliveries = Deliveries::new(&self.shared().fates);
        let sent = async {
            for record in records {
                self.send_among(&deliveries, &self.outlet, record.into()).await;
            }
        };
        deliveries.of(sent).await
    }

    /// Keeps a record until [`Producer::flush`] or [`Producer::close`] sends it.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`].
    pub fn buffer(&self, record: impl Into<ProducerRecord>) -> Result<(), SendError> {
        let record = record.into();
        let mut buffer = self.shared().buffer.lock();
        if buffer.is_closed {
            return Err(SendError::Closed { topic: self.shared().split(record).0.into_owned() });
        }
        buffer.records.push_back((Arc::clone(&self.outlet), record));
        Ok(())
    }

    /// Sends what is in the buffer, has everything that is on its way sent at once instead of after `linger.ms`, and waits
    /// until nothing is on its way any more. Returns what became of what was in the buffer, in its order.
    ///
    /// Where this is dropped before it is ready, what is not on its way is in the buffer again.
    pub async fn flush(&self) -> Vec<Result<Delivered, SendError>> {
        let mut buffered = Buffered::take(self.shared());
        let deliveries = Deliveries::new(&self.shared().fates);
        let sent = async {
            while let Some((outlet, record)) = buffered.rest.front().cloned() {
                self.send_among(&deliveries, &outlet, record).await;
                buffered.rest.pop_front();
            }
            close::flush(self.shared().clients()).await;
        };
        deliveries.of(sent).await
    }

    /// Sends one record, and waits only until it is on its way. If Kafka does not have it in the end, a
    /// [`DeliveryListener`] and the log say so. Where this is dropped before it is ready, the record is not sent.
    ///
    /// # Errors
    ///
    /// Why it is not on its way.
    pub async fn send_and_forget(&self, record: impl Into<ProducerRecord>) -> Result<(), SendError> {
        let (topic, content) = self.prepare(record.into());
        let sent = self.outlet.send(self.shared(), &topic, &content, None).await;
        if let Err(error) = &sent {
            self.shared().fates.failed(&topic, error, true);
        }
        sent
    }

    /// The same producer with other acknowledgements or another compression, for records that need them: what is said here is
    /// said over what this one has.
    ///
    /// librdkafka has these once for a topic of a client, so that a variant is a client with connections of its own: one for
    /// each that differs, made when it is first sent to, and closed with this producer.
    #[must_use]
    pub fn variant(&self, variant: Variant) -> Self {
        let shared = self.shared();
        let outlet = match (&*shared.first, &*self.outlet) {
            (Outlet::Kafka(first), Outlet::Kafka(own)) => {
                let variant = own.variant().with(variant);
                match first.varied(variant) {
                    None => Arc::clone(&shared.first),
                    Some((kind, varied)) => {
                        let mut variants = shared.variants.lock();
                        Arc::clone(variants.entry(kind).or_insert_with(|| Arc::new(Outlet::Kafka(varied))))
                    }
                }
            }
            _ => Arc::clone(&shared.first),
        };
        Self { shared: Arc::clone(&self.shared), outlet }
    }

    /// How many records are on their way, those of all variants counted.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared().clients().iter().map(ProducerClient::in_flight).sum()
    }

    /// Why this producer will never send anything again, if that is so, in librdkafka's words: Kafka does not let it
    /// write, or it cannot go on without writing something twice. What is tried again is refused again; only another
    /// producer, as that of a process that has been started anew, may do better.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.outlet.client().and_then(ProducerClient::failure)
    }

    /// Sends what is in the buffer, takes nothing more, and waits until nothing is on its way, at most for `budget`. What
    /// Kafka has not acknowledged then is given up: whoever has sent it is told.
    ///
    /// Of a record that is given up nobody knows whether Kafka has it: it may have been on its way back. It goes on when this is
    /// dropped, and whoever closes it once more hears how it has ended.
    ///
    /// # Errors
    ///
    /// [`NotDelivered`], with how many records were given up, and how many of the buffer Kafka has not taken.
    pub async fn close(&self, budget: Duration) -> Result<(), NotDelivered> {
        let shared = &self.shared.0;
        if shared.gate.begin_to_shut() {
            close::begin(Arc::clone(shared), budget);
        }
        shared.ending.wait().await
    }

    fn shared(&self) -> &Shared {
        &self.shared.0
    }

    /// It is not on its way, and whoever hears is told.
    fn refuse(&self, error: SendError) -> Delivery {
        let fates = &self.shared().fates;
        fates.failed(error.topic(), &error, true);
        Delivery::over(Err(error), fates)
    }

    async fn send_among(&self, deliveries: &Arc<Deliveries>, outlet: &Outlet, record: ProducerRecord) {
        let (topic, content) = self.prepare(record);
        let report = deliveries.report();
        if let Err(error) = outlet.send(self.shared(), &topic, &content, Some(report)).await {
            self.shared().fates.failed(&topic, &error, true);
            deliveries.refuse_last(error);
        }
    }

    /// The name of a record's topic in Kafka, and the rest with the caller's trace.
    fn prepare(&self, record: ProducerRecord) -> (Cow<'_, str>, Content) {
        let shared = self.shared();
        let (topic, mut content) = shared.split(record);
        let trace = shared.trace.as_ref().map_or_else(TraceContext::current, |trace| trace());
        if let Some(trace) = trace {
            trace.add_to(&mut content.headers);
        }
        (topic, content)
    }
}

impl Outlet {
    /// The client, if it was made.
    fn client(&self) -> Option<&ProducerClient> {
        match self {
            Self::Kafka(client) => client.made(),
            Self::Test(_) => None,
        }
    }

    /// Hands over a record, and tells its report, or nobody; gives it back where there is no room.
    fn try_send(
        &self,
        shared: &Shared,
        topic: &str,
        content: &Content,
        report: Option<Box<DeliveryReport>>,
    ) -> Result<Handed, SendError> {
        let _inside = shared.enter(topic)?;
        match self {
            Self::Kafka(client) => client.get()?.try_enqueue(topic, content, report),
            Self::Test(remembered) => {
                let delivered = remembered.take(topic, content, &shared.fates)?;
                if let Some(report) = report {
                    report.sender.delivered(report.ticket, delivered);
                }
                Ok(Handed::Over)
            }
        }
    }

    /// As [`Outlet::try_send`], and waits for room where that is wanted.
    async fn send(
        &self,
        shared: &Shared,
        topic: &str,
        content: &Content,
        report: Option<Box<DeliveryReport>>,
    ) -> Result<(), SendError> {
        let report = match self.try_send(shared, topic, content, report)? {
            Handed::Over => return Ok(()),
            Handed::Back(report) => report,
        };
        match (self, shared.when_full) {
            (Self::Kafka(client), WhenFull::Wait) => {
                client.get()?.wait_for_room(topic, content, report, || shared.enter(topic)).await
            }
            _ => Err(SendError::Full { topic: topic.to_owned() }),
        }
    }
}

impl Shared {
    /// All clients that were made.
    fn clients(&self) -> Vec<ProducerClient> {
        let variants = self.variants.lock();
        [&self.first].into_iter().chain(variants.values()).filter_map(|outlet| outlet.client()).cloned().collect()
    }

    /// The name of a record's topic in Kafka, and the rest.
    fn split(&self, record: ProducerRecord) -> (Cow<'_, str>, Content) {
        record.split(|key| self.names.get(key).map(String::as_str))
    }

    /// Lets a record for this topic through, unless the producer is closed.
    fn enter(&self, topic: &str) -> Result<Inside<'_>, SendError> {
        self.gate.enter().ok_or_else(|| SendError::Closed { topic: topic.to_owned() })
    }

    /// What is in the buffer, into which nothing comes any more.
    fn take_buffer(&self) -> VecDeque<(Arc<Outlet>, ProducerRecord)> {
        let mut buffer = self.buffer.lock();
        buffer.is_closed = true;
        mem::take(&mut buffer.records)
    }
}

impl Drop for Clones {
    fn drop(&mut self) {
        let Self(shared) = self;
        let clients = shared.clients();
        if shared.gate.begin_to_shut() {
            if shared.buffer.lock().records.is_empty() && clients.iter().all(|client| client.in_flight() == 0) {
                shared.take_buffer();
                return;
            }
            close::begin(Arc::clone(shared), ON_DROP);
        }
        // It blocks, be this a task's thread: a program that ends right after would lose what is on its way without a word, and
        // `close` is there for who can wait. What is given up in the end is told (`close::close`, `Polling`). What hands out reports
        // cannot wait for them.
        if !clients.iter().any(ProducerClient::is_here) {
            shared.ending.block(ON_DROP + close::REPORTS);
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
