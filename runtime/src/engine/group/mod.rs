//! Drives one consumer group: a thread that polls, hands over, commits, and never runs an app's code.

mod commit;
mod commit_requests;
mod late;
mod moves;
mod obstacles;
mod outstanding;
mod pace;
mod positions;
mod rebalance;
mod refusals;
mod stop;
mod to_repeat;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::JoinHandle};

pub(crate) use obstacles::Wait;
use obstacles::Way;
use outstanding::Outstanding;
use pace::Pace;
use positions::Positions;
use rebalance::{Assignment, Revocation};
use refusals::Refusals;
use to_repeat::{CommitPoint, Reached, Repeats};

use super::{
    atomic_offset::NO_OFFSET,
    clock,
    core::progress::{Metadata, Progress},
    lane_shared::LaneShared,
    lane_status::{AtWork, Polling},
    obstacles::Obstacles,
    report::GroupReporter,
    session::Session,
    signals::{GroupSignal, Signal},
    watch::{GroupWatch, Phase},
};
use crate::{
    client::{Assigned, Client, ClientEvent, TopicPartition},
    events::Blocked,
    settings::drain::LAST_COMMIT,
};

/// How long a commit in the background may go without an answer before it is given up, and made again.
const COMMIT_ANSWER: Duration = Duration::from_secs(20);
/// How often it is looked at what lanes are at, and whether an answer is missing.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long the thread sleeps when nothing wakes it and nothing is under way.
const IDLE: Duration = Duration::from_millis(200);
/// How long it sleeps when something is under way that may end without waking it.
const BUSY: Duration = Duration::from_millis(50);
/// How long it sleeps while lanes are about to say something.
const SOON: Duration = Duration::from_millis(2);
/// How long an error is not repeated.
const WARN_AGAIN: Duration = Duration::from_secs(30);
/// How often the ends of partitions are looked up, for those who watch.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How long lanes that can say nothing more may take for their last word, and what was told that it is over to end.
const LAST_WORD: Duration = Duration::from_millis(200);

/// How long the last commits of what is let go may be refused, or go without an answer, before they are given up.
const COMMIT_PATIENCE: Duration = LAST_COMMIT;

/// How long the thread waits at most for the answer to a commit that others have to wait for: what it polls for waits as
/// well.
const COMMIT_WAIT: Duration = Duration::from_secs(10);

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
    /// Records that were begun or finished here and that Kafka is not known to have as finished: they are done again.
    pub(crate) to_repeat: BTreeMap<TopicPartition, u64>,
    /// Of these, the ones whose emits, job or dead letter were not acknowledged in time.
    pub(crate) unacknowledged: u64,
    /// Records that were committed and then did not end, or whose emits were not acknowledged in time: under `delivery:
    /// at_most_once` they are not done again.
    pub(crate) cut_off: u64,
    /// Why Kafka did not take the last commit.
    pub(crate) uncommitted: Option<String>,
    /// Why the client gave up.
    pub(crate) fatal: Option<String>,
}

/// The group's thread.
pub(crate) struct Group {
    pub(crate) client: Box<dyn Client>,
    pub(crate) open_lane: OpenLane,
    /// The sign of life that lanes look at.
    pub(crate) session: Arc<Session>,
    pub(crate) runtime: Handle,
    pub(crate) report: GroupReporter,
    pub(crate) signal: Arc<GroupSignal>,
    /// How long a stop may take.
    pub(crate) stop_budget: Duration,
    /// How long revoked partitions may take to finish what they are at.
    pub(crate) drain: Duration,
    /// How long what is done may stay uncommitted.
    pub(crate) commit_interval: Duration,
    /// A controller's constant by the topic's name in Kafka.
    pub(crate) controllers: BTreeMap<String, &'static str>,
    /// What it may wait for when it is given nothing.
    pub(crate) wait: Wait,
    /// Where the outside sees the group.
    pub(crate) watch: Arc<GroupWatch>,
}

struct LaneHandle {
    /// Lanes are numbered as they are opened.
    number: u64,
    shared: Arc<LaneShared>,
    task: JoinHandle<()>,
    /// The last commit that was sent, so that nothing is committed twice.
    committed: Option<CommitPoint>,
    /// What Kafka has, as far as is known.
    known: CommitPoint,
    /// The highest offset that Kafka has had.
    acknowledged: Option<i64>,
    /// The topic is another one now: what is known of its records holds for none of the new ones.
    is_outdated: bool,
    /// What earlier lanes of the partition have finished that ended after this one was opened.
    late: Progress,
    /// The poll of a handler that was under way at the last look, and since when.
    polling: Option<(Polling, Instant)>,
    /// It was said that a commit cannot say all that is finished.
    said_left_out: bool,
    /// What runs on without its partition was named.
    said_late: bool,
}

impl LaneHandle {
    /// What a commit of `offset` is to say; `is_plain`: the broker takes nothing but the offset.
    fn metadata(&self, offset: i64, is_plain: bool) -> Metadata {
        let progress = self.shared.progress(offset);
        if is_plain {
            return Metadata { text: None, left_out: progress.finished() };
        }
        progress.encode(offset)
    }

    /// Kafka has this commit.
    fn acknowledged(&mut self, mark: CommitPoint) {
        self.acknowledged = self.acknowledged.max(Some(mark.offset));
        self.shared.status.set_committed(mark.offset);
        self.shared.grant(mark.offset);
        self.known = mark;
    }

    /// What is known to be finished, for the next lane of the partition.
    fn finished(&self) -> Progress {
        let mut finished = self.shared.progress(self.acknowledged.unwrap_or(NO_OFFSET));
        finished.merge(&self.late);
        finished
    }

    fn look(&mut self, now: Instant) {
        self.polling = self.shared.status.polling().map(|polling| match self.polling {
            Some((known, since)) if known == polling => (known, since),
            _ => (polling, now),
        });
    }

    /// Every attempt under way at the last look, by offset.
    fn at_work(&self) -> Vec<AtWork> {
        if self.shared.has_ended() {
            return Vec::new();
        }
        self.shared.status.at_work(self.polling.map(|(polling, since)| (polling.offset, since)))
    }

    /// Whether records are committed before they are performed.
    fn is_ahead(&self) -> bool {
        self.shared.commit_request.has_granted()
    }

    /// How many records are done again if these attempts do not end.
    fn unfinished(&self, at_work: &[AtWork]) -> u64 {
        let open = at_work.iter().filter(|at_work| !self.is_outdated && !self.known.covers(at_work.offset));
        open.map(|at_work| at_work.records).sum()
    }

    /// What of the lane's records is done again, those at work aside.
    fn owed(&self) -> Repeats {
        let (shared, counted) = (&self.shared, self.shared.counts.read());
        let (performed, dying) = shared.status.on_their_way();
        if self.is_outdated || self.is_ahead() {
            // Their topic is gone, or they were committed before.
            return Repeats { cut_off: if self.is_ahead() { performed } else { 0 }, ..Repeats::default() };
        }
        let passed = shared.passed();
        let committable = shared.committable().unwrap_or(self.known.offset);
        let mut progress = shared.progress(self.known.offset);
        progress.merge(&self.late);
        let mut finished = self.known.missing(&Reached { committable, passed, progress });
        if shared.is_asked() && !shared.has_ended() {
            // A handler keeps the lane from saying what else it has finished.
            let all = (counted.handled() + counted.dead).saturating_sub(self.known.own);
            finished = finished.max(all.saturating_sub(performed));
        }
        Repeats { finished, performed, dying, cut_off: 0 }
    }
}

/// The state of a running group.
pub(crate) struct Running {
    group: Group,
    lanes: BTreeMap<TopicPartition, LaneHandle>,
    /// How many lanes were opened.
    opened: u64,
    /// Lanes that are over or were given up, until they have ended.
    leaving: Vec<(TopicPartition, LaneHandle)>,
    revocation: Option<Revocation>,
    assignment: Option<Assignment>,
    /// The last lanes of partitions that this process had, for what they have finished beyond the last commit; bounded by
    /// their number and the window.
    remembered: BTreeMap<TopicPartition, LaneHandle>,
    /// The broker has refused commits with metadata.
    is_plain: bool,
    /// Partitions that are to be assigned anew, as their positions are lost; and not before when.
    moves: Vec<TopicPartition>,
    next_move: Instant,
    /// Topics that were recreated, until their lanes have been told.
    recreated: BTreeSet<String>,
    positions: Positions,
    /// Commits without an answer.
    outstanding: Outstanding,
    /// The process stood still, and belongs to the group again when a commit after this one is acknowledged.
    in_doubt: Option<u64>,
    /// Refusals that belong to a rebalance.
    refusals: Refusals,
    /// The last refusal by a rebalance was one of them.
    is_expected: bool,
    /// Until when a stop waits for the last word of lanes.
    last_words: Option<Instant>,
    pace: Pace,
    next_look: Instant,
    /// Until when lanes that ask for a commit wait, after a refusal.
    next_commit_request: Instant,
    next_measure: Instant,
    /// What stands in its way.
    way: Way,
    obstacles: Obstacles,
    /// When an error was last said.
    warned: BTreeMap<String, Instant>,
    /// When it was last said that the process stood still.
    said_still: Option<Instant>,
    end: GroupEnd,
}

impl Group {
    /// Runs the group until it is told to stop, or its client gives up. Blocks the thread.
    pub(crate) fn run(self) -> GroupEnd {
        let mut running = self.begin();
        while running.goes_on() {
            running.turn();
        }
        running.stop()
    }

    /// The group before its first turn.
    pub(crate) fn begin(self) -> Running {
        self.session.begin();
        Running {
            pace: Pace::new(self.commit_interval, clock::now()),
            group: self,
            lanes: BTreeMap::new(),
            opened: 0,
            leaving: Vec::new(),
            revocation: None,
            assignment: None,
            remembered: BTreeMap::new(),
            is_plain: false,
            moves: Vec::new(),
            next_move: clock::now(),
            recreated: BTreeSet::new(),
            positions: Positions::default(),
            outstanding: Outstanding::default(),
            in_doubt: None,
            refusals: Refusals::default(),
            is_expected: false,
            last_words: None,
            next_look: clock::now(),
            next_commit_request: clock::now(),
            next_measure: clock::now(),
            way: Way::default(),
            obstacles: Obstacles::default(),
            warned: BTreeMap::new(),
            said_still: None,
            end: GroupEnd::default(),
        }
    }
}

impl Running {
    /// Whether there is another turn to come: nobody has stopped the group, and its client has not given up.
    pub(crate) fn goes_on(&self) -> bool {
        self.end.fatal.is_none() && !self.group.signal.stops()
    }

    /// Deals with everything that has happened, then sleeps until something else does.
    pub(crate) fn turn(&mut self) {
        self.notice_a_standstill();
        while let Some(event) = self.group.client.poll() {
            self.hear(event);
        }
        self.go_on_with_revocation();
        self.go_on_with_lost();
        self.go_on_with_moves();
        self.go_on_with_assignment();
        self.sweep();
        let now = clock::now();
        self.look(now);
        self.go_on_with_commit_requests(now);
        self.go_on_with_commits(now);
        self.measure(now);
        self.look_at_the_way(now);
        if self.end.fatal.is_none() {
            let next = self.pace.next().saturating_duration_since(clock::now());
            self.group.client.wait(self.longest_sleep().min(next));
        }
    }

    fn longest_sleep(&self) -> Duration {
        if self.revocation.as_ref().is_some_and(|revocation| revocation.asked.is_some()) {
            // Lanes that have told their news wake nobody.
            return SOON;
        }
        let is_quiet = self.revocation.is_none()
            && self.assignment.is_none()
            && self.moves.is_empty()
            && self.recreated.is_empty()
            && self.leaving.is_empty()
            && self.in_doubt.is_none()
            && !self.outstanding.is_in_flight()
            && !self.lanes.values().any(|lane| lane.shared.is_moving() || lane.shared.commit_request.is_open());
        // A sleep is not to be taken for a standstill.
        if is_quiet { IDLE.min(self.group.session.limit() / 4) } else { BUSY }
    }

    /// Beats the session. When the process has stood still, asks the group whether it still belongs to it: with a commit,
    /// and none that was made before. In doubt it may stand still again, and what it has asked meanwhile says nothing,
    /// either.
    pub(super) fn notice_a_standstill(&mut self) {
        let session = &self.group.session;
        session.beat(session.now());
        let Some(still) = session.take_standstill() else { return };
        if self.in_doubt.is_none() {
            self.stood_still(still);
        }
        self.in_doubt = Some(self.outstanding.last());
        self.pace.at_once(clock::now());
    }

    /// A machine that is short of time may stand still often; a person wants to hear of it now and then.
    fn stood_still(&mut self, still: Duration) {
        let now = clock::now();
        if self.said_still.is_none_or(|last| now - last >= WARN_AGAIN) {
            self.said_still = Some(now);
            self.group.report.stood_still(still);
        }
    }

    /// Has the client do what may wait for Kafka, which is no standstill.
    pub(super) fn ask<T>(&mut self, ask: impl FnOnce(&mut dyn Client) -> T) -> T {
        self.group.watch.turned(clock::now());
        let Group { client, session, runtime, .. } = &mut self.group;
        let answer = session.meanwhile(runtime, || ask(client.as_mut()));
        self.group.watch.turned(clock::now());
        answer
    }

    fn hear(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Assign(partitions) => {
                self.group.watch.set_phase(Phase::Rebalancing);
                let now = clock::now();
                self.assignment = Some(Assignment { partitions, when: now, until: now + self.group.drain });
                // What was finished in the rebalance; and the answer to this assignment may begin another, which the next
                // commit would wait behind.
                self.commit_now(now);
            }
            ClientEvent::Revoke { partitions, lost } => self.revoke(partitions, lost),
            ClientEvent::Committed(answer) => {
                if let Some(Err(error)) = self.answered(answer) {
                    self.commit_failed(&error);
                }
            }
            ClientEvent::Error(error) => self.warn_once(error),
            ClientEvent::Recreated(topic) => {
                self.recreated.insert(topic);
            }
            ClientEvent::Looked { topic, is_same } => self.looked_at(&topic, is_same),
            ClientEvent::Fatal(error) => self.give_up(error),
        }
    }

    /// The client has given up, such as one whose name another process has taken: its partitions may be somebody else's,
    /// so that nothing may start from here on, whatever this turn still has to do.
    fn give_up(&mut self, reason: String) {
        self.lanes.values().for_each(|lane| lane.shared.send(Signal::Lose));
        self.end.fatal = Some(reason);
    }

    /// The client repeats an error with each of its own attempts; a person wants it now and then.
    fn warn_once(&mut self, error: String) {
        let now = clock::now();
        let silent = self.warned.get(&error).is_some_and(|last| now - *last < WARN_AGAIN);
        if !silent {
            self.group.report.warn(&error);
            self.warned.insert(error, now);
        }
    }

    /// Looks now and then at lanes, and for an answer that is missing.
    fn look(&mut self, now: Instant) {
        if now >= self.next_look {
            self.next_look = now + LOOK_INTERVAL;
            self.miss_an_answer(now);
            self.look_at_lanes(now);
            // Else it shows with the next commit, soon enough.
            if self.group.commit_interval > LOOK_INTERVAL && !self.outstanding.is_in_flight() && self.is_settled() {
                self.group.watch.settled(now);
            }
        }
    }

    /// Notes what is at work, and notices a lane that has ended without being told to: going on without it would let
    /// its partition stand still in silence.
    fn look_at_lanes(&mut self, now: Instant) {
        for (partition, lane) in &mut self.lanes {
            lane.look(now);
            if lane.shared.has_ended() && lane.shared.signal() == Signal::Run && !lane.shared.is_moving() {
                self.end.fatal = Some(format!("the lane of {partition} has ended by itself; this is a bug of karafka"));
            }
        }
        for (_, lane) in &mut self.leaving {
            lane.look(now);
        }
    }

    /// Notes where partitions end, as far as the client knows from its last fetches, and how much of that it has.
    fn measure(&mut self, now: Instant) {
        self.group.watch.turned(now);
        if now < self.next_measure {
            return;
        }
        self.next_measure = now + MEASURE_INTERVAL;
        for (partition, lane) in &self.lanes {
            if let Some(watermarks) = self.group.client.watermarks(partition) {
                lane.shared.status.set_watermarks(watermarks);
            }
            lane.shared.status.set_prefetched(self.group.client.prefetched(partition));
        }
    }
}
