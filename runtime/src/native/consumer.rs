//! Calls that concern one consumer: what it is assigned, what its group calls it, what it knows of its partitions.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
};

use rdkafka::TopicPartitionList;
use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{
    handle::{ClientHandle, Queue},
    record::bytes,
};
use crate::partition::Partition as TopicPartition;

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// The offset of its first record, if that is known.
    pub(crate) low: Option<i64>,
    /// The offset behind its last record.
    pub(crate) high: i64,
}

/// A live consumer, for the calls that the wrapper does not make.
///
/// **Invariant:** only `KafkaClient` holds one, next to the consumer that it points to.
#[derive(Clone, Copy)]
pub(crate) struct Consumer(pub(super) NonNull<sys::rd_kafka_t>);

// SAFETY: librdkafka's client may be used from any thread.
unsafe impl Send for Consumer {}

impl Consumer {
    /// The consumer behind a wrapper's pointer, `None` if it is null.
    pub(crate) fn from_wrapper(client: *mut sys::rd_kafka_t) -> Option<Self> {
        NonNull::new(client).map(Self)
    }

    /// It as a client of any kind.
    pub(crate) fn client(self) -> ClientHandle {
        ClientHandle(self.0)
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

    /// The group's name for this member, `None` if it has not joined.
    pub(crate) fn member_id(self) -> Option<String> {
        // SAFETY: the consumer is live; the string is ours, ends in NUL, and is copied before it is given back.
        let member = unsafe {
            let text = NonNull::new(sys::rd_kafka_memberid(self.0.as_ptr()))?;
            let member = CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned();
            sys::rd_kafka_mem_free(self.0.as_ptr(), text.as_ptr().cast());
            member
        };
        Some(member).filter(|member| !member.is_empty())
    }

    /// Whether something waits in the consumer's queue.
    pub(crate) fn has_events(self) -> bool {
        Queue::of_consumer(self).is_some_and(|queue| queue.length() > 0)
    }

    /// Where the partition begins and ends, as the last fetch has told; `None` if nothing was fetched yet.
    pub(crate) fn watermarks(self, partition: &TopicPartition) -> Option<Watermarks> {
        let topic = CString::new(&*partition.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the consumer is live, the string ends in NUL, and both out-pointers are valid for the call, which
        // only reads what is cached.
        let code = unsafe {
            let client = self.0.as_ptr();
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition.partition, &mut low, &mut high)
        };
        let is_known = code == Code::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
        is_known.then_some(Watermarks { low: Some(low).filter(|low| *low >= 0), high })
    }

    /// How many records wait in the partition's queue.
    pub(crate) fn prefetched(self, partition: &TopicPartition) -> usize {
        Queue::of_partition(self, partition).map_or(0, |queue| queue.length())
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

impl Queue {
    /// The consumer's own queue.
    pub(super) fn of_consumer(consumer: Consumer) -> Option<Self> {
        // SAFETY: the consumer is live by its invariant, and the handle is ours; the queue lives on in the client.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(consumer.0.as_ptr()) }).map(Self)
    }

    /// The queue of a partition, `None` if librdkafka does not know it.
    pub(super) fn of_partition(consumer: Consumer, partition: &TopicPartition) -> Option<Self> {
        let topic = CString::new(&*partition.topic).ok()?;
        // SAFETY: the consumer is live by its invariant, the string ends in NUL, and the handle is ours; the queue lives
        // on in the client.
        let queue =
            unsafe { sys::rd_kafka_queue_get_partition(consumer.0.as_ptr(), topic.as_ptr(), partition.partition) };
        NonNull::new(queue).map(Self)
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
pub(super) unsafe fn error_of(error: *mut sys::rd_kafka_error_t) -> Result<(), String> {
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

pub(super) fn code_of(code: Code) -> Result<(), String> {
    match code {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        // SAFETY: the text of a code is a static string.
        code => Err(unsafe { CStr::from_ptr(sys::rd_kafka_err2str(code)) }.to_string_lossy().into_owned()),
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
