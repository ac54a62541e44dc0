//! `topics:` and who consumes them.

use std::collections::HashMap;

use super::{
    super::{
        keys::{Key, Section, Takes},
        types::{Batch, Consumer, ConsumerSettings, Text, Topic},
        values::{self, Variables},
        yaml::{Entry, Node, Value},
    },
    Reader, first_line, text_of,
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::Span,
};

/// A consumer while its keys are read.
#[derive(Default)]
struct Draft {
    controller: Option<Text>,
    worker: Option<Text>,
    emits: Vec<Text>,
    batch: Option<Batch>,
    settings: ConsumerSettings,
    /// The first key that says something about a consumer.
    first: Option<Text>,
}

impl Draft {
    /// The consumer, if its controller can be read.
    fn finish(self, span: Span) -> Option<Consumer> {
        let Self { controller, worker, emits, batch, settings, .. } = self;
        controller.map(|controller| Consumer { span, controller, worker, emits, batch, settings })
    }
}

impl Reader<'_> {
    pub(super) fn defaults(&mut self, key: &'static Key, entry: &Entry) -> ConsumerSettings {
        let mut draft = Draft::default();
        if !entry.value.is_null() && entry.value.entries().is_none() {
            self.wrong_kind(key, &entry.value);
            return draft.settings;
        }
        for (key, entry) in self.keys(Section::Defaults, &entry.value) {
            self.consumer_key(&mut draft, key, entry);
        }
        draft.settings
    }

    pub(super) fn topics(&mut self, key: &'static Key, entry: &Entry) -> Vec<Topic> {
        self.named(key, entry).iter().map(|entry| self.topic(entry)).collect()
    }

    fn topic(&mut self, entry: &Entry) -> Topic {
        let key = text_of(entry);
        if values::variables(&key.value) == Variables::None {
            self.is_topic_name(&key);
        } else {
            self.report(
                Diagnostic::error(
                    codes::VARIABLE_NOT_ALLOWED,
                    key.span,
                    "a topic's key names it in Rust, and `${…}` is read when the app starts",
                )
                .help(format!("give it a plain key, and add `name: \"{}\"`", key.value)),
            );
        }
        let mut topic = Topic {
            key,
            name: None,
            message: None,
            key_field: None,
            partitions: None,
            consumers: Vec::new(),
            is_partial: !entry.value.is_null() && entry.value.entries().is_none(),
        };
        let mut draft = Draft::default();
        let mut list = None;
        let before = self.diagnostics.len();
        let keys = self.keys(Section::Topic, &entry.value);
        let misspelt = self.diagnostics.len() > before;
        for (key, entry) in keys {
            match key.name {
                "name" => topic.name = Some(self.value_as_written(key, entry)),
                "message" => topic.message = Some(self.value_as_written(key, entry)),
                "key" => topic.key_field = Some(self.value_as_written(key, entry)),
                "partitions" => topic.partitions = self.value(key, entry),
                "consumers" => list = Some((key, entry)),
                _ => self.consumer_key(&mut draft, key, entry),
            }
        }
        match list {
            Some((key, entry)) => {
                topic.consumers = self.consumers(key, entry);
                let written = match &entry.value.value {
                    Value::Sequence { items, .. } => Some(items.len()),
                    _ => None,
                };
                topic.is_partial |= written != Some(topic.consumers.len());
                if let Some(first) = draft.first {
                    self.report(
                        Diagnostic::error(
                            codes::CONFLICTING_KEYS,
                            first.span,
                            format!("`{}` stands beside `consumers`, whose entries say it themselves", first.value),
                        )
                        .related(entry.key.span, "the consumers")
                        .help("move it into the entries, or into `defaults`"),
                    );
                }
            }
            None => {
                // With a key that was refused, the controller may be that one.
                if let (Some(first), None, false) = (&draft.first, &draft.controller, misspelt) {
                    self.report(
                        Diagnostic::error(
                            codes::MISSING_KEY,
                            first.span,
                            format!("`{}` says nothing without a `controller`", first.value),
                        )
                        .help(format!(
                            "add `controller:` to {}, or take it out if this app only sends to it",
                            quote(&topic.key.value)
                        )),
                    );
                }
                topic.consumers.extend(draft.finish(topic.key.span));
            }
        }
        topic
    }

    fn consumers(&mut self, key: &'static Key, entry: &Entry) -> Vec<Consumer> {
        let Value::Sequence { items, .. } = &entry.value.value else {
            if entry.value.is_null() {
                self.scalar(key, &entry.value);
            } else {
                self.wrong_kind(key, &entry.value);
            }
            return Vec::new();
        };
        if items.is_empty() {
            self.report(Diagnostic::error(codes::EMPTY_VALUE, entry.value.span, "`consumers` has nobody in it").help(
                "write `[{ controller: OrdersController }]`, or take it out if this app only sends to the topic",
            ));
        }
        items.iter().filter_map(|item| self.consumer(item)).collect()
    }

    fn consumer(&mut self, item: &Node) -> Option<Consumer> {
        let mut draft = Draft::default();
        let before = self.diagnostics.len();
        let keys = self.keys(Section::Consumer, item);
        let misspelt = self.diagnostics.len() > before;
        for (key, entry) in keys {
            self.consumer_key(&mut draft, key, entry);
        }
        if draft.controller.is_none() && !misspelt {
            self.report(
                Diagnostic::error(
                    codes::MISSING_KEY,
                    first_line(self.source, item.span),
                    "this consumer has no `controller`",
                )
                .help("write `{ group: audit, controller: AuditController }`"),
            );
        }
        draft.finish(item.span)
    }

    /// A key that a consumer can have.
    fn consumer_key(&mut self, draft: &mut Draft, key: &'static Key, entry: &Entry) {
        draft.first.get_or_insert_with(|| text_of(entry));
        let settings = &mut draft.settings;
        match key.name {
            "controller" => draft.controller = Some(self.value_as_written(key, entry)),
            "worker" => draft.worker = Some(self.value_as_written(key, entry)),
            "emits" => draft.emits = self.emits(key, entry),
            "batch" => draft.batch = Some(self.batch(key, entry)),
            "group" => settings.group = Some(self.value_as_written(key, entry)),
            "parser" => settings.parser = Some(self.value_as_written(key, entry)),
            "interchanger" => settings.interchanger = Some(self.value_as_written(key, entry)),
            "tombstones" => settings.tombstones = self.value(key, entry),
            "retry" => self.retry(settings, key, entry),
            "timeout" => settings.timeout = self.value(key, entry),
            "dead_letter" => settings.dead_letter = Some(self.value_as_written(key, entry)),
            "jobs" => settings.jobs = self.consumer_jobs(key, entry),
            "queue" => settings.queue = self.value(key, entry),
            "start" => settings.start = self.value(key, entry),
            "lost_position" => settings.lost_position = self.value(key, entry),
            _ => {
                self.value(key, entry);
            }
        }
    }

    fn retry(&mut self, settings: &mut ConsumerSettings, key: &'static Key, entry: &Entry) {
        if !entry.value.is_null() && entry.value.entries().is_none() {
            self.wrong_kind(key, &entry.value);
            return;
        }
        for (key, entry) in self.keys(Section::Retry, &entry.value) {
            match key.name {
                "attempts" => settings.attempts = self.value(key, entry),
                "backoff" => settings.backoff = self.value(key, entry),
                _ => {}
            }
        }
    }

    fn batch(&mut self, key: &'static Key, entry: &Entry) -> Batch {
        let mut batch = Batch { span: entry.key.span, size: None, wait: None };
        if !entry.value.is_null() && entry.value.entries().is_none() {
            self.wrong_kind(key, &entry.value);
            return batch;
        }
        for (key, entry) in self.keys(Section::Batch, &entry.value) {
            match key.name {
                "size" => batch.size = self.value(key, entry),
                "wait" => batch.wait = self.value(key, entry),
                _ => {}
            }
        }
        batch
    }

    fn emits(&mut self, key: &'static Key, entry: &Entry) -> Vec<Text> {
        debug_assert_eq!(key.takes, Takes::Topics);
        let Value::Sequence { items, .. } = &entry.value.value else {
            if let Some(text) = self.scalar_instead_of_list(key, entry) {
                let written = format!("[{}]", text.value);
                self.report(
                    Diagnostic::error(codes::WRONG_KIND, text.span, "`emits` takes a list, not a text")
                        .help(format!("write {}", quote(&format!("emits: {written}"))))
                        .suggest(text.span, written),
                );
            }
            return Vec::new();
        };
        let mut emits: Vec<Text> = Vec::with_capacity(items.len());
        let mut places: HashMap<String, Span> = HashMap::new();
        for item in items {
            let Some(topic) = self.entry_of(key, item) else { continue };
            if !self.is_literal(key, &topic, item) || !self.check_ascii(&topic) {
                continue;
            }
            if let Some(&first) = places.get(&topic.value) {
                let message = format!("{} stands twice in `emits`", quote(&topic.value));
                self.report(
                    Diagnostic::error(codes::DUPLICATE_VALUE, topic.span, message)
                        .related(first, "first here")
                        .help("take one of them out"),
                );
                continue;
            }
            places.insert(topic.value.clone(), topic.span);
            emits.push(topic);
        }
        emits
    }

    fn scalar_instead_of_list(&mut self, key: &'static Key, entry: &Entry) -> Option<Text> {
        if entry.value.entries().is_some() {
            self.wrong_kind(key, &entry.value);
            return None;
        }
        self.scalar(key, &entry.value)
    }
}
