//! Commits in the background, with a queue of their own for the answers.

use std::{
    ffi::c_void,
    ptr::{self, NonNull},
    slice,
    sync::Arc,
    time::Duration,
};

use rdkafka::{TopicPartitionList, error::RDKafkaErrorCode};
use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{
    Consumer,
    handle::Queue,
    wake::{Wake, WakeSlot, call_wake},
};

/// Commits, each with a number that its answer brings back.
///
/// The wrapper's own asynchronous commit tells nobody how it ended: librdkafka reports it to a callback only, and the
/// wrapper sets none. Its synchronous one waits for the answer without limit.
///
/// **Invariant:** only `KafkaClient` holds one, and drops it before its consumer.
pub(crate) struct Commits {
    /// For answers; one that is on its way is thrown away with it.
    queue: Queue,
    consumer: Consumer,
    /// What the queue calls when it was empty and has something; dropped after that is taken back.
    _slot: Arc<WakeSlot>,
}

impl Commits {
    /// `wake` is called when there is an answer. `None` if librdkafka gives no queue for them.
    pub(crate) fn new(consumer: Consumer, wake: Wake) -> Option<Self> {
        let (queue, slot) = (Queue::new(consumer.client())?, Arc::<WakeSlot>::default());
        slot.set(wake);
        // SAFETY: the queue is live, and the slot is kept until `drop` has taken the callback back.
        unsafe {
            let slot = Arc::as_ptr(&slot).cast_mut().cast::<c_void>();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(call_wake), slot);
        }
        Some(Self { queue, consumer, _slot: slot })
    }

    /// Commits; never waits.
    pub(crate) fn commit(&self, number: u64, offsets: &TopicPartitionList) -> Result<(), RDKafkaErrorCode> {
        // Numbers fit: one of 32 bits is used up after a billion commits.
        let opaque = ptr::without_provenance_mut::<c_void>(number as usize);
        // SAFETY: consumer, list and queue are live for the call, which copies the list; librdkafka takes a handle of its
        // own to the queue for the answer, and never looks behind the opaque pointer.
        let code = unsafe {
            sys::rd_kafka_commit_queue(self.consumer.0.as_ptr(), offsets.ptr(), self.queue.as_ptr(), None, opaque)
        };
        result_of(code)
    }

    /// The next answer and the number of its commit; waits for it at most this long.
    pub(crate) fn answer(&self, at_most: Duration) -> Option<(u64, Result<(), RDKafkaErrorCode>)> {
        let at_most = i32::try_from(at_most.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is live. The event is ours until it is destroyed; its list, which is null if it has none,
        // belongs to it and describes as many elements as it says. Everything is copied before.
        unsafe {
            let event = NonNull::new(sys::rd_kafka_queue_poll(self.queue.as_ptr(), at_most))?;
            let number = sys::rd_kafka_event_opaque(event.as_ptr()).addr() as u64;
            let list = sys::rd_kafka_event_topic_partition_list(event.as_ptr()).as_ref();
            let elements = match list {
                Some(list) if !list.elems.is_null() => {
                    slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
                }
                _ => &[],
            };
            // A commit can be refused for one partition, and taken for others.
            let codes = [sys::rd_kafka_event_error(event.as_ptr())].into_iter();
            let ended = codes.chain(elements.iter().map(|element| element.err)).try_for_each(result_of);
            sys::rd_kafka_event_destroy(event.as_ptr());
            Some((number, ended))
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        // SAFETY: the queue is live until after this. librdkafka calls the callback, and takes it back, with the queue's
        // lock held, so that it is not called any more when this returns.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut()) }
    }
}

fn result_of(code: Code) -> Result<(), RDKafkaErrorCode> {
    match code {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(code.into()),
    }
}
