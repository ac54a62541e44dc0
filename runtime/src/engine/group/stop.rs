//! The end of a group: drain, commit, leave.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::{COMMIT_PATIENCE, GroupEnd, LAST_WORD, LaneHandle, Running, to_repeat::Repeats};
use crate::{
    client::{ClientEvent, Close, TopicPartition},
    engine::{
        clock,
        signals::Signal,
        watch::{Phase, blocked},
    },
};

/// How long after a refusal they are made again.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);
/// How long a client with a commit that Kafka has not answered may take to close: it waits for the answer, which may never
/// come.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);
/// As that, for a group that is to leave now.
const FORCED_CLOSE_PATIENCE: Duration = Duration::from_secs(1);

impl Running {
    /// Drains, commits, leaves.
    pub(super) fn stop(mut self) -> GroupEnd {
        let until = self.drain();
        while self.drain_turn(until) {}
        self.leave(until)
    }

    /// Starts to drain: nothing more begins. Returns until when what runs may finish.
    pub(crate) fn drain(&mut self) -> Instant {
        self.group.watch.set_phase(Phase::Stopping);
        for lane in self.lanes.values() {
            lane.shared.send(Signal::Drain);
        }
        // One that ends by itself has what a stop of the app would have.
        clock::now() + self.group.signal.budget().unwrap_or(self.group.stop_budget)
    }

    /// A turn while lanes drain. Returns whether there is another to come.
    pub(crate) fn drain_turn(&mut self, until: Instant) -> bool {
        let all_ended = self.lanes.values().all(|lane| lane.shared.has_ended());
        let all_left = self.leaving.iter().all(|(_, lane)| lane.task.is_finished());
        let over = clock::now() >= until || self.group.signal.forces() || self.end.fatal.is_some();
        // An answer that has not come by then is not waited for longer than the last commit's.
        let is_waiting = self.outstanding.is_in_flight() && !self.outstanding.is_overdue(clock::now(), COMMIT_PATIENCE);
        if (all_ended && all_left && !is_waiting) || (over && !self.waits_for_last_words()) {
            return false;
        }
        self.notice_a_standstill();
        let now = clock::now();
        self.group.watch.turned(now);
        self.lanes.values_mut().chain(self.leaving.iter_mut().map(|(_, lane)| lane)).for_each(|lane| lane.look(now));
        self.miss_an_answer(clock::now());
        // Polling goes on: the group must not take the member for dead while it drains.
        while let Some(event) = self.group.client.poll() {
            match event {
                event @ (ClientEvent::Revoke { .. } | ClientEvent::Committed(_)) => self.hear(event),
                ClientEvent::Assign(_)
                | ClientEvent::Error(_)
                | ClientEvent::Recreated(_)
                | ClientEvent::Looked { .. } => {}
                ClientEvent::Fatal(error) => self.give_up(error),
            }
        }
        self.look_at_the_way(clock::now());
        self.go_on_with_revocation();
        self.go_on_with_commit_requests(clock::now());
        if self.in_doubt.is_some() {
            // What is committed already is still to be performed, under `at_most_once`.
            self.go_on_with_commits(clock::now());
        }
        self.group.client.wait(Duration::from_millis(10));
        true
    }

    /// Whether a lane that nobody waits for any longer has yet to say what it has finished, for the last commit and the
    /// last count, or has a handler that ends as it is told. One whose thread is kept by a handler says nothing.
    fn waits_for_last_words(&mut self) -> bool {
        let lanes = self.lanes.values().chain(self.leaving.iter().map(|(_, lane)| lane));
        let until = *self.last_words.get_or_insert_with(|| {
            lanes.clone().for_each(|lane| {
                lane.shared.revoked.tell();
                lane.shared.ask_for_news();
            });
            clock::now() + LAST_WORD
        });
        // A lane that is lost ends at once, with its last word, unless it is at work.
        let may_end = |lane: &LaneHandle| lane.shared.signal() == Signal::Lose && lane.at_work().is_empty();
        let speaks =
            |lane: &LaneHandle| !lane.shared.has_ended() && (lane.shared.is_asked() || may_end(lane)) || lane.listens();
        clock::now() < until && lanes.into_iter().any(speaks)
    }

    /// The last commits, and the end of whatever still runs.
    pub(crate) fn leave(mut self, until: Instant) -> GroupEnd {
        self.hear_answers();
        if self.end.fatal.is_none() {
            let until = until.min(clock::now() + COMMIT_PATIENCE);
            // The clock of a simulation stands still meanwhile.
            let mut again = COMMIT_PATIENCE.as_millis() / COMMIT_AGAIN.as_millis();
            // A refusal may pass, such as that of a coordinator that starts up.
            while let Err(error) = self.commit_done(|_| true, COMMIT_PATIENCE) {
                let is_late = clock::now() >= until || again == 0;
                if is_late || self.group.signal.forces() || self.outstanding.is_in_flight() {
                    self.end.uncommitted = Some(error.reason);
                    break;
                }
                again -= 1;
                thread::sleep(COMMIT_AGAIN);
            }
        }
        self.hear_answers();
        let clean = self.end_lanes();
        let outstanding = self.outstanding.count();
        let close = match (clean, outstanding) {
            (false, _) => Close::Abandon,
            (true, 0) => Close::Wait,
            (true, _) if self.group.signal.forces() => Close::Within(FORCED_CLOSE_PATIENCE),
            (true, _) => Close::Within(CLOSE_PATIENCE),
        };
        if !self.group.client.close(close) && clean {
            self.group.report.warn(&format!(
                "Kafka has not answered {outstanding} of the last commits: the client is left behind as it waits for that; \
                 the group is told that this member leaves, where brokers are talked to in plain text and answer"
            ));
        }
        self.group.watch.set_obstacles(Vec::new());
        self.group.watch.set_phase(Phase::Ended);
        self.end
    }

    /// Takes in the answers that are there, also to commits that were given up.
    fn hear_answers(&mut self) {
        while let Some(answer) = self.group.client.answer(Duration::ZERO) {
            if let Some(Err(error)) = self.answered(answer) {
                self.commit_failed(&error);
            }
        }
    }

    /// Counts what is left, and ends it. Returns whether no handler keeps its thread.
    fn end_lanes(&mut self) -> bool {
        let now = clock::now();
        let mut left = Vec::new();
        while !self.leaving.is_empty() {
            let (partition, mut lane) = self.leaving.remove(0);
            lane.look(now);
            let at_work = lane.at_work();
            // What is owed of a partition the newest of its lanes counts.
            let owed = if self.tell_newer(&partition, &lane) { Repeats::default() } else { lane.owed() };
            left.push((partition, lane, at_work, owed));
        }
        for (partition, mut lane) in std::mem::take(&mut self.lanes) {
            lane.look(now);
            // In this order: what ends meanwhile is rather counted twice than not at all.
            let at_work = lane.at_work();
            let owed = lane.owed();
            left.push((partition, lane, at_work, owed));
        }
        for (partition, former) in std::mem::take(&mut self.remembered) {
            let owed = former.owed();
            self.end.owe(partition, owed.all());
            self.end.unacknowledged += owed.unacknowledged();
        }
        for (partition, lane, at_work, owed) in &left {
            self.end.owe(partition.clone(), owed.all() + lane.unfinished(at_work));
            self.end.unacknowledged += owed.unacknowledged();
            if lane.is_ahead() {
                self.end.cut_off += at_work.iter().map(|at_work| at_work.records).sum::<u64>();
            }
            // A group whose client gave up waits for nobody, so nobody was too slow.
            if self.end.fatal.is_none() {
                let controller = self.group.controllers.get(&*partition.topic).copied().unwrap_or_default();
                let named = at_work.iter().map(|at_work| blocked(controller, partition, *at_work, now));
                self.end.blocked.extend(named);
            }
            count(&mut self.end, lane, *owed);
        }
        // A future that waits is dropped here; one that blocks its thread stays, and its record with it.
        for (_, lane, ..) in &left {
            lane.shared.send(Signal::Lose);
            lane.task.abort();
        }
        let tasks: Vec<_> = left.iter().map(|(_, lane, ..)| &lane.task).collect();
        all_end_soon(&tasks)
    }

    /// Ends as a killed process does: no lane has another turn, and nothing is committed. Returns what is left of lanes.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn crash(self) -> Vec<JoinHandle<()>> {
        let lanes = self.lanes.into_values().chain(self.leaving.into_iter().map(|(_, lane)| lane));
        let tasks: Vec<_> = lanes.map(|lane| lane.task).collect();
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }
}

impl GroupEnd {
    /// Notes records of a partition that are done again.
    fn owe(&mut self, partition: TopicPartition, records: u64) {
        if records > 0 {
            *self.to_repeat.entry(partition).or_default() += records;
        }
    }
}

/// Adds what a lane has counted.
pub(super) fn count(end: &mut GroupEnd, lane: &LaneHandle, owed: Repeats) {
    let counted = lane.shared.counts.read();
    // Those that have sent something were counted when they were performed.
    end.handled += counted.handled().saturating_sub(owed.performed);
    end.cut_off += owed.cut_off;
    end.failed += counted.failures();
    end.dead += counted.dead;
}

fn all_end_soon(tasks: &[&JoinHandle<()>]) -> bool {
    for _ in 0..50 {
        if tasks.iter().all(|task| task.is_finished()) {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}
