//! Groups, topics and consumers: what only the manifest says of them.

use std::time::Duration;

use super::{Backoff, DEFAULT_QUEUE, Layers, Properties, SettingError, parse, written_options::OF_GROUP};
use crate::manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry};
use crate::types::Timestamp;

/// Records of a partition between the first unfinished one and the newest, where the manifest does not say: so many that
/// a commit has room to say of each whether it is finished, so that a clean stop repeats nothing. With a wider window it
/// may not have.
pub const WINDOW: u64 = 20_000;

/// Bytes in flight and fetched ahead of a group, where the manifest does not say.
pub const MEMORY: u64 = 64 << 20;

/// How many performs run at once, where nobody says.
pub const CONCURRENCY: usize = 32;
/// How long a rebalance waits for what runs in the partitions that it takes, where the manifest does not say.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How long what is done may stay uncommitted, where the manifest does not say.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// Attempts before the dead letter topic, where the manifest names a topic and no number.
const ATTEMPTS: u32 = 5;

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Its key, by which the manifest and flags name it: [`GroupEntry::name`].
    pub name: String,
    /// Its id in Kafka: what the group's `id` says, or else its key.
    pub id: String,
    /// Which records wait for each other.
    pub ordering: Ordering,
    /// What is promised of each record.
    pub delivery: Delivery,
    /// Records of a partition between the first unfinished one and the newest.
    pub window: u64,
    /// How long a rebalance waits for what runs in the partitions that it takes.
    pub drain: Duration,
    /// How many performs run at once: a flag or variable, else the group's own number, else the process's.
    pub concurrency: usize,
    /// The consumer group protocol.
    pub protocol: Protocol,
    /// The assignor of the classic protocol.
    pub assignor: Assignor,
    /// `group.instance.id`: what the manifest says, `-`, and the group's id.
    pub instance_id: Option<String>,
    /// Bytes in flight and prefetched.
    pub memory: u64,
    /// `kafka` of the group, over [`Settings::consumer_options`](super::Settings::consumer_options).
    pub options: Properties,
    /// How long what is done may stay uncommitted.
    pub commit_interval: Duration,
    /// Whether the flags leave it anything to consume.
    pub selected: bool,
}

impl Group {
    /// Its key, where it has one that is not its id in Kafka: a group that consumers name by `${…}` has none.
    #[must_use]
    pub fn own_key(&self) -> Option<&str> {
        (self.name != self.id && !self.name.contains("${")).then_some(&self.name)
    }

    /// Its id in Kafka, with its key where that differs: `audit-eu (audit in karafka.yml)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.own_key() {
            Some(key) => format!("{} ({key} in karafka.yml)", self.id),
            None => self.id.clone(),
        }
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topic {
    /// Its key in the manifest: [`TopicEntry::key`].
    pub key: String,
    /// Its name in Kafka.
    pub name: String,
    /// How many partitions the manifest wants.
    pub partitions: Option<i32>,
}

/// One controller on one topic in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumer {
    /// The topic's key: [`ConsumerEntry::topic`].
    pub topic: String,
    /// The group's key: [`ConsumerEntry::group`].
    pub group: String,
    /// What happens to a record without a value.
    pub tombstones: Tombstones,
    /// The time between two attempts.
    pub backoff: Backoff,
    /// How many attempts there are before the dead letter topic; `None`: no end to them.
    pub attempts: Option<u32>,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// The queue on Redis that its jobs stand in; `None`: jobs run in the process.
    pub queue: Option<String>,
    /// How many attempts a job gets, as the manifest writes it; `None`: one, and Sidekiq's 25 retries.
    ///
    /// Not [`Consumer::attempts`], which is the server's and has a default where there is a dead letter topic: a job
    /// that has failed for good goes to Sidekiq's `dead` set.
    pub job_attempts: Option<u32>,
    /// The time between two attempts of a job, as the manifest writes it; `None`: Sidekiq's own formula.
    pub job_backoff: Option<Backoff>,
    /// The dead letter topic's name in Kafka.
    pub dead_letter: Option<String>,
    /// How many records are handled at once; `None`: one.
    pub batch: Option<Batch>,
    /// Where a group without an offset begins.
    pub start: Start,
    /// What happens when retention has passed the group's offset.
    pub lost_position: LostPosition,
    /// Whether the flags leave it in.
    pub selected: bool,
}

/// What a batch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How many records it holds at most.
    pub size: usize,
    /// How long the first of them waits for others.
    pub wait: Duration,
}

impl Default for Batch {
    fn default() -> Self {
        Self { size: 100, wait: Duration::from_millis(200) }
    }
}

/// What happens to a record without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tombstones {
    /// `perform_tombstone` handles it.
    Deliver,
    /// It counts as done.
    Skip,
    /// It stops its partition, as what cannot be parsed does.
    #[default]
    Fail,
}

/// Where a group without an offset begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Start {
    /// With the oldest record that there is.
    #[default]
    Earliest,
    /// Behind the newest record that there is.
    Latest,
    /// With the records that are not older than this.
    Ago(Duration),
    /// With the records of this moment and later.
    At(Timestamp),
}

/// What happens when the records at the group's offset are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LostPosition {
    /// The partition waits, and says so, until a person moves the offset.
    #[default]
    Fail,
    /// The group goes on with the oldest record that there is.
    Earliest,
    /// The group goes on behind the newest record that there is.
    Latest,
}

/// Which records of a partition wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ordering {
    /// All: one at a time, in offset order.
    #[default]
    Partition,
    /// Those of one key. Records without a key wait for nobody.
    Key,
    /// None.
    None,
}

/// What a group promises of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// It is handled, again if it has to be: the offset is committed behind it.
    #[default]
    AtLeastOnce,
    /// It is handled once or not at all: the offset is committed before.
    AtMostOnce,
}

/// The consumer group protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// The one that every broker has.
    #[default]
    Classic,
    /// KIP-848, Kafka 4.0 and later.
    Consumer,
}

/// How the classic protocol shares partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Assignor {
    /// Moves as little as it can, while the rest goes on.
    #[default]
    CooperativeSticky,
    /// Kafka's `range`.
    Range,
    /// Kafka's `roundrobin`.
    RoundRobin,
}

impl Protocol {
    /// The value of `group.protocol`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

impl Assignor {
    /// The value of `partition.assignment.strategy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }
}

pub(super) fn group(
    layers: &mut Layers<'_>,
    entry: &GroupEntry,
    shared: Option<usize>,
    concurrency: usize,
    options: Properties,
) -> Group {
    let name = entry.name;
    let key = |setting: &str| format!("groups.{name}.{setting}");
    let known = [
        "concurrency",
        "ordering",
        "protocol",
        "assignor",
        "instance_id",
        "memory",
        "window",
        "delivery",
        "drain",
        "commit_interval",
        "id",
    ];
    let written = entry.settings.iter().map(|(name, _)| *name);
    refuse_unknown(layers, written.filter(|name| !name.starts_with(OF_GROUP)), &known, key);

    let id = layers.entry(&key("id"), entry.settings, "id").or_else(|| layers.text(&key("id"), name));
    let id = layers.read(id, parse::group_id, name.to_owned());
    let own = layers.entry(&key("concurrency"), entry.settings, "concurrency");
    let own = if shared.is_some() { None } else { layers.read_optional(own, parse::concurrency) };
    let ordering = layers.entry(&key("ordering"), entry.settings, "ordering");
    let orderings = [("partition", Ordering::Partition), ("key", Ordering::Key), ("none", Ordering::None)];
    let ordering =
        layers.read(ordering, |text| one_of(text, &orderings, "`partition`, `key` or `none`"), Ordering::Partition);
    let window = layers.entry(&key("window"), entry.settings, "window");
    let window = layers.read(window, parse::window, WINDOW);
    let drain = layers.entry(&key("drain"), entry.settings, "drain");
    let drain = layers.read(drain, parse::drain, DRAIN);
    let delivery = layers.entry(&key("delivery"), entry.settings, "delivery");
    let deliveries = [("at_least_once", Delivery::AtLeastOnce), ("at_most_once", Delivery::AtMostOnce)];
    let expected = "`at_least_once` or `at_most_once` in this version";
    let delivery = layers.read(delivery, |text| one_of(text, &deliveries, expected), Delivery::default());
    let protocol = layers.entry(&key("protocol"), entry.settings, "protocol");
    let protocols = [("classic", Protocol::Classic), ("consumer", Protocol::Consumer)];
    let protocol = layers.read(protocol, |text| one_of(text, &protocols, "`classic` or `consumer`"), Protocol::Classic);
    let assignor = layers.entry(&key("assignor"), entry.settings, "assignor");
    let assignors = [Assignor::CooperativeSticky, Assignor::Range, Assignor::RoundRobin].map(|a| (a.as_str(), a));
    let expected = "`cooperative-sticky`, `range` or `roundrobin`";
    let assignor = layers.read(assignor, |text| one_of(text, &assignors, expected), Assignor::default());
    let instance_id = layers.entry(&key("instance_id"), entry.settings, "instance_id");
    let instance_id = layers.read_optional(instance_id, parse::group_id).map(|instance| format!("{instance}-{id}"));
    let memory = layers.entry(&key("memory"), entry.settings, "memory");
    let memory = layers.read(memory, parse::memory, MEMORY);
    let commit_interval = layers.entry(&key("commit_interval"), entry.settings, "commit_interval");
    let commit_interval = layers.read(commit_interval, parse::commit_interval, COMMIT_INTERVAL);
    Group {
        name: name.to_owned(),
        id,
        ordering,
        delivery,
        window,
        drain,
        concurrency: shared.or(own).unwrap_or(concurrency),
        protocol,
        assignor,
        instance_id,
        memory,
        options,
        commit_interval,
        selected: true,
    }
}

pub(super) fn topic(layers: &mut Layers<'_>, entry: &TopicEntry) -> Topic {
    let key = |setting: &str| format!("topics.{}.{setting}", entry.key);
    refuse_unknown(layers, entry.settings.iter().map(|(name, _)| *name), &["name", "partitions"], key);
    let name = layers.entry(&key("name"), entry.settings, "name");
    let name = layers.read(name, parse::topic_name, entry.key.to_owned());
    let partitions = layers.entry(&key("partitions"), entry.settings, "partitions");
    let partitions = layers.read_optional(partitions, parse::partitions);
    Topic { key: entry.key.to_owned(), name, partitions }
}

pub(super) fn consumer(
    layers: &mut Layers<'_>,
    manifest: &Manifest,
    entry: &ConsumerEntry,
    kafka_topic: &str,
) -> Consumer {
    let alone = manifest.consumers.iter().filter(|other| other.topic == entry.topic).count() == 1;
    let prefix = if alone {
        format!("topics.{}", entry.topic)
    } else {
        format!("topics.{}.consumers.{}", entry.topic, entry.group)
    };
    let key = |setting: &str| format!("{prefix}.{setting}");
    let known = [
        "tombstones",
        "retry.backoff",
        "retry.attempts",
        "timeout",
        "dead_letter",
        "jobs",
        "queue",
        "start",
        "lost_position",
        "batch.size",
        "batch.wait",
    ];
    refuse_unknown(layers, entry.settings.iter().map(|(name, _)| *name), &known, key);
    let tombstones = layers.entry(&key("tombstones"), entry.settings, "tombstones");
    let words = [("deliver", Tombstones::Deliver), ("skip", Tombstones::Skip), ("fail", Tombstones::Fail)];
    let tombstones =
        layers.read(tombstones, |text| one_of(text, &words, "`deliver`, `skip` or `fail`"), Tombstones::Fail);
    let backoff = layers.entry(&key("retry.backoff"), entry.settings, "retry.backoff");
    let backoff = layers.read_optional(backoff, parse::backoff);
    let attempts = layers.entry(&key("retry.attempts"), entry.settings, "retry.attempts");
    let attempts = layers.read_optional(attempts, parse::attempts);
    let timeout = layers.entry(&key("timeout"), entry.settings, "timeout");
    let timeout = layers.read_optional(timeout, parse::timeout);
    let dead_letter = layers.entry(&key("dead_letter"), entry.settings, "dead_letter");
    let dead_letter =
        layers.read_optional(dead_letter, |text| parse::topic_name(&text.replace("{topic}", kafka_topic)));
    let on_redis = layers.entry(&key("jobs"), entry.settings, "jobs");
    let backends = [("in_process", false), ("redis", true)];
    let on_redis = layers.read(on_redis, |text| one_of(text, &backends, "`in_process` or `redis`"), false);
    let queue = on_redis.then(|| queue(layers, entry, &key("queue")));
    let size = layers.entry(&key("batch.size"), entry.settings, "batch.size");
    let size = layers.read_optional(size, parse::batch_size);
    let wait = layers.entry(&key("batch.wait"), entry.settings, "batch.wait");
    let wait = layers.read_optional(wait, parse::timeout);
    let default = Batch::default();
    let batch = (size.is_some() || wait.is_some())
        .then(|| Batch { size: size.unwrap_or(default.size), wait: wait.unwrap_or(default.wait) });
    let start = layers.entry(&key("start"), entry.settings, "start");
    let start = layers.read(start, parse::start, Start::Earliest);
    let lost = layers.entry(&key("lost_position"), entry.settings, "lost_position");
    let words = [("fail", LostPosition::Fail), ("earliest", LostPosition::Earliest), ("latest", LostPosition::Latest)];
    let lost_position =
        layers.read(lost, |text| one_of(text, &words, "`fail`, `earliest` or `latest`"), LostPosition::Fail);
    Consumer {
        topic: entry.topic.to_owned(),
        group: entry.group.to_owned(),
        tombstones,
        backoff: backoff.unwrap_or_default(),
        attempts: attempts.or(dead_letter.is_some().then_some(ATTEMPTS)),
        timeout,
        job_attempts: attempts.filter(|_| on_redis),
        job_backoff: backoff.filter(|_| on_redis),
        queue,
        dead_letter,
        batch,
        start,
        lost_position,
        selected: true,
    }
}

fn queue(layers: &mut Layers<'_>, entry: &ConsumerEntry, key: &str) -> String {
    let named = layers.entry(key, entry.settings, "queue");
    let is_named = named.is_some();
    let queue = layers.read(named, parse::queue, DEFAULT_QUEUE.to_owned());
    if !is_named {
        layers.note_default(key, DEFAULT_QUEUE);
    }
    queue
}

/// What this version does not read must not be taken as if it were obeyed.
pub(super) fn refuse_unknown<'a>(
    layers: &mut Layers<'_>,
    written: impl Iterator<Item = &'a str>,
    known: &[&str],
    key: impl Fn(&str) -> String,
) {
    let unknown = written.filter(|name| !known.contains(name));
    layers.errors.extend(unknown.map(|name| SettingError::UnknownKey { key: key(name) }));
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)], expected: &'static str) -> Result<T, &'static str> {
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or(expected)
}
