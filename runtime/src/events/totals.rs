//! What a whole run came to, and what it leaves behind.

use std::{fmt, time::Duration};

use super::{Partition, ShortDuration};
use crate::foreign;

/// What a whole run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals<'a> {
    /// Records that were handled, skipped ones too.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Records that were begun or finished, and that Kafka is not known to have as finished: they will be done again,
    /// those of partitions that were lost or revoked before the stop among them. Of a worker: jobs that Redis is not
    /// known to have settled.
    pub to_repeat: u64,
    /// Where they are; empty for a worker.
    pub partitions: &'a [ToRepeat],
    /// What did not end in time.
    pub blocked: &'a [Blocked],
    /// Jobs that did not end in time, or whose end Redis has not heard of, each in words; empty for a server.
    pub unsettled: &'a [String],
    /// Partitions where something waits for a person, when the stop began.
    pub left_waiting: &'a [LeftWaiting],
}

impl Totals<'_> {
    /// Whether nothing is left behind.
    pub(super) fn is_clean(&self) -> bool {
        self.to_repeat == 0 && self.blocked.is_empty() && self.unsettled.is_empty() && self.left_waiting.is_empty()
    }

    /// What did not end in time, each in words.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let records = self.blocked.iter().map(ToString::to_string);
        named(records.chain(self.unsettled.iter().cloned()), "")
    }

    /// What waits for a person, each partition in words.
    pub(super) fn waiting(&self) -> Vec<String> {
        named(self.left_waiting.iter().map(ToString::to_string), " partitions")
    }
}

/// Records of one partition that will be done again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToRepeat {
    /// The group's id.
    pub group: String,
    /// The partition.
    pub partition: Partition,
    /// How many, at least one.
    pub records: u64,
}

/// A handler that did not end within the stop's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocked {
    /// The controller's constant.
    pub controller: String,
    /// The record's partition.
    pub partition: Partition,
    /// The record's offset; of a batch, its first one's.
    pub offset: i64,
    /// How many records it is at: one, or the size of the batch.
    pub records: u64,
    /// How long this attempt has been running.
    pub running: Duration,
}

/// A partition where something waits for a person, whichever process has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftWaiting {
    /// The partition.
    pub partition: Partition,
    /// The first record that is not done, if it is known.
    pub offset: Option<i64>,
    /// What waits, in words.
    pub what: String,
    /// Records that are not done, those that wait for a person among them, if it is known.
    pub lag: Option<u64>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { controller, partition, offset, records, running } = self;
        write!(f, "{controller} on {partition}@{offset}")?;
        if *records > 1 {
            write!(f, " and {} more of a batch", records - 1)?;
        }
        write!(f, ", running for {}", ShortDuration(*running))
    }
}

impl fmt::Display for LeftWaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, offset, what, lag } = self;
        write!(f, "{partition}")?;
        if let Some(offset) = offset {
            write!(f, "@{offset}")?;
        }
        write!(f, ": {what}")?;
        match lag {
            Some(lag) => write!(f, ", lag {lag}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ToRepeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.partition, self.records)
    }
}

/// How many of a kind a page or a log names one by one.
pub(crate) const NAMED: usize = 100;

/// `orders/0: 3, orders/1: 1`, and how many partitions more.
pub(crate) fn repeated(partitions: &[ToRepeat]) -> String {
    named(partitions.iter().map(ToString::to_string), " partitions").join(", ")
}

/// At most [`NAMED`] of them, each on a line, and how many more `of_what`.
fn named(all: impl Iterator<Item = String>, of_what: &str) -> Vec<String> {
    let mut all = all.map(|words| foreign::line(&words).into_owned());
    let mut named: Vec<_> = all.by_ref().take(NAMED).collect();
    let more = all.count();
    if more > 0 {
        named.push(format!("and {more} more{of_what}"));
    }
    named
}
