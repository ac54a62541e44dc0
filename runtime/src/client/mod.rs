//! What the engine needs of Kafka: one thin trait, with librdkafka behind it, and a source in the process for tests.

pub(crate) mod connection;
pub(crate) mod fetch_fault;
mod kafka;
mod leave;
pub(crate) mod positions;
mod prefetch;
mod queue;
mod topic_watch;
pub(crate) mod topics;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::{Duration, Instant},
};

pub(crate) use fetch_fault::FetchFault;
pub(crate) use kafka::KafkaClient;
pub(crate) use positions::OtherCommits;
pub(crate) use prefetch::Budget;

use crate::{
    Record,
    obstacle::Obstacle,
    settings::{LostPosition, Start},
};

pub(crate) use crate::native::{PositionLost, Wake, Watermarks};
/// A partition of a topic, by the topic's name in Kafka.
pub(crate) use crate::partition::Partition as TopicPartition;

/// What comes out of a partition's queue.
#[derive(Debug)]
pub(crate) enum Delivery {
    Record(Record),
    /// The offset to read from is not there any more, and nothing else may be taken for it.
    PositionLost(PositionLost),
    /// Something is wrong with the partition; librdkafka goes on trying.
    Error(FetchFault),
}

/// The queue of one assigned partition; owned by its lane.
pub(crate) trait RecordQueue: Send {
    /// Moves what is there into `into`, at most `room` deliveries, and never waits. Offsets of records only grow.
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize);

    /// Where reading has come to: behind the last record that was drained, and behind whatever stands there that is
    /// not a record, such as a transaction's marker. `None` if that is not known.
    fn position(&self) -> Option<i64>;
}

/// Where a topic is read from when the group's offset does not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Positions {
    /// The group has no offset.
    pub(crate) start: Start,
    /// Its offset is not there any more.
    pub(crate) lost: LostPosition,
}

/// A partition that has been assigned.
pub(crate) struct Assigned {
    pub(crate) partition: TopicPartition,
    /// Where reading starts; `None` is the beginning, wherever that is.
    pub(crate) start: Option<i64>,
    /// The group's commit.
    pub(crate) committed: Option<Committed>,
    /// How many offsets were passed over, if `start` is neither the group's offset nor the beginning.
    pub(crate) passed: Option<i64>,
    /// What the partition holds, if that was asked for and came: it is when the group's offset does not say where to start.
    pub(crate) log: Option<Range<i64>>,
    /// What the group has committed elsewhere, if it has nothing here, and that came.
    pub(crate) others: Option<OtherCommits>,
    pub(crate) queue: Box<dyn RecordQueue>,
}

/// A commit as Kafka keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// Whatever a program has written beside the offset.
    pub(crate) metadata: Vec<u8>,
}

/// What is to be committed of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    /// Text for whoever reads the commit.
    pub(crate) metadata: Option<String>,
}

/// Why Kafka did not take a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitError {
    pub(crate) reason: String,
    pub(crate) fault: CommitFault,
}

/// What stands behind a commit that Kafka did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFault {
    /// The broker takes less metadata than Kafka does by default.
    Metadata,
    /// The group rebalances, or has: the commit is of an old generation, or of a member's old epoch.
    Rebalance,
    /// Something else.
    Other,
}

impl CommitError {
    /// One that has nothing to do with metadata or a rebalance.
    pub(crate) fn other(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), fault: CommitFault::Other }
    }
}

/// What Kafka says of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitAnswer {
    /// As it was given to [`Client::commit`].
    pub(crate) number: u64,
    pub(crate) ended: Result<(), CommitError>,
}

/// How a client is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// No lane holds a record or queue any more: leave the group, and wait until that is done.
    Wait,
    /// As `Wait`, but at most this long: a commit is without an answer, and the client waits for that first. The group is
    /// told all the same.
    Within(Duration),
    /// A lane will not end: leave the group, and everything else where it is.
    Abandon,
}

/// What a group's client has to say.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    /// The group gives partitions; answer with [`Client::assign`].
    Assign(Vec<TopicPartition>),
    /// The group takes partitions; answer with [`Client::unassign`].
    Revoke {
        partitions: Vec<TopicPartition>,
        /// They are gone already: somebody else may be at work on them.
        lost: bool,
    },
    /// Kafka has answered a commit, or the client has refused it.
    Committed(CommitAnswer),
    /// Something is wrong; the client goes on trying.
    Error(String),
    /// A topic was deleted and recreated: its offsets mean other records now. Commit its [`Client::beginnings`].
    Recreated(String),
    /// The answer to [`Client::look_at`], of a topic that was not recreated as far as anybody knows.
    Looked {
        topic: String,
        /// Its id is the one that it had before: it is the same topic for certain.
        is_same: bool,
    },
    /// The client has given up.
    Fatal(String),
}

/// A consumer of one group. All calls come from the group's own thread.
pub(crate) trait Client: Send {
    /// The next event, if there is one; never waits.
    fn poll(&mut self) -> Option<ClientEvent>;

    /// Waits until there may be an event or somebody unparks the thread, at most this long.
    fn wait(&mut self, at_most: Duration);

    /// Starts to read partitions, each from its committed offset, or from where its topic's [`Positions`] say. `wake` is called when a partition's empty queue has
    /// something; it is made for each.
    ///
    /// # Errors
    ///
    /// What kept the client from it; nothing is assigned then, and the call can be repeated.
    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String>;

    /// Whether a single partition can be let go and assigned anew while the group stays as it is.
    fn can_move(&self) -> bool {
        false
    }

    /// What partitions hold: the first offset, and the one behind the last. Waits for Kafka for some seconds; one whose
    /// leader does not answer is left out.
    fn logs(&mut self, _partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Range<i64>> {
        BTreeMap::new()
    }

    /// Asks in the background whether a topic is still the one that it was. The answer is [`ClientEvent::Recreated`] or
    /// [`ClientEvent::Looked`], and may never come.
    fn look_at(&mut self, _topic: &str) {}

    /// Unassigns partitions. Their queues are dropped before.
    fn unassign(&mut self, partitions: &[TopicPartition]);

    /// The commits of a group that begins where one without an offset does, for partitions of a topic that was recreated.
    ///
    /// # Errors
    ///
    /// What kept the client from it; the call can be repeated.
    fn beginnings(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Commit>, String>;

    /// Commits in the background. The answer, which may never come, has the same number; it comes as
    /// [`ClientEvent::Committed`], or from [`Client::answer`].
    fn commit(&mut self, number: u64, commits: &[Commit]);

    /// Waits for the answer to any commit, at most this long.
    fn answer(&mut self, at_most: Duration) -> Option<CommitAnswer>;

    /// Where an assigned partition begins and ends, as far as the last fetch has told; never waits.
    fn watermarks(&mut self, _partition: &TopicPartition) -> Option<Watermarks> {
        None
    }

    /// How many records of an assigned partition are fetched and not yet taken; never waits.
    fn prefetched(&mut self, _partition: &TopicPartition) -> usize {
        0
    }

    /// What keeps the client from its brokers, and from its topics. `is_joining`: the group has not answered yet.
    fn obstacles(&mut self, _is_joining: bool) -> Vec<Obstacle> {
        Vec::new()
    }

    /// Whether Kafka does not let this client read the topic, as far as it says so, and was asked after `since`; it is asked
    /// now if it was not.
    fn forbids(&mut self, _topic: &str, _since: Instant) -> Option<bool> {
        None
    }

    /// Leaves the group. Returns whether the client has closed, and was not left behind.
    fn close(self: Box<Self>, how: Close) -> bool;
}
