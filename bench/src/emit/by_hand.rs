//! The loop that one would write with care: sends go out in a pipeline, and an offset is stored when everything before
//! it has been acknowledged.

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use benched::{generated::messages::Event, probe::Probe};
use rdkafka::{
    ClientConfig, ClientContext, Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use super::TARGET;
use crate::consume::by_hand::{Settings, config};

/// What became of a record that was sent: partition and offset of its source.
type Acknowledged = (i32, i64);

/// Hands acknowledgements to the loop.
struct Deliveries {
    acknowledged: mpsc::Sender<Acknowledged>,
    has_failed: Arc<AtomicBool>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Acknowledged>;

    fn delivery(&self, result: &DeliveryResult<'_>, source: Box<Acknowledged>) {
        match result {
            Ok(_) => drop(self.acknowledged.send(*source)),
            Err(_) => self.has_failed.store(true, Ordering::Release),
        }
    }
}

/// The offsets of a partition that are on their way, in order, each with whether it has been acknowledged.
type OnTheirWay = BTreeMap<i32, VecDeque<(i64, bool)>>;

/// Sends on until the probe has seen everything, and reports when all of it is committed and the group is left.
pub(crate) fn run() -> Result<()> {
    let probe = Probe::of_process()?;
    let (source, target) = (env::var("BENCH_TOPIC")?, env::var(TARGET)?);
    let (acknowledged, hears) = mpsc::channel();
    let has_failed = Arc::new(AtomicBool::new(false));
    let deliveries = Deliveries { acknowledged, has_failed: Arc::clone(&has_failed) };
    let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", env::var("KARAFKA_BROKERS")?)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .create_with_context(deliveries)?;
    let consumer: BaseConsumer = config(Settings::Tuned)?.create()?;
    consumer.subscribe(&[&source])?;

    let mut on_their_way = OnTheirWay::new();
    let (mut committed, mut is_last) = (Instant::now(), false);
    while !is_last {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            let event: Event = serde_json::from_slice(message.payload().context("a record without a value")?)?;
            probe.touch(&event);
            let (partition, offset) = (message.partition(), message.offset());
            on_their_way.entry(partition).or_default().push_back((offset, false));
            send(&producer, &target, &serde_json::to_vec(&event)?, (partition, offset))?;
            is_last = probe.count_silently();
        }
        while let Ok(source) = hears.try_recv() {
            settle(&mut on_their_way, source);
        }
        if committed.elapsed() >= Duration::from_secs(1) {
            committed = Instant::now();
            store(&consumer, &source, &mut on_their_way)?;
            let _nothing_stored_yet = consumer.commit_consumer_state(CommitMode::Async);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    if has_failed.load(Ordering::Acquire) {
        bail!("a record was not delivered");
    }
    while let Ok(source) = hears.try_recv() {
        settle(&mut on_their_way, source);
    }
    store(&consumer, &source, &mut on_their_way)?;
    consumer.commit_consumer_state(CommitMode::Sync)?;
    drop(consumer);
    probe.report(&[]);
    Ok(())
}

/// Puts a record on its way; waits while the producer's queue is full.
fn send(producer: &ThreadedProducer<Deliveries>, target: &str, value: &[u8], source: Acknowledged) -> Result<()> {
    let mut record = BaseRecord::<(), [u8], _>::with_opaque_to(target, Box::new(source)).payload(value);
    while let Err((error, back)) = producer.send(record) {
        if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
            return Err(error.into());
        }
        record = back;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Marks a record as acknowledged.
fn settle(on_their_way: &mut OnTheirWay, (partition, offset): Acknowledged) {
    let Some(offsets) = on_their_way.get_mut(&partition) else { return };
    if let Ok(place) = offsets.binary_search_by_key(&offset, |(offset, _)| *offset) {
        offsets[place].1 = true;
    }
}

/// Stores what has nothing unacknowledged before it.
fn store(consumer: &BaseConsumer, topic: &str, on_their_way: &mut OnTheirWay) -> Result<()> {
    for (partition, offsets) in on_their_way {
        let mut done = None;
        while let Some((offset, true)) = offsets.front() {
            done = Some(*offset);
            offsets.pop_front();
        }
        if let Some(offset) = done {
            consumer.store_offset(topic, *partition, offset)?;
        }
    }
    Ok(())
}
