//! What the outside may know of a running app: how each group's thread is doing, and where each lane stands.
//!
//! Lanes and groups write as they go, without locks; whoever looks pays for the look.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    counts::Counted,
    histogram::Histogram,
    shared::{LaneShared, MemoryBudget, Order},
};
use crate::client::TopicPartition;

/// All groups of a running app.
#[derive(Default)]
pub(crate) struct Watch {
    groups: Mutex<Vec<Arc<GroupWatch>>>,
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
}

/// One group, as its thread and its lanes show themselves.
pub(crate) struct GroupWatch {
    pub(crate) group: Arc<str>,
    born: Instant,
    /// Milliseconds from `born` to the last turn of the group's thread.
    turned: AtomicU64,
    /// Milliseconds from `born` to when all that was done was last known to be committed.
    settled: AtomicU64,
    phase: AtomicU8,
    /// Nothing new is begun, because a person wants it so.
    quiet: AtomicBool,
    memory: Arc<MemoryBudget>,
    /// By the topic's name in Kafka.
    consumers: BTreeMap<String, ConsumerWatch>,
    lanes: Mutex<Lanes>,
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
    pub(crate) phase: Phase,
    /// Whether nothing new is begun, because a person wants it so.
    pub(crate) quiet: bool,
    /// How long ago the group's thread was last seen to go round.
    pub(crate) poll_age: Duration,
    /// How long there has been something that is done and not committed; nothing if all is.
    pub(crate) commit_age: Duration,
    /// Bytes of records that wait in lanes, and how many there may be.
    pub(crate) waiting_bytes: (usize, usize),
    /// By the topic's name in Kafka.
    pub(crate) consumers: BTreeMap<String, ConsumerView>,
    /// Sorted by topic and partition.
    pub(crate) lanes: Vec<LaneView>,
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
    pub(crate) high: Option<i64>,
    pub(crate) prefetched: usize,
    pub(crate) waiting: usize,
    pub(crate) in_flight: usize,
    /// The attempt that waits for longest: offset, number, age.
    pub(crate) oldest: Option<(i64, u32, Duration)>,
    /// The record whose handler keeps its thread, and for how long.
    pub(crate) blocked: Option<(i64, Duration)>,
    pub(crate) stuck: u64,
    pub(crate) halted: bool,
}

impl LaneView {
    /// Records that are not done.
    pub(crate) fn lag(&self) -> Option<i64> {
        Some((self.high? - self.next?).max(0))
    }
}

impl Watch {
    pub(crate) fn add(&self, group: Arc<GroupWatch>) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).push(group);
    }

    pub(crate) fn groups(&self) -> Vec<Arc<GroupWatch>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, as it is at `now`.
    pub(crate) fn view(&self, now: Instant) -> Vec<GroupView> {
        self.groups().iter().map(|group| group.view(now)).collect()
    }
}

impl GroupWatch {
    pub(crate) fn new(
        group: Arc<str>,
        memory: Arc<MemoryBudget>,
        consumers: BTreeMap<String, ConsumerWatch>,
        now: Instant,
    ) -> Self {
        Self {
            group,
            born: now,
            turned: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Joining as u8),
            quiet: AtomicBool::new(false),
            memory,
            consumers,
            lanes: Mutex::default(),
        }
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

    fn controller(&self, partition: &TopicPartition) -> &'static str {
        self.consumers.get(&*partition.topic).map_or("", |consumer| consumer.controller)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self, now: Instant) -> GroupView {
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
            if lane.order() != Order::Lose {
                views.push(view_of(partition, lane, &consumer.watch, now));
            }
        }
        views.sort_by(|a, b| a.partition.cmp(&b.partition));
        GroupView {
            group: Arc::clone(&self.group),
            phase: self.phase(),
            quiet: self.quiet.load(Ordering::Relaxed),
            poll_age: self.poll_age(now),
            commit_age: self.age(&self.settled, now),
            waiting_bytes: self.memory.used_of(),
            consumers,
            lanes: views,
        }
    }
}

fn view_of(partition: &TopicPartition, lane: &LaneShared, consumer: &ConsumerWatch, now: Instant) -> LaneView {
    let pulse = &lane.pulse;
    let (oldest, in_flight) = pulse.in_flight();
    LaneView {
        partition: partition.clone(),
        controller: consumer.controller,
        timeout: consumer.timeout,
        next: lane.committable(),
        committed: pulse.committed(),
        high: pulse.high(),
        prefetched: pulse.prefetched(),
        waiting: pulse.waiting(),
        in_flight,
        oldest: oldest.map(|begun| (begun.offset, begun.attempt, now.saturating_duration_since(begun.at))),
        blocked: pulse.blocked(),
        stuck: pulse.stuck(),
        halted: pulse.is_halted(),
    }
}
