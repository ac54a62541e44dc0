//! The least that a consumer on librdkafka can cost: every partition's queue forwarded to one, drained in batches, and
//! nothing done with what comes, or nothing but what every typed contender does.

use std::{
    env,
    ffi::{CString, c_void},
    ptr, slice,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use benched::probe::Probe;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    types::RDKafkaRespErr,
};
use rdkafka_sys as sys;

use super::by_hand::{Settings, config};

/// How many records one call moves.
const BATCH: usize = 1_000;

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Nothing,
    /// Parsed, and a field touched.
    Typed,
}

/// Forwards the queues of what is assigned.
#[derive(Default)]
struct Forward(AtomicPtr<sys::rd_kafka_queue_t>);

impl ClientContext for Forward {}

impl ConsumerContext for Forward {
    #[expect(unsafe_code, reason = "the wrapper has no word for a queue that is forwarded")]
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let (client, worker) = (consumer.client().native_ptr(), self.0.load(Ordering::Acquire));
        let is_assignment = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if is_assignment {
            for element in list.elements() {
                let Ok(topic) = CString::new(element.topic()) else { return };
                // SAFETY: client and worker queue are live while the consumer is polled; the partition's handle is
                // given back, and its queue lives on in the client.
                unsafe {
                    let queue = sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), element.partition());
                    if !queue.is_null() {
                        sys::rd_kafka_queue_forward(queue, worker);
                        sys::rd_kafka_queue_destroy(queue);
                    }
                }
            }
        }
        // SAFETY: client and list are live for the call; a null list means none. The assignor is an eager one.
        unsafe { sys::rd_kafka_assign(client, if is_assignment { list.ptr() } else { ptr::null() }) };
    }
}

/// Whom the worker queue's callback wakes.
static DRAINING: OnceLock<Thread> = OnceLock::new();

#[expect(unsafe_code, reason = "the wrapper has no word for a queue's callback")]
unsafe extern "C" fn wake(_: *mut sys::rd_kafka_t, _: *mut c_void) {
    DRAINING.get().map(Thread::unpark);
}

/// Consumes until the probe has seen everything.
#[expect(unsafe_code, reason = "the wrapper has no word for a queue of one's own")]
pub(crate) fn run(work: Work) -> Result<()> {
    let probe = Probe::of_process()?;
    let topic = env::var("BENCH_TOPIC")?;
    let consumer: BaseConsumer<Forward> = config(Settings::Tuned)?.create_with_context(Forward::default())?;
    DRAINING.get_or_init(thread::current);
    // SAFETY: the client is live; the queue is destroyed below, before the client.
    let worker = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
    ensure!(!worker.is_null(), "no queue");
    // SAFETY: the queue is live, and the callback needs nothing that could go away.
    unsafe { sys::rd_kafka_queue_cb_event_enable(worker, Some(wake), ptr::null_mut()) };
    consumer.context().0.store(worker, Ordering::Release);
    consumer.subscribe(&[&topic])?;

    let is_done = AtomicBool::new(false);
    let positions = thread::scope(|scope| {
        // The control plane: rebalances and errors.
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                let _event = consumer.poll(Duration::from_millis(20));
            }
        });
        let positions = drain(probe, &consumer, &topic, worker, work);
        is_done.store(true, Ordering::Release);
        positions
    })?;
    consumer.commit(&positions, CommitMode::Sync)?;
    // SAFETY: the handle is ours, and nobody uses it after this.
    unsafe { sys::rd_kafka_queue_destroy(worker) };
    Ok(())
}

/// Drains the worker queue until the last message, with a commit each second. Returns the positions reached.
#[expect(unsafe_code, reason = "the wrapper has no word for a batch")]
fn drain(
    probe: &Probe,
    consumer: &BaseConsumer<Forward>,
    topic: &str,
    worker: *mut sys::rd_kafka_queue_t,
    work: Work,
) -> Result<TopicPartitionList> {
    let mut batch = vec![ptr::null_mut::<sys::rd_kafka_message_t>(); BATCH];
    let mut next: Vec<i64> = Vec::new();
    let (mut committed, mut is_last) = (Instant::now(), false);
    while !is_last {
        // SAFETY: the array has room for as many pointers as the call is told. With a time-out of 0 it never waits.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(worker, 0, batch.as_mut_ptr(), BATCH) };
        let count = usize::try_from(count).context("the queue cannot be drained")?;
        for message in &batch[..count] {
            let message = Batched(*message);
            let (error, partition, offset) = message.place();
            ensure!(error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, "an error for a record: {error:?}");
            let place = usize::try_from(partition)?;
            if next.len() <= place {
                next.resize(place + 1, -1);
            }
            next[place] = offset + 1;
            if work == Work::Typed {
                probe.touch(&serde_json::from_slice(message.value())?);
            }
            is_last |= probe.count();
        }
        if count == 0 {
            thread::park_timeout(Duration::from_millis(20));
        }
        if committed.elapsed() >= Duration::from_secs(1) {
            committed = Instant::now();
            consumer.commit(&list_of(topic, &next)?, CommitMode::Async)?;
        }
    }
    list_of(topic, &next)
}

/// A message that librdkafka gave away.
struct Batched(*mut sys::rd_kafka_message_t);

#[expect(unsafe_code, reason = "the wrapper has no word for a message of a batch")]
impl Batched {
    /// Its error, partition and offset.
    fn place(&self) -> (RDKafkaRespErr, i32, i64) {
        // SAFETY: the message lives until `drop`.
        unsafe { ((*self.0).err, (*self.0).partition, (*self.0).offset) }
    }

    /// Its value; empty if it has none.
    fn value(&self) -> &[u8] {
        // SAFETY: payload and length describe memory of the message, which lives until `drop`.
        unsafe {
            let (payload, length) = ((*self.0).payload, (*self.0).len);
            if payload.is_null() { &[] } else { slice::from_raw_parts(payload.cast(), length) }
        }
    }
}

#[expect(unsafe_code, reason = "the wrapper has no word for a message of a batch")]
impl Drop for Batched {
    fn drop(&mut self) {
        // SAFETY: the message is ours, and this is the last use.
        unsafe { sys::rd_kafka_message_destroy(self.0) }
    }
}

fn list_of(topic: &str, next: &[i64]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in next.iter().enumerate().filter(|(_, offset)| **offset >= 0) {
        list.add_partition_offset(topic, i32::try_from(partition)?, Offset::Offset(*offset))?;
    }
    Ok(list)
}
