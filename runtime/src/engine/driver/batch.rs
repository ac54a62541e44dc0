//! Drives the lane of a consumer with `batch:`: gathers records, attempts them together, settles each by itself.
//!
//! A lane that stops does not wait for a batch to fill: what has been gathered and not begun is left where it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    ConsumerParts, StateOf,
    batch_attempt::{BatchWork, Ended, Item, Outcome},
    lane_driver::{Attempts, LaneDriver, Waits},
    outbox::DoneOffsets,
    settle::{Tried, Unreadable, Why},
    turn::Turn,
};
use crate::{
    Batch, Context, Message, Record, Worker,
    client::Delivery,
    context::EmitScope,
    engine::{
        attempt::Work,
        clock,
        core::{debts::BatchId, gatherer::Gatherer, lane::OrderingKey, retry::Fate, tracker::Sequence},
        counts::count,
        memory_budget::Reservation,
    },
    give_way::{give_way, take_turns},
    settings::{self, Ordering},
    worker::MessageOf,
};

/// A driver whose controller takes batches.
pub(super) struct BatchDriver<'a, C: ConsumerParts> {
    driver: LaneDriver<'a, StateOf<C::Worker>>,
    parts: &'a C,
    wait: Duration,
    size: usize,
    gatherer: Gatherer,
    /// Records that are not at work, by their sequence numbers.
    gathered: BTreeMap<Sequence, Gathered<'a, MessageOf<C::Worker>>>,
    /// Of these, the ones that are still borrowed from their fetch and do not count as waiting.
    fresh: BTreeSet<Sequence>,
    /// Records whose dead letter is on its way.
    dying: BTreeMap<Sequence, OrderingKey>,
    /// Since when there has been a record to take.
    since: Option<Duration>,
    /// Contexts to be used again.
    contexts: Vec<Context<<C::Worker as Worker>::Controller>>,
}

struct Gathered<'a, T> {
    stage: Stage<T>,
    /// Of a record that waits with bytes of its own.
    reserved: Option<Reservation<'a>>,
    key: OrderingKey,
    attempt: u32,
    /// Batches that it was in and that have sent something, as far as is known.
    debts: Vec<BatchId>,
}

enum Stage<T> {
    Record(Record),
    /// Parsed, and tried before.
    Message(Box<Message<T>>),
}

/// What the records of a batch that has ended share: what failed together comes again together.
#[derive(Clone, Copy)]
struct End {
    at: Duration,
    /// Of the jitter.
    random: f64,
}

impl<'a, C: ConsumerParts> BatchDriver<'a, C> {
    pub(super) fn new(driver: LaneDriver<'a, StateOf<C::Worker>>, parts: &'a C, batch: settings::Batch) -> Self {
        Self {
            driver,
            parts,
            wait: batch.wait,
            size: batch.size,
            gatherer: Gatherer::new(batch.size),
            gathered: BTreeMap::new(),
            fresh: BTreeSet::new(),
            dying: BTreeMap::new(),
            since: None,
            contexts: Vec::new(),
        }
    }

    pub(super) async fn run<F>(mut self, permits: &'a Semaphore, attempt: impl Fn(BatchWork<C::Worker>) -> F)
    where
        F: Future<Output = Ended<C::Worker>>,
    {
        let mut attempts: Attempts<'a, F> = Attempts::new();
        let mut turn = Turn::of(permits);
        // As in a lane without batches.
        let mut wakes = false;
        give_way().await;
        loop {
            self.driver.hear(0);
            self.look_after_the_dying();
            while let Some(ended) = attempts.next_ended().await {
                wakes |= turn.is_contended();
                self.ended(ended);
            }
            if std::mem::take(&mut wakes) {
                take_turns(&self.driver.shared.wake).await;
            }
            if !self.driver.lane.is_open() {
                self.leave();
            }
            if self.driver.is_over() {
                break;
            }
            self.take_in_rested();
            self.gather();
            let due = self.due();
            let is_due = due.is_some_and(|due| due <= self.driver.now());
            // Looked at before each batch: the process may have stood still.
            let is_alive = !is_due || self.driver.may_start();
            if is_due && is_alive && turn.try_take() {
                // A batch that waits takes the permit along.
                if let Some(work) = self.start()
                    && let Some(ended) = attempts.begin(|| attempt(work), || turn.lend()).await
                {
                    self.ended(ended);
                }
                turn.give_back();
                self.driver.resend().await;
                take_turns(&self.driver.shared.wake).await;
                continue;
            }
            self.own();
            let due = due.filter(|_| !is_due);
            let waits = Waits { permit: is_due && is_alive, due, records: self.gathered.len() };
            if let Some(ended) = self.driver.rest(&mut attempts, &mut turn, is_alive, waits).await {
                wakes = turn.is_contended();
                self.ended(ended);
            }
            // As a lane of single records does: another one may stand behind this on its thread.
            give_way().await;
        }
    }

    /// When the next batch is to begin: at once if it is full or cannot become so, else when the first of its records
    /// has waited for as long as it may. `None` while there is nothing to take.
    fn due(&mut self) -> Option<Duration> {
        let now = self.driver.now();
        if self.gatherer.has_again() {
            // It has waited already, and nothing new may join it.
            return Some(now);
        }
        if self.gatherer.available() == 0 {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let is_full = self.gatherer.available() >= self.size || !self.has_room();
        Some(if is_full { now } else { since.saturating_add(self.wait) })
    }

    fn has_room(&self) -> bool {
        self.driver.lane.has_room() && (self.gatherer.waiting() == 0 || self.driver.memory.has_room())
    }

    /// Whether to look for more records: of one key no more than the next batch holds, else while there is memory.
    fn wants_more(&self) -> bool {
        let found = match self.driver.consumer.ordering {
            Ordering::Partition => self.gatherer.waiting(),
            Ordering::Key | Ordering::None => self.gatherer.available(),
        };
        found < self.size && self.has_room()
    }

    fn gather(&mut self) {
        while self.wants_more() {
            match self.driver.intake.next() {
                Some(Delivery::Record(record)) => self.take_in(record),
                Some(delivery) => self.driver.hindered(delivery),
                None if self.driver.refill(usize::MAX) => {}
                None => return,
            }
        }
    }

    fn take_in(&mut self, record: Record) {
        let key = self.driver.ordering_key(&record);
        // The lane's own queues stay empty: the order is the gatherer's.
        let Some((sequence, _)) = self.driver.lane.deliver(record.offset(), None) else {
            // Finished before the partition came here, or came back.
            self.driver.publish();
            return;
        };
        let attempt = self.driver.lane.start().map_or(1, |(_, attempt)| attempt);
        self.gatherer.enter(sequence, key);
        self.fresh.insert(sequence);
        self.gathered.insert(
            sequence,
            Gathered { stage: Stage::Record(record), reserved: None, key, attempt, debts: Vec::new() },
        );
    }

    fn take_in_rested(&mut self) {
        let driver = &mut self.driver;
        if driver.lane.next_timer().is_none() {
            return;
        }
        driver.free_rested();
        while let Some((sequence, attempt)) = driver.lane.start() {
            if let Some(gathered) = self.gathered.get_mut(&sequence) {
                gathered.attempt = attempt;
                let alone = driver.consumer.retries().is_last_chance(attempt);
                self.gatherer.wait(sequence, gathered.key, alone);
            }
        }
    }

    /// A borrowed record pins the whole fetch that it came in: what is to wait gets bytes of its own.
    fn own(&mut self) {
        for sequence in std::mem::take(&mut self.fresh) {
            if let Some(Gathered { stage: Stage::Record(record), reserved, .. }) = self.gathered.get_mut(&sequence) {
                record.detach();
                *reserved = Some(self.driver.memory.reserve(record.size()));
            }
        }
    }

    /// Nothing more begins: what was gathered is left to whoever comes next.
    fn leave(&mut self) {
        for sequence in self.gatherer.close() {
            self.driver.lane.deferred(sequence, Duration::MAX);
        }
    }

    /// Keys whose dead letter Kafka has go on.
    fn look_after_the_dying(&mut self) {
        if self.dying.is_empty() {
            return;
        }
        let (lane, gatherer) = (&self.driver.lane, &mut self.gatherer);
        self.dying.retain(|sequence, key| {
            let is_dying = !lane.is_finished(*sequence);
            if !is_dying {
                gatherer.leave(*sequence, *key);
                gatherer.look_at(*key);
            }
            is_dying
        });
    }

    /// Starts a batch of what is free. `None` if nothing of it can be attempted.
    fn start(&mut self) -> Option<BatchWork<C::Worker>> {
        let taken = self.gatherer.take();
        let mut items = Vec::with_capacity(taken.len());
        let mut messages = Vec::with_capacity(taken.len());
        let mut keys = Vec::new();
        let mut held = Vec::new();
        for sequence in taken {
            let Some(gathered) = self.gathered.remove(&sequence) else { continue };
            let key = gathered.key;
            // Behind a record that went another way.
            if key.is_some() && held.contains(&key) {
                self.gathered.insert(sequence, gathered);
                self.gatherer.wait(sequence, key, false);
                continue;
            }
            let Gathered { stage, attempt, debts, .. } = gathered;
            keys.push(key);
            let message = match stage {
                Stage::Message(message) => Some(*message),
                Stage::Record(record) => {
                    self.fresh.remove(&sequence);
                    self.prepare(sequence, key, record, &mut held)
                }
            };
            if let Some(message) = message {
                items.push(Item { sequence, key, attempt, debts });
                messages.push(message);
            }
        }
        if messages.is_empty() {
            keys.into_iter().for_each(|key| self.gatherer.look_at(key));
            self.driver.publish();
            return None;
        }
        let driver = &mut self.driver;
        let id = driver.outbox.debts.begin();
        let mut ctx = self.contexts.pop().unwrap_or_else(|| {
            Context::new(Arc::clone(driver.app), EmitScope::Lane { lane: Arc::clone(driver.shared) as _, sequence: id })
        });
        ctx.attempt = items.iter().map(|item| item.attempt).max().unwrap_or(1);
        *ctx.emitted.get_mut() = 0;
        if let EmitScope::Lane { sequence: current, .. } = &mut ctx.scope {
            *current = id;
        }
        let attempts = items.iter().map(|item| item.attempt).collect();
        let measured = driver.report.wants_done() || driver.consumer.durations.is_some();
        let begun = measured.then(clock::now);
        Some(BatchWork { id, items, batch: Batch::of(messages, attempts), ctx, begun })
    }

    /// Parses a record. `None` if it ends here; where its key has to wait for that, it is put among those that are
    /// held.
    fn prepare(
        &mut self,
        sequence: Sequence,
        key: OrderingKey,
        record: Record,
        held: &mut Vec<OrderingKey>,
    ) -> Option<Message<MessageOf<C::Worker>>> {
        let driver = &mut self.driver;
        if record.value().is_some() {
            let mut place = None;
            let parts = self.parts;
            let refused = driver.shared.status.during(record.offset(), || parts.parse(record, &mut place).err());
            if let Some(Work::Message(message)) = place {
                return Some(message);
            }
            if let Some((record, error)) = refused {
                let _ = driver.unreadable(sequence, &record, Unreadable::Unparseable(&error));
            }
        } else {
            let _ = driver.end_tombstone(sequence, &record);
        }
        if self.driver.lane.is_finished(sequence) {
            self.gatherer.leave(sequence, key);
        } else {
            self.gatherer.block(sequence, key);
            self.dying.insert(sequence, key);
            held.push(key);
        }
        None
    }

    /// A batch has ended: each of its records goes its own way.
    fn ended(&mut self, ended: Ended<C::Worker>) {
        let Ended { id, items, messages, outcomes, mut ctx, begun } = ended;
        let sent = *ctx.emitted.get_mut();
        let owes = self.driver.outbox.debts.end(id, sent);
        self.contexts.push(ctx);
        let took = begun.map(clock::since);
        if let (Some(took), Some(durations)) = (took, &self.driver.consumer.durations) {
            durations.observe(took);
        }
        let end = End { at: self.driver.now(), random: self.driver.jitter.next() };
        let mut keys: Vec<OrderingKey> = items.iter().map(|item| item.key).collect();
        if let Some(took) = took
            && self.driver.report.wants_done()
        {
            let done = messages.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Done));
            let offsets = done.map(|(message, _)| message.offset()).collect();
            self.driver.outbox.log_batch(id, DoneOffsets { offsets, took, batch: items.len() }, sent);
        }
        for ((mut item, message), outcome) in items.into_iter().zip(messages).zip(outcomes) {
            if owes {
                item.debts.push(id);
            }
            self.settle(item, message, &outcome, end);
        }
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| self.gatherer.look_at(key));
        self.driver.publish();
    }

    fn settle(&mut self, item: Item, message: Message<MessageOf<C::Worker>>, outcome: &Outcome, end: End) {
        let why = match outcome {
            Outcome::Done => return self.done(&item),
            Outcome::Left => {
                self.driver.lane.deferred(item.sequence, end.at);
                self.gatherer.block(item.sequence, item.key);
                return self.keep(item, message);
            }
            Outcome::Not(why) => why.why(),
            Outcome::Taken(error) => Why::Taken(error),
            Outcome::Together(kind, error) => Why::Failed(*kind, error),
        };
        let Item { sequence, key, attempt, ref debts } = item;
        let tried = Tried { sequence, record: &message, attempt, at: end.at, random: Some(end.random) };
        match self.driver.not_performed(&tried, why, |owing| owing.owe(sequence, debts)) {
            Fate::Skipped | Fate::PassedOver => self.gatherer.leave(sequence, key),
            Fate::Again(_) | Fate::PutOff(_) | Fate::Left => {
                self.gatherer.block(sequence, key);
                self.keep(item, message);
            }
            Fate::DeadLetter | Fate::Stuck => {
                self.gatherer.block(sequence, key);
                self.dying.insert(sequence, key);
            }
        }
    }

    fn done(&mut self, item: &Item) {
        let open = self.driver.outbox.debts.owe(item.sequence, &item.debts);
        self.driver.lane.performed(item.sequence, open);
        count(&self.driver.shared.counts.done);
        self.gatherer.leave(item.sequence, item.key);
    }

    fn keep(&mut self, item: Item, mut message: Message<MessageOf<C::Worker>>) {
        let Item { sequence, key, attempt, mut debts } = item;
        debts.retain(|batch| self.driver.outbox.debts.is_open(*batch));
        message.record.detach();
        self.gathered.insert(
            sequence,
            Gathered { stage: Stage::Message(Box::new(message)), reserved: None, key, attempt, debts },
        );
    }
}
