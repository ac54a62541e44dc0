//! Drives a lane record by record: attempts are polled in place; those that wait are kept beside each other in the same task.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use tokio::sync::Semaphore;

use super::{
    ConsumerParts, StateOf,
    attempts::Slot,
    lane_driver::{Attempts, LaneDriver, Waits},
    settle::{Tried, Unreadable, Why},
    turn::Turn,
};
use crate::{
    Context, Record,
    client::Delivery,
    context::EmitScope,
    engine::{
        attempt::Work,
        clock,
        core::{retry::Fate, tracker::Sequence},
        counts::count,
        memory_budget::Reservation,
        signals::Signal,
    },
    give_way::{give_way, take_turns},
    settings::{Ordering, Tombstones},
    trace,
};

/// How many records a lane handles before it lets others have their turn.
const TURN: u32 = 64;

/// A driver whose controller takes records one by one.
pub(super) struct RecordDriver<'a, C: ConsumerParts> {
    driver: LaneDriver<'a, StateOf<C::Worker>>,
    parts: &'a C,
    /// A record that was delivered and may start at once.
    next: Option<(Sequence, Record)>,
    /// Other records that were delivered and are not at work, by their sequence numbers.
    waiting: BTreeMap<Sequence, Waiting<'a, C>>,
    /// Places for records at work, to be used again.
    slots: Vec<Box<Slot<C::Worker>>>,
    /// Whether the controller has anything to send to.
    sends: bool,
}

enum Waiting<'a, C: ConsumerParts> {
    /// Not yet parsed.
    Record(Record, Reservation<'a>),
    /// Parsed, and tried before: with what it has sent so far.
    Slot(Box<Slot<C::Worker>>),
}

impl<'a, C: ConsumerParts> RecordDriver<'a, C> {
    pub(super) fn new(driver: LaneDriver<'a, StateOf<C::Worker>>, parts: &'a C) -> Self {
        let sends = !driver.consumer.entry.emits.is_empty();
        Self { driver, parts, next: None, waiting: BTreeMap::new(), slots: Vec::new(), sends }
    }

    pub(super) async fn run<F>(mut self, permits: &'a Semaphore, attempt: impl Fn(Box<Slot<C::Worker>>) -> F)
    where
        F: Future<Output = Box<Slot<C::Worker>>>,
    {
        let mut attempts: Attempts<'a, F> = Attempts::new();
        let mut turn = Turn::of(permits);
        let mut begun = 0;
        give_way().await;
        loop {
            self.driver.hear(self.held());
            while let Some(ended) = attempts.next_ended().await {
                if turn.is_contended() {
                    // Another lane was woken by what this one has let go of. It may stand behind this one, at the one place of
                    // a thread that no other thread takes tasks from, and must not wait there for a handler that blocks.
                    begun = TURN;
                }
                self.ended(ended);
            }
            if self.driver.is_over() {
                break;
            }
            self.driver.free_rested();
            let waits_to_look = !self.driver.lane.has_ready() && self.wants_more() && !self.look(&mut turn);
            // The process may have stood still at any moment, so this is looked at before each start.
            let is_alive = !self.driver.lane.has_ready() || self.driver.may_start();
            if self.driver.lane.has_ready() && is_alive {
                if begun >= TURN || self.driver.gate.is_long() {
                    turn.give_back();
                    begun = 0;
                    // A partition with a backlog never comes to wait, and a dead letter must not wait for that.
                    self.driver.resend().await;
                    self.driver.gate.let_go();
                    take_turns(&self.driver.shared.wake).await;
                    continue;
                }
                if !turn.has_permit() {
                    turn.try_take();
                    begun = 0;
                }
                if turn.has_permit() {
                    // An attempt that waits takes the permit along.
                    if let Some(slot) = self.start(begun == 0)
                        && let Some(ended) = attempts.begin(|| attempt(slot), || turn.lend()).await
                    {
                        self.ended(ended);
                    }
                    begun += 1;
                    continue;
                }
            }
            let permit = (self.driver.lane.has_ready() && is_alive) || waits_to_look;
            let waits = Waits { permit, due: None, records: self.waiting.len() };
            begun = 0;
            if let Some(ended) = self.driver.rest(&mut attempts, &mut turn, is_alive, waits).await {
                if turn.is_contended() {
                    begun = TURN;
                }
                self.ended(ended);
            }
            // Whoever was woken on this thread before this lane must not wait there for a handler that blocks.
            give_way().await;
        }
    }

    /// How many records were delivered and are not at work.
    fn held(&self) -> usize {
        self.waiting.len() + usize::from(self.next.is_some())
    }

    /// Looks for records to start. Returns whether it could: a large one is taken out only with a permit.
    fn look(&mut self, turn: &mut Turn<'_>) -> bool {
        // One that drains begins nothing, and has to hear what became of its request.
        if self.driver.intake.is_large() && self.driver.shared.signal() == Signal::Run && !turn.try_take() {
            return false;
        }
        self.deliver();
        true
    }

    /// Whether to look for records to start: always in one key, which must be free; else while there is memory.
    fn wants_more(&self) -> bool {
        if self.driver.room_ahead(self.held()) == 0 && self.driver.intake.len() == 0 {
            return false;
        }
        match self.driver.consumer.ordering {
            Ordering::Partition => !self.driver.lane.is_busy(),
            Ordering::Key | Ordering::None => self.waiting.is_empty() || self.driver.memory.has_room(),
        }
    }

    /// Delivers records until there is one to start, or there are none: the queue wakes the lane only when it was
    /// empty, so a batch of records that all wait or are finished already must not be the last one that is looked at.
    fn deliver(&mut self) {
        while self.driver.lane.has_room() && self.wants_more() {
            match self.driver.intake.next() {
                Some(Delivery::Record(record)) => self.take_in(record),
                Some(delivery) => self.driver.hindered(delivery),
                None => {
                    let has_come = self.driver.refill(self.driver.room_ahead(self.held()));
                    self.driver.shared.status.set_waiting(self.waiting.len() + self.driver.intake.len());
                    if !has_come {
                        return;
                    }
                }
            }
        }
    }

    fn take_in(&mut self, mut record: Record) {
        let Some((sequence, free)) = self.driver.lane.deliver(record.offset(), self.driver.ordering_key(&record))
        else {
            // Finished before the partition came here, or came back.
            self.driver.publish();
            return;
        };
        if free && self.next.is_none() {
            self.next = Some((sequence, record));
            return;
        }
        // A borrowed record pins the whole fetch that it came in: one that waits gets bytes of its own.
        record.detach();
        let reserved = self.driver.memory.reserve(record.size());
        self.waiting.insert(sequence, Waiting::Record(record, reserved));
    }

    /// Starts the next record that may. `None` if it ended without an attempt.
    ///
    /// The first attempt of a turn is measured where durations are wanted: each one while there is little to do or
    /// handlers wait, one in [`TURN`] of those that are ready at once, so that the clock does not cost what they do.
    fn start(&mut self, is_first: bool) -> Option<Box<Slot<C::Worker>>> {
        let (sequence, attempt) = self.driver.lane.start()?;
        let mut slot = match self.next.take_if(|(next, _)| *next == sequence) {
            Some((_, record)) => self.prepare(sequence, record)?,
            None => match self.waiting.remove(&sequence)? {
                Waiting::Slot(slot) => slot,
                Waiting::Record(record, _reserved) => self.prepare(sequence, record)?,
            },
        };
        slot.ctx.attempt = attempt;
        // Looking for headers costs as much as all else that the engine does for a record.
        if (self.sends || trace::is_wanted())
            && let Some(work) = &mut slot.work
        {
            slot.ctx.trace = trace::of(work.record_mut());
        }
        let measured = self.driver.report.wants_done() || (is_first && self.driver.consumer.durations.is_some());
        slot.begun = measured.then(clock::now);
        Some(slot)
    }

    /// Parses a record. `None` if it ends here: a tombstone by policy, or what cannot be parsed.
    fn prepare(&mut self, sequence: Sequence, record: Record) -> Option<Box<Slot<C::Worker>>> {
        let offset = record.offset();
        let mut slot = self.slots.pop().unwrap_or_else(|| {
            let scope = EmitScope::Lane { lane: Arc::clone(self.driver.shared) as _, sequence };
            let mut ctx = Context::new(Arc::clone(self.driver.app), scope);
            ctx.jobs.clone_from(&self.driver.consumer.jobs);
            Box::new(Slot { sequence, offset, work: None, ctx, begun: None, ended: Ok(()) })
        });
        if record.value().is_some() {
            let refused = self.driver.shared.status.during(offset, || self.parts.parse(record, &mut slot.work).err());
            if let Some((record, error)) = refused {
                self.slots.push(slot);
                let _ = self.driver.unreadable(sequence, &record, Unreadable::Unparseable(&error));
                return None;
            }
        } else if self.driver.consumer.tombstones == Tombstones::Deliver {
            slot.work = Some(Work::Tombstone(record));
        } else {
            self.slots.push(slot);
            let _ = self.driver.end_tombstone(sequence, &record);
            return None;
        }
        (slot.sequence, slot.offset) = (sequence, offset);
        *slot.ctx.emitted.get_mut() = 0;
        if let EmitScope::Lane { sequence: current, .. } = &mut slot.ctx.scope {
            *current = sequence;
        }
        Some(slot)
    }

    /// An attempt has ended.
    fn ended(&mut self, mut slot: Box<Slot<C::Worker>>) {
        let (sequence, emitted) = (slot.sequence, *slot.ctx.emitted.get_mut());
        let took = slot.begun.map(clock::since);
        if let (Some(took), Some(durations)) = (took, &self.driver.consumer.durations) {
            durations.observe(took);
        }
        match std::mem::replace(&mut slot.ended, Ok(())) {
            Ok(()) => {
                let missing = self.done(sequence, emitted);
                if let Some(took) = took
                    && self.driver.report.wants_done()
                {
                    self.driver.outbox.log_done(sequence, slot.offset, took, missing);
                }
                self.put_away(slot);
            }
            Err(why) => self.ended_otherwise(&why.why(), slot),
        }
    }

    #[cold]
    fn ended_otherwise(&mut self, why: &Why<'_>, mut slot: Box<Slot<C::Worker>>) {
        let (sequence, emitted) = (slot.sequence, *slot.ctx.emitted.get_mut());
        let Some(work) = &slot.work else { return };
        let at = self.driver.now();
        let tried = Tried { sequence, record: work.record(), attempt: slot.ctx.attempt, at, random: None };
        match self.driver.not_performed(&tried, *why, |_| emitted) {
            Fate::Again(_) | Fate::PutOff(_) => self.keep(sequence, slot),
            Fate::Skipped | Fate::PassedOver | Fate::DeadLetter | Fate::Stuck | Fate::Left => self.put_away(slot),
        }
    }

    /// Keeps a record that is tried again.
    fn keep(&mut self, sequence: Sequence, mut slot: Box<Slot<C::Worker>>) {
        if let Some(work) = &mut slot.work {
            work.record_mut().detach();
        }
        self.waiting.insert(sequence, Waiting::Slot(slot));
    }

    /// Drops a record that needs no further attempt, and keeps the place that it had.
    fn put_away(&mut self, mut slot: Box<Slot<C::Worker>>) {
        slot.work = None;
        slot.ctx.trace = None;
        self.slots.push(slot);
    }

    /// A record is done, but for emits that Kafka has not acknowledged: says how many.
    fn done(&mut self, sequence: Sequence, emitted: u32) -> u32 {
        let missing = self.driver.lane.performed(sequence, emitted);
        count(&self.driver.shared.counts.done);
        self.driver.publish();
        missing
    }
}
