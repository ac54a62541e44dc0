//! Ids of groups in Kafka: two groups with one id would take each other's partitions.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Group, Text},
    model::report::{self, Report},
    source::Span,
};

/// Reports groups whose ids are the same as they are written. Ids that become the same by `${…}` are found when the app
/// starts.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let manifest = facts.manifest;
    let mut by_id: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
    for group in &manifest.groups {
        by_id.entry(&group.id().value).or_default().push(group);
    }
    let keys: BTreeSet<&str> = manifest.groups.iter().map(|group| group.name.value.as_str()).collect();
    for (id, groups) in &by_id {
        let names: Vec<(&str, Span)> =
            groups.iter().map(|group| (group.name.value.as_str(), group.id().span)).collect();
        let help = match names.len() {
            2 => "they would take each other's partitions: give one of them another `id`",
            _ => "they would take each other's partitions: give each an `id` of its own",
        };
        if let Some(diagnostic) = report::meeting(codes::SHARED_GROUP_ID, "groups", &names, &format!("`{id}` in Kafka"))
        {
            report.add(diagnostic.help(help));
        }
    }
    let consumers = manifest.topics.iter().flat_map(|topic| &topic.consumers);
    let named = consumers.filter_map(|consumer| consumer.settings.group.as_ref().or(manifest.defaults.group.as_ref()));
    let by_default = manifest.topics.iter().flat_map(|topic| &topic.consumers);
    let by_default = by_default.filter(|consumer| consumer.settings.group.is_none());
    let by_default = by_default.filter(|_| manifest.defaults.group.is_none()).find_map(|_| manifest.app.as_ref());
    // What `defaults` says counts once.
    let mut reported = BTreeSet::new();
    for name in named.filter(|name| !keys.contains(name.value.as_str())) {
        if let Some([group, ..]) = by_id.get(name.value.as_str()).map(Vec::as_slice)
            && reported.insert(name.span.start)
        {
            consumer_names_an_id(name, group, report);
        }
    }
    if let Some(app) = by_default.filter(|app| !keys.contains(app.value.as_str()))
        && let Some([group, ..]) = by_id.get(app.value.as_str()).map(Vec::as_slice)
    {
        let key = &group.name.value;
        let words = format!("the app's own group and `{key}` are both `{}` in Kafka", app.value);
        let help = format!("give `{key}` another `id`, or put the consumers into it: `defaults: {{ group: {key} }}`");
        let diagnostic = Diagnostic::error(codes::SHARED_GROUP_ID, group.id().span, words);
        report.add(diagnostic.related(app.span, "consumers without a `group` are in this one").help(help));
    }
}

fn consumer_names_an_id(name: &Text, group: &Group, report: &mut Report<'_>) {
    let key = &group.name.value;
    let words =
        format!("`{}` is the id of the group `{key}` in Kafka, and consumers name a group by its key", name.value);
    let mut diagnostic = Diagnostic::error(codes::SHARED_GROUP_ID, name.span, words)
        .related(group.id().span, "its id")
        .help(format!("write `group: {key}`"));
    if report.says(name) {
        diagnostic = diagnostic.suggest(name.span, key);
    }
    report.add(diagnostic);
}
