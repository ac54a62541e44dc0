//! Drives one consumer group: a thread that polls, hands over, commits, and never runs an app's code.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    progress::Progress,
    report::Report,
    session::Session,
    shared::{LaneShared, NO_OFFSET, Order},
    watch::{GroupWatch, Phase},
};
use crate::{
    client::{Assigned, Client, ClientEvent, Commit, CommitError, TopicPartition, Wake},
    events::{Blocked, Event},
};

/// How long finished work may stay uncommitted.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// How long before a commit lanes are asked for what it is to say beyond its offset.
const ASK_AHEAD: Duration = Duration::from_millis(20);
/// How long the thread sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_millis(50);
/// How long an assignment waits before its offsets are asked for again.
const ASSIGN_AGAIN: Duration = Duration::from_millis(500);
/// How long an error is not repeated.
const WARN_AGAIN: Duration = Duration::from_secs(30);
/// How long the last commits before a stop may be refused before they are given up.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);
/// How long after a refusal they are made again.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);
/// How often the ends of partitions are looked up, for those who watch.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How long revoked partitions may take to finish what they are at: well below the session's 45 s.
const DRAIN_BUDGET: Duration = Duration::from_secs(10);

/// Opens a lane for a partition of a topic that the group consumes, after lanes that have come this far.
///
/// `None` for a topic that nobody here consumes.
pub(crate) type OpenLane = Box<dyn Fn(Assigned, Progress, Arc<LaneShared>, &Handle) -> Option<JoinHandle<()>> + Send>;

/// How a group ended.
#[derive(Debug, Default)]
pub(crate) struct GroupEnd {
    /// Records handled or skipped.
    pub(crate) handled: u64,
    /// Failed attempts.
    pub(crate) failed: u64,
    /// Records in the dead letter topic.
    pub(crate) dead: u64,
    /// Handlers that did not end in time.
    pub(crate) blocked: Vec<Blocked>,
    /// Why Kafka did not take the last commit.
    pub(crate) uncommitted: Option<String>,
    /// Why the client gave up.
    pub(crate) fatal: Option<String>,
}

/// What a group's thread is told.
#[derive(Debug, Default)]
pub(crate) struct GroupOrder(AtomicU8);

impl GroupOrder {
    const STOP: u8 = 1;
    const FORCE: u8 = 2;

    /// Drain, commit, leave.
    pub(crate) fn stop(&self) {
        self.0.fetch_max(Self::STOP, Ordering::AcqRel);
    }

    /// Leave now.
    pub(crate) fn force(&self) {
        self.0.fetch_max(Self::FORCE, Ordering::AcqRel);
    }

    fn stops(&self) -> bool {
        self.0.load(Ordering::Acquire) >= Self::STOP
    }

    fn forces(&self) -> bool {
        self.0.load(Ordering::Acquire) >= Self::FORCE
    }
}

/// The group's thread.
pub(crate) struct Group {
    pub(crate) client: Box<dyn Client>,
    pub(crate) open_lane: OpenLane,
    /// The sign of life that lanes look at.
    pub(crate) session: Arc<Session>,
    pub(crate) runtime: Handle,
    pub(crate) report: Report,
    pub(crate) order: Arc<GroupOrder>,
    /// How long a stop may take.
    pub(crate) stop_budget: Duration,
    /// A controller's constant by the topic's name in Kafka.
    pub(crate) controllers: BTreeMap<String, &'static str>,
    /// Where the outside sees the group.
    pub(crate) watch: Arc<GroupWatch>,
}

struct LaneHandle {
    shared: Arc<LaneShared>,
    task: JoinHandle<()>,
    /// The offset and the metadata of the last commit that was sent, so that nothing is committed twice.
    committed: Option<(i64, Option<String>)>,
    /// The offset that Kafka has.
    acknowledged: Option<i64>,
    /// The record that was at work at the last look, and since when.
    at_work: Option<(i64, Instant)>,
}

impl LaneHandle {
    /// Kafka has a commit of this offset.
    fn acknowledged(&mut self, offset: i64) {
        self.acknowledged = self.acknowledged.max(Some(offset));
        self.shared.pulse.set_committed(offset);
    }

    fn look(&mut self, now: Instant) {
        self.at_work = self.shared.at_work().map(|offset| match self.at_work {
            Some((known, since)) if known == offset => (known, since),
            _ => (offset, now),
        });
    }
}

/// What this process has finished of a partition that it does not have any more.
struct Memory {
    /// The offset that Kafka had.
    acknowledged: i64,
    progress: Progress,
}

/// Partitions that the group gives.
struct Assignment {
    partitions: Vec<TopicPartition>,
    /// When it is taken up.
    when: Instant,
    /// Until when it may wait for what earlier lanes of its partitions are still at.
    until: Instant,
}

/// Partitions that the group takes, while their lanes finish.
struct Revocation {
    partitions: Vec<TopicPartition>,
    until: Instant,
    lost: bool,
}

/// The state of a running group.
struct Running {
    group: Group,
    lanes: BTreeMap<TopicPartition, LaneHandle>,
    /// Lanes that are over or were given up, until they have ended.
    leaving: Vec<(TopicPartition, LaneHandle)>,
    revocation: Option<Revocation>,
    assignment: Option<Assignment>,
    /// What was finished beyond the last commit, of partitions that this process had; bounded by their number and the
    /// window.
    memory: BTreeMap<TopicPartition, Memory>,
    /// The broker has refused commits with metadata.
    is_plain: bool,
    /// Commits in the background, and how many of them have ended.
    sent: u64,
    ended: u64,
    /// The process stood still, and belongs to the group again when a commit after this one is acknowledged.
    in_doubt: Option<u64>,
    next_ask: Instant,
    next_commit: Instant,
    next_measure: Instant,
    /// No broker has answered since it was said.
    disconnected: bool,
    /// When an error was last said.
    warned: BTreeMap<String, Instant>,
    end: GroupEnd,
}

impl Group {
    /// Runs the group until it is told to stop, or its client gives up. Blocks the thread.
    pub(crate) fn run(self) -> GroupEnd {
        let mut running = Running {
            group: self,
            lanes: BTreeMap::new(),
            leaving: Vec::new(),
            revocation: None,
            assignment: None,
            memory: BTreeMap::new(),
            is_plain: false,
            sent: 0,
            ended: 0,
            in_doubt: None,
            next_ask: Instant::now() + COMMIT_INTERVAL - ASK_AHEAD,
            next_commit: Instant::now() + COMMIT_INTERVAL,
            next_measure: Instant::now(),
            disconnected: false,
            warned: BTreeMap::new(),
            end: GroupEnd::default(),
        };
        while running.end.fatal.is_none() && !running.group.order.stops() {
            running.turn();
        }
        running.stop()
    }
}

impl Running {
    /// Deals with everything that has happened, then sleeps until something else does.
    fn turn(&mut self) {
        if !self.group.session.turn(self.group.session.now()) && self.in_doubt.is_none() {
            self.in_doubt = Some(self.sent);
            self.next_commit = Instant::now();
            self.group.report.stood_still();
        }
        while let Some(event) = self.group.client.poll() {
            self.hear(event);
        }
        self.go_on_with_revocation();
        self.go_on_with_assignment();
        self.sweep();
        let now = Instant::now();
        if now >= self.next_ask {
            self.next_ask = self.next_commit + COMMIT_INTERVAL - ASK_AHEAD;
            self.lanes.values().for_each(|lane| lane.shared.ask_for_news());
        }
        if now >= self.next_commit {
            self.next_commit = now + COMMIT_INTERVAL;
            self.look_at_lanes(now);
            if self.in_doubt.is_some() {
                // Any commit is a question that only a member is answered.
                self.lanes.values_mut().for_each(|lane| lane.committed = None);
            }
            // One at a time: the client tries some refused commits again by itself, and a later one that went ahead
            // would be undone by that.
            if self.sent == self.ended {
                let commits = self.uncommitted(|_| true);
                if commits.is_empty() {
                    self.group.watch.settled(now);
                } else {
                    self.sent += 1;
                    self.group.client.commit(&commits);
                }
            }
        }
        self.measure(now);
        if self.end.fatal.is_none() {
            let next = self.next_commit.min(self.next_ask);
            self.group.client.wait(IDLE.min(next.saturating_duration_since(Instant::now())));
        }
    }

    fn hear(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Assign(partitions) => {
                self.connected();
                self.group.watch.set_phase(Phase::Rebalancing);
                let now = Instant::now();
                self.assignment = Some(Assignment { partitions, when: now, until: now + DRAIN_BUDGET });
            }
            ClientEvent::Revoke { partitions, lost } => self.revoke(partitions, lost),
            ClientEvent::Committed { offsets, error } => {
                self.ended += 1;
                let Some(error) = error else {
                    self.connected();
                    self.group.watch.settled(Instant::now());
                    // An answer that was under way before the process stood still says nothing of now.
                    if self.in_doubt.is_some_and(|sent| self.ended > sent) {
                        self.belongs();
                    }
                    for (partition, offset) in offsets {
                        if let Some(lane) = self.lanes.get_mut(&partition) {
                            lane.acknowledged(offset);
                        }
                    }
                    return;
                };
                self.commit_failed(&error);
                // The next round commits again what is still ours.
                for (partition, _) in offsets {
                    if let Some(lane) = self.lanes.get_mut(&partition) {
                        lane.committed = None;
                    }
                }
            }
            ClientEvent::Disconnected(reason) => {
                if !self.disconnected {
                    self.disconnected = true;
                    let event = Event::Disconnected { group: &self.group.report.group, reason: &reason };
                    self.group.report.reporter.tell(&event);
                }
            }
            ClientEvent::Error(error) => self.warn_once(error),
            ClientEvent::Fatal(error) => self.end.fatal = Some(error),
        }
    }

    fn connected(&mut self) {
        if std::mem::take(&mut self.disconnected) {
            self.group.report.reporter.tell(&Event::Reconnected { group: &self.group.report.group });
        }
    }

    /// The group has answered: lanes may go on.
    fn belongs(&mut self) {
        self.in_doubt = None;
        self.group.session.answered(self.group.session.now());
        self.lanes.values().for_each(|lane| lane.shared.wake.notify_one());
    }

    /// The client repeats an error with each of its own attempts; a person wants it now and then.
    fn warn_once(&mut self, error: String) {
        let now = Instant::now();
        let silent = self.warned.get(&error).is_some_and(|last| now - *last < WARN_AGAIN);
        if !silent {
            self.group.report.warn(&error);
            self.warned.insert(error, now);
        }
    }

    fn commit_failed(&mut self, error: &CommitError) {
        self.is_plain |= error.is_metadata;
        self.group.report.commit_failed(&error.reason);
    }

    /// Commits and waits for the answer.
    fn commit_and_wait(&mut self, commits: Vec<Commit>) -> Result<(), CommitError> {
        if commits.is_empty() {
            return Ok(());
        }
        let mut commits = commits;
        let mut ended = self.group.client.commit_and_wait(&commits);
        if ended.as_ref().is_err_and(|error| error.is_metadata) {
            self.is_plain = true;
            commits.iter_mut().for_each(|commit| commit.metadata = None);
            ended = self.group.client.commit_and_wait(&commits);
        }
        if ended.is_ok() {
            for commit in commits {
                if let Some(lane) = self.lanes.get_mut(&commit.partition) {
                    lane.acknowledged(commit.offset);
                }
            }
        }
        ended
    }

    fn go_on_with_assignment(&mut self) {
        let now = Instant::now();
        let Some(mut assignment) = self.assignment.take_if(|assignment| assignment.when <= now) else { return };
        let is_free = |partition| {
            let mut leaving = self.leaving.iter();
            !leaving.any(|(left, lane)| left == partition && !lane.shared.has_ended())
        };
        // A record that was begun before the partition went and came back is better finished than begun again.
        if now < assignment.until && !assignment.partitions.iter().all(is_free) {
            self.assignment = Some(assignment);
            return;
        }
        let mut lanes = BTreeMap::new();
        let mut make_wake = |partition: &TopicPartition| -> Wake {
            let shared = Arc::new(LaneShared::new(None, thread::current()));
            lanes.insert(partition.clone(), Arc::clone(&shared));
            Arc::new(move || shared.wake.notify_one())
        };
        match self.group.client.assign(&assignment.partitions, &mut make_wake) {
            Ok(assigned) => {
                self.belongs();
                let (group, partitions) = (&self.group.report.group, &assignment.partitions);
                self.group.report.reporter.tell(&Event::Assigned { group, partitions });
                self.sweep();
                for assigned in assigned {
                    if let Some(shared) = lanes.remove(&assigned.partition) {
                        self.open_lane(assigned, shared);
                    }
                }
                self.group.watch.set_phase(Phase::Assigned);
                self.next_measure = Instant::now();
            }
            Err(error) => {
                self.warn_once(format!("cannot start to read: {error}; trying again"));
                assignment.when = now + ASSIGN_AGAIN;
                self.assignment = Some(assignment);
            }
        }
    }

    fn open_lane(&mut self, assigned: Assigned, shared: Arc<LaneShared>) {
        let (partition, start) = (assigned.partition.clone(), assigned.start);
        let commit = assigned.committed.as_ref();
        let committed = commit.map(|commit| commit.offset);
        let group = &self.group.report.group;
        if let (Some(passed), Some(to)) = (assigned.passed, start) {
            let event = Event::Positioned { group, partition: &partition, from: committed, to, passed };
            self.group.report.reporter.tell(&event);
        }
        let mut earlier = commit.map(|commit| Progress::decode(&commit.metadata, commit.offset)).unwrap_or_default();
        if let Some(memory) = self.memory.remove(&partition)
            // Else somebody has moved the group back, and wants these records again.
            && memory.acknowledged <= committed.unwrap_or(NO_OFFSET)
        {
            earlier.merge(&memory.progress);
        }
        if committed > start {
            // The records behind these offsets are others now.
            earlier = Progress::default();
        }
        earlier.forget_before(start.unwrap_or(0));
        if let Some(start) = start {
            shared.publish(start);
        }
        if let Some(committed) = committed {
            shared.pulse.set_committed(committed);
        }
        shared.tell(earlier.clone());
        match (self.group.open_lane)(assigned, earlier, Arc::clone(&shared), &self.group.runtime) {
            Some(task) => {
                self.group.watch.opened(partition.clone(), Arc::clone(&shared));
                let known = |committed| (committed, shared.progress(committed).encode(committed));
                let known = committed.filter(|_| committed == start).map(known);
                let lane = LaneHandle { shared, task, committed: known, acknowledged: committed, at_work: None };
                self.lanes.insert(partition, lane);
            }
            None => self.end.fatal = Some(format!("{partition} was assigned, and nobody consumes it")),
        }
    }

    fn revoke(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        self.group.watch.set_phase(Phase::Rebalancing);
        // An assignment that was not yet taken up is void.
        self.assignment = None;
        let order = if lost { Order::Lose } else { Order::Drain };
        for partition in &partitions {
            if let Some(lane) = self.lanes.get(partition) {
                lane.shared.give(order);
            }
        }
        let budget = if lost { Duration::ZERO } else { DRAIN_BUDGET };
        self.revocation = Some(Revocation { partitions, until: Instant::now() + budget, lost });
    }

    /// Lets revoked partitions go once their lanes have ended or the budget is used up.
    fn go_on_with_revocation(&mut self) {
        let Some(revocation) = &self.revocation else { return };
        let all_ended = revocation
            .partitions
            .iter()
            .all(|partition| self.lanes.get(partition).is_none_or(|lane| lane.shared.has_ended()));
        // A commit on its way is waited for: if it is refused, its offsets have to be committed below.
        if !(all_ended && self.sent == self.ended) && Instant::now() < revocation.until {
            return;
        }
        let Some(Revocation { partitions, lost, .. }) = self.revocation.take() else { return };
        let commits = self.uncommitted(|partition| partitions.contains(partition));
        if let Err(error) = self.commit_and_wait(commits) {
            self.commit_failed(&error);
        }
        let mut to_repeat = 0;
        for partition in &partitions {
            if let Some(lane) = self.lanes.remove(partition) {
                // What finishes from here on commits nothing: the lane is not in the map any more.
                lane.shared.give(Order::Lose);
                to_repeat += u64::from(!lane.shared.has_ended() && lane.shared.at_work().is_some());
                self.leaving.push((partition.clone(), lane));
            }
        }
        self.group.client.unassign(&partitions);
        if !self.lanes.is_empty() {
            // What is left goes on; a further assignment comes only if there is something to give.
            self.group.watch.set_phase(Phase::Assigned);
        }
        let group = &self.group.report.group;
        self.group.report.reporter.tell(&if lost {
            Event::Lost { group, partitions: &partitions, to_repeat }
        } else {
            Event::Revoked { group, partitions: &partitions, to_repeat }
        });
    }

    /// Notes what is at work, and notices a lane that has ended without being told to: going on without it would let
    /// its partition stand still in silence.
    fn look_at_lanes(&mut self, now: Instant) {
        for (partition, lane) in &mut self.lanes {
            lane.look(now);
            if lane.shared.has_ended() && lane.shared.order() == Order::Run {
                self.end.fatal = Some(format!("the lane of {partition} has ended by itself; this is a bug of karafka"));
            }
        }
        for (_, lane) in &mut self.leaving {
            lane.look(now);
        }
    }

    /// Notes where partitions end, as far as the client knows from its last fetches.
    fn measure(&mut self, now: Instant) {
        self.group.watch.turned(now);
        if now < self.next_measure {
            return;
        }
        self.next_measure = now + MEASURE_INTERVAL;
        for (partition, lane) in &self.lanes {
            if let Some(offset) = self.group.client.high_watermark(partition) {
                lane.shared.pulse.set_high(offset);
            }
        }
    }

    /// Forgets lanes that have ended, but for what they have finished.
    fn sweep(&mut self) {
        for (partition, lane) in self.leaving.extract_if(.., |(_, lane)| lane.shared.has_ended()) {
            self.group.watch.closed(&lane.shared);
            count(&mut self.end, &lane);
            let acknowledged = lane.acknowledged.unwrap_or(NO_OFFSET);
            let progress = lane.shared.progress(acknowledged);
            // A newer lane has more to say than one that was late.
            if !progress.is_empty() && !self.lanes.contains_key(&partition) {
                self.memory.insert(partition, Memory { acknowledged, progress });
            }
        }
    }

    /// What is done and not committed, of the partitions chosen; counts it as committed.
    fn uncommitted(&mut self, chosen: impl Fn(&TopicPartition) -> bool) -> Vec<Commit> {
        let mut commits = Vec::new();
        for (partition, lane) in &mut self.lanes {
            // A lane that has been told that it lost its partition commits nothing.
            if !chosen(partition) || lane.shared.order() == Order::Lose {
                continue;
            }
            let Some(offset) = lane.shared.committable() else { continue };
            let metadata = if self.is_plain { None } else { lane.shared.progress(offset).encode(offset) };
            if lane.committed.as_ref().is_none_or(|known| *known != (offset, metadata.clone())) {
                lane.committed = Some((offset, metadata.clone()));
                commits.push(Commit { partition: partition.clone(), offset, metadata });
            }
        }
        commits
    }

    /// Drains, commits, leaves.
    fn stop(mut self) -> GroupEnd {
        let until = Instant::now() + self.group.stop_budget;
        self.group.watch.set_phase(Phase::Stopping);
        for lane in self.lanes.values() {
            lane.shared.give(Order::Drain);
        }
        loop {
            let all_ended = self.lanes.values().all(|lane| lane.shared.has_ended());
            let all_left = self.leaving.iter().all(|(_, lane)| lane.task.is_finished());
            let over = Instant::now() >= until || self.group.order.forces() || self.end.fatal.is_some();
            if (all_ended && all_left && self.sent == self.ended) || over {
                break;
            }
            self.group.watch.turned(Instant::now());
            // Polling goes on: the group must not take the member for dead while it drains.
            while let Some(event) = self.group.client.poll() {
                match event {
                    event @ (ClientEvent::Revoke { .. } | ClientEvent::Committed { .. }) => self.hear(event),
                    ClientEvent::Assign(_) | ClientEvent::Disconnected(_) | ClientEvent::Error(_) => {}
                    ClientEvent::Fatal(error) => self.end.fatal = Some(error),
                }
            }
            self.go_on_with_revocation();
            self.group.client.wait(Duration::from_millis(10));
        }
        if self.end.fatal.is_none() {
            let commits = self.uncommitted(|_| true);
            let until = until.min(Instant::now() + COMMIT_PATIENCE);
            // A refusal may pass, such as that of a coordinator that starts up.
            while let Err(error) = self.commit_and_wait(commits.clone()) {
                if Instant::now() >= until || self.group.order.forces() {
                    self.end.uncommitted = Some(error.reason);
                    break;
                }
                thread::sleep(COMMIT_AGAIN);
            }
        }
        let mut clean = true;
        let now = Instant::now();
        for (partition, mut lane) in self.lanes.into_iter().chain(self.leaving) {
            lane.look(now);
            // A group whose client gave up waits for nobody, so nobody was too slow.
            if self.end.fatal.is_none()
                && !lane.shared.has_ended()
                && let Some((offset, since)) = lane.at_work
            {
                let controller = self.group.controllers.get(&*partition.topic).copied().unwrap_or_default().to_owned();
                self.end.blocked.push(Blocked { controller, partition, offset, running: now - since });
            }
            // A future that waits is dropped here; one that blocks its thread stays, and its record with it.
            lane.shared.give(Order::Lose);
            lane.task.abort();
            clean &= ends_soon(&lane.task);
            count(&mut self.end, &lane);
        }
        self.group.client.close(clean);
        self.group.watch.set_phase(Phase::Ended);
        self.end
    }
}

fn count(end: &mut GroupEnd, lane: &LaneHandle) {
    let counted = lane.shared.counts.read();
    end.handled += counted.handled();
    end.failed += counted.failures();
    end.dead += counted.dead;
}

fn ends_soon(task: &JoinHandle<()>) -> bool {
    for _ in 0..50 {
        if task.is_finished() {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}
