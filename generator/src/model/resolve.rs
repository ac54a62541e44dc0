//! Puts the app together: settings, groups, and what the other files of this room resolve.

use std::collections::BTreeMap;

use super::{
    Group, Model, Setting,
    checks::{self, Facts},
    consumers::{self, Consumers},
    controllers::Handled,
    messages,
    report::Report,
    topics,
};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, Manifest, Text},
    names,
    source::Source,
};

/// What a group says that the runtime reads.
const GROUP_SETTINGS: [&str; 11] = [
    "assignor",
    "commit_interval",
    "concurrency",
    "delivery",
    "drain",
    "id",
    "instance_id",
    "memory",
    "ordering",
    "protocol",
    "window",
];

/// Resolves a manifest: fills in every default, derives every name, and checks everything together.
///
/// Takes the source only to name lines in its words. The model is `None` if there is an error, or if the manifest has
/// no `app`, which its reader has reported. Diagnostics are in the order of the file.
#[must_use]
pub fn resolve(source: &Source, manifest: &Manifest) -> (Option<Model>, Vec<Diagnostic>) {
    let mut report = Report::new(source);
    let app = manifest.app.as_ref();
    if let Some(app) = app
        && let Err(error) = names::app_name(&app.value)
    {
        report.refuse(codes::INVALID_APP, app, &error);
    }
    let app = app.map(|app| app.value.as_str()).unwrap_or_default();
    let messages = messages::resolve(&manifest.messages, &mut report);
    let declared = topics::declare(&manifest.topics, &messages, &mut report);
    let found = consumers::resolve(app, manifest, &declared, &messages, &mut report);
    let groups = groups(manifest, &found.handled);
    let facts = Facts { app, manifest, messages: &messages, declared: &declared, consumers: &found, groups: &groups };
    checks::run(&facts, &mut report);

    if app.is_empty() || report.has_errors() {
        return (None, report.finish());
    }
    let mut messages = messages.types;
    messages.sort_by(|a, b| a.name.cmp(&b.name));
    let Consumers { controllers, workers, parsers, interchangers, consumers, payloads } = found.finish();
    let topics = topics::finish(declared, payloads);
    let model = Model {
        app: app.to_owned(),
        crate_name: names::crate_name(app),
        settings: settings(&manifest.kafka, manifest.concurrency.as_ref(), &manifest.redis),
        environments: environments(&manifest.environments),
        groups,
        messages,
        topics,
        controllers,
        workers,
        parsers,
        interchangers,
        consumers,
    };
    (Some(model), report.finish())
}

fn settings(kafka: &manifest::Kafka, concurrency: Option<&Text>, redis: &manifest::Redis) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut add = |key: String, value: &Text| settings.push((key, value.value.clone()));
    if let Some(concurrency) = concurrency {
        add("concurrency".to_owned(), concurrency);
    }
    for (name, text) in redis.written() {
        add(format!("redis.{name}"), text);
    }
    if let Some(brokers) = &kafka.brokers {
        add("kafka.brokers".to_owned(), brokers);
    }
    for (part, options) in [("options", &kafka.options), ("consumer", &kafka.consumer), ("producer", &kafka.producer)] {
        for (name, value) in options {
            add(format!("kafka.{part}.{}", name.value), value);
        }
    }
    settings.sort();
    settings
}

fn environments(environments: &[manifest::Environment]) -> Vec<(String, Vec<Setting>)> {
    let mut resolved: Vec<_> = environments
        .iter()
        .map(|environment| {
            (
                environment.name.value.clone(),
                settings(&environment.kafka, environment.concurrency.as_ref(), &manifest::Redis::default()),
            )
        })
        .collect();
    resolved.sort();
    resolved
}

/// The groups that consumers are in, with what the manifest says of them.
fn groups(manifest: &Manifest, handled: &[Handled<'_>]) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Vec<Setting>> =
        handled.iter().map(|(consumer, ..)| (consumer.group.as_str(), Vec::new())).collect();
    for group in &manifest.groups {
        let Some(settings) = groups.get_mut(group.name.value.as_str()) else { continue };
        let known = group.settings.iter().filter(|(key, _)| GROUP_SETTINGS.contains(&key.value.as_str()));
        *settings = known.map(|(key, value)| (key.value.clone(), value.value.clone())).collect();
        let properties = group.kafka.iter();
        settings.extend(properties.map(|(name, value)| (format!("kafka.{}", name.value), value.value.clone())));
        settings.sort();
    }
    let group = |(name, settings): (&str, Vec<Setting>)| {
        let id = settings.iter().find(|(key, _)| key == "id").map_or(name, |(_, id)| id).to_owned();
        Group { name: name.to_owned(), id, settings }
    };
    groups.into_iter().map(group).collect()
}
