//! What is committed, and what becomes of it.

use std::time::Instant;

use super::{ASK_AHEAD, COMMIT_ANSWER, COMMIT_INTERVAL, Running};
use crate::{
    client::{Commit, CommitError, TopicPartition},
    engine::{clock, shared::Order},
};

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
        if self.sent == self.ended {
            let commits = self.uncommitted(|_| true);
            if commits.is_empty() {
                self.group.watch.settled(now);
            } else {
                self.commit_in_background(&commits);
            }
        }
    }

    pub(super) fn commit_in_background(&mut self, commits: &[Commit]) {
        self.sent += 1;
        self.sent_at = clock::now();
        self.last_sent = commits.iter().map(|commit| (commit.partition.clone(), commit.offset)).collect();
        self.group.client.commit(commits);
    }

    /// A commit whose answer does not come must not hold up all others for ever: it counts as refused.
    pub(super) fn miss_an_answer(&mut self, now: Instant) {
        if self.sent == self.ended || now.saturating_duration_since(self.sent_at) < COMMIT_ANSWER {
            return;
        }
        self.unanswered += 1;
        let reason = format!("Kafka has not answered for {} s", COMMIT_ANSWER.as_secs());
        self.committed(self.last_sent.clone(), Some(CommitError { reason, is_metadata: false }));
    }

    /// Kafka has answered a commit: the last one, or one that was not waited for any more.
    pub(super) fn answered(&mut self, offsets: Vec<(TopicPartition, i64)>, error: Option<CommitError>) {
        let is_last = || offsets.len() == self.last_sent.len() && offsets.iter().all(|o| self.last_sent.contains(o));
        if self.unanswered > 0 && (self.sent == self.ended || !is_last()) {
            self.unanswered -= 1;
            // It may have come after a later one, and have undone it.
            self.lanes.values_mut().for_each(|lane| lane.committed = None);
            return;
        }
        self.committed(offsets, error);
    }

    /// A commit in the background has ended.
    fn committed(&mut self, offsets: Vec<(TopicPartition, i64)>, error: Option<CommitError>) {
        self.ended += 1;
        if let Some(error) = error {
            self.commit_failed(&error);
            self.claims_refused();
            // The next round commits again what is still ours.
            for (partition, _) in offsets {
                if let Some(lane) = self.lanes.get_mut(&partition) {
                    lane.committed = None;
                }
            }
            return;
        }
        self.connected();
        self.group.watch.settled(clock::now());
        // An answer that was under way before the process stood still says nothing of now.
        if self.in_doubt.is_some_and(|sent| self.ended > sent) {
            self.belongs();
        }
        for (partition, offset) in offsets {
            if let Some(lane) = self.lanes.get_mut(&partition) {
                lane.acknowledged(offset);
            }
        }
    }

    /// The group has answered: lanes may go on.
    pub(super) fn belongs(&mut self) {
        self.in_doubt = None;
        self.group.session.answered(self.group.session.now());
        self.lanes.values().for_each(|lane| lane.shared.wake.notify_one());
    }

    pub(super) fn commit_failed(&mut self, error: &CommitError) {
        self.is_plain |= error.is_metadata;
        self.group.report.commit_failed(&error.reason);
    }

    /// Commits and waits for the answer.
    pub(super) fn commit_and_wait(&mut self, commits: Vec<Commit>) -> Result<(), CommitError> {
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
