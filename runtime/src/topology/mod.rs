//! What goes where: topics, who consumes them here, and what those send on.
//!
//! Plain data, made from what was compiled into an app or from the generator's model, and the views of `flow` and
//! `routes`.

mod flow;
mod graph;
mod routes;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use table::table;

use crate::{
    manifest::{ConsumerEntry, Manifest, Setting},
    settings::DEFAULT_QUEUE,
};

/// Stands in a dead letter topic for the source's name in Kafka.
const TOPIC: &str = "{topic}";

/// An app's topics and consumers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The app's name.
    pub app: String,
    /// By key, in alphabetical order; dead letter topics too, which need not be in the manifest.
    pub topics: Vec<Topic>,
    /// By topic, then by group, in alphabetical order.
    pub consumers: Vec<Consumer>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topic {
    /// Its key in the manifest; of a dead letter topic that is not there, its name in Kafka as written.
    pub key: String,
    /// The message's name, or `json`, `bytes`, `text`.
    pub message: String,
}

/// One controller on one topic in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// The topic's key.
    pub topic: String,
    /// The group's key.
    pub group: String,
    /// The group's id in Kafka as the manifest writes it, `${…}` unread; its key where the manifest gives none.
    pub group_id: String,
    /// The controller's constant.
    pub controller: String,
    /// The worker's constant.
    pub worker: String,
    /// The parser's constant or word.
    pub parser: String,
    /// The interchanger's constant or word.
    pub interchanger: String,
    /// Keys of the topics that it may send to, in alphabetical order.
    pub emits: Vec<String>,
    /// The queue on Redis where its jobs wait for a worker; `None`: jobs run in the server's process.
    pub queue: Option<String>,
    /// The topic where records go that it cannot handle, as [`Topic::key`].
    pub dead_letter: Option<String>,
}

impl Topology {
    /// A topology of these parts, brought into order. Dead letter topics that are not among the topics join them.
    #[must_use]
    pub fn new(app: String, mut topics: Vec<Topic>, mut consumers: Vec<Consumer>) -> Self {
        let listed: BTreeSet<&str> = topics.iter().map(|topic| topic.key.as_str()).collect();
        let dead_letters = consumers.iter().filter_map(|consumer| consumer.dead_letter.as_deref());
        let unlisted: BTreeSet<&str> = dead_letters.filter(|name| !listed.contains(name)).collect();
        let unlisted = unlisted.into_iter().map(|name| Topic { key: name.to_owned(), message: "bytes".to_owned() });
        let unlisted: Vec<Topic> = unlisted.collect();
        topics.extend(unlisted);
        topics.sort_by(|a, b| a.key.cmp(&b.key));
        consumers.sort_by(|a, b| (&a.topic, &a.group).cmp(&(&b.topic, &b.group)));
        for consumer in &mut consumers {
            consumer.emits.sort();
        }
        Self { app, topics, consumers }
    }

    /// Who consumes a topic here.
    pub fn consumers_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Consumer> {
        self.consumers.iter().filter(move |consumer| consumer.topic == topic)
    }

    /// The controllers that may send to a topic, in alphabetical order.
    #[must_use]
    pub fn senders_to(&self, topic: &str) -> Vec<&str> {
        let sends = |consumer: &&Consumer| consumer.emits.iter().any(|emitted| emitted == topic);
        let mut senders: Vec<&str> = self.consumers.iter().filter(sends).map(|c| c.controller.as_str()).collect();
        senders.sort_unstable();
        senders.dedup();
        senders
    }

    /// The topics whose dead letters a topic holds, in alphabetical order.
    #[must_use]
    pub fn dead_letters_in(&self, topic: &str) -> Vec<&str> {
        let goes_there = |consumer: &&Consumer| consumer.dead_letter.as_deref() == Some(topic);
        let mut sources: Vec<&str> = self.consumers.iter().filter(goes_there).map(|c| c.topic.as_str()).collect();
        sources.dedup();
        sources
    }

    fn message_of(&self, topic: &str) -> &str {
        self.topics.iter().find(|known| known.key == topic).map_or("json", |topic| &topic.message)
    }
}

impl From<&Manifest> for Topology {
    fn from(manifest: &Manifest) -> Self {
        let topics = manifest.topics.iter();
        let topics = topics.map(|topic| Topic { key: topic.key.to_owned(), message: topic.message.to_owned() });
        let names =
            manifest.topics.iter().map(|topic| (topic.key, setting(topic.settings, "name").unwrap_or(topic.key)));
        let names: BTreeMap<&str, &str> = names.collect();
        let keys: BTreeMap<&str, &str> = names.iter().map(|(key, name)| (*name, *key)).collect();
        let dead_letter = |consumer: &ConsumerEntry| {
            let name = setting(consumer.settings, "dead_letter")?;
            let name = name.replace(TOPIC, names.get(consumer.topic).unwrap_or(&consumer.topic));
            Some(keys.get(name.as_str()).map_or(name.clone(), |key| (*key).to_owned()))
        };
        let queue = |consumer: &ConsumerEntry| {
            let on_redis = setting(consumer.settings, "jobs") == Some("redis");
            on_redis.then(|| setting(consumer.settings, "queue").unwrap_or(DEFAULT_QUEUE).to_owned())
        };
        let group_id = |key: &'static str| {
            let group = manifest.groups.iter().find(|group| group.name == key);
            group.and_then(|group| setting(group.settings, "id")).unwrap_or(key)
        };
        let consumers = manifest.consumers.iter().map(|consumer| Consumer {
            topic: consumer.topic.to_owned(),
            group: consumer.group.to_owned(),
            group_id: group_id(consumer.group).to_owned(),
            controller: consumer.controller.to_owned(),
            worker: consumer.worker.to_owned(),
            parser: consumer.parser.to_owned(),
            interchanger: consumer.interchanger.to_owned(),
            emits: consumer.emits.iter().map(|topic| (*topic).to_owned()).collect(),
            queue: queue(consumer),
            dead_letter: dead_letter(consumer),
        });
        Self::new(manifest.app.to_owned(), topics.collect(), consumers.collect())
    }
}

fn setting(settings: &'static [Setting], name: &str) -> Option<&'static str> {
    settings.iter().find(|(key, _)| *key == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;
