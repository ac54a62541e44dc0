//! What the manifest says, as it is compiled into an app: plain data that `karafka generate` writes.
//!
//! Settings stay text, with their `${…}` unread, because brokers, numbers and durations may come from the
//! environment of the machine that runs the app; [`crate::settings`] reads them at the start.

/// A setting's dotted key and its text, such as `("kafka.brokers", "${KAFKA_BROKERS:-localhost:9092}")`.
pub type Setting = (&'static str, &'static str);

/// A whole manifest. `Debug` shows no secret.
pub struct Manifest {
    /// The app's name; also the group of consumers that name none.
    pub app: &'static str,
    /// The app's version, from its `Cargo.toml`.
    pub version: &'static str,
    /// The folder that the app was built from, where development looks for the embedded broker's address.
    pub root: &'static str,
    /// Settings of the process: `kafka.brokers`, `kafka.options.*`, `kafka.consumer.*`, `kafka.producer.*`,
    /// `concurrency`, `redis.url`.
    pub settings: &'static [Setting],
    /// What differs in an environment, in the keys of `settings`.
    pub environments: &'static [(&'static str, &'static [Setting])],
    /// Groups, by key, in alphabetical order.
    pub groups: &'static [GroupEntry],
    /// Topics, by key, in alphabetical order.
    pub topics: &'static [TopicEntry],
    /// Consumers, in the order of their topics' keys, then of their groups.
    pub consumers: &'static [ConsumerEntry],
}

impl Manifest {
    /// An app of which nothing is said; generated tables fill in what the manifest says.
    pub const NEW: Self = Self {
        app: "",
        version: "",
        root: "",
        settings: &[],
        environments: &[],
        groups: &[],
        topics: &[],
        consumers: &[],
    };
}

/// A consumer group. `Debug` shows no secret.
pub struct GroupEntry {
    /// Its key under `groups:`, by which consumers name it; its id in Kafka as well, where `settings` have no `id`. A group
    /// that `groups:` does not hold may have `${…}` in it.
    pub name: &'static str,
    /// `concurrency`, `ordering`, `protocol`, `assignor`, `instance_id`, `memory`, `window`, `delivery`, `drain`, `id`, and
    /// properties of its client as `kafka.session.timeout.ms`, as far as the manifest names them.
    pub settings: &'static [Setting],
}

impl GroupEntry {
    /// A group of which nothing is said.
    pub const NEW: Self = Self { name: "", settings: &[] };
}

/// A topic.
#[derive(Debug)]
pub struct TopicEntry {
    /// The key under `topics:`.
    pub key: &'static str,
    /// The message's name in the manifest, or `json`, `bytes`, `text`.
    pub message: &'static str,
    /// `name`, `partitions`, as far as the manifest names them.
    pub settings: &'static [Setting],
}

impl TopicEntry {
    /// A topic of JSON of which nothing is said.
    pub const NEW: Self = Self { key: "", message: "json", settings: &[] };
}

/// One controller on one topic in one group.
#[derive(Debug)]
pub struct ConsumerEntry {
    /// The topic's key.
    pub topic: &'static str,
    /// The group's key, as in [`GroupEntry::name`].
    pub group: &'static str,
    /// The controller's constant.
    pub controller: &'static str,
    /// The worker's constant.
    pub worker: &'static str,
    /// The parser's constant, or `json`, `bytes`, `text`.
    pub parser: &'static str,
    /// The interchanger's constant, or `json`, `binary`.
    pub interchanger: &'static str,
    /// Keys of the topics that the controller may send to, in alphabetical order.
    pub emits: &'static [&'static str],
    /// `batch.size`, `batch.wait`, `dead_letter` (`{topic}` stands for the topic's name in Kafka), `jobs` (only `redis`),
    /// `lost_position`, `queue`, `retry.attempts`, `retry.backoff`, `start`, `timeout`, `tombstones`, as far as the manifest
    /// names them.
    pub settings: &'static [Setting],
}

impl ConsumerEntry {
    /// A consumer of JSON of which nothing is said.
    pub const NEW: Self = Self {
        topic: "",
        group: "",
        controller: "",
        worker: "",
        parser: "json",
        interchanger: "json",
        emits: &[],
        settings: &[],
    };
}
