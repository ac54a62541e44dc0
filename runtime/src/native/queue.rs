//! The queue of one partition, drained in batches by its lane.

use std::{
    collections::VecDeque,
    ffi::{CStr, c_void},
    mem::MaybeUninit,
    ptr::{self, NonNull},
    sync::Arc,
};

use rdkafka::{Offset, TopicPartitionList, error::RDKafkaErrorCode};
use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{
    Consumer,
    handle::Queue,
    record::NativeRecord,
    wake::{Wake, WakeSlot, call_wake},
};
use crate::partition::Partition as TopicPartition;

/// How many records one call moves out of a partition's queue.
const BATCH: usize = 256;

/// What comes out of a partition's queue.
pub(crate) enum Fetched {
    Record(NativeRecord),
    /// The offset to read from is not there any more, and nothing else may be taken for it.
    PositionLost(PositionLost),
    /// Something is wrong with the partition, at this offset, in librdkafka's words; it goes on trying.
    Error(RDKafkaErrorCode, Option<i64>, String),
}

/// An offset to read from that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PositionLost {
    /// That offset, or 0 if the client does not say it and has read nothing before.
    pub(crate) offset: i64,
    /// Records came before from the same assignment: the offset is one of the log that was read.
    pub(crate) has_read: bool,
    /// The client has compared the log with what it has read, and the log is another or shorter one.
    pub(crate) is_truncated: bool,
    /// The client's words.
    pub(crate) reason: String,
}

/// The queue of one partition, split from its consumer's.
pub(crate) struct PartitionQueue {
    queue: Queue,
    consumer: Consumer,
    partition: TopicPartition,
    /// The offset behind the last record that came out.
    next: i64,
    /// The offset of an error that came out, until the record there has come.
    doubtful: Option<i64>,
}

impl PartitionQueue {
    /// Splits the partition's queue from the consumer's. Has to happen before the partition is assigned: records that
    /// are fetched earlier would still come through the consumer's queue. `slot` lives as long as the consumer.
    ///
    /// `None` if librdkafka does not know the partition.
    pub(crate) fn split(
        consumer: Consumer,
        partition: &TopicPartition,
        slot: &Arc<WakeSlot>,
        wake: Wake,
    ) -> Option<Self> {
        let queue = Queue::of_partition(consumer, partition)?;
        slot.set(wake);
        // SAFETY: the queue is live, and the slot is kept by the client until it is dropped.
        unsafe {
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            let slot = Arc::as_ptr(slot).cast_mut().cast::<c_void>();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(call_wake), slot);
        }
        Some(Self { queue, consumer, partition: partition.clone(), next: 0, doubtful: None })
    }

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
    fn take<T: From<Fetched>>(&mut self, into: &mut VecDeque<T>, size: usize) -> usize {
        let mut batch = [const { MaybeUninit::<*mut sys::rd_kafka_message_t>::uninit() }; BATCH];
        let size = size.min(BATCH);
        // SAFETY: the array has room for `size` pointers. The time-out is 0: with a positive one librdkafka waits
        // until the array is full.
        let count =
            unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, batch.as_mut_ptr().cast(), size) };
        let count = usize::try_from(count).unwrap_or(0);
        let mut went_back = false;
        for place in &batch[..count] {
            // SAFETY: librdkafka has written so many.
            let Some(message) = NonNull::new(unsafe { place.assume_init() }) else { continue };
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
                    into.push_back(Fetched::Record(record).into());
                }
                Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET => {
                    // That of a log that was truncated has none.
                    let offset = if offset >= 0 { offset } else { self.next };
                    let (has_read, reason) = (self.next > 0, error_text(&record));
                    let is_truncated = reason.contains(&truncation_text());
                    let lost = PositionLost { offset, has_read, is_truncated, reason };
                    into.push_back(Fetched::PositionLost(lost).into());
                }
                code => {
                    let offset = Some(offset).filter(|offset| *offset >= 0);
                    self.doubtful = offset;
                    into.push_back(Fetched::Error(code.into(), offset, error_text(&record)).into());
                }
            }
        }
        count
    }

    /// Moves what is there into `into`, at most `room`, and never waits.
    pub(crate) fn take_out<T: From<Fetched>>(&mut self, into: &mut VecDeque<T>, room: usize) {
        let size = room.min(BATCH);
        // What was dropped or went back leaves nothing, though there may be more: only an empty queue ends the loop.
        while size > 0 && self.take(into, size) > 0 && into.is_empty() {}
    }

    /// Where reading has come to, if that is known.
    pub(crate) fn reached(&self) -> Option<i64> {
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

fn error_text(record: &NativeRecord) -> String {
    // SAFETY: the message is live, and the string is static or lives in it; it is copied at once.
    unsafe { CStr::from_ptr(sys::rd_kafka_message_errstr(record.0.as_ptr())) }.to_string_lossy().into_owned()
}

/// What librdkafka calls a log that was truncated: the code of such an error is the one of every lost position.
fn truncation_text() -> String {
    // SAFETY: the string is static.
    unsafe { CStr::from_ptr(sys::rd_kafka_err2str(Code::RD_KAFKA_RESP_ERR__LOG_TRUNCATION)) }
        .to_string_lossy()
        .into_owned()
}
