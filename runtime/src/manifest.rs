//! What the manifest says, as it is compiled into an app: plain data that `karafka generate` writes.
//!
//! Settings stay text, with their `${…}` unread, because brokers, numbers and durations may come from the
//! environment of the machine that runs the app; [`crate::settings`] reads them at the start.

use std::{collections::BTreeMap, fmt};

use crate::settings::shown_all;

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
    /// `concurrency`, `jobs.url`.
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

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, root, settings, environments, groups, topics, consumers } = self;
        let environments: BTreeMap<_, _> =
            environments.iter().map(|(name, settings)| (name, shown_all(settings.iter().copied()))).collect();
        f.debug_struct("Manifest")
            .field("app", app)
            .field("version", version)
            .field("root", root)
            .field("settings", &shown_all(settings.iter().copied()))
            .field("environments", &environments)
            .field("groups", groups)
            .field("topics", topics)
            .field("consumers", consumers)
            .finish()
    }
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

impl fmt::Debug for GroupEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, settings } = self;
        f.debug_struct("GroupEntry")
            .field("name", name)
            .field("settings", &shown_all(settings.iter().copied()))
            .finish()
    }
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
