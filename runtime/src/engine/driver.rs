//! Drives one lane: drains its queue, attempts its records, waits where the lane says so.
//!
//! A lane is one task. Attempts are polled in place; those that wait are kept beside each other in the same task.

use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, atomic::AtomicU64},
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    attempt::{Bounds, Parts, Unperformed, Work},
    backoff::{Jitter, after},
    counts::count,
    histogram::Histogram,
    lane::{Lane, Line},
    pool::Pool,
    progress::Progress,
    pulse::{Beat, Pulse},
    report::Report,
    session::Session,
    shared::{Acknowledgement, AppShared, EmitScope, LaneShared, MemoryBudget, NO_OFFSET, Order, Sent},
    tracker::Sequence,
};
use crate::{
    Context, Error, Parser, Record, Routed, Worker,
    client::{Assigned, Delivery, Positions, RecordQueue, TopicPartition},
    dead_letter::{self, Cause},
    manifest::ConsumerEntry,
    producer::{Delivered, Outgoing},
    settings::{Backoff, LostPosition, Ordering as Sorting, Tombstones},
    trace,
    worker::{FailureKind, MessageOf},
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
    /// What lanes before this one have finished and tried.
    pub(crate) earlier: Progress,
    pub(crate) shared: Arc<LaneShared>,
    pub(crate) consumer: Arc<ConsumerSettings>,
    /// The group's concurrency.
    pub(crate) permits: Arc<Semaphore>,
    /// The group's memory for records that wait in lanes.
    pub(crate) memory: Arc<MemoryBudget>,
    /// The group's sign of life.
    pub(crate) session: Arc<Session>,
    pub(crate) report: Report,
}

/// What the manifest says of a consumer and its group, as far as lanes need it.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerSettings {
    pub(crate) entry: &'static ConsumerEntry,
    pub(crate) tombstones: Tombstones,
    pub(crate) backoff: Backoff,
    pub(crate) bounds: Bounds,
    /// The dead letter topic's name in Kafka.
    pub(crate) dead_letter: Option<String>,
    pub(crate) ordering: Sorting,
    pub(crate) window: u64,
    pub(crate) positions: Positions,
    /// How long performs take, if somebody wants to know.
    pub(crate) durations: Option<Arc<Histogram>>,
}

/// Runs a lane until it is drained or lost.
pub(crate) async fn run<W, P, I, S>(parts: Arc<Parts<W, P, I>>, lane: LaneParts<S>)
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    let LaneParts { app, assigned, earlier, shared, consumer, permits, memory, session, report } = lane;
    // Whatever ends this task, the group's thread must not wait for it for ever.
    let _end = EndOnDrop(Arc::clone(&shared));
    let group = Arc::clone(&report.group);
    let seed = assigned.partition.partition as u64 ^ u64::from(std::process::id()) << 32;
    Driver {
        lane: Lane::new(assigned.start.unwrap_or(NO_OFFSET), consumer.window, earlier),
        partition: assigned.partition,
        queue: assigned.queue,
        deliveries: VecDeque::with_capacity(DRAIN),
        next: None,
        waiting: BTreeMap::new(),
        contexts: Vec::new(),
        emits: BTreeMap::new(),
        resending: Vec::new(),
        started: Instant::now(),
        jitter: Jitter::new(seed),
        said_full: false,
        said_news: false,
        app: &app,
        parts: &parts,
        consumer: &consumer,
        report,
        shared: &shared,
        memory: &memory,
        session: &session,
    }
    .run(&permits, |job| attempt(&parts, &shared.pulse, consumer.bounds, &group, job))
    .await;
}

struct EndOnDrop(Arc<LaneShared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// An attempt with everything that it needs.
struct Job<W: Worker> {
    sequence: Sequence,
    work: Work<MessageOf<W>>,
    ctx: Context<W::Controller>,
    begun: Option<Instant>,
}

/// Why something was not performed, and what. Boxed, so that what comes back is small where all went well.
type GivenBack<T> = (Unperformed, Box<Work<T>>);

/// An attempt that has ended.
struct Ended<W: Worker> {
    sequence: Sequence,
    offset: i64,
    attempt: Result<(), GivenBack<MessageOf<W>>>,
    ctx: Context<W::Controller>,
    begun: Option<Instant>,
}

async fn attempt<W, P, I>(parts: &Parts<W, P, I>, pulse: &Pulse, bounds: Bounds, group: &str, job: Job<W>) -> Ended<W>
where
    W: Worker,
    P: Parser<MessageOf<W>>,
{
    let Job { sequence, work, ctx, begun } = job;
    let offset = work.record().offset();
    let attempt = {
        let mut beat = Beat::new(pulse, offset, ctx.attempt());
        let span = trace::span(work.record(), group, ctx.attempt(), ctx.trace.as_deref());
        let mut attempt = pin!(parts.attempt(&work, &ctx, bounds));
        poll_fn(|cx| span.in_scope(|| beat.poll(cx, attempt.as_mut()))).await
    };
    Ended { sequence, offset, attempt: attempt.map_err(|why| (why, Box::new(work))), ctx, begun }
}

struct Driver<'a, W: Worker, P, I> {
    lane: Lane,
    partition: TopicPartition,
    queue: Box<dyn RecordQueue>,
    deliveries: VecDeque<Delivery>,
    /// A record that was delivered and may start at once.
    next: Option<(Sequence, Record)>,
    /// Other records that were delivered and are not at work, by their sequence numbers.
    waiting: BTreeMap<Sequence, Waiting<MessageOf<W>>>,
    /// Contexts to be used again.
    contexts: Vec<Context<W::Controller>>,
    /// Where emits of performed records went, for the log; empty unless somebody listens.
    emits: BTreeMap<Sequence, Emitted>,
    /// Records that Kafka did not take, to be sent again.
    resending: Vec<Resend>,
    started: Instant,
    jitter: Jitter,
    said_full: bool,
    /// Whether the group's thread knows that there is something to ask for.
    said_news: bool,
    app: &'a Arc<AppShared<<W::Controller as Routed>::State>>,
    parts: &'a Parts<W, P, I>,
    consumer: &'a ConsumerSettings,
    report: Report,
    shared: &'a Arc<LaneShared>,
    memory: &'a MemoryBudget,
    session: &'a Session,
}

enum Waiting<T> {
    /// Not yet parsed.
    Record(Record),
    /// Parsed, and tried before: with what it has sent so far.
    Work(Box<Work<T>>, u32),
}

/// A performed record whose emits are not all acknowledged, for the log.
struct Emitted {
    offset: i64,
    took: Duration,
    missing: u32,
    places: Vec<(&'static str, Delivered)>,
}

struct Resend {
    sequence: Sequence,
    sent: Sent,
    outgoing: Outgoing,
    at: Duration,
    failures: u32,
}

impl<'a, W, P, I, S> Driver<'a, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    async fn run<F>(mut self, permits: &'a Semaphore, attempt: impl Fn(Job<W>) -> F)
    where
        F: Future<Output = Ended<W>>,
    {
        let mut pool: Pool<F, Option<SemaphorePermit<'a>>> = Pool::new();
        let mut permit: Option<SemaphorePermit<'a>> = None;
        let mut turn = 0;
        loop {
            self.hear();
            if pool.len() > 0 {
                std::future::poll_fn(|cx| {
                    while let Poll::Ready((ended, _permit)) = pool.poll_next(cx) {
                        self.ended(ended);
                    }
                    Poll::Ready(())
                })
                .await;
            }
            if self.lane.is_over() {
                // The last word, for the last commit, and for this process if the partition comes back to it.
                self.shared.tell(self.lane.progress());
                break;
            }
            if self.lane.next_timer().is_some() {
                self.lane.rested(self.started.elapsed());
            }
            if !self.lane.has_ready() && self.wants_more() {
                self.deliver();
            }
            // Looked at where the process may have stood still: after a wait, and once a turn.
            let is_alive = turn > 0 || !self.lane.has_ready() || self.session.is_alive(self.session.now());
            if self.lane.has_ready() && is_alive {
                if permit.is_none() {
                    permit = permits.try_acquire().ok();
                    turn = 0;
                }
                if permit.is_some() {
                    let mut job = self.start(turn == 0);
                    // An attempt that waits takes the permit along.
                    let ended = std::future::poll_fn(|cx| {
                        Poll::Ready(job.take().and_then(|job| pool.start(cx, attempt(job), || permit.take())))
                    });
                    if let Some(ended) = ended.await {
                        self.ended(ended);
                    }
                    turn += 1;
                    if turn >= TURN {
                        permit = None;
                        turn = 0;
                        // A partition with a backlog never comes to wait, and a dead letter must not wait for that.
                        self.resend().await;
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
            }
            drop(permit.take());
            let wants_permit = self.lane.has_ready() && is_alive;
            if !is_alive {
                // So that there is something to ask the group with.
                self.publish();
            }
            self.resend().await;
            permit = self.wait(&mut pool, permits, wants_permit).await;
            turn = 0;
        }
    }

    /// Waits until something has happened. Gives a permit if that is what happened.
    async fn wait<F: Future<Output = Ended<W>>>(
        &mut self,
        pool: &mut Pool<F, Option<SemaphorePermit<'a>>>,
        permits: &'a Semaphore,
        wants_permit: bool,
    ) -> Option<SemaphorePermit<'a>> {
        self.tell_if_full();
        self.shared.pulse.set_waiting(self.waiting.len() + self.deliveries.len());
        let next_resend = self.resending.iter().map(|resend| resend.at).min();
        let moment = self.lane.next_timer().into_iter().chain(next_resend).min();
        let rest = moment.map(|moment| moment.saturating_sub(self.started.elapsed()));
        let mut wake = pin!(self.shared.wake.notified());
        let mut timer = pin!(async {
            match rest {
                Some(rest) => tokio::time::sleep(rest).await,
                None => std::future::pending().await,
            }
        });
        let mut acquire =
            pin!(async { if wants_permit { permits.acquire().await.ok() } else { std::future::pending().await } });
        let mut ended = None;
        let permit = std::future::poll_fn(|cx| {
            if let Poll::Ready((job, _permit)) = pool.poll_next(cx) {
                ended = Some(job);
                return Poll::Ready(None);
            }
            if wake.as_mut().poll(cx).is_ready() || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            acquire.as_mut().poll(cx)
        })
        .await;
        if let Some(ended) = ended {
            self.ended(ended);
        }
        permit
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
                Acknowledgement::Delivered { sequence, sent, delivered } => {
                    self.lane.acknowledged(sequence);
                    match sent {
                        Sent::Emit(topic) => self.log_emit(sequence, topic, delivered),
                        Sent::DeadLetter => count(&self.shared.counts.dead),
                    }
                }
                Acknowledgement::Undelivered { sequence, sent, outgoing, reason } => {
                    self.send_later(Resend { sequence, sent, outgoing, at: Duration::ZERO, failures: 0 }, &reason);
                }
            }
            self.publish();
        }
        if self.said_news && self.shared.is_asked() {
            self.shared.tell(self.lane.progress());
            self.said_news = false;
        }
    }

    fn publish(&mut self) {
        if let Some(offset) = self.lane.committable() {
            self.shared.publish(offset);
        }
        if self.lane.has_news() && !self.said_news {
            self.said_news = true;
            self.shared.has_news();
        }
    }

    /// Whether to look for records to start: always in one line, which must be free; else while there is memory.
    fn wants_more(&self) -> bool {
        match self.consumer.ordering {
            Sorting::Partition => !self.lane.is_busy(),
            Sorting::Key | Sorting::None => self.waiting.is_empty() || self.memory.has_room(),
        }
    }

    /// Delivers records until there is one to start, or there are none: the queue wakes the lane only when it was
    /// empty, so a batch of records that all wait or are finished already must not be the last one that is looked at.
    fn deliver(&mut self) {
        while self.lane.room() > 0 && self.wants_more() {
            match self.deliveries.pop_front() {
                Some(Delivery::Record(record)) => self.take_in(record),
                Some(Delivery::PositionLost(reason)) => {
                    let moves = self.consumer.positions.lost != LostPosition::Fail;
                    self.report.position_lost(&self.partition, &reason, moves);
                    self.shared.pulse.halt();
                    self.lane.halt();
                }
                Some(Delivery::Error(reason)) => self.report.partition_error(&self.partition, &reason),
                None => {
                    self.queue.drain(&mut self.deliveries, self.lane.room().min(DRAIN));
                    self.shared.pulse.set_waiting(self.waiting.len() + self.deliveries.len());
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

    fn take_in(&mut self, mut record: Record) {
        let Some((sequence, free)) = self.lane.deliver(record.offset(), self.line_of(&record)) else {
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
        self.memory.take(record.size());
        self.waiting.insert(sequence, Waiting::Record(record));
    }

    fn line_of(&self, record: &Record) -> Line {
        match self.consumer.ordering {
            Sorting::Partition => Some(0),
            // Two keys that meet in a hash share a line, which costs time and nothing else.
            Sorting::Key => record.key().map(hash),
            Sorting::None => None,
        }
    }

    /// Starts the next record that may. `None` if it ended without an attempt.
    ///
    /// The first attempt of a turn is measured where durations are wanted: each one while there is little to do or
    /// handlers wait, one in [`TURN`] of those that are ready at once, so that the clock does not cost what they do.
    fn start(&mut self, is_first: bool) -> Option<Job<W>> {
        let (sequence, attempt) = self.lane.start()?;
        let (mut work, emitted) = match self.next.take_if(|(next, _)| *next == sequence) {
            Some((_, record)) => (self.prepare(sequence, record)?, 0),
            None => match self.waiting.remove(&sequence)? {
                Waiting::Work(work, emitted) => (*work, emitted),
                Waiting::Record(record) => {
                    self.memory.give_back(record.size());
                    (self.prepare(sequence, record)?, 0)
                }
            },
        };
        self.shared.set_at_work(self.lane.committable().unwrap_or(NO_OFFSET));
        let mut ctx = self.contexts.pop().unwrap_or_else(|| {
            let scope = EmitScope::Lane { lane: Arc::clone(self.shared), sequence };
            Context::new(Arc::clone(self.app), scope)
        });
        ctx.attempt = attempt;
        ctx.trace = trace::of(work.record_mut());
        *ctx.emitted.get_mut() = emitted;
        if let EmitScope::Lane { sequence: current, .. } = &mut ctx.scope {
            *current = sequence;
        }
        let measured = self.report.wants_done() || (is_first && self.consumer.durations.is_some());
        Some(Job { sequence, work, ctx, begun: measured.then(Instant::now) })
    }

    /// Parses a record. `None` if it ends here: a tombstone by policy, or what cannot be parsed.
    fn prepare(&mut self, sequence: Sequence, record: Record) -> Option<Work<MessageOf<W>>> {
        if record.value().is_some() {
            match self.shared.pulse.during(record.offset(), || self.parts.parse(record)) {
                Ok(message) => return Some(Work::Message(message)),
                Err((record, error)) => {
                    self.report.unparseable(&record, &error, self.consumer.dead_letter.as_deref());
                    self.give_up_unparsed(sequence, &record, "parse", &error);
                }
            }
            return None;
        }
        match self.consumer.tombstones {
            Tombstones::Deliver => return Some(Work::Tombstone(record)),
            Tombstones::Skip => {
                self.report.tombstone_skipped(&record);
                self.finished(sequence, 0, &self.shared.counts.skipped);
            }
            Tombstones::Fail => {
                let error = Error::new(TOMBSTONE_REFUSED);
                self.report.tombstone_refused(&record, self.consumer.dead_letter.as_deref());
                self.give_up_unparsed(sequence, &record, "tombstone", &error);
            }
        }
        None
    }

    /// What cannot be parsed goes to the dead letter topic; without one, its line waits until a person has changed
    /// something and the app starts again.
    fn give_up_unparsed(&mut self, sequence: Sequence, record: &Record, error_type: &str, error: &Error) {
        count(&self.shared.counts.unparseable);
        if self.consumer.dead_letter.is_some() {
            self.bury(sequence, record, error_type, error, 0, 0);
        } else {
            self.shared.pulse.add_stuck();
            self.lane.stuck(sequence);
        }
    }

    /// An attempt has ended.
    fn ended(&mut self, ended: Ended<W>) {
        let Ended { sequence, offset, attempt, mut ctx, begun } = ended;
        let emitted = *ctx.emitted.get_mut();
        let number = ctx.attempt;
        self.contexts.push(ctx);
        let took = begun.map(|begun| begun.elapsed());
        if let (Some(took), Some(durations)) = (took, &self.consumer.durations) {
            durations.observe(took);
        }
        match attempt {
            Ok(()) => {
                let missing = self.finished(sequence, emitted, &self.shared.counts.done);
                if let Some(took) = took
                    && self.report.wants_done()
                {
                    self.log_done(sequence, offset, took, missing);
                }
            }
            Err((Unperformed::Skipped(reason), work)) => {
                self.report.skipped(work.record(), &reason);
                self.finished(sequence, emitted, &self.shared.counts.skipped);
            }
            Err((Unperformed::Deferred(wait), work)) => {
                self.report.deferred(work.record(), wait);
                count(&self.shared.counts.deferred);
                self.lane.deferred(sequence, self.started.elapsed() + wait);
                self.keep(sequence, work, emitted);
            }
            Err((Unperformed::Failed(kind, error), work)) => {
                let counts = &self.shared.counts;
                count(match kind {
                    FailureKind::Error => &counts.failed,
                    FailureKind::Panicked => &counts.panicked,
                    FailureKind::TimedOut => &counts.timed_out,
                });
                if self.consumer.dead_letter.is_some() && self.consumer.bounds.is_last(number, &error) {
                    self.report.gave_up(work.record(), number, &error, self.consumer.dead_letter.as_deref());
                    let error_type = match kind {
                        FailureKind::Error => error.type_name(),
                        FailureKind::Panicked => "panic",
                        FailureKind::TimedOut => "timeout",
                    };
                    self.bury(sequence, work.record(), error_type, &error, number, emitted);
                } else {
                    count(&counts.retried);
                    let step = if error.is_permanent() { u32::MAX } else { number };
                    let wait = after(self.consumer.backoff, step, self.jitter.next());
                    self.report.failed(work.record(), number, kind, &error, wait);
                    self.lane.failed(sequence, self.started.elapsed() + wait);
                    self.keep(sequence, work, emitted);
                    self.publish();
                }
            }
        }
        let oldest = if self.lane.is_working() { self.lane.committable() } else { None };
        self.shared.set_at_work(oldest.unwrap_or(NO_OFFSET));
    }

    fn keep(&mut self, sequence: Sequence, mut work: Box<Work<MessageOf<W>>>, emitted: u32) {
        match &mut *work {
            Work::Message(message) => message.record.detach(),
            Work::Tombstone(record) => record.detach(),
        }
        self.waiting.insert(sequence, Waiting::Work(work, emitted));
    }

    /// A record is done, but for emits that Kafka has not acknowledged: says how many.
    fn finished(&mut self, sequence: Sequence, emitted: u32, counter: &AtomicU64) -> u32 {
        let missing = self.lane.performed(sequence, emitted);
        count(counter);
        self.publish();
        missing
    }

    /// Sends a record to the dead letter topic; it counts as done when Kafka has it.
    fn bury(
        &mut self,
        sequence: Sequence,
        record: &Record,
        error_type: &str,
        error: &Error,
        attempts: u32,
        emitted: u32,
    ) {
        let Some(topic) = &self.consumer.dead_letter else { return };
        let cause = Cause { error_type, error, attempts, app: self.report.app(), group: &self.report.group };
        let outgoing = dead_letter::dead_letter(record, topic, &cause);
        self.lane.dying(sequence, emitted + 1);
        self.resending.push(Resend { sequence, sent: Sent::DeadLetter, outgoing, at: Duration::ZERO, failures: 0 });
        // Sent before the lane waits for anything.
        self.shared.wake.notify_one();
    }

    fn send_later(&mut self, mut resend: Resend, reason: &str) {
        resend.failures += 1;
        let wait = after(self.consumer.backoff, resend.failures, self.jitter.next());
        self.report.send_failed(&self.partition, &resend.outgoing.topic, reason, wait);
        resend.at = self.started.elapsed() + wait;
        self.resending.push(resend);
    }

    /// Sends what is due: dead letters, and what Kafka did not take before.
    async fn resend(&mut self) {
        if self.resending.is_empty() {
            return;
        }
        let now = self.started.elapsed();
        let due: Vec<_> = self.resending.extract_if(.., |resend| resend.at <= now).collect();
        for resend in due {
            let lane = Arc::clone(self.shared);
            let sent = self.app.send_from(&lane, resend.sequence, resend.sent, resend.outgoing.clone()).await;
            if let Err(error) = sent {
                self.send_later(resend, &error.to_string());
            }
        }
    }

    fn tell_if_full(&mut self) {
        if self.lane.is_full() != self.said_full {
            self.said_full = !self.said_full;
            if self.said_full {
                self.report.window_full(&self.partition, self.lane.committable().unwrap_or(NO_OFFSET));
            }
        }
    }

    fn log_done(&mut self, sequence: Sequence, offset: i64, took: Duration, missing: u32) {
        if missing > 0 {
            self.emits.insert(sequence, Emitted { offset, took, missing, places: Vec::new() });
        } else {
            self.report.done(&self.partition, offset, took, &[]);
        }
    }

    fn log_emit(&mut self, sequence: Sequence, topic: &'static str, delivered: Delivered) {
        if let Some(emitted) = self.emits.get_mut(&sequence) {
            emitted.places.push((topic, delivered));
            emitted.missing = emitted.missing.saturating_sub(1);
            if emitted.missing == 0
                && let Some(emitted) = self.emits.remove(&sequence)
            {
                self.report.done(&self.partition, emitted.offset, emitted.took, &emitted.places);
            }
        }
    }
}

/// FNV-1a: keys are short, and nobody gains by making two of them meet.
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Why a tombstone is skipped, for tests of a controller.
pub(crate) const TOMBSTONE_SKIPPED: &str = "a tombstone, and `tombstones: skip` is set";

/// Why a tombstone is refused.
pub(crate) const TOMBSTONE_REFUSED: &str =
    "the record has no value (a tombstone); say `tombstones: skip` or `tombstones: deliver` if that is expected";
