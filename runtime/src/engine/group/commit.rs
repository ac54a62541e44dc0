//! What is committed, and what becomes of it.

use std::time::{Duration, Instant};

use super::{COMMIT_ANSWER, LaneHandle, Running, outstanding::Answered, to_repeat::CommitPoint};
use crate::{
    client::{Commit, CommitAnswer, CommitError, CommitFault, TopicPartition},
    engine::{clock, core::progress::Metadata, signals::Signal},
};

/// How long a wait for an answer goes on before it is looked at whether it is still to go on.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer is waited for when the group is to leave now.
const FORCED: Duration = Duration::from_millis(500);

impl Running {
    /// Asks lanes for their news, and commits, each when it is time.
    pub(super) fn go_on_with_commits(&mut self, now: Instant) {
        if self.pace.asks(now) {
            self.lanes.values().for_each(|lane| lane.shared.ask_for_news());
        }
        if self.pace.commits(now) {
            self.commit_now(now);
        }
    }

    /// Commits what is done; the answer comes as an event.
    pub(super) fn commit_now(&mut self, now: Instant) {
        // One at a time: the client tries some refused commits again by itself, and a later one that went ahead
        // would be undone by that.
        if self.outstanding.is_in_flight() {
            self.pace.again_at_the_latest(now);
            return;
        }
        if self.in_doubt.is_some() {
            // Any commit is a question that only a member is answered. One who has nothing to ask with has nothing to begin
            // with, either, until a lane has taken something in.
            self.lanes.values_mut().for_each(|lane| lane.committed = None);
            self.pace.again_at_the_latest(now);
        }
        let commits = self.uncommitted(|_| true);
        if commits.is_empty() {
            self.group.watch.settled(now);
        } else {
            self.commit_in_background(&commits, now);
        }
    }

    /// Commits for lanes; the answer comes as an event.
    pub(super) fn commit_in_background(&mut self, commits: &[Commit], now: Instant) {
        let mark = |commit: &Commit| {
            let mark = self.lanes.get(&commit.partition)?.committed.clone()?;
            Some((commit.partition.clone(), mark))
        };
        let marks = commits.iter().filter_map(mark).collect();
        let number = self.outstanding.begin(marks, now);
        self.group.client.commit(number, commits);
    }

    /// A commit whose answer does not come must not hold up all others for ever: it counts as refused.
    pub(super) fn miss_an_answer(&mut self, now: Instant) {
        if self.outstanding.is_overdue(now, COMMIT_ANSWER) && self.give_up_in_flight() {
            self.commit_failed(&no_answer(COMMIT_ANSWER));
        }
    }

    /// Waits no longer for the answer to the commit in flight. Returns whether it could be given up.
    fn give_up_in_flight(&mut self) -> bool {
        let given_up = self.outstanding.give_up().map(|commit| commit.marks.clone());
        given_up.is_some_and(|marks| {
            // It was waited for long enough.
            self.refused(&marks, Duration::ZERO);
            true
        })
    }

    /// Kafka has answered a commit. Returns what it says of the one in flight, if it is that one's answer.
    pub(super) fn answered(&mut self, answer: CommitAnswer) -> Option<Result<(), CommitError>> {
        let CommitAnswer { number, ended } = answer;
        match self.outstanding.hear(number) {
            Answered::InFlight(commit) => {
                match &ended {
                    Ok(()) => {
                        self.way.committed();
                        self.taken(number, commit.marks);
                    }
                    Err(error) => {
                        self.is_plain |= error.fault == CommitFault::Metadata;
                        let by_rebalance = error.fault == CommitFault::Rebalance;
                        let refused = self.refusals.refused(number, by_rebalance, clock::now());
                        self.is_expected = refused.is_expected;
                        self.refused(&commit.marks, refused.again_in);
                    }
                }
                Some(ended)
            }
            Answered::Late(commit) => {
                // It says nothing of now, but it may have come after a later one, and have undone it.
                if ended.is_ok() {
                    self.lanes.values_mut().for_each(|lane| lane.committed = None);
                    for (partition, mark) in commit.marks {
                        if let Some(lane) = self.lane_of(&partition) {
                            lane.known = mark;
                        }
                    }
                }
                None
            }
            Answered::Unknown => None,
        }
    }

    /// Kafka has taken the newest commit.
    fn taken(&mut self, number: u64, marks: Vec<(TopicPartition, CommitPoint)>) {
        self.refusals.taken();
        self.group.watch.settled(clock::now());
        // An answer to what was asked before the process stood still says nothing of now.
        if self.in_doubt.is_some_and(|last| number > last) {
            self.belongs();
        }
        for (partition, mark) in marks {
            if let Some(lane) = self.lane_of(&partition) {
                lane.acknowledged(mark);
            }
        }
    }

    /// The newest lane of a partition, also of one that is not ours any more.
    pub(super) fn lane_of(&mut self, partition: &TopicPartition) -> Option<&mut LaneHandle> {
        let leaving = self.leaving.iter_mut().filter(|(of, _)| of == partition).map(|(_, lane)| lane);
        let lanes = self.lanes.get_mut(partition).into_iter().chain(self.remembered.get_mut(partition)).chain(leaving);
        lanes.max_by_key(|lane| lane.number)
    }

    /// The newest commit was refused, or counts as that: what is still ours is committed again.
    fn refused(&mut self, marks: &[(TopicPartition, CommitPoint)], again_in: Duration) {
        self.commit_requests_refused(again_in);
        self.pace.again(again_in, clock::now());
        for (partition, _) in marks {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.committed = None;
            }
        }
    }

    /// The group has answered: lanes may go on.
    pub(super) fn belongs(&mut self) {
        self.in_doubt = None;
        self.group.session.answered();
        self.lanes.values().for_each(|lane| lane.shared.wake.notify_one());
    }

    /// Reports that a commit was not taken; what belongs to a rebalance, as what belongs to it.
    pub(super) fn commit_failed(&mut self, error: &CommitError) {
        if error.fault == CommitFault::Rebalance && self.is_expected {
            self.group.report.commit_refused(&error.reason);
        } else {
            self.way.commit_failed(&error.reason, clock::now());
            self.group.report.commit_failed(&error.reason);
        }
    }

    /// Commits what is done of the partitions chosen, and waits for the answer, at most this long in all.
    ///
    /// A commit without an answer counts as failed, though Kafka may have it or come to have it. It stays in flight.
    pub(super) fn commit_done(
        &mut self,
        chosen: impl Fn(&TopicPartition) -> bool,
        patience: Duration,
    ) -> Result<(), CommitError> {
        let mut left = patience;
        self.end_in_flight(patience, &mut left)?;
        loop {
            let commits = self.uncommitted(&chosen);
            if commits.is_empty() {
                return Ok(());
            }
            let (was_plain, given_up) = (self.is_plain, self.outstanding.given_up());
            self.commit_in_background(&commits, clock::now());
            match self.wait_for_in_flight(patience, &mut left) {
                // An answer that came late meanwhile may have undone it.
                Ok(()) if self.outstanding.given_up() < given_up => {}
                Err(error) if error.fault == CommitFault::Metadata && !was_plain => {}
                ended => return ended,
            }
        }
    }

    /// As [`Running::commit_done`], of offsets that no lane has come to.
    pub(super) fn commit_and_wait(&mut self, commits: &[Commit], patience: Duration) -> Result<(), CommitError> {
        let mut left = patience;
        self.end_in_flight(patience, &mut left)?;
        let number = self.outstanding.begin(Vec::new(), clock::now());
        self.group.client.commit(number, commits);
        self.wait_for_in_flight(patience, &mut left)
    }

    /// Makes way for another commit: waits for the answer to the one in flight, and gives it up halfway if it can.
    fn end_in_flight(&mut self, patience: Duration, left: &mut Duration) -> Result<(), CommitError> {
        while self.outstanding.is_in_flight() {
            if *left <= patience / 2 && self.give_up_in_flight() {
                self.commit_failed(&no_answer(patience / 2));
            } else if left.is_zero() {
                return Err(no_answer(patience));
            } else if let Some(Err(error)) = self.wait_for_an_answer(left) {
                self.commit_failed(&error);
            }
        }
        Ok(())
    }

    fn wait_for_in_flight(&mut self, patience: Duration, left: &mut Duration) -> Result<(), CommitError> {
        while !left.is_zero() {
            if let Some(ended) = self.wait_for_an_answer(left) {
                return ended;
            }
        }
        Err(no_answer(patience))
    }

    /// Waits a little, and takes it off what is left.
    ///
    /// What was waited is counted and not read off the clock: that of a simulation stands still meanwhile.
    fn wait_for_an_answer(&mut self, left: &mut Duration) -> Option<Result<(), CommitError>> {
        if self.group.signal.forces() {
            *left = (*left).min(FORCED);
        }
        let at_most = LOOK.min(*left);
        let answer = self.group.client.answer(at_most);
        // This thread goes round here as well. If it stood still meanwhile, the answer says nothing of now.
        self.group.watch.turned(clock::now());
        self.notice_a_standstill();
        match answer {
            Some(answer) => self.answered(answer),
            None => {
                *left -= at_most;
                None
            }
        }
    }

    /// Whether all that is done was committed, as far as lanes have said.
    pub(super) fn is_settled(&self) -> bool {
        self.lanes.values().filter(|lane| lane.shared.signal() != Signal::Lose).all(|lane| {
            let Some(offset) = lane.shared.committable() else { return true };
            let metadata = lane.metadata(offset, self.is_plain).text;
            lane.committed.as_ref().is_some_and(|known| (known.offset, &known.metadata) == (offset, &metadata))
        })
    }

    /// What is done and not committed, of the partitions chosen; counts it as committed.
    pub(super) fn uncommitted(&mut self, chosen: impl Fn(&TopicPartition) -> bool) -> Vec<Commit> {
        let mut commits = Vec::new();
        for (partition, lane) in &mut self.lanes {
            // A lane that has been told that it lost its partition commits nothing.
            if !chosen(partition) || lane.shared.signal() == Signal::Lose {
                continue;
            }
            // In this order: of what is published meanwhile no record is taken for committed.
            let (passed, own_passed) = (lane.shared.passed(), lane.shared.own_passed());
            let own_said = lane.shared.own_said();
            let Some(offset) = lane.shared.committable() else { continue };
            let Metadata { text: metadata, left_out } = lane.metadata(offset, self.is_plain);
            let own = own_passed.max(own_said.saturating_sub(left_out));
            lane.shared.status.set_left_out(left_out);
            if left_out > 0 && !std::mem::replace(&mut lane.said_left_out, true) {
                self.group.report.left_out(partition, offset, left_out, self.is_plain);
            }
            let is_new = |known: &CommitPoint| (known.offset, &known.metadata) != (offset, &metadata);
            if lane.committed.as_ref().is_none_or(is_new) {
                lane.committed = Some(CommitPoint { offset, metadata: metadata.clone(), passed, own });
                commits.push(Commit { partition: partition.clone(), offset, metadata });
            }
        }
        commits
    }
}

fn no_answer(patience: Duration) -> CommitError {
    let reason = format!("no answer of Kafka within {} s", patience.as_secs_f32());
    CommitError::other(reason)
}
