//! Who is woken when a queue is no longer empty.

use std::{ffi::c_void, sync::Arc};

use rdkafka_sys as sys;

use crate::sync::Mutex;

/// Called when a queue that was empty has something.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a queue calls when it was empty and has something: of a partition's, the lane that has the partition now.
///
/// librdkafka keeps one callback a queue, and a lane that was given up may still hold its queue when the next lane of
/// the partition has taken over. So the callback belongs to the client, and lanes change places in it.
#[derive(Default)]
pub(crate) struct WakeSlot(Mutex<Option<Wake>>);

impl WakeSlot {
    pub(super) fn set(&self, wake: Wake) {
        *self.0.lock() = Some(wake);
    }
}

/// What librdkafka calls; `slot` is a live [`WakeSlot`].
pub(super) unsafe extern "C" fn call_wake(_: *mut sys::rd_kafka_t, slot: *mut c_void) {
    // SAFETY: whoever enables it passes a pointer to a slot that lives until it is disabled or the client is gone.
    let slot: &WakeSlot = unsafe { &*slot.cast::<WakeSlot>() };
    if let Some(wake) = &*slot.0.lock() {
        wake();
    }
}
