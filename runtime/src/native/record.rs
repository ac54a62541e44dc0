//! A record where a fetch has left it.

use std::{
    ffi::{CStr, c_void},
    ptr::{self, NonNull},
    slice,
};

use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use crate::{sync::Mutex, topic::Key};

/// A record that lives in the memory of a fetch.
pub(crate) struct NativeRecord(pub(super) NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message is plain memory with an atomic reference count behind it; librdkafka allows its use and
// destruction on any thread. The one lazy mutation, the parsing of headers, is behind `PARSING_HEADERS`.
unsafe impl Send for NativeRecord {}
// SAFETY: as above.
unsafe impl Sync for NativeRecord {}

/// `rd_kafka_message_headers` parses them on the first call and keeps the result in the message.
static PARSING_HEADERS: Mutex<()> = Mutex::new(());

impl NativeRecord {
    pub(super) fn message(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the pointer came from librdkafka, is not null, and stays valid until `drop`.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn topic(&self) -> &str {
        // SAFETY: `rkt` belongs to the message; its name is a string that lives as long as the topic handle does.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.message().rkt)) };
        // Kafka allows only ASCII in names of topics.
        name.to_str().unwrap_or_default()
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
            let _parsing = PARSING_HEADERS.lock();
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

#[cfg(feature = "consumer")]
impl NativeRecord {
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
pub(super) unsafe fn bytes<'a>(data: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data.cast(), length) })
}
