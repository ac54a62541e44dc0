//! What keeps a partition, a send or a whole group from going on, with coordinates and what mends it.

use std::fmt;

use crate::partition::{Partition, ranges};

/// Something that stands in the way, as health and the log say it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// What it is.
    pub kind: ObstacleKind,
    /// Whether it passes by itself, and how much it keeps.
    pub severity: Severity,
    /// The partitions that stand still, in their order; empty where it is about no partition alone.
    pub partitions: Vec<Partition>,
    /// The record that a single partition stands at.
    pub offset: Option<i64>,
    /// The topic, by its name in Kafka, where it is about one.
    pub topic: Option<String>,
    /// The broker, as `host:port`, where it is about one.
    pub broker: Option<String>,
    /// What is so, in a sentence without the coordinates, and without anything that changes while it stays so.
    pub words: String,
    /// What mends it.
    pub help: String,
}

/// What an [`Obstacle`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObstacleKind {
    /// No broker can be reached.
    Disconnected,
    /// One broker cannot be reached.
    BrokerAway,
    /// Topics that Kafka does not know.
    TopicMissing,
    /// Names that Kafka takes for no topic's.
    TopicInvalid,
    /// Topics that may not be read, or written.
    TopicForbidden,
    /// Partitions without a leader: the brokers that hold them are away.
    NoLeader,
    /// Records that the client cannot take out of what Kafka sends: a compression that is not compiled in, bytes that are
    /// damaged.
    Unreadable,
    /// Kafka, or the client, gives no records of a partition, for another reason.
    FetchFails,
    /// What was sent is not acknowledged.
    Unacknowledged,
    /// Kafka does not take commits.
    CommitFails,
    /// The group gives no partitions, though it is reached.
    Joining,
    /// What was assigned cannot be read from: its offsets are not to be had.
    AssignFails,
}

/// How much an [`Obstacle`] keeps, and whether it passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It wants a person, and what it does not touch goes on.
    Degrades,
    /// It passes by itself when what is away is back.
    Passes,
    /// It waits for a person.
    Person,
}

impl ObstacleKind {
    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::BrokerAway => "broker_away",
            Self::TopicMissing => "topic_missing",
            Self::TopicInvalid => "topic_invalid",
            Self::TopicForbidden => "topic_forbidden",
            Self::NoLeader => "no_leader",
            Self::Unreadable => "unreadable",
            Self::FetchFails => "fetch_fails",
            Self::Unacknowledged => "unacknowledged",
            Self::CommitFails => "commit_fails",
            Self::Joining => "joining",
            Self::AssignFails => "assign_fails",
        }
    }
}

impl Obstacle {
    /// One that is about nothing but what it says.
    pub(crate) fn new(
        kind: ObstacleKind,
        severity: Severity,
        words: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (words, help) = (words.into(), help.into());
        Self { kind, severity, partitions: Vec::new(), offset: None, topic: None, broker: None, words, help }
    }

    /// Whether the other one is the same thing, whatever it says of it by now. Partitions that stand still for different
    /// reasons are different things.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_one = (self.kind, &self.topic, &self.broker) == (other.kind, &other.topic, &other.broker);
        is_one && (self.partitions.is_empty() || self.words == other.words)
    }

    /// Whether it is what lanes get instead of records.
    pub(crate) fn is_of_lanes(&self) -> bool {
        self.topic.is_some() && !self.partitions.is_empty()
    }

    /// Whether the other one says something else of the same thing.
    pub(crate) fn is_news_to(&self, other: &Self) -> bool {
        (&self.words, &self.partitions, self.severity) != (&other.words, &other.partitions, other.severity)
    }

    /// `orders/0-3`, `orders/2@4711`; `None` where no partition stands still.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match (&*self.partitions, self.offset) {
            ([], _) => None,
            ([only], Some(offset)) => Some(format!("{only}@{offset}")),
            (partitions, _) => Some(ranges(partitions)),
        }
    }
}

/// Where, and what.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.words)
    }
}
