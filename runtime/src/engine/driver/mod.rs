//! Drives one lane: drains its queue, attempts its records, waits where the lane says so. A lane is one task.
//!
//! What every lane does is [`lane_driver`]'s, with its [`intake`], its [`outbox`] and its [`turn`]; how records are attempted is
//! [`records`]' or [`batch`]'s.

mod attempts;
mod batch;
mod batch_attempt;
mod intake;
mod lane_driver;
mod outbox;
mod records;
mod settle;
mod turn;

use std::sync::Arc;

use tokio::sync::Semaphore;

use attempts::attempt;
use batch::BatchDriver;
pub(crate) use batch_attempt::Outcome;
use lane_driver::LaneDriver;
use records::RecordDriver;
pub(crate) use settle::{TOMBSTONE_IN_BATCH, TOMBSTONE_REFUSED, TOMBSTONE_SKIPPED};

use super::{
    attempt::{Parts, Work},
    core::{
        progress::Progress,
        retry::{LastResort, Policy},
    },
    lane_shared::LaneShared,
    memory_budget::MemoryBudget,
    report::GroupReporter,
    session::Session,
};
use crate::{
    BatchController, Controller, Error, Interchanger, Parser, Record, Routed, Worker,
    client::{Assigned, Positions},
    context::AppShared,
    guard::Bounds,
    histogram::Histogram,
    jobs::enqueue::JobRoute,
    manifest::ConsumerEntry,
    settings::{self, Backoff, Ordering, Tombstones},
    worker::MessageOf,
};

/// How many deliveries are taken out of the client's queue at once: enough to make the call cheap, and few enough
/// that what waits here does not count beside what waits there.
pub(super) const DRAIN: usize = 256;

/// A consumer's parts, as far as any driver needs them, and so the types that go with them.
trait ConsumerParts: Send + Sync + 'static {
    type Worker: Worker;

    /// Parses a record with a value, into where its message is to be worked on.
    fn parse(&self, record: Record, place: &mut Option<Work<MessageOf<Self::Worker>>>) -> Result<(), (Record, Error)>;
}

impl<W: Worker, P: Parser<MessageOf<W>>, I: Send + Sync + 'static> ConsumerParts for Parts<W, P, I> {
    type Worker = W;

    #[inline]
    fn parse(&self, record: Record, place: &mut Option<Work<MessageOf<W>>>) -> Result<(), (Record, Error)> {
        self.parse(record, place)
    }
}

/// The state of the app that the worker `W` is a part of.
type StateOf<W> = <<W as Worker>::Controller as Routed>::State;

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

impl ConsumerSettings {
    /// What becomes of records that fail.
    fn retries(&self) -> Policy {
        let last_resort = match (self.commit_first, &self.dead_letter) {
            (Some(_), _) => LastResort::PassOver,
            (None, Some(_)) => LastResort::DeadLetter,
            (None, None) => LastResort::Person,
        };
        Policy { attempts: self.bounds.attempts, backoff: self.backoff, last_resort }
    }
}

/// Runs a lane until it is drained or lost.
pub(crate) async fn run<W, P, I>(parts: Arc<Parts<W, P, I>>, lane: LaneParts<StateOf<W>>)
where
    W: Worker<Controller: Controller>,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    // Whatever ends this task, the group's thread must not wait for it for ever.
    let _end = EndOnDrop(Arc::clone(&lane.shared));
    let kept = Kept::of(&lane);
    let Kept { shared, consumer, permits, group, .. } = &kept;
    RecordDriver::new(LaneDriver::new(lane, &kept), &*parts)
        .run(permits, |slot| attempt(&parts, &shared.status, consumer.bounds, group, slot))
        .await;
}

/// As [`run`], for a controller of batches.
pub(crate) async fn run_batches<W, P, I>(parts: Arc<Parts<W, P, I>>, lane: LaneParts<StateOf<W>>)
where
    W: Worker<Controller: BatchController>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    let _end = EndOnDrop(Arc::clone(&lane.shared));
    let kept = Kept::of(&lane);
    let Kept { shared, consumer, permits, group, .. } = &kept;
    BatchDriver::new(LaneDriver::new(lane, &kept), &*parts, consumer.batch.unwrap_or_default())
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
