//! Commits that Kafka has not answered, told apart by number.
//!
//! Their offsets do not tell them apart: a commit that is made again often has the same ones, and the answer to the first
//! says nothing of what has happened since.

use std::time::{Duration, Instant};

use super::to_repeat::CommitPoint;
use crate::client::TopicPartition;

/// How many commits are given up while their answers may still come. The client keeps each of them, and each may undo a
/// later one, so beyond that an answer is waited for.
const GIVEN_UP: usize = 3;

/// The commit whose answer is waited for.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) number: u64,
    /// What it commits for lanes.
    pub(super) marks: Vec<(TopicPartition, CommitPoint)>,
    since: Instant,
}

/// Which commit an answer is of.
#[derive(Debug)]
pub(super) enum Answered {
    /// The one that was waited for.
    InFlight(InFlight),
    /// One that was given up.
    Late(InFlight),
    /// None that is known to be without an answer.
    Unknown,
}

/// Commits without an answer.
///
/// **Invariant:** the one in flight is the newest of all; at most [`GIVEN_UP`] others are without an answer.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    last: u64,
    in_flight: Option<InFlight>,
    given_up: Vec<InFlight>,
}

impl Outstanding {
    /// A commit begins; gives its number.
    pub(super) fn begin(&mut self, marks: Vec<(TopicPartition, CommitPoint)>, now: Instant) -> u64 {
        debug_assert!(self.in_flight.is_none(), "one commit at a time");
        self.last += 1;
        self.in_flight = Some(InFlight { number: self.last, marks, since: now });
        self.last
    }

    /// The number of the newest commit, 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether an answer is waited for.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether the answer that is waited for has been missing for so long.
    pub(super) fn is_overdue(&self, now: Instant, patience: Duration) -> bool {
        self.in_flight.as_ref().is_some_and(|commit| now.saturating_duration_since(commit.since) >= patience)
    }

    /// Waits no longer for the commit in flight, and gives it; `None` if there is none, or if too many are given up.
    pub(super) fn give_up(&mut self) -> Option<&InFlight> {
        let commit = self.in_flight.take_if(|_| self.given_up.len() < GIVEN_UP)?;
        self.given_up.push(commit);
        self.given_up.last()
    }

    /// Kafka has answered a commit.
    pub(super) fn hear(&mut self, number: u64) -> Answered {
        if let Some(commit) = self.in_flight.take_if(|commit| commit.number == number) {
            return Answered::InFlight(commit);
        }
        match self.given_up.iter().position(|given_up| given_up.number == number) {
            Some(place) => Answered::Late(self.given_up.swap_remove(place)),
            None => Answered::Unknown,
        }
    }

    /// What is answered of this partition is no news of the lane that has it now.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        for commit in self.in_flight.iter_mut().chain(&mut self.given_up) {
            commit.marks.retain(|(of, _)| of != partition);
        }
    }

    /// How many were given up and have no answer.
    pub(super) fn given_up(&self) -> usize {
        self.given_up.len()
    }

    /// How many have no answer.
    pub(super) fn count(&self) -> usize {
        self.given_up.len() + usize::from(self.in_flight.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> Vec<(TopicPartition, CommitPoint)> {
        let mark = CommitPoint { offset: 7, ..CommitPoint::default() };
        vec![(TopicPartition { topic: "orders".into(), partition: 0 }, mark)]
    }

    /// If this fails, the answer to a commit that was given up is taken for that of an equal one that was made since.
    #[test]
    fn equal_commits_are_told_apart() {
        let (mut commits, now) = (Outstanding::default(), Instant::now());
        let first = commits.begin(marks(), now);
        assert!(!commits.is_overdue(now + Duration::from_secs(19), Duration::from_secs(20)));
        assert!(commits.is_overdue(now + Duration::from_secs(20), Duration::from_secs(20)));
        assert_eq!(commits.give_up().map(|commit| commit.number), Some(first));
        let second = commits.begin(marks(), now);
        assert!(matches!(commits.hear(first), Answered::Late(_)) && commits.is_in_flight());
        assert!(matches!(commits.hear(first), Answered::Unknown), "once");
        assert!(matches!(commits.hear(second), Answered::InFlight(commit) if commit.number == second));
        assert_eq!((commits.count(), commits.last()), (0, second));
    }

    /// If this fails, commits pile up in a client that cannot get rid of them.
    #[test]
    fn a_few_are_given_up_and_no_more() {
        let (mut commits, now) = (Outstanding::default(), Instant::now());
        for _ in 0..GIVEN_UP {
            commits.begin(marks(), now);
            assert!(commits.give_up().is_some());
        }
        let last = commits.begin(marks(), now);
        assert!(commits.give_up().is_none() && commits.is_in_flight());
        assert_eq!((commits.count(), commits.given_up()), (GIVEN_UP + 1, GIVEN_UP));
        assert!(matches!(commits.hear(last - 1), Answered::Late(_)));
        assert_eq!(commits.give_up().map(|commit| commit.number), Some(last), "there is room again");
    }

    /// If this fails, a lane counts as committed what a lane before it has done.
    #[test]
    fn a_commit_of_a_former_lane_is_forgotten() {
        let mut commits = Outstanding::default();
        let number = commits.begin(marks(), Instant::now());
        commits.forget(&marks()[0].0);
        assert!(matches!(commits.hear(number), Answered::InFlight(commit) if commit.marks.is_empty()));
    }
}
