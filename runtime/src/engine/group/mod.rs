//! Drives one consumer group: a thread that polls, hands over, commits, and never runs an app's code.

mod claims;
mod commit;
mod moves;
mod outstanding;
mod rebalance;
mod stop;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::JoinHandle};

use outstanding::Outstanding;
use rebalance::{Assignment, Memory, Revocation};

use super::{
    clock,
    progress::Progress,
    report::Report,
    session::Session,
    shared::{LaneShared, Order},
    watch::{GroupWatch, Phase},
};
use crate::{
    client::{Assigned, Client, ClientEvent, TopicPartition},
    events::{Blocked, Event},
};

/// How long finished work may stay uncommitted.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// How long a commit in the background may go without an answer before it is given up, and made again.
const COMMIT_ANSWER: Duration = Duration::from_secs(20);
/// How long before a commit lanes are asked for what it is to say beyond its offset.
const ASK_AHEAD: Duration = Duration::from_millis(20);
/// How long the thread sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_millis(50);
/// How long an error is not repeated.
const WARN_AGAIN: Duration = Duration::from_secs(30);
/// How often the ends of partitions are looked up, for those who watch.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How long revoked partitions may take to finish what they are at: well below the session's 45 s.
const DRAIN_BUDGET: Duration = Duration::from_secs(10);

/// How long the last commits of what is let go may be refused, or go without an answer, before they are given up.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);

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
    /// Records whose emits, job or dead letter were not acknowledged in time.
    pub(crate) unacknowledged: u64,
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
    /// The topic is another one now: what is known of its records holds for none of the new ones.
    is_outdated: bool,
    /// The record that was at work at the last look, and since when.
    at_work: Option<(i64, Instant)>,
}

impl LaneHandle {
    /// Kafka has a commit of this offset.
    fn acknowledged(&mut self, offset: i64) {
        self.acknowledged = self.acknowledged.max(Some(offset));
        self.shared.pulse.set_committed(offset);
        self.shared.grant(offset);
    }

    fn look(&mut self, now: Instant) {
        self.at_work = self.shared.at_work().map(|offset| match self.at_work {
            Some((known, since)) if known == offset => (known, since),
            _ => (offset, now),
        });
    }
}

/// The state of a running group.
pub(crate) struct Running {
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
    /// Partitions that are to be assigned anew, as their positions are lost; and not before when.
    moves: Vec<TopicPartition>,
    next_move: Instant,
    /// Topics that were made anew, until their lanes have been told.
    anew: BTreeSet<String>,
    /// Commits without an answer.
    outstanding: Outstanding,
    /// The process stood still, and belongs to the group again when a commit after this one is acknowledged.
    in_doubt: Option<u64>,
    /// When the last turn was, as the session counts.
    turned: Duration,
    next_ask: Instant,
    next_commit: Instant,
    /// Until when lanes that ask for a commit wait, after a refusal.
    next_claim: Instant,
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
        let mut running = self.begin();
        while running.goes_on() {
            running.turn();
        }
        running.stop()
    }

    /// The group before its first turn.
    pub(crate) fn begin(self) -> Running {
        let turned = self.session.now();
        Running {
            group: self,
            lanes: BTreeMap::new(),
            leaving: Vec::new(),
            revocation: None,
            assignment: None,
            memory: BTreeMap::new(),
            is_plain: false,
            moves: Vec::new(),
            next_move: clock::now(),
            anew: BTreeSet::new(),
            outstanding: Outstanding::default(),
            in_doubt: None,
            turned,
            next_ask: clock::now() + COMMIT_INTERVAL - ASK_AHEAD,
            next_commit: clock::now() + COMMIT_INTERVAL,
            next_claim: clock::now(),
            next_measure: clock::now(),
            disconnected: false,
            warned: BTreeMap::new(),
            end: GroupEnd::default(),
        }
    }
}

impl Running {
    /// Whether there is another turn to come: nobody has stopped the group, and its client has not given up.
    pub(crate) fn goes_on(&self) -> bool {
        self.end.fatal.is_none() && !self.group.order.stops()
    }

    /// Deals with everything that has happened, then sleeps until something else does.
    pub(crate) fn turn(&mut self) {
        self.notice_a_standstill();
        while let Some(event) = self.group.client.poll() {
            self.hear(event);
        }
        self.go_on_with_revocation();
        self.go_on_with_moves();
        self.go_on_with_assignment();
        self.sweep();
        let now = clock::now();
        self.go_on_with_claims(now);
        self.go_on_with_commits(now);
        self.measure(now);
        if self.end.fatal.is_none() {
            let next = self.next_commit.min(self.next_ask);
            self.group.client.wait(IDLE.min(next.saturating_duration_since(clock::now())));
        }
    }

    /// Asks the group whether this process still belongs to it, when it has stood still: with a commit, and none that was
    /// made before. In doubt it may stand still again, and what it has asked meanwhile says nothing, either.
    fn notice_a_standstill(&mut self) {
        let (now, session) = (self.group.session.now(), &self.group.session);
        let again = session.is_over_since(std::mem::replace(&mut self.turned, now), now);
        if session.turn(now) || (self.in_doubt.is_some() && !again) {
            return;
        }
        if self.in_doubt.is_none() {
            self.group.report.stood_still();
        }
        self.in_doubt = Some(self.outstanding.last());
        self.next_commit = clock::now();
    }

    fn hear(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Assign(partitions) => {
                self.connected();
                self.group.watch.set_phase(Phase::Rebalancing);
                let now = clock::now();
                self.assignment = Some(Assignment { partitions, when: now, until: now + DRAIN_BUDGET });
            }
            ClientEvent::Revoke { partitions, lost } => self.revoke(partitions, lost),
            ClientEvent::Committed(answer) => {
                if let Some(Err(error)) = self.answered(answer) {
                    self.commit_failed(&error);
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
            ClientEvent::MadeAnew(topic) => {
                self.anew.insert(topic);
            }
            ClientEvent::Fatal(error) => self.give_up(error),
        }
    }

    /// The client has given up, such as one whose name another process has taken: its partitions may be somebody else's,
    /// so that nothing may start from here on, whatever this turn still has to do.
    fn give_up(&mut self, reason: String) {
        self.lanes.values().for_each(|lane| lane.shared.give(Order::Lose));
        self.end.fatal = Some(reason);
    }

    fn connected(&mut self) {
        if std::mem::take(&mut self.disconnected) {
            self.group.report.reporter.tell(&Event::Reconnected { group: &self.group.report.group });
        }
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

    /// Notes what is at work, and notices a lane that has ended without being told to: going on without it would let
    /// its partition stand still in silence.
    fn look_at_lanes(&mut self, now: Instant) {
        for (partition, lane) in &mut self.lanes {
            lane.look(now);
            if lane.shared.has_ended() && lane.shared.order() == Order::Run && !lane.shared.is_moving() {
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
            if let Some(offset) = self.group.client.high_watermark(partition) {
                lane.shared.pulse.set_high(offset);
            }
            lane.shared.pulse.set_prefetched(self.group.client.prefetched(partition));
        }
    }
}
