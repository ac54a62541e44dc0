//! What stands in a partition's queue, and a few deliveries that were taken out of it.

use std::collections::VecDeque;

use super::DRAIN;
use crate::{
    client::{Delivery, RecordQueue},
    engine::lane_status::LaneStatus,
};

/// How many bytes of deliveries are taken out at once, as far as the last one tells: in the client's queue they count as
/// fetched ahead, and here they do not.
const DRAINED_BYTES: usize = 256 << 10;
/// A record of this size waits in the client's queue until it may start: as soon as it is taken out, another is fetched.
const LARGE: usize = 64 << 10;

pub(super) struct Intake {
    queue: Box<dyn RecordQueue>,
    deliveries: VecDeque<Delivery>,
    /// How large records are here: the last one that was taken out. At first as large as they come.
    record_size: usize,
}

impl Intake {
    pub(super) fn of(queue: Box<dyn RecordQueue>) -> Self {
        Self { queue, deliveries: VecDeque::new(), record_size: LARGE }
    }

    /// The next delivery that was taken out.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// How many deliveries were taken out and not looked at.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether one of them is a record.
    pub(super) fn has_record(&self) -> bool {
        self.deliveries.iter().any(|delivery| matches!(delivery, Delivery::Record(_)))
    }

    /// Whether records here are so large that one is taken out only when it may start.
    #[inline]
    pub(super) fn is_large(&self) -> bool {
        self.record_size >= LARGE
    }

    /// Takes more out of the queue, at most `room`. Returns whether anything came.
    pub(super) fn refill(&mut self, room: usize, status: &LaneStatus) -> bool {
        let at_once = (DRAINED_BYTES / self.record_size.max(1)).clamp(1, DRAIN);
        self.queue.drain(&mut self.deliveries, room.min(at_once));
        if let Some(Delivery::Record(record)) = self.deliveries.back() {
            self.record_size = record.size();
            status.fetched();
        }
        !self.deliveries.is_empty()
    }

    /// Where reading has come to, if that is known.
    pub(super) fn position(&self) -> Option<i64> {
        self.queue.position()
    }
}
