//! What a lane, the group's thread and the producer's thread know of one assignment of one partition.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::Thread,
};

use tokio::sync::Notify;

use super::{
    atomic_offset::AtomicOffset,
    commit_request::CommitRequest,
    core::{progress::Progress, tracker::Sequence},
    counts::Counts,
    lane_status::LaneStatus,
    signals::{LaneSignal, Signal},
};
use crate::{
    client::PositionLost,
    context::{LaneScope, Revoked, WaitsForRoom},
    outgoing::{Delivered, Outgoing, SendError, Sender, Sent, Ticket},
    sync::Mutex,
};

/// A position that a lane has lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LostAt {
    /// As the client says it.
    pub(crate) lost: PositionLost,
    /// `lost_position` says where to go on.
    pub(crate) follows: bool,
}

/// What a lane, the group's thread and the producer's thread know of one assignment of one partition.
pub(crate) struct LaneShared {
    signal: LaneSignal,
    /// Something has happened: records, acknowledgements, a signal.
    pub(crate) wake: Notify,
    /// What may be committed.
    committable: AtomicOffset,
    /// What the lane wants committed before it performs it.
    pub(crate) commit_request: CommitRequest,
    /// Whether the partition can be read on from elsewhere in mid-run, and whether it is to.
    moves: AtomicU8,
    /// The position that the lane has lost, which it does once.
    lost: OnceLock<LostAt>,
    ended: AtomicBool,
    /// Tells attempts that the partition is gone, or that nobody waits for them any longer.
    pub(crate) revoked: Revoked,
    /// How many records are below `committable`, at least.
    passed: AtomicU64,
    /// How many of these the lane has finished itself, at least.
    own_passed: AtomicU64,
    pub(crate) counts: Counts,
    pub(crate) status: LaneStatus,
    has_acknowledgements: AtomicBool,
    /// Word of emits that arrived need not wake the lane.
    is_patient: AtomicBool,
    acknowledgements: Mutex<Vec<Acknowledgement>>,
    /// The ids of the jobs that records have become and Redis may not have yet, for the log; empty unless somebody listens.
    jobs: Mutex<BTreeMap<Sequence, String>>,
    /// Whether the lane has more to say than `progress`, and whether the group's thread wants to hear it.
    news: AtomicU8,
    /// What the lane has said last of what is finished and tried beyond `committable`, and how many records it had finished
    /// itself by then.
    progress: Mutex<(Progress, u64)>,
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
            signal: LaneSignal::default(),
            wake: Notify::new(),
            committable: AtomicOffset::new(start),
            commit_request: CommitRequest::default(),
            moves: AtomicU8::new(CANNOT_MOVE),
            lost: OnceLock::new(),
            ended: AtomicBool::new(false),
            revoked: Revoked::default(),
            passed: AtomicU64::new(0),
            own_passed: AtomicU64::new(0),
            counts: Counts::default(),
            status: LaneStatus::default(),
            has_acknowledgements: AtomicBool::new(false),
            is_patient: AtomicBool::new(false),
            acknowledgements: Mutex::new(Vec::new()),
            jobs: Mutex::default(),
            news: AtomicU8::new(NO_NEWS),
            progress: Mutex::default(),
            group_thread,
        }
    }

    /// Tells the lane what to do. A signal is never taken back.
    pub(crate) fn send(&self, signal: Signal) {
        self.signal.send(signal);
        if signal == Signal::Lose {
            self.revoked.tell();
        }
        self.wake.notify_one();
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal.get()
    }

    pub(crate) fn publish(&self, committable: i64) {
        self.committable.store(Some(committable), Ordering::Release);
    }

    /// As [`LaneShared::publish`], beside a group's thread that publishes as well: the higher one counts.
    pub(crate) fn raise(&self, committable: i64) {
        self.committable.raise(committable, Ordering::AcqRel);
    }

    /// The group's thread can move the partition to another position.
    pub(crate) fn let_move(&self) {
        self.moves.store(CAN_MOVE, Ordering::Release);
    }

    /// The lane wants the partition moved when it has ended. Returns whether that can be.
    pub(crate) fn ask_to_move(&self) -> bool {
        let asked = self.moves.compare_exchange(CAN_MOVE, MOVES, Ordering::AcqRel, Ordering::Acquire);
        asked.is_ok() || self.is_moving()
    }

    /// Whether the partition is to move when the lane has ended.
    pub(crate) fn is_moving(&self) -> bool {
        self.moves.load(Ordering::Acquire) == MOVES
    }

    /// The lane has nothing to read at its position; said before it halts or asks to move.
    pub(crate) fn lose_position(&self, lost: LostAt) {
        let _ = self.lost.set(lost);
    }

    /// The position that the lane has lost.
    pub(crate) fn lost(&self) -> Option<&LostAt> {
        self.lost.get()
    }

    /// Asks the group's thread to commit `offset` at once, before what is below it is begun.
    pub(crate) fn ask_to_commit(&self, offset: i64) {
        self.commit_request.ask(offset);
        self.group_thread.unpark();
    }

    /// Kafka has a commit of `offset`; tells a lane that waits for it.
    pub(crate) fn grant(&self, offset: i64) {
        if self.commit_request.is_open() {
            self.raise(offset);
            self.commit_request.grant(offset);
            self.wake.notify_one();
        }
    }

    /// The offset that may be committed, if there is one.
    pub(crate) fn committable(&self) -> Option<i64> {
        self.committable.load(Ordering::Acquire)
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

    /// Leaves word of what is finished and tried, where the lane has finished so many records itself.
    pub(crate) fn tell(&self, progress: Progress, own: u64) {
        *self.progress.lock() = (progress, own);
        self.news.store(NO_NEWS, Ordering::Release);
    }

    /// What the lane has said last, at `committable` and beyond.
    pub(crate) fn progress(&self, committable: i64) -> Progress {
        // What stands before is kept: if this is not committed, it is all that this process knows of it.
        let mut progress = self.progress.lock().0.clone();
        progress.forget_before(committable);
        progress
    }

    /// How many records the lane had finished itself when it said something last.
    pub(crate) fn own_said(&self) -> u64 {
        self.progress.lock().1
    }

    /// How many records are below what was published before, and how many of these the lane has finished itself, at least.
    pub(crate) fn set_passed(&self, records: u64, own: u64) {
        self.passed.store(records, Ordering::Release);
        self.own_passed.store(own, Ordering::Release);
    }

    /// As [`LaneShared::passed`], of those that the lane has finished itself.
    pub(crate) fn own_passed(&self) -> u64 {
        self.own_passed.load(Ordering::Acquire)
    }

    /// How many records are below [`LaneShared::committable`], at least, if that is asked for after this.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Acquire)
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
    /// when a commit is near. Returns whether it has to look at some before it waits.
    pub(crate) fn be_patient(&self, is_patient: bool) -> bool {
        // Stored here and looked at there, and the other way round: one of the two sees the other.
        self.is_patient.store(is_patient, Ordering::SeqCst);
        !is_patient && self.has_acknowledgements.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, acknowledgement: Acknowledgement) {
        let can_wait = matches!(
            acknowledgement,
            Acknowledgement::Delivered { ticket: Ticket { sent: Sent::Emit(_) | Sent::Job, .. }, .. }
        );
        self.acknowledgements.lock().push(acknowledgement);
        // They come by the hundred, and the first one has woken the lane.
        let is_first = !self.has_acknowledgements.swap(true, Ordering::SeqCst);
        if !can_wait || (is_first && !self.is_patient.load(Ordering::SeqCst)) {
            self.wake.notify_one();
        }
    }

    /// The id of the job that a record has become, once.
    pub(crate) fn take_job(&self, sequence: Sequence) -> Option<String> {
        self.jobs.lock().remove(&sequence)
    }

    /// Takes what has been acknowledged since the last call; costs one load when that is nothing.
    pub(crate) fn take_acknowledgements(&self) -> Vec<Acknowledgement> {
        if !self.has_acknowledgements.load(Ordering::Relaxed)
            || !self.has_acknowledgements.swap(false, Ordering::AcqRel)
        {
            return Vec::new();
        }
        std::mem::take(&mut self.acknowledgements.lock())
    }
}

/// What became of something that a lane has sent.
pub(crate) enum Acknowledgement {
    Delivered { ticket: Ticket, delivered: Delivered },
    Undelivered { ticket: Ticket, outgoing: Outgoing, error: SendError },
}

impl Sender for LaneShared {
    fn delivered(&self, ticket: Ticket, delivered: Delivered) {
        self.acknowledge(Acknowledgement::Delivered { ticket, delivered });
    }

    fn undelivered(&self, ticket: Ticket, outgoing: Outgoing, error: SendError) {
        self.acknowledge(Acknowledgement::Undelivered { ticket, outgoing, error });
    }
}

impl LaneScope for LaneShared {
    fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    fn is_committed(&self) -> bool {
        self.commit_request.has_granted()
    }

    fn wait_for_room<'a>(self: Arc<Self>, sequence: Sequence, room: WaitsForRoom<'a>) -> WaitsForRoom<'a> {
        Box::pin(async move {
            let _waits = self.status.waits_for_room(sequence);
            room.await
        })
    }

    fn note_job(&self, sequence: Sequence, jid: String) {
        self.jobs.lock().insert(sequence, jid);
    }
}
