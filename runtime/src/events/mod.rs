//! What happens in a running app, as one typed stream that logs, counters and tests all read.
//!
//! An event lends what it speaks of, so that one that nobody wants costs nothing: the engine asks
//! [`Listener::wants_done`] once and then makes no event for a record that went well.

mod calm;
mod development;
mod excerpt;
mod production;

use std::{fmt, sync::Arc, time::Duration};

pub use calm::Calm;
pub use development::Development;
pub(crate) use development::status;
pub use production::{LogFormat, Production, log_to};

use crate::{Error, Record};

/// The version of [`Event`]: it grows when a variant or field changes its meaning, not when one is added.
pub const VERSION: u32 = 1;

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

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic's name in Kafka.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

/// A record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place<'a> {
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
    Started {
        /// The group's id.
        group: &'a str,
    },
    /// A group was given partitions, beside those that it has.
    Assigned {
        /// The group's id.
        group: &'a str,
        /// The new ones.
        partitions: &'a [Partition],
    },
    /// A group gave partitions back, after it had drained and committed them.
    Revoked {
        /// The group's id.
        group: &'a str,
        /// Those that went.
        partitions: &'a [Partition],
        /// Records that were begun and did not finish in time: they will be done again by the new owner.
        to_repeat: u64,
    },
    /// A group lost partitions: its session expired, or it was fenced. Nothing of them can be committed.
    Lost {
        /// The group's id.
        group: &'a str,
        /// Those that went.
        partitions: &'a [Partition],
        /// Records that were begun and are not committed.
        to_repeat: u64,
    },
    /// A record was handled. Made only for listeners that [want it](Listener::wants_done).
    Done {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// From the first attempt's start to its end, for the attempt that went well.
        duration: Duration,
        /// What it emitted, as Kafka acknowledged it.
        emitted: &'a [Place<'a>],
        /// The queue on Redis that has its job; `None`: it was performed here.
        queue: Option<&'a str>,
    },
    /// `before_enqueue` skipped a record; it counts as done.
    Skipped {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A record without a value was skipped, as `tombstones: skip` says; it counts as done.
    TombstoneSkipped {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
    },
    /// `before_enqueue` put a record off; its partition waits.
    Deferred {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// For how long.
        wait: Duration,
    },
    /// An attempt failed; there will be another.
    Failed {
        /// The record.
        place: Place<'a>,
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
    Panicked {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// The panic's words.
        message: &'a str,
        /// When the next attempt begins.
        next: Duration,
    },
    /// A record cannot be parsed; its partition waits until the process starts again.
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
        /// Where it goes; without it, its partition (or key) waits.
        dead_letter: Option<&'a str>,
    },
    /// The last attempt failed: the record goes to the dead letter topic, and counts as done when Kafka has it there.
    DeadLettered {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        error: &'a Error,
        /// The dead letter topic's name in Kafka.
        topic: &'a str,
    },
    /// A record was not handled, and will not be: `delivery: at_most_once` has committed it before.
    NotRepeated {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// What happened: `failed`, `panicked`, `timed out`, `cannot be parsed`, `is a tombstone`.
        what: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// A record has no value, and the manifest does not say what that means; its partition waits as for
    /// [`Event::Unparseable`].
    TombstoneRefused {
        /// The record.
        record: &'a Record,
        /// The topic's key in the manifest.
        topic: &'a str,
        /// The controller's constant.
        controller: &'a str,
        /// Where it goes; without it, its partition (or key) waits.
        dead_letter: Option<&'a str>,
    },
    /// A record is unfinished for so long that its partition is not fetched any further.
    Stuck {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// Since when.
        age: Duration,
    },
    /// A handler keeps the thread that it runs on: it blocks, or counts for long, where it should wait. Others on that
    /// thread stand still meanwhile.
    Blocking {
        /// The record.
        place: Place<'a>,
        /// The controller's constant.
        controller: &'a str,
        /// For how long.
        running: Duration,
    },
    /// The thread that polls Kafka for a group stands still.
    PollStalled {
        /// The group's id.
        group: &'a str,
        /// For how long.
        stalled: Duration,
    },
    /// A commit failed; it is tried again with the next one.
    CommitFailed {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// No broker answers; the client goes on trying.
    Disconnected {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// Brokers answer again.
    Reconnected {
        /// The group's id.
        group: &'a str,
    },
    /// A partition is read from elsewhere than the group's offset: the group has none, or what stood there is gone. The
    /// new position becomes the group's offset.
    Positioned {
        /// The group's id.
        group: &'a str,
        /// The partition.
        partition: &'a Partition,
        /// The group's offset; `None` if it has none.
        from: Option<i64>,
        /// Where reading goes on.
        to: i64,
        /// How many offsets are passed over. Some may never have held a record. Negative when it goes back, as in a
        /// topic that was deleted and made anew.
        passed: i64,
    },
    /// Something that a person should know and that has no variant of its own.
    Warning {
        /// The group's id.
        group: &'a str,
        /// One sentence.
        message: &'a str,
    },
    /// The embedded broker threw records away, because a partition of it holds only 5 MiB or 100,000 batches.
    BrokerDropped {
        /// The partition.
        partition: &'a Partition,
        /// How many since it started.
        count: u64,
    },
    /// A client cannot go on; the process ends.
    Fatal {
        /// The group's id.
        group: &'a str,
        /// librdkafka's words.
        reason: &'a str,
    },
    /// The producer of emits and dead letters cannot go on; the process ends.
    ProducerFatal {
        /// librdkafka's words.
        reason: &'a str,
    },
    /// Redis does not take jobs, or give any; it is asked again.
    RedisAway {
        /// Its words, or why it cannot be reached.
        reason: &'a str,
    },
    /// Redis takes and gives jobs again.
    RedisBack,
    /// What [waited for Redis](Event::RedisAway) waits no longer, and was not answered: a stop comes first, for one.
    RedisUnanswered,
    /// A job was performed. Made only for listeners that [want it](Listener::wants_done).
    JobDone {
        /// The job.
        job: JobName<'a>,
        /// How long the attempt took.
        duration: Duration,
    },
    /// An attempt at a job failed; there will be another.
    JobFailed {
        /// The job.
        job: JobName<'a>,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        error: &'a str,
        /// When the next attempt begins.
        next: Duration,
    },
    /// There will be no other attempt at a job.
    JobGaveUp {
        /// The job.
        job: JobName<'a>,
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        error: &'a str,
        /// Whether it stands in `dead` now; if not, whoever pushed it said `retry: false` or `dead: false`.
        is_kept: bool,
    },
    /// Jobs that a dead process had in hand were put back.
    JobsRecovered {
        /// The process: host, number, and a word of its own.
        process: &'a str,
        /// How many were put back.
        jobs: usize,
        /// How many went to `dead`, because several processes had died of them.
        dead: usize,
    },
    /// Nothing new is begun from here on: what runs ends and is committed, and every partition is kept.
    Quieted,
    /// Records are begun again.
    Resumed,
    /// A stop began: nothing more is fetched.
    Stopping {
        /// How long what was begun has to end.
        budget: Duration,
    },
    /// The stop is over.
    Stopped(Totals<'a>),
}

/// A job on Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What a whole run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals<'a> {
    /// Records that were handled, skipped ones too.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Records that were begun and are not committed: they will be done again.
    pub to_repeat: u64,
    /// What did not end in time.
    pub blocked: &'a [Blocked],
}

/// A handler that did not end within the stop's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The controller's constant.
    pub controller: String,
    /// The record's partition.
    pub partition: Partition,
    /// The record's offset.
    pub offset: i64,
    /// How long it has been running.
    pub running: Duration,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { controller, partition, offset, running } = self;
        write!(f, "{controller} on {partition}@{offset}, running for {}", Short(*running))
    }
}

impl<'a> From<&'a Record> for Place<'a> {
    fn from(record: &'a Record) -> Self {
        Self { topic: record.topic(), partition: record.partition(), offset: record.offset() }
    }
}

/// A time as a person says it: `0.2 ms`, `1.5 s`, `2 min`.
#[derive(Debug, Clone, Copy)]
pub struct Short(pub Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.1 {
            write!(f, "{:.1} ms", seconds * 1_000.0)
        } else if seconds < 1.0 {
            write!(f, "{:.0} ms", seconds * 1_000.0)
        } else if seconds < 120.0 {
            let text = format!("{seconds:.1}");
            write!(f, "{} s", text.strip_suffix(".0").unwrap_or(&text))
        } else {
            write!(f, "{:.0} min", seconds / 60.0)
        }
    }
}

#[cfg(test)]
mod tests;
