//! Everything that a group has committed, which the wrapper asks for by partition only.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{Consumer, handle::Queue};
use crate::partition::Partition as TopicPartition;

/// The partitions of all topics that the group has an offset in, those among them that nobody in it reads any more. Waits
/// at most this long. `None` if Kafka does not say.
pub(crate) fn group_offsets(consumer: Consumer, group: &str, at_most: Duration) -> Option<Vec<TopicPartition>> {
    let (queue, group) = (Queue::new(consumer.client())?, CString::new(group).ok()?);
    let until = Instant::now() + at_most;
    let milliseconds = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let mut error = [0; 64];
    // SAFETY: consumer and queue are live, the string ends in NUL and is copied, no partitions are all of them. The options
    // and the request are ours, and copied by the call.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(
            consumer.0.as_ptr(),
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        );
        let patience = milliseconds(at_most).max(1);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, patience, error.as_mut_ptr(), error.len());
        let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
        sys::rd_kafka_ListConsumerGroupOffsets(consumer.0.as_ptr(), &mut request, 1, options, queue.as_ptr());
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        sys::rd_kafka_AdminOptions_destroy(options);
    }
    loop {
        let left = until.checked_duration_since(Instant::now())?;
        // SAFETY: the queue is live. The event is ours until it is destroyed, and what it holds lives as long; everything
        // is copied before.
        unsafe {
            let Some(event) = NonNull::new(sys::rd_kafka_queue_poll(queue.as_ptr(), milliseconds(left))) else {
                continue;
            };
            let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event.as_ptr());
            let found = if result.is_null() { None } else { found(result) };
            sys::rd_kafka_event_destroy(event.as_ptr());
            return found;
        }
    }
}

/// # Safety
///
/// The result is live.
unsafe fn found(result: *const sys::rd_kafka_ListConsumerGroupOffsets_result_t) -> Option<Vec<TopicPartition>> {
    let mut count = 0;
    // SAFETY: the result is live, and groups, errors and lists belong to it; a list describes as many elements as it says,
    // and their names end in NUL.
    unsafe {
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        if groups.is_null() || count == 0 {
            return None;
        }
        let group = *groups;
        let error = sys::rd_kafka_group_result_error(group);
        if !error.is_null() && sys::rd_kafka_error_code(error) != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let list = sys::rd_kafka_group_result_partitions(group).as_ref()?;
        if list.elems.is_null() {
            return Some(Vec::new());
        }
        let elements = slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0)).iter();
        let known = elements.filter(|element| element.offset >= 0 && element.err == Code::RD_KAFKA_RESP_ERR_NO_ERROR);
        let known = known.map(|element| TopicPartition {
            topic: Arc::from(&*CStr::from_ptr(element.topic).to_string_lossy()),
            partition: element.partition,
        });
        Some(known.collect())
    }
}
