//! Drives the lane of a consumer with `batch:`: gathers records, attempts them together, settles each by itself.
//!
//! A lane that stops does not wait for a batch to fill: what has been gathered and not begun is left where it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    DRAIN, DRAINED_BYTES, Driver, Woken,
    batch_attempt::{BatchWork, Ended, Item, Outcome},
    sending::DoneOffsets,
};
use crate::{
    Batch, Context, Error, Message, Parser, Record, Routed, Worker,
    client::Delivery,
    engine::{
        app_shared::EmitScope,
        attempt::{Unperformed, Work},
        clock,
        core::{backoff::before_next, debts::BatchId, gatherer::Gatherer, lane::OrderingKey, tracker::Sequence},
        counts::count,
        give_way::{give_way, take_turns},
        memory_budget::Reservation,
        pool::Pool,
    },
    settings::{self, Ordering, Tombstones},
    worker::{FailureKind, MessageOf},
};

/// A driver whose controller takes batches.
pub(super) struct BatchDriver<'a, W: Worker, P, I> {
    driver: Driver<'a, W, P, I>,
    wait: Duration,
    size: usize,
    gatherer: Gatherer,
    /// Records that are not at work, by their sequence numbers.
    gathered: BTreeMap<Sequence, Gathered<'a, MessageOf<W>>>,
    /// Of these, the ones that are still borrowed from their fetch and do not count as waiting.
    fresh: BTreeSet<Sequence>,
    /// Records whose dead letter is on its way.
    dying: BTreeMap<Sequence, OrderingKey>,
    /// Since when there has been a record to take.
    since: Option<Duration>,
    /// Contexts to be used again.
    contexts: Vec<Context<W::Controller>>,
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

impl<'a, W, P, I, S> BatchDriver<'a, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    pub(super) fn new(driver: Driver<'a, W, P, I>, batch: settings::Batch) -> Self {
        Self {
            driver,
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

    pub(super) async fn run<F>(mut self, permits: &'a Semaphore, attempt: impl Fn(BatchWork<W>) -> F)
    where
        F: Future<Output = Ended<W>>,
    {
        let mut pool: Pool<F, Option<SemaphorePermit<'a>>> = Pool::new();
        let mut permit: Option<SemaphorePermit<'a>> = None;
        // As in a lane without batches.
        let mut wakes = false;
        give_way().await;
        loop {
            self.driver.hear();
            self.look_after_the_dying();
            while let Some(ended) = pool.next_ended().await {
                wakes |= permits.available_permits() == 0;
                self.ended(ended);
            }
            if std::mem::take(&mut wakes) {
                take_turns(&self.driver.shared.wake).await;
            }
            if !self.driver.lane.is_open() {
                self.leave();
            }
            if self.driver.is_over() {
                // The last word, for the last commit, and for this process if the partition comes back to it.
                self.driver.tell();
                break;
            }
            self.take_in_rested();
            self.gather();
            let due = self.due();
            let is_due = due.is_some_and(|due| due <= clock::since(self.driver.started));
            // Looked at before each batch: the process may have stood still.
            let is_alive = !is_due || self.driver.may_start();
            if is_due && is_alive {
                if permit.is_none() {
                    permit = permits.try_acquire().ok();
                }
                if permit.is_some() {
                    // A batch that waits takes the permit along.
                    if let Some(work) = self.start()
                        && let Some(ended) = pool.begin(|| attempt(work), || permit.take()).await
                    {
                        self.ended(ended);
                    }
                    drop(permit.take());
                    self.driver.resend().await;
                    take_turns(&self.driver.shared.wake).await;
                    continue;
                }
            }
            drop(permit.take());
            if !is_alive {
                // So that there is something to ask the group with.
                self.driver.publish();
            }
            self.driver.resend().await;
            self.own();
            let (wants_permit, due, waiting) = (is_due && is_alive, due.filter(|_| !is_due), self.gathered.len());
            match self.driver.wait(&mut pool, permits, wants_permit, due, waiting).await {
                Woken::Permit(acquired) => permit = acquired,
                Woken::Ended(ended) => {
                    wakes = permits.available_permits() == 0;
                    self.ended(ended);
                }
                Woken::Other => {}
            }
            // As a lane of single records does: another one may stand behind this on its thread.
            give_way().await;
        }
    }

    /// When the next batch is to begin: at once if it is full or cannot become so, else when the first of its records
    /// has waited for as long as it may. `None` while there is nothing to take.
    fn due(&mut self) -> Option<Duration> {
        let now = clock::since(self.driver.started);
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
            let driver = &mut self.driver;
            match driver.deliveries.pop_front() {
                Some(Delivery::Record(record)) => self.take_in(record),
                Some(Delivery::PositionLost(lost)) => driver.lose_position(lost),
                Some(Delivery::Error(fault)) => driver.note_fault(fault),
                None => {
                    let at_once = (DRAINED_BYTES / driver.record_size.max(1)).clamp(1, DRAIN);
                    driver.queue.drain(&mut driver.deliveries, driver.lane.room().min(at_once));
                    if let Some(Delivery::Record(record)) = driver.deliveries.back() {
                        driver.record_size = record.size();
                        driver.shared.status.fetched();
                    }
                    if driver.deliveries.is_empty() {
                        if let Some(position) = driver.queue.position() {
                            driver.lane.reached(position);
                            driver.publish();
                        }
                        return;
                    }
                }
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
        driver.lane.rested(clock::since(driver.started));
        while let Some((sequence, attempt)) = driver.lane.start() {
            if let Some(gathered) = self.gathered.get_mut(&sequence) {
                gathered.attempt = attempt;
                let alone = attempt > 1 && driver.consumer.bounds.attempts.is_some_and(|attempts| attempt >= attempts);
                self.gatherer.wait(sequence, gathered.key, alone && driver.consumer.dead_letter.is_some());
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
    fn start(&mut self) -> Option<BatchWork<W>> {
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
        let id = driver.debts.begin();
        let mut ctx = self.contexts.pop().unwrap_or_else(|| {
            Context::new(Arc::clone(driver.app), EmitScope::Lane { lane: Arc::clone(driver.shared), sequence: id })
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
    ) -> Option<Message<MessageOf<W>>> {
        let driver = &mut self.driver;
        if record.value().is_some() {
            let mut place = None;
            let parts = driver.parts;
            let refused = driver.shared.status.during(record.offset(), || parts.parse(record, &mut place).err());
            if let Some(Work::Message(message)) = place {
                return Some(message);
            }
            if let Some((record, error)) = refused {
                let (ordering, dead_letter) = (driver.consumer.ordering, driver.consumer.dead_letter.as_deref());
                driver.report.unparseable(&record, &error, ordering, dead_letter);
                driver.give_up_unparsed(sequence, &record, "parse", &error);
            }
        } else if driver.consumer.tombstones == Tombstones::Deliver {
            // `karafka check` refuses it beside `batch`.
            driver.give_up_unparsed(sequence, &record, "tombstone", &Error::new(TOMBSTONE_IN_BATCH));
        } else {
            driver.end_tombstone(sequence, &record);
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
    fn ended(&mut self, ended: Ended<W>) {
        let Ended { id, items, messages, outcomes, mut ctx, begun } = ended;
        let sent = *ctx.emitted.get_mut();
        let owes = self.driver.debts.end(id, sent);
        self.contexts.push(ctx);
        let took = begun.map(clock::since);
        if let (Some(took), Some(durations)) = (took, &self.driver.consumer.durations) {
            durations.observe(took);
        }
        let end = End { at: clock::since(self.driver.started), random: self.driver.jitter.next() };
        let mut keys: Vec<OrderingKey> = items.iter().map(|item| item.key).collect();
        if let Some(took) = took
            && self.driver.report.wants_done()
        {
            let done = messages.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Done));
            let offsets = done.map(|(message, _)| message.offset()).collect();
            self.driver.log_batch(id, DoneOffsets { offsets, took, batch: items.len() }, sent);
        }
        for ((mut item, message), outcome) in items.into_iter().zip(messages).zip(outcomes) {
            if owes {
                item.debts.push(id);
            }
            self.settle(item, message, outcome, end);
        }
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| self.gatherer.look_at(key));
        self.driver.publish();
    }

    fn settle(&mut self, item: Item, message: Message<MessageOf<W>>, outcome: Outcome, end: End) {
        let driver = &mut self.driver;
        let shared = driver.shared;
        match outcome {
            Outcome::Done => self.finished(&item, &shared.counts.done),
            Outcome::Not(Unperformed::Skipped(reason)) => {
                driver.report.skipped(&message, &reason);
                self.finished(&item, &shared.counts.skipped);
            }
            Outcome::Left => self.put_off(item, message, end.at),
            Outcome::Not(Unperformed::Deferred(wait)) => {
                driver.report.deferred(&message, wait);
                count(&shared.counts.deferred);
                self.put_off(item, message, end.at.saturating_add(wait));
            }
            Outcome::Not(Unperformed::Taken(error)) => self.left(item, message, &error),
            Outcome::Taken(error) => self.left(item, message, &error),
            Outcome::Not(Unperformed::Failed(kind, error)) => self.failed(item, message, kind, &error, end),
            Outcome::Together(kind, error) => self.failed(item, message, kind, &error, end),
        }
    }

    fn finished(&mut self, item: &Item, counter: &AtomicU64) {
        let open = self.driver.debts.owe(item.sequence, &item.debts);
        self.driver.lane.performed(item.sequence, open);
        count(counter);
        self.gatherer.leave(item.sequence, item.key);
    }

    fn put_off(&mut self, item: Item, message: Message<MessageOf<W>>, until: Duration) {
        self.driver.lane.deferred(item.sequence, until);
        self.gatherer.block(item.sequence, item.key);
        self.keep(item, message);
    }

    /// The record is somebody else's by now: this lane ends without it.
    fn left(&mut self, item: Item, message: Message<MessageOf<W>>, error: &Error) {
        self.driver.report.left(&message, error);
        self.put_off(item, message, Duration::MAX);
    }

    fn failed(&mut self, item: Item, message: Message<MessageOf<W>>, kind: FailureKind, error: &Error, end: End) {
        let driver = &mut self.driver;
        let counts = &driver.shared.counts;
        count(counts.of(kind));
        self.gatherer.block(item.sequence, item.key);
        if driver.consumer.dead_letter.is_some() && driver.consumer.bounds.is_last(item.attempt, error) {
            driver.report.gave_up(&message, item.attempt, error, driver.consumer.dead_letter.as_deref());
            let open = driver.debts.owe(item.sequence, &item.debts);
            driver.send_dead_letter(item.sequence, &message, kind.error_type(error), error, item.attempt, open);
            self.dying.insert(item.sequence, item.key);
            return;
        }
        count(&counts.retried);
        let wait = before_next(driver.consumer.backoff, item.attempt, error, end.random);
        driver.report.failed(&message, item.attempt, kind, error, wait);
        driver.lane.failed(item.sequence, end.at.saturating_add(wait));
        self.keep(item, message);
    }

    fn keep(&mut self, item: Item, mut message: Message<MessageOf<W>>) {
        let Item { sequence, key, attempt, mut debts } = item;
        debts.retain(|batch| self.driver.debts.is_open(*batch));
        message.record.detach();
        self.gathered.insert(
            sequence,
            Gathered { stage: Stage::Message(Box::new(message)), reserved: None, key, attempt, debts },
        );
    }
}

/// Why a tombstone is refused that `tombstones: deliver` would hand over.
pub(crate) const TOMBSTONE_IN_BATCH: &str = "the record has no value (a tombstone), and a batch holds messages";
