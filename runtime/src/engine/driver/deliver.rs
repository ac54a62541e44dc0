//! Takes records in: out of the client's queue, into their keys.

use super::{DRAIN, DRAINED_BYTES, Driver, Waiting};
use crate::{
    Parser, Record, Routed, Worker,
    client::{Delivery, FetchFault, PositionLost},
    engine::{core::lane::OrderingKey, lane_shared::LostAt},
    settings::{LostPosition, Ordering},
    topic,
    worker::MessageOf,
};

impl<W, P, I, S> Driver<'_, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    /// Whether to look for records to start: always in one key, which must be free; else while there is memory.
    pub(super) fn wants_more(&self) -> bool {
        if self.room_ahead() == 0 && self.deliveries.is_empty() {
            return false;
        }
        match self.consumer.ordering {
            Ordering::Partition => !self.lane.is_busy(),
            Ordering::Key | Ordering::None => self.waiting.is_empty() || self.memory.has_room(),
        }
    }

    /// Delivers records until there is one to start, or there are none: the queue wakes the lane only when it was
    /// empty, so a batch of records that all wait or are finished already must not be the last one that is looked at.
    pub(super) fn deliver(&mut self) {
        while self.lane.has_room() && self.wants_more() {
            match self.deliveries.pop_front() {
                Some(Delivery::Record(record)) => self.take_in(record),
                Some(Delivery::PositionLost(lost)) => self.lose_position(lost),
                Some(Delivery::Error(fault)) => self.note_fault(fault),
                None => {
                    let at_once = (DRAINED_BYTES / self.record_size.max(1)).clamp(1, DRAIN);
                    let room = self.lane.room().min(at_once).min(self.room_ahead());
                    self.queue.drain(&mut self.deliveries, room);
                    if let Some(Delivery::Record(record)) = self.deliveries.back() {
                        self.record_size = record.size();
                        self.shared.status.fetched();
                    }
                    self.shared.status.set_waiting(self.waiting.len() + self.deliveries.len());
                    if self.deliveries.is_empty() {
                        if let Some(position) = self.queue.position() {
                            self.lane.reached(position);
                            self.publish();
                        }
                        return;
                    }
                }
            }
        }
    }

    /// Something came instead of a record; if records have come behind it, it is over.
    #[cold]
    pub(super) fn note_fault(&mut self, fault: FetchFault) {
        if !self.deliveries.iter().any(|delivery| matches!(delivery, Delivery::Record(_))) {
            self.shared.status.set_fetch_fault(Some(fault));
        }
    }

    /// Where to read on is not known any more: goes where `lost_position` says, or stands still until a person has. The
    /// group's thread finds out why, and says it.
    pub(super) fn lose_position(&mut self, lost: PositionLost) {
        let follows = self.consumer.positions.lost != LostPosition::Fail;
        self.shared.lose_position(LostAt { lost, follows });
        if follows && self.shared.ask_to_move() {
            self.lane.close();
            // If nothing is left to do, nothing else wakes the lane to end.
            self.shared.wake.notify_one();
        } else {
            self.shared.status.halt();
            self.lane.halt();
        }
    }

    fn take_in(&mut self, mut record: Record) {
        let Some((sequence, free)) = self.lane.deliver(record.offset(), self.ordering_key(&record)) else {
            // Finished before the partition came here, or came back.
            self.publish();
            return;
        };
        if free && self.next.is_none() {
            self.next = Some((sequence, record));
            return;
        }
        // A borrowed record pins the whole fetch that it came in: one that waits gets bytes of its own.
        record.detach();
        let reserved = self.memory.reserve(record.size());
        self.waiting.insert(sequence, Waiting::Record(record, reserved));
    }

    pub(super) fn ordering_key(&self, record: &Record) -> OrderingKey {
        match self.consumer.ordering {
            Ordering::Partition => Some(0),
            // Two keys of one hash wait for each other, which costs time and nothing else.
            Ordering::Key => record.key().map(topic::hash),
            Ordering::None => None,
        }
    }
}
