//! Consumers: who handles what, with which parts, and what may be sent where.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    Consumer, Controller, Part, PartRef, Payload, Setting, Worker, batches,
    controllers::{self, Handled},
    dead_letters::DeadLetters,
    jobs,
    messages::Messages,
    report::Report,
    topics::Declared,
};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, ConsumerSettings, Manifest, Text},
    names::{Constant, Role},
    source::Span,
};

const PARSERS: &[&str] = &["json", "bytes", "text"];
const INTERCHANGERS: &[&str] = &["json", "binary"];

/// Constants by text, each with the place that names it first.
pub(super) type Named = BTreeMap<String, (Constant, Span)>;

/// The consumers as they are resolved, for the checks.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// In the order of the file.
    pub(super) handled: Vec<Handled<'a>>,
    pub(super) dead_letters: DeadLetters<'a>,
    /// The constants of the manifest.
    pub(super) named: BTreeMap<Role, Named>,
    /// Whether a consumer could not be resolved, so that the lists are not whole.
    pub(super) broken: bool,
    /// What each topic carries, in the order of the file.
    payloads: Vec<Payload>,
    parsers: BTreeMap<Constant, BTreeSet<Payload>>,
    interchangers: BTreeMap<Constant, BTreeSet<Payload>>,
}

/// Everything that consumers make of the model.
#[derive(Debug)]
pub(super) struct Consumers {
    pub(super) controllers: Vec<Controller>,
    pub(super) workers: Vec<Worker>,
    pub(super) parsers: Vec<Part>,
    pub(super) interchangers: Vec<Part>,
    pub(super) consumers: Vec<Consumer>,
    /// What each topic carries, in the order of the file.
    pub(super) payloads: Vec<Payload>,
}

/// Resolves the consumers of all topics.
pub(super) fn resolve<'a>(
    app: &str,
    manifest: &'a Manifest,
    declared: &'a Declared<'a>,
    messages: &Messages<'_>,
    report: &mut Report<'_>,
) -> Found<'a> {
    let found = Found {
        handled: Vec::new(),
        dead_letters: DeadLetters::new(declared, &manifest.defaults),
        named: BTreeMap::new(),
        broken: false,
        payloads: Vec::new(),
        parsers: BTreeMap::new(),
        interchangers: BTreeMap::new(),
    };
    let defaults = &manifest.defaults;
    let at_most_once =
        |group: &&manifest::Group| group.setting("delivery").is_some_and(|delivery| delivery.value == "at_most_once");
    let at_most_once = manifest.groups.iter().filter(at_most_once).map(|group| group.name.value.as_str()).collect();
    let mut resolver = Resolver { app, manifest, defaults, workers: HashMap::new(), at_most_once, found, report };
    let default_parser = resolver.part(manifest.defaults.parser.as_ref(), Role::Parser);
    let default_interchanger = resolver.part(manifest.defaults.interchanger.as_ref(), Role::Interchanger);
    for (at, topic) in declared.topics.iter().enumerate() {
        let payload = resolver.topic(at, topic.written, messages, (&default_parser, &default_interchanger));
        resolver.found.payloads.push(payload);
        resolver.found.broken |= topic.written.is_partial;
    }
    resolver.found
}

struct Resolver<'r, 'a, 's> {
    app: &'r str,
    manifest: &'a Manifest,
    defaults: &'a ConsumerSettings,
    /// Names and paths of workers, with the controller of each and the place that names it.
    workers: HashMap<String, (Constant, Span)>,
    /// Groups that handle each record at most once.
    at_most_once: HashSet<&'a str>,
    found: Found<'a>,
    report: &'r mut Report<'s>,
}

impl<'a> Resolver<'_, 'a, '_> {
    /// The consumers of a topic, and what the topic carries.
    fn topic(
        &mut self,
        at: usize,
        topic: &'a manifest::Topic,
        messages: &Messages<'_>,
        (default_parser, default_interchanger): (&Option<PartRef>, &Option<PartRef>),
    ) -> Payload {
        let typed = topic.message.as_ref().map(|message| Payload::Message(message.value.clone()));
        // What an unknown message would clash with is not worth a word until it is known.
        let known = topic.message.as_ref().is_none_or(|m| messages.declared.contains_key(m.value.as_str()));
        let mut groups: HashMap<&str, Span> = HashMap::new();
        let mut carried = BTreeSet::new();
        for consumer in &topic.consumers {
            let settings = &consumer.settings;
            let group = settings.group.as_ref().or(self.defaults.group.as_ref());
            let group_name = group.map_or(self.app, |group| group.value.as_str());
            let place = settings.group.as_ref().unwrap_or(&consumer.controller).span;
            if let Some(first) = groups.insert(group_name, place) {
                let words = format!("`{}` has two consumers in the group `{group_name}`", topic.key.value);
                let diagnostic = Diagnostic::error(codes::DUPLICATE_CONSUMER, place, words)
                    .related(first, "first here")
                    .help("a group handles each record once: give one of them a `group:` of its own");
                self.report.add(diagnostic);
            }
            let controller = self.constant(&consumer.controller, Role::Controller);
            let worker = match &consumer.worker {
                Some(worker) => self.constant(worker, Role::Worker).map(|constant| (constant, true)),
                None => controller.as_ref().map(|controller| (controller.derived_worker(), false)),
            };
            let parser = match &settings.parser {
                None => default_parser.clone(),
                own => self.part(own.as_ref(), Role::Parser),
            };
            let interchanger = match &settings.interchanger {
                None => default_interchanger.clone(),
                own => self.part(own.as_ref(), Role::Interchanger),
            };
            let (Some(controller), Some((worker, named)), Some(parser), Some(interchanger)) =
                (controller, worker, parser, interchanger)
            else {
                self.found.broken = true;
                continue;
            };
            if !known {
                self.found.broken = true;
                continue;
            }
            self.claim_worker(
                &worker,
                named,
                &controller,
                consumer.worker.as_ref().unwrap_or(&consumer.controller).span,
            );

            let payload = self.payload(topic, consumer, &parser, typed.as_ref());
            carried.insert(payload.clone());
            for (part, parts) in [(&parser, &mut self.found.parsers), (&interchanger, &mut self.found.interchangers)] {
                if let PartRef::Own(constant) = part {
                    parts.entry(constant.clone()).or_default().insert(payload.clone());
                }
            }
            let resolved = Consumer {
                topic: topic.key.value.clone(),
                group: group_name.to_owned(),
                controller,
                worker,
                parser,
                interchanger,
                emits: Vec::new(),
                takes_batches: consumer.batch.is_some(),
                settings: self.settings(at, consumer, messages),
            };
            self.found.handled.push((resolved, consumer, payload));
        }
        // Consumers that read one topic in two ways leave open what it carries; see `emits`.
        typed.unwrap_or_else(|| match (carried.len(), carried.pop_first()) {
            (1, Some(payload)) => payload,
            _ => Payload::Json,
        })
    }

    fn constant(&mut self, text: &Text, role: Role) -> Option<Constant> {
        match Constant::parse(&text.value, role) {
            Ok(constant) => {
                let named = self.found.named.entry(role).or_default();
                named.entry(text.value.clone()).or_insert_with(|| (constant.clone(), text.span));
                Some(constant)
            }
            Err(error) => {
                self.report.refuse(codes::INVALID_CONSTANT, text, &error);
                None
            }
        }
    }

    /// A parser or an interchanger; `json` where none is named.
    fn part(&mut self, text: Option<&Text>, role: Role) -> Option<PartRef> {
        let built_in = if role == Role::Parser { PARSERS } else { INTERCHANGERS };
        let Some(text) = text else { return Some(PartRef::BuiltIn(built_in[0])) };
        if let Some(&name) = built_in.iter().find(|name| **name == text.value) {
            return Some(PartRef::BuiltIn(name));
        }
        self.constant(text, role).map(PartRef::Own)
    }

    /// One worker performs the messages of one controller, because its Rust type says which.
    fn claim_worker(&mut self, worker: &Constant, named: bool, controller: &Constant, span: Span) {
        // Derived and named workers live in different modules, so the paths of the two never meet.
        for claim in [worker.as_str().to_owned(), format!("{named} {}", worker.rust_path())] {
            let (first, first_span) = self.workers.entry(claim).or_insert_with(|| (controller.clone(), span));
            // Two spellings of one controller are reported as such.
            if first != controller && first.file() != controller.file() {
                let words = format!("`{worker}` would be the worker of both `{first}` and `{controller}`");
                let diagnostic = Diagnostic::error(codes::SHARED_WORKER, span, words)
                    .related(*first_span, "first here")
                    .help(match named {
                        true => "a worker serves one controller: name another one, or leave `worker` out to derive it",
                        false => "a worker serves one controller: name one of your own with `worker:`",
                    });
                self.report.add(diagnostic);
                return;
            }
        }
    }

    fn payload(
        &mut self,
        topic: &manifest::Topic,
        consumer: &manifest::Consumer,
        parser: &PartRef,
        typed: Option<&Payload>,
    ) -> Payload {
        let untyped = untyped(parser);
        let (Some(typed), Some(message)) = (typed, &topic.message) else { return untyped };
        if let (PartRef::BuiltIn(name), true) = (parser, untyped != Payload::Json) {
            let words = format!("`parser: {name}` makes {name}, not the message `{}`", message.value);
            // Where the default is at fault, the topic is what a person would change.
            let diagnostic = match (&consumer.settings.parser, &self.defaults.parser) {
                (Some(parser), _) => Diagnostic::error(codes::PARSER_MISMATCH, parser.span, words)
                    .related(message.span, "the message is named here")
                    .help(format!(
                        "take `message` out, or write a parser of your own: `parser: {}Parser`",
                        message.value
                    )),
                (None, default) => {
                    let diagnostic = Diagnostic::error(codes::PARSER_MISMATCH, message.span, words)
                        .help("add `parser: json` to this topic, or a parser of your own");
                    match default {
                        Some(default) => diagnostic.related(default.span, "the parser comes from `defaults`"),
                        None => diagnostic,
                    }
                }
            };
            self.report.add(diagnostic);
        }
        typed.clone()
    }

    /// In alphabetical order.
    fn settings(&mut self, at: usize, consumer: &'a manifest::Consumer, messages: &Messages<'_>) -> Vec<Setting> {
        let own = &consumer.settings;
        let on_redis = jobs::on_redis(own, self.manifest);
        let group = own.group.as_ref().or(self.defaults.group.as_ref()).map_or(self.app, |group| &group.value);
        let ends = (on_redis, self.at_most_once.contains(group));
        let mut settings = self.found.dead_letters.settings(at, own, ends, messages, self.report);
        settings.extend(jobs::settings(own, self.manifest));
        if let Some(batch) = &consumer.batch {
            settings.extend(batches::settings(batch));
        }
        let others = [
            ("lost_position", own.lost_position.as_ref().or(self.defaults.lost_position.as_ref())),
            ("retry.backoff", own.backoff.as_ref().or(self.defaults.backoff.as_ref())),
            ("start", own.start.as_ref().or(self.defaults.start.as_ref())),
            ("timeout", own.timeout.as_ref().or(self.defaults.timeout.as_ref())),
            ("tombstones", own.tombstones.as_ref().or(self.defaults.tombstones.as_ref())),
        ];
        let others = others.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.value.clone())));
        settings.extend(others);
        settings.sort_unstable();
        settings
    }
}

impl Found<'_> {
    /// What the model has of it.
    pub(super) fn finish(mut self) -> Consumers {
        let controllers = controllers::gather(&mut self.handled);
        let mut workers: BTreeMap<Constant, Worker> = BTreeMap::new();
        for (consumer, written, _) in &self.handled {
            let worker = workers.entry(consumer.worker.clone()).or_insert_with(|| Worker {
                constant: consumer.worker.clone(),
                controller: consumer.controller.clone(),
                takes_batches: consumer.takes_batches,
                named: false,
            });
            worker.named |= written.worker.is_some();
        }
        let parts = |parts: BTreeMap<Constant, BTreeSet<Payload>>| {
            let part =
                |(constant, payloads): (_, BTreeSet<_>)| Part { constant, payloads: payloads.into_iter().collect() };
            parts.into_iter().map(part).collect()
        };
        let mut consumers: Vec<Consumer> = self.handled.into_iter().map(|(consumer, ..)| consumer).collect();
        consumers.sort_by(|a, b| (&a.topic, &a.group).cmp(&(&b.topic, &b.group)));
        Consumers {
            controllers,
            workers: workers.into_values().collect(),
            parsers: parts(self.parsers),
            interchangers: parts(self.interchangers),
            consumers,
            payloads: self.payloads,
        }
    }
}

fn untyped(parser: &PartRef) -> Payload {
    match parser {
        PartRef::BuiltIn("bytes") => Payload::Bytes,
        PartRef::BuiltIn("text") => Payload::Text,
        PartRef::BuiltIn(_) | PartRef::Own(_) => Payload::Json,
    }
}
