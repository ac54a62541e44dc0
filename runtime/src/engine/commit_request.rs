//! What a lane wants committed before it performs it, and what became of that: `delivery: at_most_once`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::atomic_offset::AtomicOffset;

/// An offset that a lane asks the group's thread to commit. One at a time.
///
/// The lane asks and takes the answer; the group's thread commits and answers.
#[derive(Debug, Default)]
pub(crate) struct CommitRequest {
    /// What the lane asks for.
    wanted: AtomicOffset,
    /// The highest offset that Kafka has acknowledged.
    granted: AtomicOffset,
    /// There is no hope for what is asked for: the lane is to end, and Kafka did not take it.
    refused: AtomicBool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not committed yet.
    Open,
    /// Kafka has acknowledged it: nobody else will get these records.
    Granted,
    /// It will not be committed: somebody else gets these records.
    Refused,
}

impl CommitRequest {
    /// The lane wants everything below `offset` committed.
    pub(crate) fn ask(&self, offset: i64) {
        self.wanted.store(Some(offset), Ordering::Release);
    }

    /// What became of what the lane has asked for. An answer ends the request.
    pub(crate) fn answer(&self) -> Answer {
        let wanted = self.wanted.load(Ordering::Relaxed);
        let answer = if self.granted.load(Ordering::Acquire) >= wanted {
            Answer::Granted
        } else if self.refused.load(Ordering::Acquire) {
            Answer::Refused
        } else {
            return Answer::Open;
        };
        self.wanted.store(None, Ordering::Release);
        answer
    }

    /// Whether the lane waits for an answer.
    pub(crate) fn is_open(&self) -> bool {
        self.wanted.load(Ordering::Relaxed).is_some()
    }

    /// Whether the lane performs what is committed already.
    pub(crate) fn has_granted(&self) -> bool {
        self.granted.load(Ordering::Relaxed).is_some()
    }

    /// What is to be committed for the lane.
    pub(crate) fn to_commit(&self) -> Option<i64> {
        let wanted = self.wanted.load(Ordering::Acquire);
        let is_due = wanted > self.granted.load(Ordering::Relaxed) && !self.refused.load(Ordering::Relaxed);
        wanted.filter(|_| is_due)
    }

    /// Kafka has acknowledged a commit of `offset`.
    pub(crate) fn grant(&self, offset: i64) {
        self.granted.raise(offset, Ordering::AcqRel);
    }

    /// What is not granted by now never will be.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }
}
