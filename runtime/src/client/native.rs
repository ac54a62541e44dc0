//! The calls into librdkafka that the safe wrapper has no word for: partition queues drained in batches, records that
//! are borrowed from a fetch, assignments answered later than in the callback.
//!
//! The only module of the runtime with `unsafe`. What all of it rests on:
//!
//! - **A record or queue never outlives its client.** Lanes hold them; the engine joins every lane before it drops the
//!   client, and leaks the client when one will not end (`KafkaClient::close`). App code only ever borrows a record.
//! - librdkafka's handles may be used from any thread; its queues have locks of their own.
#![allow(unsafe_code, reason = "the seam to librdkafka; each block says why it is sound")]

use std::{
    collections::VecDeque,
    ffi::{CStr, CString, c_void},
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{
    Offset, TopicPartitionList, error::RDKafkaErrorCode, message::BorrowedMessage, producer::ProducerContext,
    util::IntoOpaque as _,
};
use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{
    Delivery, TopicPartition,
    outgoing::{Outgoing, Report},
};
use crate::{Record, topic::Key};

/// How many records one call moves out of a partition's queue.
const BATCH: usize = 256;

/// A record that lives in the memory of a fetch.
pub(crate) struct NativeRecord(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message is plain memory with an atomic reference count behind it; librdkafka allows its use and
// destruction on any thread. The one lazy mutation, the parsing of headers, is behind `PARSING_HEADERS`.
unsafe impl Send for NativeRecord {}
// SAFETY: as above.
unsafe impl Sync for NativeRecord {}

/// `rd_kafka_message_headers` parses them on the first call and keeps the result in the message.
static PARSING_HEADERS: Mutex<()> = Mutex::new(());

impl NativeRecord {
    fn message(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the pointer came from librdkafka, is not null, and stays valid until `drop`.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn topic(&self) -> &str {
        // SAFETY: `rkt` belongs to the message; its name is a string that lives as long as the topic handle does.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.message().rkt)) };
        // Kafka allows only ASCII in names of topics.
        name.to_str().unwrap_or_default()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.message().partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.message().offset
    }

    pub(crate) fn timestamp_ms(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: both pointers are valid for the call.
        let milliseconds = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && milliseconds >= 0)
            .then_some(milliseconds)
    }

    pub(crate) fn key(&self) -> Key<'_> {
        let message = self.message();
        // SAFETY: key and length describe memory of the message, which lives as long as `self`.
        unsafe { bytes(message.key, message.key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        let message = self.message();
        // SAFETY: payload and length describe memory of the message, which lives as long as `self`.
        unsafe { bytes(message.payload, message.len) }
    }

    /// Names and values of headers, in their order.
    pub(crate) fn headers(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        let mut headers = ptr::null_mut();
        {
            let _parsing = PARSING_HEADERS.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: both pointers are valid; the headers belong to the message and live as long as it does.
            let code = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) };
            if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Vec::new();
            }
        }
        // SAFETY: `headers` was just given by librdkafka, and nothing changes it any more.
        let count = unsafe { sys::rd_kafka_header_cnt(headers) };
        (0..count)
            .filter_map(|place| {
                let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
                // SAFETY: the out-pointers are valid, and name and value live as long as the headers.
                unsafe {
                    let code = sys::rd_kafka_header_get_all(headers, place, &mut name, &mut value, &mut length);
                    (code == Code::RD_KAFKA_RESP_ERR_NO_ERROR)
                        .then(|| (CStr::from_ptr(name).to_bytes(), bytes(value.cast_mut(), length)))
                }
            })
            .collect()
    }
}

impl NativeRecord {
    /// The value of the last header of this name. Takes no lock: with `&mut self` nobody else parses them.
    pub(crate) fn last_header(&mut self, name: &CStr) -> Option<&[u8]> {
        let (mut headers, mut value, mut length) = (ptr::null_mut(), ptr::null(), 0);
        // SAFETY: all pointers are valid for the calls; headers and value belong to the message, which lives as long as
        // `self`, and no reference into it is alive but the one that is given away.
        unsafe {
            if sys::rd_kafka_message_headers(self.0.as_ptr(), &mut headers) != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let code = sys::rd_kafka_header_get_last(headers, name.as_ptr(), &mut value, &mut length);
            if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            bytes(value.cast_mut(), length)
        }
    }
}

impl Drop for NativeRecord {
    fn drop(&mut self) {
        // SAFETY: the message is ours, and this is the last use.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// Null and empty are two things.
///
/// # Safety
///
/// `data` is null, or points to `length` readable bytes that live as long as `'a`.
unsafe fn bytes<'a>(data: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data.cast(), length) })
}

/// Called when a queue that was empty has something.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a partition's queue calls when it was empty and has something: the lane that has the partition now.
///
/// librdkafka keeps one callback a queue, and a lane that was given up may still hold its queue when the next lane of
/// the partition has taken over. So the callback belongs to the client, and lanes change places in it.
#[derive(Default)]
pub(crate) struct WakeSlot(Mutex<Option<Wake>>);

impl WakeSlot {
    fn set(&self, wake: Wake) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
    }
}

unsafe extern "C" fn call_wake(_: *mut sys::rd_kafka_t, slot: *mut c_void) {
    // SAFETY: `split` passed a pointer to a slot that lives as long as the client.
    let slot: &WakeSlot = unsafe { &*slot.cast::<WakeSlot>() };
    if let Some(wake) = &*slot.0.lock().unwrap_or_else(PoisonError::into_inner) {
        wake();
    }
}

/// The queue of one partition, split from its consumer's.
pub(crate) struct PartitionQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    consumer: Consumer,
    partition: TopicPartition,
    batch: Box<[*mut sys::rd_kafka_message_t; BATCH]>,
    /// The offset behind the last record that came out.
    next: i64,
    /// The offset of an error that came out, until the record there has come.
    doubtful: Option<i64>,
}

// SAFETY: the queue has a lock of its own, and `batch` is empty between calls.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Moves one batch of what is there.
    ///
    /// Two habits of librdkafka 2.12 have to be made good for, both around the moment of a rebalance, when it pauses
    /// all partitions, throws away what is prefetched, and goes on from the position that the app has reached:
    ///
    /// - It moves that position only after a batch is taken out. A pause in between fetches the batch again; what
    ///   came out before is dropped here.
    /// - `rd_kafka_q_serve_rkmessages` takes an error for a record and moves the position behind it, so that a pause
    ///   right after an error skips the record at its offset. (For the same reason `enable.partition.eof` is off:
    ///   the end of a partition is such an error.) If the next record is not the one at the error's offset, reading
    ///   goes back there, once.
    fn take(&mut self, into: &mut VecDeque<Delivery>, size: usize) -> usize {
        // SAFETY: the array has room for `size` pointers. The time-out is 0: with a positive one librdkafka waits
        // until the array is full.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, self.batch.as_mut_ptr(), size) };
        let count = usize::try_from(count).unwrap_or(0);
        let mut went_back = false;
        for place in &mut self.batch[..count] {
            let Some(message) = NonNull::new(std::mem::replace(place, ptr::null_mut())) else { continue };
            let record = NativeRecord(message);
            if went_back {
                continue;
            }
            let offset = record.offset();
            match record.message().err {
                Code::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    if let Some(doubtful) = self.doubtful.take()
                        && offset > doubtful
                    {
                        // SAFETY: the topic handle belongs to the message. With a time-out of 0 the call only asks;
                        // whatever is in the queue by now counts as outdated and does not come out.
                        let code = unsafe { sys::rd_kafka_seek(record.message().rkt, record.partition(), doubtful, 0) };
                        if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                            went_back = true;
                            continue;
                        }
                    }
                    if offset < self.next {
                        continue;
                    }
                    self.next = offset + 1;
                    into.push_back(Delivery::Record(Record::from(record)));
                }
                Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET => {
                    into.push_back(Delivery::PositionLost(error_text(&record)));
                }
                _ => {
                    self.doubtful = Some(offset).filter(|offset| *offset >= 0);
                    into.push_back(Delivery::Error(error_text(&record)));
                }
            }
        }
        count
    }
}

impl super::RecordQueue for PartitionQueue {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        let size = room.min(BATCH);
        // What was dropped or went back leaves nothing, though there may be more: only an empty queue ends the loop.
        while size > 0 && self.take(into, size) > 0 && into.is_empty() {}
    }

    fn position(&self) -> Option<i64> {
        // After an error librdkafka's position is one too high.
        if self.doubtful.is_some() {
            return None;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.partition.topic, self.partition.partition);
        // SAFETY: consumer and list are live for the call.
        let code = unsafe { sys::rd_kafka_position(self.consumer.0.as_ptr(), list.ptr()) };
        match list.elements().first()?.offset() {
            Offset::Offset(offset) if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR => Some(offset),
            _ => None,
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the handle is ours; the queue itself lives on in the client.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

fn error_text(record: &NativeRecord) -> String {
    // SAFETY: the message is live, and the string is static or lives in it; it is copied at once.
    unsafe { CStr::from_ptr(sys::rd_kafka_message_errstr(record.0.as_ptr())) }.to_string_lossy().into_owned()
}

/// A live consumer, for the calls that the wrapper does not make.
///
/// **Invariant:** only `KafkaClient` holds one, next to the consumer that it points to.
#[derive(Clone, Copy)]
pub(crate) struct Consumer(NonNull<sys::rd_kafka_t>);

// SAFETY: librdkafka's client may be used from any thread.
unsafe impl Send for Consumer {}

impl Consumer {
    /// The consumer behind a wrapper's pointer, `None` if it is null.
    pub(crate) fn from_wrapper(client: *mut sys::rd_kafka_t) -> Option<Self> {
        NonNull::new(client).map(Self)
    }

    /// Splits the partition's queue from the consumer's. Has to happen before the partition is assigned: records that
    /// are fetched earlier would still come through the consumer's queue. `slot` lives as long as the consumer.
    ///
    /// `None` if librdkafka does not know the partition.
    pub(crate) fn split(self, partition: &TopicPartition, slot: &Arc<WakeSlot>, wake: Wake) -> Option<PartitionQueue> {
        let topic = CString::new(&*partition.topic).ok()?;
        // SAFETY: the consumer is live by the invariant, the string ends in NUL.
        let queue = unsafe { sys::rd_kafka_queue_get_partition(self.0.as_ptr(), topic.as_ptr(), partition.partition) };
        let queue = NonNull::new(queue)?;
        slot.set(wake);
        // SAFETY: the queue is live, and the slot is kept by the client until it is dropped.
        unsafe {
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            let slot = Arc::as_ptr(slot).cast_mut().cast::<c_void>();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(call_wake), slot);
        }
        let batch = Box::new([ptr::null_mut(); BATCH]);
        Some(PartitionQueue { queue, consumer: self, partition: partition.clone(), batch, next: 0, doubtful: None })
    }

    /// Answers a rebalance that gives partitions, with the offsets to start from.
    pub(crate) fn assign(self, partitions: &TopicPartitionList) -> Result<(), String> {
        // SAFETY: consumer and list are live for the call.
        unsafe {
            if self.is_cooperative() {
                error_of(sys::rd_kafka_incremental_assign(self.0.as_ptr(), partitions.ptr()))
            } else {
                code_of(sys::rd_kafka_assign(self.0.as_ptr(), partitions.ptr()))
            }
        }
    }

    /// Answers a rebalance that takes partitions.
    pub(crate) fn unassign(self, partitions: &TopicPartitionList) -> Result<(), String> {
        // SAFETY: consumer and list are live for the call; a null list means none.
        unsafe {
            if self.is_cooperative() {
                error_of(sys::rd_kafka_incremental_unassign(self.0.as_ptr(), partitions.ptr()))
            } else {
                code_of(sys::rd_kafka_assign(self.0.as_ptr(), ptr::null()))
            }
        }
    }

    /// Whether the group no longer counts this member in: what it holds may be somebody else's already.
    pub(crate) fn assignment_lost(self) -> bool {
        // SAFETY: the consumer is live.
        unsafe { sys::rd_kafka_assignment_lost(self.0.as_ptr()) != 0 }
    }

    /// Commits in the background; the outcome comes out of the consumer's queue. (The wrapper's own asynchronous commit
    /// tells nobody how it ended: librdkafka reports it to a callback only, and the wrapper sets none.)
    pub(crate) fn commit(self, offsets: &TopicPartitionList) -> Result<(), String> {
        // SAFETY: consumer and list are live for the call, which copies the list; the queue's handle is ours, and
        // librdkafka takes one of its own for the answer.
        unsafe {
            let queue = sys::rd_kafka_queue_get_consumer(self.0.as_ptr());
            if queue.is_null() {
                return Err("the consumer has no queue".to_owned());
            }
            let code = sys::rd_kafka_commit_queue(self.0.as_ptr(), offsets.ptr(), queue, None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(queue);
            code_of(code)
        }
    }

    /// The offset behind the partition's last record, as the last fetch has told; `None` if nothing was fetched yet.
    pub(crate) fn high_watermark(self, partition: &TopicPartition) -> Option<i64> {
        let topic = CString::new(&*partition.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the consumer is live, the string ends in NUL, and both out-pointers are valid for the call, which
        // only reads what is cached.
        let code = unsafe {
            let client = self.0.as_ptr();
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition.partition, &mut low, &mut high)
        };
        (code == Code::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    /// Whether partitions come and go one by one, as with `cooperative-sticky` and KIP-848.
    pub(crate) fn is_cooperative(self) -> bool {
        // SAFETY: the consumer is live, and the answer is a static string or null.
        unsafe {
            let protocol = sys::rd_kafka_rebalance_protocol(self.0.as_ptr());
            !protocol.is_null() && CStr::from_ptr(protocol).to_bytes() == b"COOPERATIVE"
        }
    }
}

/// The metadata of a partition's commit, empty if it has none. The wrapper takes it for text, and panics when another
/// program has left something else there.
pub(crate) fn metadata<'a>(committed: &'a TopicPartitionList, partition: &TopicPartition) -> &'a [u8] {
    let Ok(topic) = CString::new(&*partition.topic) else { return &[] };
    // SAFETY: the list is live, and the string ends in NUL; element and metadata belong to the list, which stays
    // borrowed for as long as the result, and pointer and size come from librdkafka together.
    unsafe {
        let element =
            sys::rd_kafka_topic_partition_list_find(committed.ptr(), topic.as_ptr(), partition.partition).as_ref();
        element.and_then(|element| bytes(element.metadata, element.metadata_size)).unwrap_or_default()
    }
}

/// # Safety
///
/// `error` is null or an error that librdkafka gave away.
unsafe fn error_of(error: *mut sys::rd_kafka_error_t) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is live until it is destroyed, after its text was copied.
    unsafe {
        let text = CStr::from_ptr(sys::rd_kafka_error_string(error)).to_string_lossy().into_owned();
        sys::rd_kafka_error_destroy(error);
        Err(text)
    }
}

fn code_of(code: Code) -> Result<(), String> {
    match code {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        // SAFETY: the text of a code is a static string.
        code => Err(unsafe { CStr::from_ptr(sys::rd_kafka_err2str(code)) }.to_string_lossy().into_owned()),
    }
}

/// Hands a record to a producer's queue. The wrapper has headers of text only.
///
/// # Errors
///
/// librdkafka's code, such as a queue that is full, with the report back.
pub(crate) fn produce<C: ProducerContext<DeliveryOpaque = Report>>(
    producer: &rdkafka::client::Client<C>,
    outgoing: &Outgoing,
    report: Report,
) -> Result<(), (RDKafkaErrorCode, Report)> {
    let Ok(topic) = CString::new(&*outgoing.topic) else { return Err((RDKafkaErrorCode::InvalidTopic, report)) };
    let headers = native_headers(outgoing);
    let opaque = report.into_ptr();
    let value = outgoing.value.as_deref();
    let key = outgoing.key.as_deref();
    let mut parts = vec![
        part(Part::RD_KAFKA_VTYPE_TOPIC, Value { cstr: topic.as_ptr() }),
        part(Part::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: sys::RD_KAFKA_MSG_F_COPY }),
        part(Part::RD_KAFKA_VTYPE_VALUE, Value { mem: memory(value) }),
        part(Part::RD_KAFKA_VTYPE_KEY, Value { mem: memory(key) }),
        part(Part::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: opaque }),
    ];
    if !headers.is_null() {
        parts.push(part(Part::RD_KAFKA_VTYPE_HEADERS, Value { headers }));
    }
    // SAFETY: client, topic, value and key are live for the call, which copies them. On success librdkafka owns the
    // headers and hands the opaque pointer back with the delivery report; on failure both are still ours.
    unsafe {
        let error = sys::rd_kafka_produceva(producer.native_ptr(), parts.as_ptr(), parts.len());
        if error.is_null() {
            return Ok(());
        }
        let code = RDKafkaErrorCode::from(sys::rd_kafka_error_code(error));
        sys::rd_kafka_error_destroy(error);
        if !headers.is_null() {
            sys::rd_kafka_headers_destroy(headers);
        }
        Err((code, Report::from_ptr(opaque)))
    }
}

type Part = sys::rd_kafka_vtype_t;
type Value = sys::rd_kafka_vu_s__bindgen_ty_1;

fn part(vtype: Part, u: Value) -> sys::rd_kafka_vu_t {
    sys::rd_kafka_vu_t { vtype, u }
}

/// Null and empty are two things: an empty slice has a pointer that is not null.
fn memory(bytes: Option<&[u8]>) -> sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    let (ptr, size) = bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()));
    sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size }
}

fn native_headers(outgoing: &Outgoing) -> *mut sys::rd_kafka_headers_t {
    if outgoing.headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: names and values are live for the calls, which copy them, with their lengths.
    unsafe {
        let headers = sys::rd_kafka_headers_new(outgoing.headers.len());
        for (name, value) in &outgoing.headers {
            let value = memory(value.as_deref());
            sys::rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                name.len().cast_signed(),
                value.ptr,
                value.size.cast_signed(),
            );
        }
        headers
    }
}

/// The record that a delivery report is about.
pub(crate) fn outgoing(message: &BorrowedMessage<'_>) -> Outgoing {
    let Some(message) = NonNull::new(message.ptr()) else { return Outgoing::default() };
    // The report owns the message: it is looked at and not destroyed.
    let record = ManuallyDrop::new(NativeRecord(message));
    Outgoing {
        topic: record.topic().to_owned(),
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: record.headers().into_iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect(),
    }
}

/// The names of librdkafka's properties, those of topics too; without other names of the same.
pub(crate) fn property_names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: `pairs` is an array of `count` strings or nulls that end in NUL, a name and then its value.
    let mut collect = |pairs: *mut *const std::ffi::c_char, count: usize| unsafe {
        for &name in slice::from_raw_parts(pairs, count).iter().step_by(2).filter(|name| !name.is_null()) {
            names.push(CStr::from_ptr(name).to_string_lossy().into_owned());
        }
        sys::rd_kafka_conf_dump_free(pairs, count);
    };
    let mut count = 0;
    // SAFETY: each configuration is made here, asked and freed once; dumps are copied and freed.
    unsafe {
        let config = sys::rd_kafka_conf_new();
        collect(sys::rd_kafka_conf_dump(config, &mut count), count);
        sys::rd_kafka_conf_destroy(config);
        let config = sys::rd_kafka_topic_conf_new();
        collect(sys::rd_kafka_topic_conf_dump(config, &mut count), count);
        sys::rd_kafka_topic_conf_destroy(config);
    }
    names
}

/// The mock cluster that a client with `test.mock.num.brokers` holds.
///
/// **Invariant:** `EmbeddedBroker` holds one, next to the client that owns it.
#[derive(Clone, Copy)]
pub(crate) struct MockCluster(NonNull<sys::rd_kafka_mock_cluster_t>);

// SAFETY: the mock cluster hands each call to a thread of its own.
unsafe impl Send for MockCluster {}
// SAFETY: as above.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// The cluster of a live client, `None` if it has none.
    ///
    /// Its groups rebalance at once: by default the first member waits three seconds for others.
    pub(crate) fn of_client(client: *mut sys::rd_kafka_t) -> Option<Self> {
        // SAFETY: the wrapper's client is live while its caller borrows it; the cluster lives as long as the client.
        let cluster = NonNull::new(unsafe { sys::rd_kafka_handle_mock_cluster(client) })?;
        // SAFETY: the cluster is live.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.as_ptr(), 0) };
        Some(Self(cluster))
    }

    /// Its brokers as `host:port,…`.
    pub(crate) fn address(self) -> String {
        // SAFETY: the cluster is live, and the string lives as long as it does; it is copied at once.
        unsafe { CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(self.0.as_ptr())) }.to_string_lossy().into_owned()
    }

    /// Makes a topic with this many partitions.
    pub(crate) fn create_topic(self, topic: &str, partitions: i32) -> Result<(), String> {
        let name = CString::new(topic).map_err(|error| error.to_string())?;
        // SAFETY: the cluster is live, the string ends in NUL.
        code_of(unsafe { sys::rd_kafka_mock_topic_create(self.0.as_ptr(), name.as_ptr(), partitions, 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a commit that another program has left bytes in brings the consumer down before its first record.
    #[test]
    fn metadata_need_not_be_text() {
        let partition = TopicPartition { topic: "orders".into(), partition: 3 };
        let mut list = TopicPartitionList::new();
        list.add_partition("orders", 3);
        assert_eq!(metadata(&list, &partition), b"");
        let left = [b'K', b'1', 0xff, 0x00, 0x80];
        // SAFETY: the list has one element, and frees its metadata as it frees its own.
        unsafe {
            let element = (*list.ptr()).elems;
            (*element).metadata = libc::malloc(left.len());
            (*element).metadata_size = left.len();
            ptr::copy_nonoverlapping(left.as_ptr(), (*element).metadata.cast(), left.len());
        }
        assert_eq!(metadata(&list, &partition), left);
        assert_eq!(metadata(&list, &TopicPartition { partition: 4, ..partition }), b"", "not in the list");
    }
}
