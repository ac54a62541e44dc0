//! Drives one lane: drains its queue, attempts its records, waits where the lane says so.
//!
//! A lane is one task. Attempts are polled in place; those that wait are kept beside each other in the same task.

mod at_most_once;
mod attempts;
mod batch;
mod batch_attempt;
mod deliver;
mod sending;

use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use attempts::{Slot, attempt};
pub(crate) use attempts::{TOMBSTONE_REFUSED, TOMBSTONE_SKIPPED};
use batch::BatchDriver;
pub(crate) use batch::TOMBSTONE_IN_BATCH;
pub(crate) use batch_attempt::Outcome;
use sending::{Emitted, Resend};

use super::{
    app_shared::AppShared,
    atomic_offset::NO_OFFSET,
    attempt::{Bounds, Parts},
    clock,
    commit_first::CommitFirst,
    core::{backoff::Jitter, debts::Debts, lane::Lane, progress::Progress, tracker::Sequence},
    counts::count,
    give_way::{give_way, take_turns},
    histogram::Histogram,
    lane_shared::{Acknowledgement, LaneShared},
    memory_budget::{MemoryBudget, Reservation},
    pool::Pool,
    report::GroupReporter,
    session::{Gate, Session},
    signals::Signal,
};
use crate::{
    BatchController, Controller, Interchanger, Parser, Record, Routed, Worker,
    client::{
        Assigned, Delivery, Positions, RecordQueue, TopicPartition,
        outgoing::{Sent, Ticket},
    },
    jobs::enqueue::JobRoute,
    manifest::ConsumerEntry,
    settings::{self, Backoff, Ordering, Tombstones},
    worker::MessageOf,
};

/// How many records a lane handles before it lets others have their turn.
const TURN: u32 = 64;
/// How many deliveries are taken out of the client's queue at once: enough to make the call cheap, and few enough
/// that what waits here does not count beside what waits there.
pub(super) const DRAIN: usize = 256;
/// How many bytes of deliveries are taken out at once, as far as the last one tells: in the client's queue they count as
/// fetched ahead, and here they do not.
const DRAINED_BYTES: usize = 256 << 10;
/// A record of this size waits in the client's queue until it may start: as soon as it is taken out, another is fetched.
const LARGE: usize = 64 << 10;

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
    pub(crate) report: GroupReporter,
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
    pub(crate) ordering: Ordering,
    /// Under `delivery: at_most_once`, how many records of a partition may be committed and not done.
    pub(crate) commit_first: Option<usize>,
    pub(crate) window: u64,
    pub(crate) positions: Positions,
    /// Where jobs go; `None`: they are performed here.
    pub(crate) jobs: Option<Arc<JobRoute>>,
    /// `None`: each record is handled by itself.
    pub(crate) batch: Option<settings::Batch>,
    /// How long performs take, if somebody wants to know.
    pub(crate) durations: Option<Arc<Histogram>>,
}

/// Runs a lane until it is drained or lost.
pub(crate) async fn run<W, P, I, S>(parts: Arc<Parts<W, P, I>>, lane: LaneParts<S>)
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    // Whatever ends this task, the group's thread must not wait for it for ever.
    let _end = EndOnDrop(Arc::clone(&lane.shared));
    let kept = Kept::of(&lane);
    let Kept { app, shared, consumer, permits, memory, session, group } = &kept;
    Driver::new(lane, app, &parts, consumer, shared, memory, session)
        .run(permits, |slot| attempt(&parts, &shared.status, consumer.bounds, group, slot))
        .await;
}

/// As [`run`], for a controller of batches.
pub(crate) async fn run_batches<W, P, I, S>(parts: Arc<Parts<W, P, I>>, lane: LaneParts<S>)
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + BatchController,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    let _end = EndOnDrop(Arc::clone(&lane.shared));
    let kept = Kept::of(&lane);
    let Kept { app, shared, consumer, permits, memory, session, group } = &kept;
    let driver = Driver::new(lane, app, &parts, consumer, shared, memory, session);
    BatchDriver::new(driver, consumer.batch.unwrap_or_default())
        .run(permits, |work| batch_attempt::attempt(&parts, &shared.status, consumer.bounds, group, work))
        .await;
}

/// What a driver and its attempts borrow.
struct Kept<S> {
    app: Arc<AppShared<S>>,
    shared: Arc<LaneShared>,
    consumer: Arc<ConsumerSettings>,
    permits: Arc<Semaphore>,
    memory: Arc<MemoryBudget>,
    session: Arc<Session>,
    group: Arc<str>,
}

impl<S> Kept<S> {
    fn of(lane: &LaneParts<S>) -> Self {
        Self {
            app: Arc::clone(&lane.app),
            shared: Arc::clone(&lane.shared),
            consumer: Arc::clone(&lane.consumer),
            permits: Arc::clone(&lane.permits),
            memory: Arc::clone(&lane.memory),
            session: Arc::clone(&lane.session),
            group: Arc::clone(&lane.report.group),
        }
    }
}

struct EndOnDrop(Arc<LaneShared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Driver<'a, W: Worker, P, I> {
    lane: Lane,
    partition: TopicPartition,
    queue: Box<dyn RecordQueue>,
    deliveries: VecDeque<Delivery>,
    /// A record that was delivered and may start at once.
    next: Option<(Sequence, Record)>,
    /// Other records that were delivered and are not at work, by their sequence numbers.
    waiting: BTreeMap<Sequence, Waiting<'a, W>>,
    /// Places for records at work, to be used again.
    slots: Vec<Box<Slot<W>>>,
    /// Whether the controller has anything to send to.
    sends: bool,
    /// Where emits of performed records went, for the log; empty unless somebody listens.
    emits: BTreeMap<Sequence, Emitted>,
    /// What batches have sent; empty without `batch:`.
    debts: Debts,
    /// Records that Kafka did not take, to be sent again.
    resending: Vec<Resend>,
    /// When the last of those is due that are sent one by one.
    one_by_one: Duration,
    /// How large records are here: the last one that was taken out. At first as large as they come.
    record_size: usize,
    started: Instant,
    jitter: Jitter,
    said_full: bool,
    /// Whether the group's thread knows that there is something to ask for.
    said_news: bool,
    app: &'a Arc<AppShared<<W::Controller as Routed>::State>>,
    parts: &'a Parts<W, P, I>,
    consumer: &'a ConsumerSettings,
    report: GroupReporter,
    shared: &'a Arc<LaneShared>,
    memory: &'a MemoryBudget,
    session: &'a Session,
    gate: Gate,
}

enum Waiting<'a, W: Worker> {
    /// Not yet parsed.
    Record(Record, Reservation<'a>),
    /// Parsed, and tried before: with what it has sent so far.
    Slot(Box<Slot<W>>),
}

/// What a lane has come to wait for.
enum Woken<'a, E> {
    Permit(Option<SemaphorePermit<'a>>),
    Ended(E),
    Other,
}

impl<'a, W, P, I, S> Driver<'a, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    fn new(
        lane: LaneParts<S>,
        app: &'a Arc<AppShared<S>>,
        parts: &'a Parts<W, P, I>,
        consumer: &'a ConsumerSettings,
        shared: &'a Arc<LaneShared>,
        memory: &'a MemoryBudget,
        session: &'a Session,
    ) -> Self {
        let LaneParts { assigned, earlier, report, .. } = lane;
        let seed = assigned.partition.partition as u64 ^ app.seed;
        let queue = match consumer.commit_first {
            None => assigned.queue,
            Some(_) => Box::new(CommitFirst::new(assigned.queue, Arc::clone(shared))),
        };
        Self {
            lane: Lane::new(assigned.start.unwrap_or(NO_OFFSET), consumer.window, earlier),
            partition: assigned.partition,
            queue,
            deliveries: VecDeque::new(),
            next: None,
            waiting: BTreeMap::new(),
            slots: Vec::new(),
            sends: !consumer.entry.emits.is_empty(),
            emits: BTreeMap::new(),
            debts: Debts::default(),
            resending: Vec::new(),
            one_by_one: Duration::ZERO,
            record_size: LARGE,
            started: clock::now(),
            jitter: Jitter::new(seed),
            said_full: false,
            said_news: false,
            app,
            parts,
            consumer,
            report,
            shared,
            memory,
            session,
            gate: Gate::default(),
        }
    }

    async fn run<F>(mut self, permits: &'a Semaphore, attempt: impl Fn(Box<Slot<W>>) -> F)
    where
        F: Future<Output = Box<Slot<W>>>,
    {
        let mut pool: Pool<F, Option<SemaphorePermit<'a>>> = Pool::new();
        let mut permit: Option<SemaphorePermit<'a>> = None;
        let mut turn = 0;
        give_way().await;
        loop {
            self.hear();
            while let Some(ended) = pool.next_ended().await {
                if permits.available_permits() == 0 {
                    // Another lane was woken by what this one has let go of. It may stand behind this one, at the one place of
                    // a thread that no other thread takes tasks from, and must not wait there for a handler that blocks.
                    turn = TURN;
                }
                self.ended(ended);
            }
            if self.is_over() {
                // The last word, for the last commit, and for this process if the partition comes back to it.
                self.tell();
                break;
            }
            if self.lane.next_timer().is_some() {
                self.lane.rested(clock::since(self.started));
            }
            let mut waits_to_look = false;
            if !self.lane.has_ready() && self.wants_more() {
                // One that drains begins nothing, and has to hear what became of its request.
                if permit.is_none() && self.record_size >= LARGE && self.shared.signal() == Signal::Run {
                    permit = permits.try_acquire().ok();
                    waits_to_look = permit.is_none();
                }
                if !waits_to_look {
                    self.deliver();
                }
            }
            // The process may have stood still at any moment, so this is looked at before each start.
            let is_alive = !self.lane.has_ready() || self.may_start();
            if self.lane.has_ready() && is_alive {
                if turn >= TURN || self.gate.is_long() {
                    permit = None;
                    turn = 0;
                    // A partition with a backlog never comes to wait, and a dead letter must not wait for that.
                    self.resend().await;
                    self.gate.let_go();
                    take_turns(&self.shared.wake).await;
                    continue;
                }
                if permit.is_none() {
                    permit = permits.try_acquire().ok();
                    turn = 0;
                }
                if permit.is_some() {
                    // An attempt that waits takes the permit along.
                    if let Some(slot) = self.start(turn == 0)
                        && let Some(ended) = pool.begin(|| attempt(slot), || permit.take()).await
                    {
                        self.ended(ended);
                    }
                    turn += 1;
                    continue;
                }
            }
            drop(permit.take());
            let wants_permit = (self.lane.has_ready() && is_alive) || waits_to_look;
            if !is_alive {
                // So that there is something to ask the group with.
                self.publish();
            }
            self.resend().await;
            self.gate.let_go();
            turn = 0;
            match self.wait(&mut pool, permits, wants_permit, None, self.waiting.len()).await {
                Woken::Permit(acquired) => permit = acquired,
                Woken::Ended(ended) => {
                    if permits.available_permits() == 0 {
                        turn = TURN;
                    }
                    self.ended(ended);
                }
                Woken::Other => {}
            }
            // Whoever was woken on this thread before this lane must not wait there for a handler that blocks.
            give_way().await;
        }
    }

    /// Waits until something has happened or it is `due`. `waiting` records wait in the lane, for those who watch.
    async fn wait<F: Future>(
        &mut self,
        pool: &mut Pool<F, Option<SemaphorePermit<'a>>>,
        permits: &'a Semaphore,
        wants_permit: bool,
        due: Option<Duration>,
        waiting: usize,
    ) -> Woken<'a, F::Output> {
        self.tell_if_full();
        // Acknowledged emits move the commit, the end of the lane, its window, and what is logged of a record.
        let is_patient = self.lane.is_open() && !self.lane.is_full() && !self.report.wants_done();
        if self.shared.be_patient(is_patient) {
            return Woken::Other;
        }
        self.shared.status.set_waiting(waiting + self.deliveries.len());
        if !self.lane.is_open() {
            self.shared.status.set_on_their_way(self.lane.on_their_way());
        }
        let next_resend = self.resending.iter().map(|resend| resend.at).min();
        let moment = self.lane.next_timer().into_iter().chain(next_resend).chain(due).min();
        let rest = moment.map(|moment| moment.saturating_sub(clock::since(self.started)));
        let mut wake = pin!(self.shared.wake.notified());
        let mut timer = pin!(async {
            match rest {
                Some(rest) => tokio::time::sleep(rest).await,
                None => std::future::pending().await,
            }
        });
        let mut acquire =
            pin!(async { if wants_permit { permits.acquire().await.ok() } else { std::future::pending().await } });
        poll_fn(|cx| {
            if let Poll::Ready((ended, _permit)) = pool.poll_next(cx) {
                return Poll::Ready(Woken::Ended(ended));
            }
            if wake.as_mut().poll(cx).is_ready() || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Woken::Other);
            }
            acquire.as_mut().poll(cx).map(Woken::Permit)
        })
        .await
    }

    /// Whether nothing is left to do or to wait for.
    fn is_over(&mut self) -> bool {
        !self.lane.is_open() && self.ends()
    }

    /// A partition that is let go does not wait for what a producer has refused that has failed for good, nor for copies that
    /// Kafka refuses until a person has changed something: whoever has the partition next does those records again.
    #[cold]
    fn ends(&mut self) -> bool {
        let drains = self.shared.signal() == Signal::Drain;
        if drains && !self.resending.is_empty() && (self.app.outlet.has_failed() || self.is_all_refused()) {
            self.lane.give_up_acknowledgements();
        }
        let is_over = self.lane.is_over();
        if is_over {
            self.shared.status.set_on_their_way(self.lane.on_their_way());
        }
        is_over
    }

    /// Whether all that is not acknowledged was refused as it is.
    fn is_all_refused(&self) -> bool {
        let are_refused = self.resending.iter().all(|resend| self.shared.status.refused.holds(resend.ticket));
        are_refused && self.lane.unacknowledged() <= self.resending.len()
    }

    /// Takes in orders and acknowledgements.
    fn hear(&mut self) {
        self.obey();
        let acknowledgements = self.shared.take_acknowledgements();
        let are_there = !acknowledgements.is_empty();
        for acknowledgement in acknowledgements {
            match acknowledgement {
                Acknowledgement::Delivered { ticket, delivered } => {
                    let Ticket { number: sequence, sent, failures } = ticket;
                    if failures > 0 {
                        self.shared.status.refused.forget(ticket);
                    }
                    if Debts::is_batch(sequence) {
                        let paid = self.debts.acknowledged(sequence);
                        paid.into_iter().for_each(|record| self.lane.acknowledged(record));
                    } else {
                        self.lane.acknowledged(sequence);
                    }
                    match sent {
                        Sent::Emit(topic) => self.log_arrived(sequence, Some(topic), delivered),
                        Sent::Job => self.log_arrived(sequence, None, delivered),
                        Sent::DeadLetter => count(&self.shared.counts.dead),
                    }
                }
                Acknowledgement::Undelivered { ticket, outgoing, error } => {
                    self.send_later(
                        Resend { ticket, outgoing, at: Duration::ZERO },
                        error.refusal(),
                        &error.to_string(),
                    );
                }
            }
        }
        if are_there {
            self.publish();
        }
        if self.said_news && self.shared.is_asked() {
            self.tell();
            self.said_news = false;
        }
    }

    fn tell(&mut self) {
        self.shared.tell(self.lane.progress(), self.lane.own_finished());
    }

    fn publish(&mut self) {
        if let Some(offset) = self.lane.committable() {
            match self.consumer.commit_first {
                None => self.shared.publish(offset),
                // What is committed ahead is further on.
                Some(_) => self.shared.raise(offset),
            }
            self.shared.set_passed(self.lane.passed(), self.lane.own_passed());
        }
        if self.lane.has_news() && !self.said_news {
            self.said_news = true;
            self.shared.has_news();
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
}
