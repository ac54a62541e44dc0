//! What the engine needs of Kafka: one thin trait, with librdkafka behind it, and a source in the process for tests.

mod kafka;
pub(crate) mod native;
pub(crate) mod outgoing;

use std::{collections::VecDeque, time::Duration};

pub(crate) use kafka::KafkaClient;
pub(crate) use native::Wake;

use crate::Record;

/// A partition of a topic, by the topic's name in Kafka.
pub(crate) use crate::events::Partition as TopicPartition;

/// What comes out of a partition's queue.
#[derive(Debug)]
pub(crate) enum Delivery {
    Record(Record),
    /// The offset to read from is not there any more, and nothing else may be taken for it.
    PositionLost(String),
    /// Something is wrong with the partition; librdkafka goes on trying.
    Error(String),
}

/// The queue of one assigned partition; owned by its lane.
pub(crate) trait RecordQueue: Send {
    /// Moves what is there into `into`, at most `room` deliveries, and never waits. Offsets of records only grow.
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize);

    /// Where reading has come to: behind the last record that was drained, and behind whatever stands there that is
    /// not a record, such as a transaction's marker. `None` if that is not known.
    fn position(&self) -> Option<i64>;
}

/// A partition that has been assigned.
pub(crate) struct Assigned {
    pub(crate) partition: TopicPartition,
    /// The committed offset that reading starts from; `None` where the group has none, and reads from the beginning.
    pub(crate) start: Option<i64>,
    pub(crate) queue: Box<dyn RecordQueue>,
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
    /// A commit in the background has ended.
    Committed { offsets: Vec<(TopicPartition, i64)>, error: Option<String> },
    /// No broker answers; the client goes on trying.
    Disconnected(String),
    /// Something is wrong; the client goes on trying.
    Error(String),
    /// The client has given up.
    Fatal(String),
}

/// A consumer of one group. All calls come from the group's own thread.
pub(crate) trait Client: Send {
    /// The next event, if there is one; never waits.
    fn poll(&mut self) -> Option<ClientEvent>;

    /// Waits until there may be an event or somebody unparks the thread, at most this long.
    fn wait(&mut self, at_most: Duration);

    /// Starts to read partitions, each from its committed offset. `wake` is called when a partition's empty queue has
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

    /// Lets partitions go. Their queues are dropped before.
    fn unassign(&mut self, partitions: &[TopicPartition]);

    /// Commits in the background; the outcome comes as [`ClientEvent::Committed`].
    fn commit(&mut self, offsets: &[(TopicPartition, i64)]);

    /// Commits and waits for the answer.
    ///
    /// # Errors
    ///
    /// Why Kafka did not take it.
    fn commit_and_wait(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), String>;

    /// The offset behind the last record of an assigned partition, as far as the last fetch has told; never waits.
    fn high_watermark(&mut self, _partition: &TopicPartition) -> Option<i64> {
        None
    }

    /// Leaves the group. `clean` says that no lane holds a record or queue any more.
    fn close(self: Box<Self>, clean: bool);
}
