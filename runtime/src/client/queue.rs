//! A partition's queue of librdkafka's as the queue of a lane.

use std::collections::VecDeque;

use super::{Delivery, FetchFault, RecordQueue};
use crate::native::{Fetched, PartitionQueue};

impl From<Fetched> for Delivery {
    #[inline]
    fn from(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Record(record) => Self::Record(record.into()),
            Fetched::PositionLost(lost) => Self::PositionLost(lost),
            Fetched::Error(code, offset, words) => Self::Error(FetchFault::new(code, offset, words)),
        }
    }
}

impl RecordQueue for PartitionQueue {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        self.take_out(into, room);
    }

    fn position(&self) -> Option<i64> {
        self.reached()
    }
}
