//! The queue of a client that has no group: reports of what was sent, errors, lines of the log.

use std::{ffi::c_void, ptr, sync::Arc};

use rdkafka_sys as sys;

use super::{
    handle::{ClientHandle, Queue},
    wake::{Wake, WakeSlot, call_wake},
};

/// A client's main queue, which says when it is no longer empty.
///
/// **Invariant:** whoever holds one drops it before its client.
pub(crate) struct MainQueue {
    queue: Queue,
    /// What the queue calls when it was empty and has something; dropped after that is taken back.
    _slot: Arc<WakeSlot>,
}

impl MainQueue {
    /// `wake` is called when it was empty and has something. `None` if librdkafka gives no handle.
    pub(crate) fn of(client: ClientHandle, wake: Wake) -> Option<Self> {
        let (queue, slot) = (Queue::main_of(client)?, Arc::<WakeSlot>::default());
        slot.set(wake);
        // SAFETY: the queue is live, and the slot is kept until `drop` has taken the callback back.
        unsafe {
            let slot = Arc::as_ptr(&slot).cast_mut().cast::<c_void>();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(call_wake), slot);
        }
        Some(Self { queue, _slot: slot })
    }

    /// Whether nothing waits in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.length() == 0
    }
}

impl Drop for MainQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is live until after this. librdkafka calls the callback, and takes it back, with the queue's
        // lock held, so that it is not called any more when this returns.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut()) }
    }
}
