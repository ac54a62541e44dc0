//! Handles of librdkafka's clients and queues.

use std::{ffi::CString, ptr::NonNull};

use rdkafka_sys as sys;

use super::Consumer;
use crate::client::TopicPartition;

/// A live client of any kind.
///
/// **Invariant:** whoever holds one drops it before the client that it points to.
#[derive(Clone, Copy)]
pub(crate) struct ClientHandle(NonNull<sys::rd_kafka_t>);

// SAFETY: librdkafka's client may be used from any thread.
unsafe impl Send for ClientHandle {}
// SAFETY: as above.
unsafe impl Sync for ClientHandle {}

impl ClientHandle {
    /// The client behind a wrapper's pointer, `None` if it is null.
    pub(crate) fn from_wrapper(client: *mut sys::rd_kafka_t) -> Option<Self> {
        NonNull::new(client).map(Self)
    }

    /// That of a consumer.
    pub(super) fn of(client: NonNull<sys::rd_kafka_t>) -> Self {
        Self(client)
    }

    /// For the calls of librdkafka.
    pub(super) fn as_ptr(self) -> *mut sys::rd_kafka_t {
        self.0.as_ptr()
    }
}

/// A handle of a queue, given back when it is dropped.
///
/// **Invariant:** whoever holds one drops it before its client.
pub(super) struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: the queue has a lock of its own.
unsafe impl Send for Queue {}

impl Queue {
    /// A queue of nobody else; what is in it is thrown away with it.
    pub(super) fn new(client: ClientHandle) -> Option<Self> {
        // SAFETY: the client is live by its invariant, and the handle is ours.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.as_ptr()) }).map(Self)
    }

    /// The client's main queue.
    pub(super) fn main_of(client: ClientHandle) -> Option<Self> {
        // SAFETY: the client is live by its invariant, and the handle is ours; the queue lives on in the client.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_main(client.as_ptr()) }).map(Self)
    }

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

    /// For the calls of librdkafka; valid until `drop`.
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    /// How many things wait in it.
    pub(super) fn length(&self) -> usize {
        // SAFETY: the queue is live until `drop`.
        unsafe { sys::rd_kafka_queue_length(self.as_ptr()) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, this is its last use, and the client is live by the invariant.
        unsafe { sys::rd_kafka_queue_destroy(self.as_ptr()) }
    }
}
