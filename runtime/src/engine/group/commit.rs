//! What is committed, and what becomes of it.

use std::time::{Duration, Instant};

use super::{ASK_AHEAD, COMMIT_ANSWER, COMMIT_INTERVAL, Running, outstanding::Answered};
use crate::{
    client::{Commit, CommitAnswer, CommitError, TopicPartition},
    engine::{clock, shared::Order},
};

/// How long a wait for an answer goes on before it is looked at whether it is still to go on.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer is waited for when the group is to leave now.
const FORCED: Duration = Duration::from_millis(500);

impl Running {
    /// Asks lanes for their news, and commits, each when it is time.
    pub(super) fn go_on_with_commits(&mut self, now: Instant) {
        if now >= self.next_ask {
            self.next_ask = self.next_commit + COMMIT_INTERVAL - ASK_AHEAD;
            self.lanes.values().for_each(|lane| lane.shared.ask_for_news());
        }
        if now < self.next_commit {
            return;
        }
        self.next_commit = now + COMMIT_INTERVAL;
        self.miss_an_answer(now);
        self.look_at_lanes(now);
        if self.in_doubt.is_some() {
            // Any commit is a question that only a member is answered.
            self.lanes.values_mut().for_each(|lane| lane.committed = None);
        }
        // One at a time: the client tries some refused commits again by itself, and a later one that went ahead
        // would be undone by that.
        if !self.outstanding.is_in_flight() {
            let commits = self.uncommitted(|_| true);
            if commits.is_empty() {
                self.group.watch.settled(now);
            } else {
                self.commit_in_background(&commits, now);
            }
        }
    }

    /// Commits for lanes; the answer comes as an event.
    pub(super) fn commit_in_background(&mut self, commits: &[Commit], now: Instant) {
        let offsets = commits.iter().map(|commit| (commit.partition.clone(), commit.offset)).collect();
        let number = self.outstanding.begin(offsets, now);
        self.group.client.commit(number, commits);
    }

    /// A commit whose answer does not come must not hold up all others for ever: it counts as refused.
    pub(super) fn miss_an_answer(&mut self, now: Instant) {
        if self.outstanding.is_overdue(now, COMMIT_ANSWER) && self.give_up_in_flight() {
            self.commit_failed(&no_answer(COMMIT_ANSWER));
        }
    }

    /// Waits no longer for the answer to the commit in flight. Says whether it could be given up.
    fn give_up_in_flight(&mut self) -> bool {
        let given_up = self.outstanding.give_up();
        if let Some(commit) = &given_up {
            self.refused(&commit.offsets);
        }
        given_up.is_some()
    }

    /// Kafka has answered a commit. Gives what it says of the one in flight, if it is that one's answer.
    pub(super) fn answered(&mut self, answer: CommitAnswer) -> Option<Result<(), CommitError>> {
        let CommitAnswer { number, ended } = answer;
        match self.outstanding.hear(number) {
            Answered::InFlight(commit) => {
                match &ended {
                    Ok(()) => self.taken(number, &commit.offsets),
                    Err(error) => {
                        self.is_plain |= error.is_metadata;
                        self.refused(&commit.offsets);
                    }
                }
                Some(ended)
            }
            Answered::Late => {
                // It says nothing of now, but it may have come after a later one, and have undone it.
                if ended.is_ok() {
                    self.lanes.values_mut().for_each(|lane| lane.committed = None);
                }
                None
            }
            Answered::Unknown => None,
        }
    }

    /// Kafka has taken the newest commit.
    fn taken(&mut self, number: u64, offsets: &[(TopicPartition, i64)]) {
        self.connected();
        self.group.watch.settled(clock::now());
        // An answer to what was asked before the process stood still says nothing of now.
        if self.in_doubt.is_some_and(|last| number > last) {
            self.belongs();
        }
        for (partition, offset) in offsets {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.acknowledged(*offset);
            }
        }
    }

    /// The newest commit was refused, or counts as that: the next round commits again what is still ours.
    fn refused(&mut self, offsets: &[(TopicPartition, i64)]) {
        self.claims_refused();
        for (partition, _) in offsets {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.committed = None;
            }
        }
    }

    /// The group has answered: lanes may go on.
    pub(super) fn belongs(&mut self) {
        self.in_doubt = None;
        self.group.session.answered(self.group.session.now());
        self.lanes.values().for_each(|lane| lane.shared.wake.notify_one());
    }

    pub(super) fn commit_failed(&self, error: &CommitError) {
        self.group.report.commit_failed(&error.reason);
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
                Err(error) if error.is_metadata && !was_plain => {}
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
        if self.group.order.forces() {
            *left = (*left).min(FORCED);
        }
        let at_most = LOOK.min(*left);
        match self.group.client.answer(at_most) {
            Some(answer) => self.answered(answer),
            None => {
                *left -= at_most;
                None
            }
        }
    }

    /// What is done and not committed, of the partitions chosen; counts it as committed.
    pub(super) fn uncommitted(&mut self, chosen: impl Fn(&TopicPartition) -> bool) -> Vec<Commit> {
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
}

fn no_answer(patience: Duration) -> CommitError {
    let reason = format!("no answer of Kafka within {} s", patience.as_secs_f32());
    CommitError { reason, is_metadata: false }
}
