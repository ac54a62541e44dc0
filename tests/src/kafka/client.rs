//! What a test does with Kafka besides the app under test: topics, records, offsets.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, Headers as _, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};

/// One answer of Kafka.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a broker that has just come back may say that it is not ready yet.
const READY: Duration = Duration::from_secs(60);

/// Asks until Kafka has an answer: a broker that was away, or frozen, answers for a while that it does not coordinate
/// this group or lead that partition any more, or yet. What is asked changes nothing, so it can be asked again.
fn answered<T>(ask: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let deadline = Instant::now() + READY;
    loop {
        match ask() {
            Err(error) if Instant::now() < deadline && passes(&error) => std::thread::sleep(Duration::from_millis(50)),
            answer => return answer,
        }
    }
}

/// Whether this is what brokers and clients say while a cluster finds itself again.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::WaitingForCoordinator
        )
    )
}

/// Whether so many brokers are there, with every record on each that is to have it.
pub(super) fn all_answer(address: &str, brokers: usize) -> bool {
    let consumer: Result<BaseConsumer, _> = quiet(address).create();
    let metadata = consumer.and_then(|consumer| consumer.fetch_metadata(None, Duration::from_secs(2)));
    metadata.is_ok_and(|metadata| {
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        metadata.brokers().len() == brokers
            && partitions.all(|partition| partition.isr().len() == partition.replicas().len())
    })
}

/// Makes a topic and waits until every partition has a leader.
///
/// # Errors
///
/// When Kafka refuses it or stays without a leader.
pub fn create_topic(address: &str, name: &str, partitions: i32) -> Result<()> {
    create_topic_with(address, name, partitions, 1, &[])
}

fn create_topic_with(address: &str, name: &str, partitions: i32, replicas: i32, config: &[(&str, &str)]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = quiet(address).create()?;
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
    for (key, value) in config {
        topic = topic.set(key, value);
    }
    for result in wait_for(admin.create_topics([&topic], &patient()))?? {
        result.map_err(|(topic, code)| anyhow!("Kafka refused the topic `{topic}`: {code}"))?;
    }
    let deadline = Instant::now() + ANSWER;
    while Instant::now() < deadline {
        let metadata = answered(|| admin.inner().fetch_metadata(Some(name), ANSWER))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let led =
            topic.map_or(0, |topic| topic.partitions().iter().filter(|partition| partition.leader() >= 0).count());
        if led == usize::try_from(partitions)? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the partitions of `{name}` have no leader after {ANSWER:?}")
}

/// Deletes a topic with everything in it.
///
/// # Errors
///
/// When Kafka refuses.
pub fn delete_topic(address: &str, name: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = quiet(address).create()?;
    for result in wait_for(admin.delete_topics(&[name], &patient()))?? {
        result.map_err(|(topic, code)| anyhow!("Kafka kept the topic `{topic}`: {code}"))?;
    }
    Ok(())
}

/// How many records a topic holds.
///
/// # Errors
///
/// When Kafka does not say within `limit`.
pub fn count(address: &str, topic: &str, limit: Duration) -> Result<u64> {
    let consumer: BaseConsumer = quiet(address).create()?;
    let metadata = answered(|| consumer.fetch_metadata(Some(topic), limit))?;
    let mut count = 0;
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let (low, high) = answered(|| consumer.fetch_watermarks(topic, partition.id(), limit))?;
        count += u64::try_from(high - low)?;
    }
    Ok(count)
}

fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(ANSWER))
}

fn wait_for<F: Future>(answer: F) -> Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(answer))
}

/// A client that keeps its connection troubles to itself: Kafka may still be starting.
fn quiet(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}

/// Sends records with `acks=all` and counts what Kafka has acknowledged.
pub struct Producer {
    inner: ThreadedProducer<Deliveries>,
    deliveries: Arc<Counts>,
}

/// What became of the records of one producer.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
}

struct Deliveries(Arc<Counts>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.0.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
            }
        }
    }
}

impl Producer {
    /// A producer of the broker at `address`.
    ///
    /// # Errors
    ///
    /// When the client cannot be made.
    pub fn new(address: &str) -> Result<Self> {
        Self::with(address, &[])
    }

    /// The same with properties of its own, such as `compression.type`.
    ///
    /// # Errors
    ///
    /// As for [`Producer::new`].
    pub fn with(address: &str, properties: &[(&str, &str)]) -> Result<Self> {
        let deliveries = Arc::new(Counts::default());
        let mut config = quiet(address);
        config
            .set("acks", "all")
            // In order and once, whatever the network does: offsets tell the order in which records were sent.
            .set("enable.idempotence", "true")
            .set("linger.ms", "5");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        let inner = config.create_with_context(Deliveries(Arc::clone(&deliveries)))?;
        Ok(Self { inner, deliveries })
    }

    /// Puts a record on its way to this partition.
    ///
    /// # Errors
    ///
    /// When the client refuses it for another reason than a full queue, for which it waits.
    pub fn send(&self, topic: &str, partition: i32, key: &str, value: &str) -> Result<()> {
        self.send_bytes(topic, partition, Some(key.as_bytes()), Some(value.as_bytes()))
    }

    /// The same with any bytes, or none: a record without a value is a tombstone.
    ///
    /// # Errors
    ///
    /// As for [`Producer::send`].
    pub fn send_bytes(&self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        self.send_with_headers(topic, partition, key, value, &[])
    }

    /// The same with headers in this order; a header's value can be missing, too.
    ///
    /// # Errors
    ///
    /// As for [`Producer::send`].
    pub fn send_with_headers(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<()> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition);
        (record.key, record.payload) = (key, value);
        if !headers.is_empty() {
            let mut all = OwnedHeaders::new_with_capacity(headers.len());
            for (key, value) in headers {
                all = all.insert(Header { key, value: *value });
            }
            record = record.headers(all);
        }
        let deadline = Instant::now() + ANSWER;
        while let Err((error, back)) = self.inner.send(record) {
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            if !full || Instant::now() >= deadline {
                return Err(error).with_context(|| format!("cannot send to {topic}/{partition}"));
            }
            record = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        self.deliveries.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until everything sent has been acknowledged.
    ///
    /// # Errors
    ///
    /// When a record was not, in a minute.
    pub fn flush(&self) -> Result<()> {
        self.inner.flush(Duration::from_secs(60)).context("Kafka did not acknowledge everything")?;
        if let Some(error) = self.deliveries.failure.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(error).context("Kafka did not take a record");
        }
        let (sent, acknowledged) = (&self.deliveries.sent, &self.deliveries.acknowledged);
        match (sent.load(Ordering::Relaxed), acknowledged.load(Ordering::Relaxed)) {
            (sent, acknowledged) if sent == acknowledged => Ok(()),
            (sent, acknowledged) => bail!("{sent} records were sent and {acknowledged} acknowledged"),
        }
    }
}

/// A producer in transactions; what it sends is for partition 0 of one topic.
pub struct Transaction {
    inner: ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
    topic: String,
}

impl Transaction {
    /// A producer with this id of transactions.
    ///
    /// # Errors
    ///
    /// When Kafka does not take it.
    pub fn producer(address: &str, id: &str, topic: &str) -> Result<Self> {
        let inner: ThreadedProducer<_> = quiet(address).set("transactional.id", id).create()?;
        inner.init_transactions(ANSWER)?;
        Ok(Self { inner, topic: topic.to_owned() })
    }

    /// Sends these values in one transaction, and commits or aborts it.
    ///
    /// # Errors
    ///
    /// When Kafka does not take part.
    pub fn send(&self, values: &[String], commit: bool) -> Result<()> {
        self.inner.begin_transaction()?;
        for value in values {
            let record = BaseRecord::to(&self.topic).partition(0).key("key").payload(value);
            self.inner.send(record).map_err(|(error, _)| error)?;
        }
        self.inner.flush(ANSWER)?;
        let end = if commit { self.inner.commit_transaction(ANSWER) } else { self.inner.abort_transaction(ANSWER) };
        Ok(end?)
    }
}

/// A record as it was found in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers that have a value, by name.
    pub headers: BTreeMap<String, Vec<u8>>,
}

/// An offset a partition.
pub type Offsets = BTreeMap<i32, i64>;

impl super::Kafka {
    /// The offsets that `group` has committed for `topic`; partitions without one are left out.
    ///
    /// # Errors
    ///
    /// When Kafka does not say.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Offsets> {
        let consumer: BaseConsumer = quiet(self.address()).set("group.id", group).create()?;
        let metadata = answered(|| consumer.fetch_metadata(Some(topic), ANSWER))?;
        let mut asked = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            asked.add_partition(topic, partition.id());
        }
        let committed = answered(|| consumer.committed_offsets(asked.clone(), ANSWER))?;
        let offsets = committed.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        Ok(offsets.collect())
    }

    /// The offset behind everything in each partition of `topic`, markers of transactions counted in.
    ///
    /// # Errors
    ///
    /// When Kafka does not say.
    pub fn ends(&self, topic: &str) -> Result<Offsets> {
        let consumer: BaseConsumer = quiet(self.address()).create()?;
        let metadata = answered(|| consumer.fetch_metadata(Some(topic), ANSWER))?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let end = |id| Ok((id, answered(|| consumer.fetch_watermarks(topic, id, ANSWER))?.1));
        partitions.map(|partition| end(partition.id())).collect()
    }

    /// Every value of `topic`, as text, partition by partition in offset order.
    ///
    /// # Errors
    ///
    /// As for [`Kafka::records`](super::Kafka::records).
    pub fn values(&self, topic: &str) -> Result<Vec<String>> {
        let text = |found: Found| String::from_utf8_lossy(&found.value.unwrap_or_default()).into_owned();
        Ok(self.records(topic)?.into_iter().map(text).collect())
    }

    /// Every record of `topic` that a reader of committed ones sees, partition by partition in offset order.
    ///
    /// # Errors
    ///
    /// When Kafka stops answering before the end of a partition.
    pub fn records(&self, topic: &str) -> Result<Vec<Found>> {
        let consumer: BaseConsumer = quiet(self.address())
            .set("group.id", "records")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()?;
        let metadata = answered(|| consumer.fetch_metadata(Some(topic), ANSWER))?;
        let mut all = Vec::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let mut one = TopicPartitionList::new();
            one.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            consumer.assign(&one)?;
            let mut last = Instant::now();
            loop {
                ensure!(last.elapsed() < 3 * ANSWER, "{topic}/{} gave nothing after {}", partition.id(), all.len());
                // `poll` also comes back without a record before its time is over.
                match consumer.poll(Duration::from_secs(1)) {
                    None => {}
                    Some(Ok(record)) => {
                        all.push(found(&record));
                        last = Instant::now();
                    }
                    Some(Err(KafkaError::PartitionEOF(_))) => break,
                    Some(Err(error)) => return Err(error.into()),
                }
            }
        }
        Ok(all)
    }

    /// The broker that coordinates this group now, by its place.
    ///
    /// # Errors
    ///
    /// When Kafka does not say, or nobody does.
    pub fn coordinator(&self, group: &str) -> Result<usize> {
        let consumer: BaseConsumer = quiet(self.address()).create()?;
        let metadata = answered(|| consumer.fetch_metadata(Some("__consumer_offsets"), ANSWER))?;
        let number = i32::try_from(super::broker::offsets_partition(group))?;
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let leader = partitions.find(|partition| partition.id() == number).map(|partition| partition.leader());
        let leader = leader.filter(|id| *id > 0).with_context(|| format!("nobody coordinates `{group}`"))?;
        Ok(usize::try_from(leader - 1)?)
    }

    /// Makes a topic, on three brokers if there are so many.
    ///
    /// # Errors
    ///
    /// As for [`create_topic`].
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        self.create_topic_with(name, partitions, &[])
    }

    /// Deletes a topic here.
    ///
    /// # Errors
    ///
    /// As for [`delete_topic`].
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        delete_topic(self.address(), name)
    }

    /// Makes a topic with settings of its own, such as `cleanup.policy`.
    ///
    /// # Errors
    ///
    /// As for [`create_topic`].
    pub fn create_topic_with(&self, name: &str, partitions: i32, config: &[(&str, &str)]) -> Result<()> {
        let replicas = i32::try_from(self.brokers.len().min(3))?;
        create_topic_with(self.address(), name, partitions, replicas, config)
    }

    /// Deletes every record of a partition that is below `offset`, as retention does.
    ///
    /// # Errors
    ///
    /// When Kafka refuses.
    pub fn delete_records_before(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = quiet(self.address()).create()?;
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let deleted = wait_for(admin.delete_records(&before, &patient()))??;
        deleted.elements().iter().try_for_each(|element| element.error())?;
        Ok(())
    }

    /// Changes a setting of a topic, such as `max.message.bytes`; its others go back to their defaults.
    ///
    /// # Errors
    ///
    /// When Kafka refuses.
    pub fn alter_topic(&self, name: &str, key: &str, value: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = quiet(self.address()).create()?;
        let change = AlterConfig::new(ResourceSpecifier::Topic(name)).set(key, value);
        for result in wait_for(admin.alter_configs([&change], &patient()))?? {
            result.map_err(|(resource, code)| anyhow!("Kafka refused `{key}` for {resource:?}: {code}"))?;
        }
        Ok(())
    }

    /// Deletes a group with all its offsets; it has no member.
    ///
    /// # Errors
    ///
    /// When Kafka refuses.
    pub fn delete_group(&self, group: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = quiet(self.address()).create()?;
        for result in wait_for(admin.delete_groups(&[group], &patient()))?? {
            result.map_err(|(group, code)| anyhow!("Kafka kept the group `{group}`: {code}"))?;
        }
        Ok(())
    }

    /// Adds partitions to a topic.
    ///
    /// # Errors
    ///
    /// When Kafka refuses.
    pub fn grow_topic(&self, name: &str, partitions: usize) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = quiet(self.address()).create()?;
        let more = NewPartitions::new(name, partitions);
        for result in wait_for(admin.create_partitions([&more], &patient()))?? {
            result.map_err(|(topic, code)| anyhow!("Kafka refused partitions for `{topic}`: {code}"))?;
        }
        Ok(())
    }
}

fn found(record: &impl Message) -> Found {
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.filter_map(|header| Some((header.key.to_owned(), header.value?.to_vec()))).collect();
    Found {
        partition: record.partition(),
        offset: record.offset(),
        key: record.key().map(<[u8]>::to_vec),
        value: record.payload().map(<[u8]>::to_vec),
        headers,
    }
}
