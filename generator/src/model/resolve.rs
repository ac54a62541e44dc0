//! Puts the app together: settings, groups, and what the other files of this room resolve.

use std::collections::{BTreeMap, BTreeSet};

use karafka::settings::{WINDOW, parse};

use super::{
    Group, Model, Setting, client_options,
    consumers::{self, Consumers},
    drains, group_ids, messages,
    report::Report,
    sizes, topics, waits,
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
    let consumers = consumers::resolve(app, manifest, &declared, &messages, &mut report);
    let groups = groups(manifest, &consumers, &mut report);
    waits::check(manifest, &mut report);
    sizes::check(manifest, &groups, &consumers.consumers, &mut report);
    drains::check(app, manifest, &mut report);

    if app.is_empty() || report.has_errors() {
        return (None, report.finish());
    }
    let mut messages = messages.types;
    messages.sort_by(|a, b| a.name.cmp(&b.name));
    let Consumers { controllers, workers, parsers, interchangers, consumers, payloads, .. } = consumers;
    let topics = topics::finish(declared, payloads);
    let model = Model {
        app: app.to_owned(),
        crate_name: names::crate_name(app),
        settings: settings(&manifest.kafka, manifest.concurrency.as_ref(), manifest.jobs.url.as_ref()),
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

fn settings(kafka: &manifest::Kafka, concurrency: Option<&Text>, redis: Option<&Text>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut add = |key: String, value: &Text| settings.push((key, value.value.clone()));
    if let Some(concurrency) = concurrency {
        add("concurrency".to_owned(), concurrency);
    }
    if let Some(url) = redis {
        add("jobs.url".to_owned(), url);
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
            (environment.name.value.clone(), settings(&environment.kafka, environment.concurrency.as_ref(), None))
        })
        .collect();
    resolved.sort();
    resolved
}

/// The groups that consumers are in, with what the manifest says of them.
fn groups(manifest: &Manifest, consumers: &Consumers, report: &mut Report<'_>) -> Vec<Group> {
    let used: BTreeSet<&str> = consumers.consumers.iter().map(|consumer| consumer.group.as_str()).collect();
    let mut groups: BTreeMap<&str, Vec<Setting>> = used.iter().map(|name| (*name, Vec::new())).collect();
    for group in &manifest.groups {
        if let Some(settings) = groups.get_mut(group.name.value.as_str()) {
            let known = group.settings.iter().filter(|(key, _)| GROUP_SETTINGS.contains(&key.value.as_str()));
            *settings = known.map(|(key, value)| (key.value.clone(), value.value.clone())).collect();
            let properties = group.kafka.iter();
            settings.extend(properties.map(|(name, value)| (format!("kafka.{}", name.value), value.value.clone())));
            settings.sort();
            check_ordering(group, manifest, report);
            check_window(group, report);
        } else if !consumers.broken && !used.contains(group.id().value.as_str()) {
            let name = &group.name.value;
            let help = match report.nearest(name, used.iter().copied()) {
                Some(near) => format!("did you mean `{near}`, which consumers are in?"),
                None => format!("name it in a consumer, `group: {name}`, or take it out"),
            };
            let message = format!("no consumer is in the group `{name}`, so what it says has no effect");
            report.add(Diagnostic::warning(codes::UNUSED_GROUP, group.name.span, message).help(help));
        }
    }
    group_ids::check(manifest, report);
    client_options::check(manifest, &used, report);
    let group = |(name, settings): (&str, Vec<Setting>)| {
        let id = settings.iter().find(|(key, _)| key == "id").map_or(name, |(_, id)| id).to_owned();
        Group { name: name.to_owned(), id, settings }
    };
    groups.into_iter().map(group).collect()
}

pub(super) fn setting<'g>(group: &'g manifest::Group, name: &str) -> Option<&'g Text> {
    group.setting(name)
}

/// A window that is wider than a commit has room for: this has a price, which is to be a choice.
fn check_window(group: &manifest::Group, report: &mut Report<'_>) {
    let is_wide = |text: &&Text| parse::window(&text.value).is_ok_and(|window| window > WINDOW);
    let Some(window) = setting(group, "window").filter(is_wide) else { return };
    let words = format!("a commit has room to say which of {WINDOW} records are finished, not of {}", window.value);
    let help = format!(
        "while a record that fails holds the commit back, what is finished and not said is done again after a stop: \
         write `window: {WINDOW}`, or leave it if that is worth it"
    );
    report.add(Diagnostic::warning(codes::WIDE_WINDOW, window.span, words).help(help));
}

/// Records that may go at once, in a group that performs one at a time.
fn check_ordering(group: &manifest::Group, manifest: &Manifest, report: &mut Report<'_>) {
    let setting = |name| setting(group, name);
    let Some(ordering) = setting("ordering").filter(|ordering| ordering.value != "partition") else { return };
    let of_environments = manifest.environments.iter().any(|environment| environment.concurrency.is_some());
    let concurrency = setting("concurrency").or(manifest.concurrency.as_ref().filter(|_| !of_environments));
    let Some(concurrency) = concurrency.filter(|concurrency| concurrency.value == "1") else { return };
    let words = format!("`ordering: {}` lets records go at once, and `concurrency: 1` does not", ordering.value);
    let help = "raise `concurrency`, or take `ordering` out: one record at a time is in the order of its partition";
    let diagnostic = Diagnostic::warning(codes::IDLE_ORDERING, ordering.span, words);
    report.add(diagnostic.related(concurrency.span, "one at a time").help(help));
}
