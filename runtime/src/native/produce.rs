//! Records on their way to Kafka. The wrapper has headers of text only.

use std::{
    ffi::{CStr, CString, c_void},
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    time::Duration,
};

use rdkafka::{error::RDKafkaErrorCode, message::BorrowedMessage, producer::ProducerContext, util::IntoOpaque};
use rdkafka_sys as sys;

use super::record::NativeRecord;
use crate::outgoing::{Content, DeliveryReport, Outgoing};

/// What librdkafka keeps for a record until its fate is known: who is to be told, if anybody is.
pub(crate) struct Opaque(pub(crate) Option<Box<DeliveryReport>>);

impl IntoOpaque for Opaque {
    fn into_ptr(self) -> *mut c_void {
        self.0.map_or(ptr::null_mut(), |report| Box::into_raw(report).cast())
    }

    unsafe fn from_ptr(pointer: *mut c_void) -> Self {
        // SAFETY: the pointer is that of `into_ptr`, and comes back once, as the wrapper promises for every record.
        Self((!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer.cast()) }))
    }
}

/// A topic that a producer sends to, looked up once and not with each record, which takes a lock of the whole client.
///
/// **Invariant:** only `Producer` holds one, and drops it before its client.
pub(crate) struct ProducedTopic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka allows the use and destruction of a topic's handle on any thread.
unsafe impl Send for ProducedTopic {}
// SAFETY: as above.
unsafe impl Sync for ProducedTopic {}

impl ProducedTopic {
    /// `None` if the name is none of a topic.
    pub(crate) fn of<C: ProducerContext>(producer: &rdkafka::client::Client<C>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client is live, the string ends in NUL, and no configuration is the client's own.
        NonNull::new(unsafe { sys::rd_kafka_topic_new(producer.native_ptr(), name.as_ptr(), ptr::null_mut()) })
            .map(Self)
    }
}

impl Drop for ProducedTopic {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and the client is live by the invariant.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

/// Hands a record to a producer's queue.
///
/// # Errors
///
/// librdkafka's code, such as a queue that is full, with the report back.
pub(crate) fn produce<C: ProducerContext<DeliveryOpaque = Opaque>>(
    producer: &rdkafka::client::Client<C>,
    topic: &ProducedTopic,
    content: &Content,
    report: Opaque,
) -> Result<(), (RDKafkaErrorCode, Opaque)> {
    let headers = native_headers(content);
    let opaque = report.into_ptr();
    let partition = content.partition.unwrap_or(UNASSIGNED);
    let parts = [
        part(Part::RD_KAFKA_VTYPE_RKT, Value { rkt: topic.0.as_ptr() }),
        part(Part::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: sys::RD_KAFKA_MSG_F_COPY }),
        part(Part::RD_KAFKA_VTYPE_VALUE, Value { mem: memory(content.value.as_deref()) }),
        part(Part::RD_KAFKA_VTYPE_KEY, Value { mem: memory(content.key.as_deref()) }),
        part(Part::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: opaque }),
        part(Part::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition }),
        // 0 stands for now.
        part(Part::RD_KAFKA_VTYPE_TIMESTAMP, Value { i64_: content.timestamp.unwrap_or_default() }),
        part(Part::RD_KAFKA_VTYPE_HEADERS, Value { headers }),
    ];
    let parts = if headers.is_null() { &parts[..7] } else { &parts[..] };
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
        Err((code, Opaque::from_ptr(opaque)))
    }
}

/// Makes a client fail for good, as librdkafka does by itself when it cannot go on.
#[cfg(test)]
pub(crate) fn fail_for_good<C: ProducerContext>(producer: &rdkafka::client::Client<C>, words: &str) {
    let words = CString::new(words).unwrap_or_default();
    let code = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the client is live, and the string ends in NUL and is copied.
    unsafe { sys::rd_kafka_test_fatal_error(producer.native_ptr(), code, words.as_ptr()) };
}

/// Lets the partitioner choose: `RD_KAFKA_PARTITION_UA`, which the bindings have not.
const UNASSIGNED: i32 = -1;

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

fn native_headers(content: &Content) -> *mut sys::rd_kafka_headers_t {
    if content.headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: names and values are live for the calls, which copy them, with their lengths.
    unsafe {
        let headers = sys::rd_kafka_headers_new(content.headers.len());
        for (name, value) in &content.headers {
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

/// Kafka's own words for why it has not taken a record, which newer brokers have for some codes.
pub(crate) fn produce_error(message: &BorrowedMessage<'_>) -> Option<String> {
    let message = NonNull::new(message.ptr())?;
    // SAFETY: the message is live, and of a delivery report; the string lives in it, ends in NUL, and is copied at once.
    let words = unsafe { NonNull::new(sys::rd_kafka_message_produce_errstr(message.as_ptr()).cast_mut()) }?;
    // SAFETY: as above.
    Some(unsafe { CStr::from_ptr(words.as_ptr()) }.to_string_lossy().into_owned())
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
        ..Outgoing::default()
    }
}

/// The bytes of the record that a delivery report is about: key, value and headers.
pub(crate) fn size(message: &BorrowedMessage<'_>) -> usize {
    let Some(message) = NonNull::new(message.ptr()) else { return 0 };
    // As in `outgoing`.
    let record = ManuallyDrop::new(NativeRecord(message));
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = record.headers().into_iter().map(|(name, value)| name.len() + length(value)).sum::<usize>();
    length(record.key()) + length(record.value()) + headers
}

/// How long it took from `produce` to the report; `None` if librdkafka does not say.
pub(crate) fn latency(message: &BorrowedMessage<'_>) -> Option<Duration> {
    // SAFETY: the message is live, and of a delivery report.
    let microseconds = unsafe { sys::rd_kafka_message_latency(message.ptr()) };
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}

/// Has what lingers in a producer's queue sent at once, and waits until nothing is on its way, at most this long. Somebody
/// else hands out its reports meanwhile.
pub(crate) fn flush<C: ProducerContext>(producer: &rdkafka::client::Client<C>, at_most: Duration) {
    let milliseconds = i32::try_from(at_most.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is live for the call.
    unsafe { sys::rd_kafka_flush(producer.native_ptr(), milliseconds) };
}
