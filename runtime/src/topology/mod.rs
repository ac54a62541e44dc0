//! What goes where: topics, who consumes them here, and what those send on.
//!
//! Plain data, made from what was compiled into an app or from the generator's model, and the views of `flow` and
//! `routes`.

mod flow;
mod graph;
mod routes;
mod table;

use serde::Serialize;

pub use table::table;

use crate::manifest::Manifest;

/// An app's topics and consumers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The app's name.
    pub app: String,
    /// By key, in alphabetical order.
    pub topics: Vec<Topic>,
    /// By topic, then by group, in alphabetical order.
    pub consumers: Vec<Consumer>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topic {
    /// Its key in the manifest.
    pub key: String,
    /// The message's name, or `json`, `bytes`, `text`.
    pub message: String,
}

/// One controller on one topic in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// The topic's key.
    pub topic: String,
    /// The group as the manifest writes it.
    pub group: String,
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
}

impl Topology {
    /// A topology of these parts, brought into order.
    #[must_use]
    pub fn new(app: String, mut topics: Vec<Topic>, mut consumers: Vec<Consumer>) -> Self {
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

    fn message_of(&self, topic: &str) -> &str {
        self.topics.iter().find(|known| known.key == topic).map_or("json", |topic| &topic.message)
    }
}

impl From<&Manifest> for Topology {
    fn from(manifest: &Manifest) -> Self {
        let topics = manifest.topics.iter();
        let topics = topics.map(|topic| Topic { key: topic.key.to_owned(), message: topic.message.to_owned() });
        let consumers = manifest.consumers.iter().map(|consumer| Consumer {
            topic: consumer.topic.to_owned(),
            group: consumer.group.to_owned(),
            controller: consumer.controller.to_owned(),
            worker: consumer.worker.to_owned(),
            parser: consumer.parser.to_owned(),
            interchanger: consumer.interchanger.to_owned(),
            emits: consumer.emits.iter().map(|topic| (*topic).to_owned()).collect(),
        });
        Self::new(manifest.app.to_owned(), topics.collect(), consumers.collect())
    }
}

#[cfg(test)]
mod tests;
