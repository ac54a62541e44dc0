//! What the outside may know of a running app: how each group's thread is doing, and where each lane stands.
//!
//! Lanes and groups write as they go, without locks; whoever looks pays for the look.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) use super::jobs_watch::{JobAtWork, JobView, JobsPhase, JobsView, JobsWatch};
use super::{
    counts::Counted,
    lane_shared::LaneShared,
    lane_status::{AtWork, LaneStatus, Unfinished},
    memory_budget::MemoryBudget,
    obstacles::ObstacleView,
    polls::LONG,
    refused::RefusedCopy,
    signals::Signal,
};
use crate::{
    client::TopicPartition,
    events::{Blocked, ShortDuration},
    foreign,
    histogram::Histogram,
    producer::{
        client::ProducerClient,
        watch::{ProducerWatch, SendsView},
    },
    sync::Mutex,
};

/// All of a running app: the groups of a server, or the jobs of a worker.
#[derive(Default)]
pub(crate) struct Watch {
    groups: Mutex<Vec<Arc<GroupWatch>>>,
    /// Of a worker.
    pub(crate) jobs: Option<Arc<JobsWatch>>,
    pub(crate) threads: ThreadsWatch,
    /// What stands in the way of what is sent, as was seen last.
    obstacles: Mutex<Vec<ObstacleView>>,
    /// What is sent, if anything is.
    sends: OnceLock<Arc<ProducerWatch>>,
}

/// The threads that an app's code runs on.
#[derive(Debug, Default)]
pub(crate) struct ThreadsWatch {
    count: AtomicUsize,
    /// For how long none has been free, in milliseconds: what a watchdog has seen.
    stalled: AtomicU64,
}

/// An app at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) groups: Vec<GroupView>,
    /// Of a worker.
    pub(crate) jobs: Option<JobsView>,
    pub(crate) threads: ThreadsView,
    /// What stands in the way of what is sent.
    pub(crate) obstacles: Vec<ObstacleView>,
    /// What was sent.
    pub(crate) sends: Option<SendsView>,
}

/// The threads that an app's code runs on, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ThreadsView {
    /// How many there are.
    pub(crate) count: usize,
    /// For how long none has been free, when that is so for long.
    pub(crate) stalled: Option<Duration>,
}

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Has asked for partitions, and waits for the first answer.
    Joining = 0,
    /// Has what it was given, which may be nothing.
    Assigned = 1,
    /// Partitions come or go.
    Rebalancing = 2,
    /// Drains, for the last time.
    Stopping = 3,
    /// Its thread has ended.
    Ended = 4,
}

/// What is known of a consumer: a topic of a group.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerWatch {
    pub(crate) controller: &'static str,
    /// How long an attempt may take.
    pub(crate) timeout: Option<Duration>,
    /// How long performs took, when that is measured.
    pub(crate) durations: Option<Arc<Histogram>>,
    /// Whether records are handed over as jobs; `timeout` bounds the jobs then.
    pub(crate) enqueues: bool,
}

impl ConsumerWatch {
    /// Attempts of a lane that have not ended for long, where nobody has said that they may take so long. While one of the
    /// lane keeps its thread, that is why the others do not end.
    pub(crate) fn unfinished(&self, status: &LaneStatus, now: Instant) -> Option<Unfinished> {
        if self.timeout.is_some() || status.blocked().is_some() { None } else { status.unfinished(now, LONG) }
    }
}

/// One group, as its thread and its lanes show themselves.
pub(crate) struct GroupWatch {
    pub(crate) group: Arc<str>,
    /// Its key in the manifest, where that is not its id.
    key: Option<Arc<str>>,
    born: Instant,
    /// Milliseconds from `born` to the last turn of the group's thread.
    turned: AtomicU64,
    /// Milliseconds from `born` to when all that was done was last known to be committed.
    settled: AtomicU64,
    phase: AtomicU8,
    /// Nothing new is begun, because a person wants it so.
    quiet: AtomicBool,
    memory: Arc<MemoryBudget>,
    /// How many attempts there may be at once.
    concurrency: usize,
    /// By the topic's name in Kafka.
    consumers: BTreeMap<String, ConsumerWatch>,
    lanes: Mutex<Lanes>,
    /// What stands in its way, as its thread has seen last.
    obstacles: Mutex<Vec<ObstacleView>>,
}

#[derive(Default)]
struct Lanes {
    open: Vec<(TopicPartition, Arc<LaneShared>)>,
    /// What lanes have counted that are gone, by topic.
    gone: BTreeMap<Arc<str>, Counted>,
}

/// A group at one moment.
#[derive(Debug, Clone)]
pub(crate) struct GroupView {
    pub(crate) group: Arc<str>,
    /// Its key in the manifest, where that is not its id.
    pub(crate) key: Option<Arc<str>>,
    pub(crate) phase: Phase,
    /// Whether nothing new is begun, because a person wants it so.
    pub(crate) quiet: bool,
    /// How long ago the group's thread was last seen to go round.
    pub(crate) poll_age: Duration,
    /// How long there has been something that is done and not committed; nothing if all is.
    pub(crate) commit_age: Duration,
    /// How many attempts there may be at once.
    pub(crate) concurrency: usize,
    /// Bytes of records that wait in lanes, and how many there may be.
    pub(crate) waiting_bytes: (usize, usize),
    /// By the topic's name in Kafka.
    pub(crate) consumers: BTreeMap<String, ConsumerView>,
    /// Sorted by topic and partition.
    pub(crate) lanes: Vec<LaneView>,
    /// What stands in its way.
    pub(crate) obstacles: Vec<ObstacleView>,
}

/// A consumer at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerView {
    pub(crate) watch: ConsumerWatch,
    pub(crate) counted: Counted,
}

/// A lane at one moment.
#[derive(Debug, Clone)]
pub(crate) struct LaneView {
    pub(crate) partition: TopicPartition,
    pub(crate) controller: &'static str,
    pub(crate) timeout: Option<Duration>,
    /// The first unfinished record.
    pub(crate) next: Option<i64>,
    pub(crate) committed: Option<i64>,
    pub(crate) low: Option<i64>,
    pub(crate) high: Option<i64>,
    pub(crate) prefetched: usize,
    pub(crate) waiting: usize,
    pub(crate) in_flight: usize,
    /// The attempt that waits for longest: offset, number, age.
    pub(crate) oldest: Option<(i64, u32, Duration)>,
    /// The record whose handler keeps its thread, and for how long.
    pub(crate) blocked: Option<(i64, Duration)>,
    /// Attempts that have not ended for long, where nobody has said that they may take so long.
    pub(crate) unfinished: Option<UnfinishedView>,
    pub(crate) stuck: u64,
    pub(crate) halted: bool,
    /// Finished records that a commit has no room for.
    pub(crate) left_out: u64,
    /// A copy that Kafka refuses as it is, and how many there are.
    pub(crate) refused: Option<(RefusedCopy, usize)>,
}

/// Attempts that do not end, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnfinishedView {
    /// Of the one that has waited for longest.
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
    pub(crate) age: Duration,
    /// How many others there are.
    pub(crate) others: usize,
    /// Whether it hands records over as jobs.
    pub(crate) enqueues: bool,
}

impl ThreadsWatch {
    pub(crate) fn set_count(&self, count: usize) {
        self.count.store(count, Ordering::Relaxed);
    }

    /// Notes for how long no thread has been free.
    pub(crate) fn set_stalled(&self, stalled: Option<Duration>) {
        let milliseconds = stalled.map_or(0, |stalled| u64::try_from(stalled.as_millis()).unwrap_or(u64::MAX).max(1));
        self.stalled.store(milliseconds, Ordering::Relaxed);
    }

    fn view(&self) -> ThreadsView {
        let stalled = self.stalled.load(Ordering::Relaxed);
        let stalled = (stalled > 0).then(|| Duration::from_millis(stalled));
        ThreadsView { count: self.count.load(Ordering::Relaxed), stalled }
    }
}

impl View {
    /// Every handler that keeps its thread: who, at what, for how long.
    pub(crate) fn blocked(&self) -> Vec<String> {
        let lanes = self.groups.iter().flat_map(|group| &group.lanes).filter_map(|lane| {
            let (offset, running) = lane.blocked?;
            Some(format!("{} on {}@{offset} for {}", lane.controller, lane.partition, ShortDuration(running)))
        });
        let jobs = self.jobs.iter().flat_map(|jobs| &jobs.at_work).filter_map(|job| {
            let JobView { class, queue, jid, blocked, .. } = job;
            Some(format!("{class} on {queue}/{jid} for {}", ShortDuration((*blocked)?)))
        });
        lanes.chain(jobs).map(|words| foreign::line(&words).into_owned()).collect()
    }
}

impl LaneView {
    /// Records that are not done: where nothing has been taken yet, all that there are.
    pub(crate) fn lag(&self) -> Option<i64> {
        Some((self.high? - self.next.or(self.low)?).max(0))
    }
}

impl Watch {
    /// Of a worker.
    #[cfg(feature = "jobs")]
    pub(crate) fn of(jobs: Arc<JobsWatch>) -> Self {
        Self { jobs: Some(jobs), ..Self::default() }
    }

    /// What stands in the way of what is sent now.
    pub(crate) fn set_obstacles(&self, obstacles: Vec<ObstacleView>) {
        *self.obstacles.lock() = obstacles;
    }

    /// What the app's producer sends is seen here, too.
    pub(crate) fn sends(&self, producer: &ProducerClient) {
        // An app has one producer.
        let _ = self.sends.set(producer.watched());
    }

    pub(crate) fn add(&self, group: Arc<GroupWatch>) {
        self.groups.lock().push(group);
    }

    pub(crate) fn groups(&self) -> Vec<Arc<GroupWatch>> {
        self.groups.lock().clone()
    }

    /// Everything, as it is at `now`.
    pub(crate) fn view(&self, now: Instant) -> View {
        let groups = self.groups().iter().map(|group| group.view(now)).collect();
        let obstacles = self.obstacles.lock().clone();
        let jobs = self.jobs.as_ref().map(|jobs| jobs.view(now));
        let sends = self.sends.get().map(|sends| sends.view());
        View { groups, jobs, threads: self.threads.view(), obstacles, sends }
    }
}

impl GroupWatch {
    pub(crate) fn new(
        group: Arc<str>,
        concurrency: usize,
        memory: Arc<MemoryBudget>,
        consumers: BTreeMap<String, ConsumerWatch>,
        now: Instant,
    ) -> Self {
        Self {
            group,
            key: None,
            born: now,
            turned: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Joining as u8),
            quiet: AtomicBool::new(false),
            concurrency,
            memory,
            consumers,
            lanes: Mutex::default(),
            obstacles: Mutex::default(),
        }
    }

    /// The group, with its key in the manifest where that is not its id.
    pub(crate) fn of_key(self, key: Option<&str>) -> Self {
        Self { key: key.map(Arc::from), ..self }
    }

    fn since_birth(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    fn age(&self, of: &AtomicU64, now: Instant) -> Duration {
        Duration::from_millis(self.since_birth(now).saturating_sub(of.load(Ordering::Relaxed)))
    }

    /// The group's thread goes round.
    pub(crate) fn turned(&self, now: Instant) {
        self.turned.store(self.since_birth(now), Ordering::Relaxed);
    }

    /// All that is done is committed.
    pub(crate) fn settled(&self, now: Instant) {
        self.settled.store(self.since_birth(now), Ordering::Relaxed);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Nothing new is begun, or it is again.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Joining,
            1 => Phase::Assigned,
            2 => Phase::Rebalancing,
            3 => Phase::Stopping,
            _ => Phase::Ended,
        }
    }

    /// How long ago the group's thread was last seen to go round; nothing once it has ended.
    pub(crate) fn poll_age(&self, now: Instant) -> Duration {
        if self.phase() == Phase::Ended { Duration::ZERO } else { self.age(&self.turned, now) }
    }

    /// What stands in its way now.
    pub(crate) fn set_obstacles(&self, obstacles: Vec<ObstacleView>) {
        *self.obstacles.lock() = obstacles;
    }

    pub(crate) fn opened(&self, partition: TopicPartition, lane: Arc<LaneShared>) {
        self.lock().open.push((partition, lane));
    }

    /// Nothing of a lane is left, or nobody waits for it any more; what it has counted stays.
    pub(crate) fn closed(&self, lane: &Arc<LaneShared>) {
        let mut lanes = self.lock();
        if let Some(place) = lanes.open.iter().position(|(_, known)| Arc::ptr_eq(known, lane)) {
            let (partition, lane) = lanes.open.swap_remove(place);
            *lanes.gone.entry(partition.topic).or_default() += lane.counts.read();
        }
    }

    /// Every lane that has not ended, with the controller's name.
    pub(crate) fn lanes(&self) -> Vec<(TopicPartition, &'static str, Arc<LaneShared>)> {
        let lanes = self.lock();
        let open = lanes.open.iter();
        open.map(|(partition, lane)| (partition.clone(), self.controller(partition), Arc::clone(lane))).collect()
    }

    /// Every lane that has not ended, with what is known of its consumer.
    pub(crate) fn watched(&self) -> Vec<(TopicPartition, &ConsumerWatch, Arc<LaneShared>)> {
        let lanes = self.lock();
        let of = |(partition, lane): &(TopicPartition, Arc<LaneShared>)| {
            let consumer = self.consumers.get(&*partition.topic)?;
            Some((partition.clone(), consumer, Arc::clone(lane)))
        };
        lanes.open.iter().filter_map(of).collect()
    }

    fn controller(&self, partition: &TopicPartition) -> &'static str {
        self.consumers.get(&*partition.topic).map_or("", |consumer| consumer.controller)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock()
    }

    pub(super) fn view(&self, now: Instant) -> GroupView {
        let lanes = self.lock();
        let mut consumers: BTreeMap<String, ConsumerView> = self
            .consumers
            .iter()
            .map(|(topic, watch)| {
                let counted = lanes.gone.get(topic.as_str()).copied().unwrap_or_default();
                (topic.clone(), ConsumerView { watch: watch.clone(), counted })
            })
            .collect();
        let mut views = Vec::new();
        for (partition, lane) in &lanes.open {
            let Some(consumer) = consumers.get_mut(&*partition.topic) else { continue };
            consumer.counted += lane.counts.read();
            // A lane that has lost its partition still counts, and says nothing of the partition.
            if lane.signal() != Signal::Lose {
                views.push(view_of(partition, lane, &consumer.watch, now));
            }
        }
        views.sort_by(|a, b| a.partition.cmp(&b.partition));
        GroupView {
            group: Arc::clone(&self.group),
            key: self.key.clone(),
            phase: self.phase(),
            quiet: self.quiet.load(Ordering::Relaxed),
            poll_age: self.poll_age(now),
            commit_age: self.age(&self.settled, now),
            concurrency: self.concurrency,
            waiting_bytes: self.memory.used_of(),
            consumers,
            lanes: views,
            obstacles: self.obstacles.lock().clone(),
        }
    }
}

/// An attempt that does not end in time.
pub(crate) fn blocked(controller: &str, partition: &TopicPartition, at_work: AtWork, now: Instant) -> Blocked {
    let AtWork { offset, records, since } = at_work;
    let (controller, partition) = (controller.to_owned(), partition.clone());
    Blocked { controller, partition, offset, records, running: now.saturating_duration_since(since) }
}

fn view_of(partition: &TopicPartition, lane: &LaneShared, consumer: &ConsumerWatch, now: Instant) -> LaneView {
    let status = &lane.status;
    let (oldest, in_flight) = status.in_flight();
    LaneView {
        partition: partition.clone(),
        controller: consumer.controller,
        timeout: consumer.timeout,
        next: lane.committable(),
        committed: status.committed(),
        low: status.low(),
        high: status.high(),
        prefetched: status.prefetched(),
        waiting: status.waiting(),
        in_flight,
        oldest: oldest.map(|begun| (begun.offset, begun.attempt, now.saturating_duration_since(begun.at))),
        blocked: status.blocked(),
        unfinished: consumer.unfinished(status, now).map(|Unfinished { first, others }| UnfinishedView {
            offset: first.offset,
            attempt: first.attempt,
            age: now.saturating_duration_since(first.at),
            others,
            enqueues: consumer.enqueues,
        }),
        stuck: status.stuck(),
        halted: status.is_halted(),
        left_out: status.left_out(),
        refused: status.refused.first(),
    }
}
