//! Drives one lane: drains its queue, attempts its records, waits where the lane says so.
//!
//! A lane is one task. In the order of its partition there is one attempt at a time, so a handler is awaited in
//! place: one that is ready at once costs neither a task nor an allocation.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    attempt::{Attempt, Failure, SharedParts},
    backoff::{Jitter, after},
    lane::{Lane, Step},
    report::Report,
    shared::{Acknowledgement, AppShared, EmitScope, LaneShared, NO_OFFSET, Order},
};
use crate::{
    Context, Message, Parser, Record, Routed, Worker,
    app::MessageOf,
    client::{Assigned, Delivery, RecordQueue, TopicPartition},
    manifest::ConsumerEntry,
    producer::{Delivered, Outgoing},
    settings::{Backoff, Tombstones},
};

/// How many records a lane handles before it lets others have their turn.
const TURN: u32 = 64;
/// How many deliveries are taken out of the client's queue at once: enough to make the call cheap, and few enough
/// that what waits here does not count beside what waits there.
const DRAIN: usize = 256;

/// What a lane is made with.
pub(crate) struct LaneParts<S> {
    pub(crate) app: Arc<AppShared<S>>,
    pub(crate) assigned: Assigned,
    pub(crate) shared: Arc<LaneShared>,
    pub(crate) consumer: ConsumerSettings,
    /// The group's concurrency.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) report: Report,
    pub(crate) window: u64,
}

/// What the manifest says of a consumer, as far as lanes need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsumerSettings {
    pub(crate) entry: &'static ConsumerEntry,
    pub(crate) tombstones: Tombstones,
    pub(crate) backoff: Backoff,
}

/// Runs a lane until it is drained or lost.
pub(crate) async fn run<W, P, I, S>(parts: SharedParts<W, P, I>, lane: LaneParts<S>)
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    let LaneParts { app, assigned, shared, consumer, permits, report, window } = lane;
    // Whatever ends this task, the group's thread must not wait for it for ever.
    let _end = EndOnDrop(Arc::clone(&shared));
    let scope = EmitScope::Lane { lane: Arc::clone(&shared), sequence: 0 };
    let seed = assigned.partition.partition as u64 ^ u64::from(std::process::id()) << 32;
    Driver {
        parts,
        lane: Lane::new(assigned.start.unwrap_or(NO_OFFSET), window),
        ctx: Context::new(app, scope),
        partition: assigned.partition,
        queue: assigned.queue,
        deliveries: VecDeque::with_capacity(DRAIN),
        work: None,
        emits: BTreeMap::new(),
        resending: Vec::new(),
        started: Instant::now(),
        jitter: Jitter::new(seed),
        consumer,
        report,
        shared: &shared,
        permits: &permits,
    }
    .run()
    .await;
}

struct EndOnDrop(Arc<LaneShared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Driver<'a, W: Worker, P, I> {
    parts: SharedParts<W, P, I>,
    lane: Lane,
    ctx: Context<W::Controller>,
    partition: TopicPartition,
    queue: Box<dyn RecordQueue>,
    deliveries: VecDeque<Delivery>,
    /// The record that waits for its next attempt, parsed.
    work: Option<Work<MessageOf<W>>>,
    /// Where emits of performed records went, for the log; empty unless somebody listens.
    emits: BTreeMap<u64, Emitted>,
    /// Emits that Kafka did not take, with the moment to send them again and how often that has failed.
    resending: Vec<Resend>,
    started: Instant,
    jitter: Jitter,
    consumer: ConsumerSettings,
    report: Report,
    shared: &'a Arc<LaneShared>,
    permits: &'a Semaphore,
}

enum Work<T> {
    Message(Message<T>),
    Tombstone(Record),
}

impl<T> Work<T> {
    fn record(&self) -> &Record {
        match self {
            Self::Message(message) => message,
            Self::Tombstone(record) => record,
        }
    }
}

/// A performed record whose emits are not all acknowledged, for the log.
struct Emitted {
    offset: i64,
    took: Duration,
    missing: u32,
    places: Vec<(&'static str, Delivered)>,
}

struct Resend {
    sequence: u64,
    topic: &'static str,
    outgoing: Outgoing,
    at: Duration,
    failures: u32,
}

impl<W, P, I, S> Driver<'_, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    async fn run(mut self) {
        let mut permit: Option<SemaphorePermit<'_>> = None;
        let mut turn = 0;
        loop {
            if permit.is_none() && self.lane.has_next() {
                permit = self.permits.acquire().await.ok();
                turn = 0;
            }
            self.hear();
            match self.lane.step() {
                Step::Start(sequence) => {
                    let waited = self.start(sequence).await;
                    turn += 1;
                    // A handler that waits is slow anyway, so that asking again costs nothing beside it.
                    if waited || turn >= TURN {
                        permit = None;
                    }
                    if turn >= TURN {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Deliver(room) => {
                    // The wake-up is kept if it comes between the look into the queue and the wait.
                    if !self.deliver(room) {
                        permit = None;
                        self.wait(None).await;
                    }
                }
                Step::Retry { at, attempt } => {
                    permit = None;
                    if self.started.elapsed() < at {
                        self.wait(Some(at)).await;
                    } else {
                        permit = self.permits.acquire().await.ok();
                        self.hear();
                        if matches!(self.lane.step(), Step::Retry { .. }) {
                            self.lane.retrying();
                            self.ctx.attempt = attempt;
                            self.attempt().await;
                        }
                    }
                }
                Step::Wait => {
                    permit = None;
                    self.wait(None).await;
                }
                Step::End => break,
            }
        }
    }

    /// Takes in orders and acknowledgements.
    fn hear(&mut self) {
        match self.shared.order() {
            Order::Run => {}
            Order::Drain => self.lane.drain(),
            Order::Lose => self.lane.lose(),
        }
        for acknowledgement in self.shared.take_acknowledgements() {
            match acknowledgement {
                Acknowledgement::Delivered { sequence, topic, delivered } => {
                    self.lane.acknowledged(sequence);
                    self.log_emit(sequence, topic, delivered);
                }
                Acknowledgement::Undelivered { sequence, topic, outgoing, reason } => {
                    let failures = 1;
                    let wait = after(self.consumer.backoff, failures, self.jitter.next());
                    self.report.emit_failed(&self.partition, topic, &reason, wait);
                    let at = self.started.elapsed() + wait;
                    self.resending.push(Resend { sequence, topic, outgoing, at, failures });
                }
            }
            self.publish();
        }
    }

    fn publish(&self) {
        if let Some(offset) = self.lane.committable() {
            self.shared.publish(offset);
        }
    }

    /// Takes deliveries out of the queue until there is a record to start. Says whether there is one.
    fn deliver(&mut self, room: usize) -> bool {
        if self.deliveries.is_empty() {
            self.queue.drain(&mut self.deliveries, room.min(DRAIN));
            if self.deliveries.is_empty()
                && let Some(position) = self.queue.position()
            {
                self.lane.reached(position);
                self.publish();
            }
        }
        while let Some(delivery) = self.deliveries.front() {
            match delivery {
                Delivery::Record(record) => {
                    self.lane.delivered(record.offset());
                    return true;
                }
                Delivery::PositionLost(reason) => {
                    self.report.position_lost(&self.partition, reason);
                    self.lane.halt();
                }
                Delivery::Error(reason) => self.report.partition_error(&self.partition, reason),
            }
            self.deliveries.pop_front();
        }
        false
    }

    /// Starts the next delivered record. Says whether its handler had to wait for something.
    async fn start(&mut self, sequence: u64) -> bool {
        let Some(Delivery::Record(record)) = self.deliveries.pop_front() else { return false };
        self.shared.set_at_work(record.offset());
        self.ctx.attempt = 1;
        *self.ctx.emitted.get_mut() = 0;
        if let EmitScope::Lane { sequence: current, .. } = &mut self.ctx.scope {
            *current = sequence;
        }
        let work = if record.value().is_none() {
            match self.consumer.tombstones {
                Tombstones::Skip => {
                    self.report.tombstone_skipped(&record);
                    self.finish();
                    return false;
                }
                Tombstones::Fail => {
                    self.report.tombstone_refused(&record);
                    self.stop();
                    return false;
                }
                Tombstones::Deliver => Work::Tombstone(record),
            }
        } else {
            match self.parts.parse(record) {
                Ok(message) => Work::Message(message),
                Err((record, error)) => {
                    self.report.unparseable(&record, &error);
                    self.stop();
                    return false;
                }
            }
        };
        self.work = Some(work);
        self.attempt().await
    }

    /// The partition waits at this record until a person has changed something and the app starts again.
    fn stop(&mut self) {
        self.lane.stuck();
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        self.shared.set_at_work(NO_OFFSET);
    }

    /// Attempts the record at work. Says whether its handler had to wait for something.
    async fn attempt(&mut self) -> bool {
        let Some(work) = self.work.take() else { return false };
        let begun = self.report.wants_done().then(Instant::now);
        let mut waited = false;
        let attempt = {
            let mut attempt = std::pin::pin!(async {
                match &work {
                    Work::Message(message) => self.parts.perform(message, &self.ctx).await,
                    Work::Tombstone(record) => self.parts.perform_tombstone(record, &self.ctx).await,
                }
            });
            std::future::poll_fn(|cx| {
                let poll = attempt.as_mut().poll(cx);
                waited |= poll.is_pending();
                poll
            })
            .await
        };
        match attempt {
            Attempt::Performed => {
                let offset = work.record().offset();
                let missing = self.finish();
                if let Some(begun) = begun {
                    self.log_done(offset, begun.elapsed(), missing);
                }
            }
            Attempt::Skipped(reason) => {
                self.report.skipped(work.record(), &reason);
                self.finish();
            }
            Attempt::Deferred(wait) => {
                self.report.deferred(work.record(), wait);
                self.lane.deferred(self.started.elapsed() + wait);
                self.work = Some(work);
            }
            Attempt::Failed(failure) => {
                self.fail(work.record(), &failure);
                self.work = Some(work);
            }
        }
        waited
    }

    /// The record at work is done, but for emits that Kafka has not acknowledged: says how many.
    fn finish(&mut self) -> u32 {
        let missing = self.lane.performed(*self.ctx.emitted.get_mut());
        self.shared.handled.fetch_add(1, Ordering::Relaxed);
        self.shared.set_at_work(NO_OFFSET);
        self.publish();
        missing
    }

    fn fail(&mut self, record: &Record, failure: &Failure) {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        let attempt = self.lane.attempt();
        let wait = after(self.consumer.backoff, attempt, self.jitter.next());
        self.report.failed(record, attempt, failure, wait);
        self.lane.failed(self.started.elapsed() + wait);
    }

    /// Waits until something has happened, or until `until`; sends emits again that are due meanwhile.
    async fn wait(&mut self, until: Option<Duration>) {
        self.resend().await;
        let next_resend = self.resending.iter().map(|resend| resend.at).min();
        let wake = self.shared.wake.notified();
        match until.into_iter().chain(next_resend).min() {
            Some(moment) => {
                let rest = moment.saturating_sub(self.started.elapsed());
                let _ = tokio::time::timeout(rest, wake).await;
            }
            None => wake.await,
        }
    }

    async fn resend(&mut self) {
        let now = self.started.elapsed();
        let due: Vec<_> = self.resending.extract_if(.., |resend| resend.at <= now).collect();
        for Resend { sequence, topic, outgoing, at: _, failures } in due {
            let scope = EmitScope::Lane { lane: Arc::clone(self.shared), sequence };
            if let Err(error) = self.ctx.app.send(&scope, topic, outgoing.clone()).await {
                let wait = after(self.consumer.backoff, failures + 1, self.jitter.next());
                self.report.emit_failed(&self.partition, topic, &error.to_string(), wait);
                self.resending.push(Resend { sequence, topic, outgoing, at: now + wait, failures: failures + 1 });
            }
        }
    }

    fn log_done(&mut self, offset: i64, took: Duration, missing: u32) {
        match &self.ctx.scope {
            EmitScope::Lane { sequence, .. } if missing > 0 => {
                self.emits.insert(*sequence, Emitted { offset, took, missing, places: Vec::new() });
            }
            _ => self.report.done(&self.partition, offset, took, &[]),
        }
    }

    fn log_emit(&mut self, sequence: u64, topic: &'static str, delivered: Delivered) {
        let Some(emitted) = self.emits.get_mut(&sequence) else { return };
        emitted.places.push((topic, delivered));
        emitted.missing -= 1;
        if emitted.missing == 0
            && let Some(emitted) = self.emits.remove(&sequence)
        {
            self.report.done(&self.partition, emitted.offset, emitted.took, &emitted.places);
        }
    }
}

/// Why a tombstone is skipped, for tests of a controller.
pub(crate) const TOMBSTONE_SKIPPED: &str = "a tombstone, and `tombstones: skip` is set";

/// Why a tombstone is refused, for tests of a controller.
pub(crate) const TOMBSTONE_REFUSED: &str =
    "the record has no value (a tombstone); say `tombstones: skip` or `tombstones: deliver` if that is expected";
