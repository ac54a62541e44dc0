//! Handles of librdkafka's clients and queues.

use std::ptr::NonNull;

use rdkafka_sys as sys;

/// A live client of any kind.
///
/// **Invariant:** whoever holds one drops it before the client that it points to.
#[derive(Clone, Copy)]
pub(crate) struct ClientHandle(pub(super) NonNull<sys::rd_kafka_t>);

// SAFETY: librdkafka's client may be used from any thread.
unsafe impl Send for ClientHandle {}
// SAFETY: as above.
unsafe impl Sync for ClientHandle {}

impl ClientHandle {
    /// The client behind a wrapper's pointer, `None` if it is null.
    pub(crate) fn from_wrapper(client: *mut sys::rd_kafka_t) -> Option<Self> {
        NonNull::new(client).map(Self)
    }

    /// For the calls of librdkafka.
    pub(super) fn as_ptr(self) -> *mut sys::rd_kafka_t {
        self.0.as_ptr()
    }
}

/// A handle of a queue, given back when it is dropped.
///
/// **Invariant:** whoever holds one drops it before its client.
pub(super) struct Queue(pub(super) NonNull<sys::rd_kafka_queue_t>);

// SAFETY: the queue has a lock of its own.
unsafe impl Send for Queue {}

impl Queue {
    /// A queue of nobody else; what is in it is thrown away with it.
    #[cfg(feature = "consumer")]
    pub(super) fn new(client: ClientHandle) -> Option<Self> {
        // SAFETY: the client is live by its invariant, and the handle is ours.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.as_ptr()) }).map(Self)
    }

    /// The client's main queue.
    pub(super) fn main_of(client: ClientHandle) -> Option<Self> {
        // SAFETY: the client is live by its invariant, and the handle is ours; the queue lives on in the client.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_main(client.as_ptr()) }).map(Self)
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
