//! What lanes, the group's thread and the producer's thread share.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering},
    },
    thread::Thread,
};

use tokio::sync::Notify;

use super::{claim::Claim, counts::Counts, job_emits::JobEmits, progress::Progress, pulse::Pulse, tracker::Sequence};
use crate::{
    OwnedRecord, Result,
    client::outgoing::{Content, Report, Sender, Sent, Ticket},
    jobs::enqueue::Enqueuer,
    producer::{Delivered, Outgoing, Producer},
};

/// What every context of an app reaches.
pub(crate) struct AppShared<S> {
    pub(crate) state: S,
    pub(crate) outlet: Outlet,
    /// Where jobs go, by the queue's name; empty where they are performed, and in tests.
    pub(crate) queues: BTreeMap<String, Arc<Enqueuer>>,
    /// A topic's name in Kafka by its key in the manifest.
    pub(crate) names: BTreeMap<&'static str, String>,
    /// What the jitter of backoffs grows from: another number in each process, the same in each run of a simulation.
    pub(crate) seed: u64,
    /// Who plays along in a simulation.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) stage: Option<Arc<crate::testing::stage::Stage>>,
}

/// Where an app's records go.
pub(crate) enum Outlet {
    /// To Kafka.
    Kafka(Producer),
    /// To a Kafka in the process.
    #[cfg(any(test, feature = "testing"))]
    Source(crate::testing::source::Source),
    /// Nowhere: the app sends nothing, or a test of a controller captures what it sends.
    Nowhere,
}

impl<S> AppShared<S> {
    fn kafka_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.names.get(key).map_or(key, String::as_str)
    }

    /// Hands over what a controller sends. Gives what is to be waited for if the producer's queue is full.
    pub(crate) fn send<'a>(
        &'a self,
        scope: &EmitScope,
        topic: &'static str,
        content: Content,
    ) -> Result<Option<WaitsForRoom<'a>>> {
        let name = self.kafka_name(topic);
        let ticket = |number| Ticket { number, sent: Sent::Emit(topic) };
        match scope {
            EmitScope::Lane { lane, sequence } => self.send_from(lane, ticket(*sequence), name, content),
            EmitScope::Job(emits) => self.send_from(emits, ticket(0), name, content),
            EmitScope::Captured(captured) => {
                let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                let offset = i64::try_from(captured.len()).unwrap_or(i64::MAX);
                captured.push((topic, owned(content.to(name.to_owned()), offset)));
                Ok(None)
            }
        }
    }

    /// Hands a record to the producer, as [`AppShared::send`]; the sender is told what became of it.
    pub(crate) fn send_from<'a>(
        &'a self,
        sender: &Arc<impl Sender + 'static>,
        ticket: Ticket,
        topic: &'a str,
        content: Content,
    ) -> Result<Option<WaitsForRoom<'a>>> {
        let report = || Report { sender: Arc::clone(sender) as Arc<dyn Sender>, ticket };
        match &self.outlet {
            Outlet::Kafka(producer) => {
                let full = producer.try_enqueue(topic, &content, Box::new(report()))?;
                Ok(full.map(|report| -> WaitsForRoom<'a> {
                    Box::pin(async move { Ok(producer.enqueue(topic, &content, report).await?) })
                }))
            }
            #[cfg(any(test, feature = "testing"))]
            Outlet::Source(source) => {
                source.produce(content.to(topic.to_owned()), &report());
                Ok(None)
            }
            Outlet::Nowhere => Err(crate::Error::new("the app has no producer")),
        }
    }
}

impl Outlet {
    /// Whether nothing will be sent any more.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Kafka(producer) => producer.failure().is_some(),
            #[cfg(any(test, feature = "testing"))]
            Self::Source(_) => false,
            Self::Nowhere => false,
        }
    }
}

/// A record on its way into a producer's queue that is full.
pub(crate) type WaitsForRoom<'a> = Pin<Box<dyn Future<Output = Result> + Send + 'a>>;

fn owned(outgoing: Outgoing, offset: i64) -> OwnedRecord {
    OwnedRecord {
        topic: outgoing.topic.into(),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: outgoing.key,
        value: outgoing.value,
        headers: outgoing.headers,
    }
}

/// Where a record's emits are counted.
pub(crate) enum EmitScope {
    /// On the way to Kafka, for the record of this sequence number.
    Lane { lane: Arc<LaneShared>, sequence: Sequence },
    /// On the way to Kafka, for a job.
    Job(Arc<JobEmits>),
    /// Kept for a test, each with its topic's key.
    Captured(Mutex<Vec<(&'static str, OwnedRecord)>>),
}

/// What became of something that a lane has sent.
pub(crate) enum Acknowledgement {
    Delivered { sequence: Sequence, sent: Sent, delivered: Delivered },
    Undelivered { sequence: Sequence, sent: Sent, outgoing: Outgoing, reason: String },
}

impl Sender for LaneShared {
    fn delivered(&self, ticket: Ticket, delivered: Delivered) {
        self.acknowledge(Acknowledgement::Delivered { sequence: ticket.number, sent: ticket.sent, delivered });
    }

    fn undelivered(&self, ticket: Ticket, outgoing: Outgoing, reason: String) {
        let Ticket { number: sequence, sent } = ticket;
        self.acknowledge(Acknowledgement::Undelivered { sequence, sent, outgoing, reason });
    }
}

/// How many bytes of records may wait in the lanes of a group.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Ordering::Relaxed) < self.limit
    }

    /// Counts bytes as waiting, until what is returned is dropped.
    pub(crate) fn reserve(&self, bytes: usize) -> Reservation<'_> {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Reservation { budget: self, bytes }
    }

    /// How many bytes wait, and how many may.
    pub(crate) fn used_of(&self) -> (usize, usize) {
        (self.used.load(Ordering::Relaxed), self.limit)
    }
}

/// Bytes of a [`MemoryBudget`], for as long as their record waits, however it ends.
#[must_use]
pub(crate) struct Reservation<'a> {
    budget: &'a MemoryBudget,
    bytes: usize,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What the group's thread wants of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Order {
    Run = 0,
    Drain = 1,
    Lose = 2,
}

/// No offset yet: nothing has been read, and the group has no commit.
pub(crate) const NO_OFFSET: i64 = -1;

/// What a lane, the group's thread and the producer's thread know of one assignment of one partition.
pub(crate) struct LaneShared {
    order: AtomicU8,
    /// Something has happened: records, acknowledgements, an order.
    pub(crate) wake: Notify,
    /// What may be committed, or [`NO_OFFSET`].
    committable: AtomicI64,
    /// What the lane wants committed before it performs it.
    pub(crate) claim: Claim,
    /// Whether the partition can be read on from elsewhere in mid-run, and whether it is to.
    moves: AtomicU8,
    ended: AtomicBool,
    /// The offset of the record at work, or [`NO_OFFSET`].
    at_work: AtomicI64,
    pub(crate) counts: Counts,
    pub(crate) pulse: Pulse,
    has_acknowledgements: AtomicBool,
    /// Word of emits that arrived need not wake the lane.
    is_patient: AtomicBool,
    acknowledgements: Mutex<Vec<Acknowledgement>>,
    /// Whether the lane has more to say than `progress`, and whether the group's thread wants to hear it.
    news: AtomicU8,
    /// What the lane has said last of what is finished and tried beyond `committable`.
    progress: Mutex<Progress>,
    group_thread: Thread,
}

/// A lost position is lost until the partition is assigned anew.
const CANNOT_MOVE: u8 = 0;
/// The group's thread can move the partition.
const CAN_MOVE: u8 = 1;
/// It is to do so when the lane has ended.
const MOVES: u8 = 2;

/// The lane has nothing new to say.
const NO_NEWS: u8 = 0;
/// The lane has something to say.
const NEWS: u8 = 1;
/// The group's thread has asked for it.
const ASKED: u8 = 2;

impl LaneShared {
    pub(crate) fn new(start: Option<i64>, group_thread: Thread) -> Self {
        Self {
            order: AtomicU8::new(Order::Run as u8),
            wake: Notify::new(),
            committable: AtomicI64::new(start.unwrap_or(NO_OFFSET)),
            claim: Claim::default(),
            moves: AtomicU8::new(CANNOT_MOVE),
            ended: AtomicBool::new(false),
            at_work: AtomicI64::new(NO_OFFSET),
            counts: Counts::default(),
            pulse: Pulse::default(),
            has_acknowledgements: AtomicBool::new(false),
            is_patient: AtomicBool::new(false),
            acknowledgements: Mutex::new(Vec::new()),
            news: AtomicU8::new(NO_NEWS),
            progress: Mutex::default(),
            group_thread,
        }
    }

    /// Tells the lane what to do. An order is never taken back.
    pub(crate) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.wake.notify_one();
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Run,
            1 => Order::Drain,
            _ => Order::Lose,
        }
    }

    pub(crate) fn publish(&self, committable: i64) {
        self.committable.store(committable, Ordering::Release);
    }

    /// As [`LaneShared::publish`], beside a group's thread that publishes as well: the higher one counts.
    pub(crate) fn raise(&self, committable: i64) {
        self.committable.fetch_max(committable, Ordering::AcqRel);
    }

    /// The group's thread can move the partition to another position.
    pub(crate) fn let_move(&self) {
        self.moves.store(CAN_MOVE, Ordering::Release);
    }

    /// The lane wants the partition moved when it has ended. Says whether that can be.
    pub(crate) fn ask_to_move(&self) -> bool {
        let asked = self.moves.compare_exchange(CAN_MOVE, MOVES, Ordering::AcqRel, Ordering::Acquire);
        asked.is_ok() || self.is_moving()
    }

    /// Whether the partition is to move when the lane has ended.
    pub(crate) fn is_moving(&self) -> bool {
        self.moves.load(Ordering::Acquire) == MOVES
    }

    /// Asks the group's thread to commit `offset` at once, before what is below it is begun.
    pub(crate) fn ask_to_commit(&self, offset: i64) {
        self.claim.ask(offset);
        self.group_thread.unpark();
    }

    /// Kafka has a commit of `offset`; tells a lane that waits for it.
    pub(crate) fn grant(&self, offset: i64) {
        if self.claim.is_open() {
            self.raise(offset);
            self.claim.grant(offset);
            self.wake.notify_one();
        }
    }

    /// The offset that may be committed, if there is one.
    pub(crate) fn committable(&self) -> Option<i64> {
        Some(self.committable.load(Ordering::Acquire)).filter(|offset| *offset != NO_OFFSET)
    }

    /// The lane has something to say that does not show in its committable offset.
    pub(crate) fn has_news(&self) {
        self.news.store(NEWS, Ordering::Release);
    }

    /// Asks a lane that has news for them, also those that did not wake it.
    pub(crate) fn ask_for_news(&self) {
        let is_asked = self.news.compare_exchange(NEWS, ASKED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if is_asked || self.has_acknowledgements.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Whether the group's thread waits for news.
    pub(crate) fn is_asked(&self) -> bool {
        self.news.load(Ordering::Acquire) == ASKED
    }

    /// Leaves word of what is finished and tried.
    pub(crate) fn tell(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        self.news.store(NO_NEWS, Ordering::Release);
    }

    /// What the lane has said last, at `committable` and beyond.
    pub(crate) fn progress(&self, committable: i64) -> Progress {
        // What stands before is kept: if this is not committed, it is all that this process knows of it.
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        progress.forget_before(committable);
        progress
    }

    pub(crate) fn set_at_work(&self, offset: i64) {
        self.at_work.store(offset, Ordering::Relaxed);
    }

    pub(crate) fn at_work(&self) -> Option<i64> {
        Some(self.at_work.load(Ordering::Relaxed)).filter(|offset| *offset != NO_OFFSET)
    }

    /// The lane's last word: nothing of it is left.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.group_thread.unpark();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The lane is about to wait: whether nothing that it does waits for acknowledged emits, so that it can look at them
    /// when a commit is near. Says whether it has to look at some before it waits.
    pub(crate) fn be_patient(&self, is_patient: bool) -> bool {
        // Stored here and looked at there, and the other way round: one of the two sees the other.
        self.is_patient.store(is_patient, Ordering::SeqCst);
        !is_patient && self.has_acknowledgements.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, acknowledgement: Acknowledgement) {
        let can_wait = matches!(acknowledgement, Acknowledgement::Delivered { sent: Sent::Emit(_) | Sent::Job, .. });
        self.acknowledgements.lock().unwrap_or_else(PoisonError::into_inner).push(acknowledgement);
        // They come by the hundred, and the first one has woken the lane.
        let is_first = !self.has_acknowledgements.swap(true, Ordering::SeqCst);
        if !can_wait || (is_first && !self.is_patient.load(Ordering::SeqCst)) {
            self.wake.notify_one();
        }
    }

    /// Takes what has been acknowledged since the last call; costs one load when that is nothing.
    pub(crate) fn take_acknowledgements(&self) -> Vec<Acknowledgement> {
        if !self.has_acknowledgements.load(Ordering::Relaxed)
            || !self.has_acknowledgements.swap(false, Ordering::AcqRel)
        {
            return Vec::new();
        }
        std::mem::take(&mut self.acknowledgements.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
