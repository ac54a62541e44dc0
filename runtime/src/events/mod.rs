//! What happens in a running app, as one typed stream that logs, counters and tests all read.
//!
//! An event lends what it speaks of, so that one that nobody wants costs nothing: the engine asks
//! [`Listener::wants_done`] once and then makes no event for a record that went well.

mod development;
mod excerpt;
mod filter;
mod listeners;
pub(crate) mod position;
mod production;
mod rate_limited;
mod summary;
mod totals;
mod words;

use std::{fmt, time::Duration};

pub use development::Development;
pub(crate) use development::status;
pub(crate) use listeners::Listeners;
pub use position::{Cause, Log};
pub use production::{LogFormat, Production, log_to};
pub use rate_limited::RateLimited;
pub use summary::{Summary, Summed};
pub use totals::{Blocked, LeftWaiting, ToRepeat, Totals};
pub(crate) use totals::{NAMED, repeated};
pub use words::ShortDuration;
pub(crate) use words::{BLOCKING_HELP, UNADMITTED_HELP, UNFINISHED_HELP};

use crate::{Error, Record, settings::Ordering};
pub use crate::{
    obstacle::{Obstacle, ObstacleKind, Severity},
    panics::PanicSite,
    partition::Partition,
};

/// The version of [`Event`]: it grows when a variant or field changes its meaning, not when one is added.
pub const VERSION: u32 = 2;

/// Hears what happens. It is called on the engine's threads and must not block.
pub trait Listener: Send + Sync + 'static {
    /// Whether [`Event::Done`] is wanted; asked once, at the start. It is the only event of the fast path.
    fn wants_done(&self) -> bool {
        false
    }

    /// Something happened.
    fn on(&self, event: &Event<'_>);
}

/// Hears nothing.
impl Listener for () {
    fn on(&self, _event: &Event<'_>) {}
}

/// A record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct TopicPartitionOffset<'a> {
    /// The topic's name in Kafka.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A group's consumer was made and asks for partitions.
    #[non_exhaustive]
    Started {
        /// The group's id.
        group: &'a str,
    },
    /// A group was given partitions, beside those that it has.
    #[non_exhaustive]
    Assigned {
        /// The group's id.
        group: &'a str,
        /// The new ones.
        partitions: &'a [Partition],
    },
    /// A group gave partitions back, after it had drained and committed them.
    #[non_exhaustive]
    Revoked {
        /// The group's id.
        group: &'a str,
        /// Those that went.
        partitions: &'a [Partition],
        /// Records of theirs that were begun and did not finish in time, or finished without a commit that Kafka has
        /// acknowledged: the new owner does them again.
        to_repeat: u64,
    },
    /// A group lost partitions: its session expired, or it was fenced. Nothing of them can be committed.
    #[non_exhaustive]
    Lost {
        /// The group's id.
        group: &'a str,
        /// Those that went.
        partitions: &'a [Partition],
        /// Records of theirs that were begun or finished, and that Kafka is not known to have as finished: the new owner
        /// does them again.
        to_repeat: u64,
    },
    /// A record was handled. Made only for listeners that [want it](Listener::wants_done).
    #[non_exhaustive]
    Done {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// From the first attempt's start to its end, for the attempt that went well.
        duration: Duration,
        /// What it emitted, as Kafka acknowledged it.
        emitted: &'a [TopicPartitionOffset<'a>],
        /// The job on Redis that it became; `None`: it was performed here.
        job: Option<JobName<'a>>,
        /// How many records the attempt was at: one, or the size of the batch. What a batch has emitted is told with the
        /// first of its records that are done.
        batch: usize,
    },
    /// `before_enqueue` skipped a record; it counts as done.
    #[non_exhaustive]
    Skipped {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A record without a value was skipped, as `tombstones: skip` says; it counts as done.
    #[non_exhaustive]
    TombstoneSkipped {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
    },
    /// `before_enqueue` put a record off; its partition waits.
    #[non_exhaustive]
    Deferred {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// For how long.
        wait: Duration,
    },
    /// An attempt failed; there will be another.
    #[non_exhaustive]
    Failed {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        error: &'a Error,
        /// When the next attempt begins.
        next: Duration,
    },
    /// An attempt panicked; there will be another.
    #[non_exhaustive]
    Panicked {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// The panic's words.
        message: &'a str,
        /// Where it panicked, if that is known.
        site: Option<&'a PanicSite>,
        /// When the next attempt begins.
        next: Duration,
    },
    /// A record cannot be parsed; its partition waits until the process starts again.
    #[non_exhaustive]
    Unparseable {
        /// The record, with its bytes.
        record: &'a Record,
        /// The topic's key in the manifest.
        topic: &'a str,
        /// The controller's constant.
        controller: &'a str,
        /// The message's name in the manifest, or `json`, `bytes`, `text`.
        message: &'a str,
        /// Why.
        error: &'a Error,
        /// What waits for it, where it goes nowhere.
        ordering: Ordering,
        /// Where it goes; without it, its partition (or key) waits.
        dead_letter: Option<&'a str>,
    },
    /// The interchanger of a record's consumer cannot write its message as a job, and will not be able to; its partition waits
    /// as for [`Event::Unparseable`].
    #[non_exhaustive]
    Unwritable {
        /// The record, with its bytes.
        record: &'a Record,
        /// The topic's key in the manifest.
        topic: &'a str,
        /// The controller's constant.
        controller: &'a str,
        /// Why.
        error: &'a Error,
        /// What waits for it, where it goes nowhere.
        ordering: Ordering,
        /// Where it goes; without it, its partition (or key) waits.
        dead_letter: Option<&'a str>,
    },
    /// The last attempt failed: the record goes to the dead letter topic, and counts as done when Kafka has it there.
    #[non_exhaustive]
    DeadLettered {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        error: &'a Error,
        /// The dead letter topic's name in Kafka.
        topic: &'a str,
    },
    /// Kafka, or the client, refuses what a record has sent, or its dead letter, and will again until a person has changed
    /// something, as the size that a topic takes. It is sent again after a backoff, and the record's offset stays.
    #[non_exhaustive]
    Refused {
        /// The record; of a batch, one of its records.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Where it was sent, by the topic's name in Kafka.
        topic: &'a str,
        /// Bytes of its key, value and headers, before compression.
        size: usize,
        /// Whether it is the record's dead letter, and not what its controller has sent.
        is_dead_letter: bool,
        /// Why, in a sentence with the topic, the size, and what to change.
        reason: &'a str,
        /// How often it was refused.
        failures: u32,
    },
    /// Kafka has not taken what a record has sent, or its dead letter, and it is sent again after a backoff. What keeps a
    /// topic from taking anything comes as [`Event::Obstructed`].
    #[non_exhaustive]
    SendFailed {
        /// The record; of a batch, one of its records.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Where it was sent, by the topic's name in Kafka.
        topic: &'a str,
        /// Why, in a sentence.
        reason: &'a str,
    },
    /// A record was not handled, and will not be: `delivery: at_most_once` has committed it before.
    #[non_exhaustive]
    NotRepeated {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// What happened: `failed`, `panicked`, `timed out`, `cannot be parsed`, `is a tombstone`.
        what: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// A record has no value, and the manifest does not say what that means; its partition waits as for
    /// [`Event::Unparseable`].
    #[non_exhaustive]
    TombstoneRefused {
        /// The record.
        record: &'a Record,
        /// The topic's key in the manifest.
        topic: &'a str,
        /// The controller's constant.
        controller: &'a str,
        /// What waits for it, where it goes nowhere.
        ordering: Ordering,
        /// Where it goes; without it, its partition (or key) waits.
        dead_letter: Option<&'a str>,
    },
    /// A handler keeps the thread that it runs on: it blocks, or counts for long, where it should wait. The other records
    /// of its partition stand still meanwhile. Told at first, and now and then while it is so.
    #[non_exhaustive]
    Blocking {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// For how long.
        running: Duration,
    },
    /// An attempt runs on though its partition was taken from this process while it ran. What it comes to is not
    /// committed, and [`Context::revoked`](crate::Context::revoked) has told it. Said once of each.
    #[non_exhaustive]
    RunsOn {
        /// The record; of a batch, its first one.
        place: TopicPartitionOffset<'a>,
        /// How many records it is at: one, or the size of the batch.
        records: u64,
        /// The controller's constant.
        controller: &'a str,
        /// How long it has been running.
        running: Duration,
        /// Why the partition is gone.
        why: RevocationCause,
        /// Whether the records are done again: they are, unless they were committed before, as under `delivery:
        /// at_most_once`, or their topic is gone.
        again: bool,
    },
    /// An attempt ended with an error when [`Context::revoked`](crate::Context::revoked) had told it that its partition is
    /// gone. That is no failed attempt: whoever has the partition next begins the record as if it had not been made.
    #[non_exhaustive]
    Left {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// With what it ended.
        error: &'a Error,
    },
    /// An attempt has waited for minutes, and no `timeout` says that it may. Told at first, and now and then while it is
    /// so.
    #[non_exhaustive]
    Unfinished {
        /// The record.
        place: TopicPartitionOffset<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// For how long.
        running: Duration,
        /// How many other attempts of the partition have not ended for as long.
        others: usize,
        /// Whether it is to hand the record over as a job: it is in `before_enqueue`, which no `timeout` bounds.
        is_enqueue: bool,
    },
    /// No thread of the runtime that the app's code runs on is free: nothing else runs, no timer and no time-out either.
    #[non_exhaustive]
    RuntimeStalled {
        /// For how long.
        stalled: Duration,
        /// How many threads there are.
        threads: usize,
        /// The handlers that keep theirs: who, at which record or job, for how long.
        blocked: &'a [String],
    },
    /// After [`Event::RuntimeStalled`] a thread is free again.
    #[non_exhaustive]
    RuntimeRecovered {
        /// For how long none was.
        stalled: Duration,
    },
    /// The thread that polls Kafka for a group stands still.
    #[non_exhaustive]
    PollStalled {
        /// The group's id.
        group: &'a str,
        /// For how long.
        stalled: Duration,
    },
    /// A commit failed; it is tried again with the next one.
    #[non_exhaustive]
    CommitFailed {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// A commit was refused because the group rebalances; it is made again as soon as that lets it through.
    #[non_exhaustive]
    CommitRefused {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// Something keeps a partition, a send or a whole group from going on. Told when it begins, when it becomes another
    /// thing, and now and then while it is so.
    #[non_exhaustive]
    Obstructed {
        /// The group's id; `None`: it keeps what is sent.
        group: Option<&'a str>,
        /// What it is, where, and what mends it.
        obstacle: &'a Obstacle,
        /// For how long.
        lasting: Duration,
    },
    /// What was told as [`Event::Obstructed`] is over.
    #[non_exhaustive]
    Cleared {
        /// The group's id; `None`: it kept what is sent.
        group: Option<&'a str>,
        /// What it was.
        obstacle: &'a Obstacle,
        /// For how long.
        lasted: Duration,
    },
    /// A partition is read from elsewhere than the group's offset: the group has none, or what stood there is gone. The
    /// new position becomes the group's offset, at once or with the first record that is done. Where nothing has been
    /// written yet a group that begins at the beginning says nothing.
    #[non_exhaustive]
    Positioned {
        /// The group's id.
        group: &'a str,
        /// The partition.
        partition: &'a Partition,
        /// The group's offset, or the one that this process has known it to have; `None` if it has none.
        from: Option<i64>,
        /// Where reading goes on.
        to: i64,
        /// How many offsets are passed over. Some may never have held a record. Negative when it goes back, as in a
        /// topic that was deleted and recreated.
        passed: i64,
        /// What the partition holds, as far as that is known.
        log: Option<Log>,
        /// Why. Of a [loss](Cause::is_loss) a person should know.
        cause: Cause,
    },
    /// The offset to read from is not there, and `lost_position` does not say where to go on: the partition waits.
    #[non_exhaustive]
    PositionLost {
        /// The group's id.
        group: &'a str,
        /// The partition.
        partition: &'a Partition,
        /// The offset.
        from: i64,
        /// What the partition holds, as far as that is known.
        log: Option<Log>,
        /// Why.
        cause: Cause,
        /// Whether it goes on by itself when the partition is assigned again.
        moves: bool,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// Something that a person should know and that has no variant of its own.
    #[non_exhaustive]
    Warning {
        /// The group's id.
        group: &'a str,
        /// One sentence.
        message: &'a str,
    },
    /// The embedded broker threw records away, because a partition of it holds only 5 MiB or 100,000 batches.
    #[non_exhaustive]
    BrokerDropped {
        /// The partition.
        partition: &'a Partition,
        /// How many since it started.
        count: u64,
    },
    /// A client cannot go on; the process ends.
    #[non_exhaustive]
    Fatal {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// The producer of emits and dead letters cannot go on; the process ends.
    #[non_exhaustive]
    ProducerFatal {
        /// librdkafka's words.
        reason: &'a str,
    },
    /// Redis does not take jobs, or give any; it is asked again.
    #[non_exhaustive]
    RedisAway {
        /// Its words, or why it cannot be reached.
        reason: &'a str,
    },
    /// Redis takes and gives jobs again.
    RedisBack,
    /// What [waited for Redis](Event::RedisAway) waits no longer, and was not answered: a stop comes first, for one.
    RedisUnanswered,
    /// A job was performed. Made only for listeners that [want it](Listener::wants_done).
    #[non_exhaustive]
    JobDone {
        /// The job.
        job: JobName<'a>,
        /// How long the attempt took.
        duration: Duration,
    },
    /// An attempt at a job failed; there will be another.
    #[non_exhaustive]
    JobFailed {
        /// The job.
        job: JobName<'a>,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        error: &'a str,
        /// Where it panicked, if it did, and that is known.
        site: Option<&'a PanicSite>,
        /// When the next attempt begins.
        next: Duration,
    },
    /// There will be no other attempt at a job.
    #[non_exhaustive]
    JobGaveUp {
        /// The job.
        job: JobName<'a>,
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        error: &'a str,
        /// Where it panicked, if it did, and that is known.
        site: Option<&'a PanicSite>,
        /// Whether it stands in `dead` now; if not, whoever pushed it said `retry: false` or `dead: false`.
        is_kept: bool,
    },
    /// As [`Event::Blocking`], of a job: its handler keeps its thread.
    #[non_exhaustive]
    JobBlocking {
        /// The job.
        job: JobName<'a>,
        /// For how long.
        running: Duration,
    },
    /// As [`Event::Unfinished`], of a job: an attempt has waited for minutes, and no `timeout` says that it may.
    #[non_exhaustive]
    JobUnfinished {
        /// The job.
        job: JobName<'a>,
        /// Which attempt, from 1.
        attempt: u32,
        /// For how long.
        running: Duration,
    },
    /// Jobs that a dead process had in progress were put back.
    #[non_exhaustive]
    JobsRecovered {
        /// The process: host, number, and a word of its own.
        process: &'a str,
        /// How many were put back.
        jobs: usize,
        /// How many went to `dead`: several processes had died of them, or they cannot be read.
        dead: usize,
    },
    /// Redis refuses jobs at one key, as where it is another app's: they stay where they are, and others go on.
    #[non_exhaustive]
    JobsStay {
        /// The key of Redis that refuses them.
        key: &'a str,
        /// Redis' words.
        reason: &'a str,
    },
    /// So many events of one kind were not told one by one; [`RateLimited`] makes it.
    Summary(&'a Summary),
    /// Nothing new is begun from here on: what runs ends and is committed, and every partition is kept.
    Quieted,
    /// Records are begun again.
    Resumed,
    /// A stop began: nothing more is fetched.
    #[non_exhaustive]
    Stopping {
        /// How long what was begun has to end.
        budget: Duration,
    },
    /// The stop is over.
    Stopped(Totals<'a>),
}

/// Why a partition is gone while an attempt runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationCause {
    /// The group has taken it back, and the group's `drain` is used up.
    Revoked,
    /// The session is over, or the member is fenced: somebody else may have had it for some time.
    Lost,
    /// Its topic was deleted and recreated.
    Recreated,
}

/// A job on Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobName<'a> {
    /// Its queue.
    pub queue: &'a str,
    /// The worker's constant.
    pub class: &'a str,
    /// Its id: 24 hexadecimal digits.
    pub jid: &'a str,
}

impl fmt::Display for JobName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.queue, self.jid)
    }
}

impl fmt::Display for TopicPartitionOffset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl<'a> From<&'a Record> for TopicPartitionOffset<'a> {
    fn from(record: &'a Record) -> Self {
        Self { topic: record.topic(), partition: record.partition(), offset: record.offset() }
    }
}

#[cfg(test)]
mod tests;
