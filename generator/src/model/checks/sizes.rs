//! Sizes that do not go together, as far as the manifest says numbers; the runtime knows which.

use std::collections::BTreeMap;

use karafka::settings::{
    CONCURRENCY, MEMORY, parse,
    sizes::{AtWork, GroupSize, Written, clashes},
};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Kafka, Manifest, Text},
    model::{Consumer, Group, report::Report},
    source::Span,
};

/// Reports each pair where one of the two stands. What an environment says beside it is looked at when the app starts.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let Facts { manifest, groups, .. } = *facts;
    let mut consumers: Vec<&Consumer> = facts.consumers.handled.iter().map(|(consumer, ..)| consumer).collect();
    consumers.sort_by(|a, b| a.topic.cmp(&b.topic));
    let Kafka { options, consumer, producer, .. } = &manifest.kafka;
    let own: Vec<_> = groups.iter().map(own_options).collect();
    let sizes = groups.iter().zip(&own).filter_map(|(group, own)| size_of(group, own, &consumers, manifest));
    let groups: Vec<_> = sizes.collect();
    let texts = |options: &[(Text, Text)]| -> BTreeMap<String, String> {
        options.iter().map(|(name, text)| (name.value.clone(), text.value.clone())).collect()
    };
    let [options, consumer, producer] = [texts(options), texts(consumer), texts(producer)];
    let written = Written { options: &options, consumer: &consumer, producer: &producer, groups: &groups };
    for clash in clashes(&written) {
        let [first, second] = clash.keys.each_ref().map(|key| place(manifest, key));
        let Some(span) = first else { continue };
        let diagnostic = Diagnostic::warning(codes::CLASHING_SIZES, span, clash.words).help(clash.help);
        report.add(match second {
            Some(second) => diagnostic.related(second, "the other one"),
            None => diagnostic,
        });
    }
}

/// `kafka` of a group.
fn own_options(group: &Group) -> BTreeMap<String, String> {
    let own = group.settings.iter().filter_map(|(key, text)| Some((key.strip_prefix("kafka.")?, text)));
    own.map(|(name, text)| (name.to_owned(), text.clone())).collect()
}

/// A group, as far as its sizes are said without `${…}`: what that will be is not known.
fn size_of<'g>(
    group: &'g Group,
    options: &'g BTreeMap<String, String>,
    consumers: &[&Consumer],
    manifest: &Manifest,
) -> Option<GroupSize<'g>> {
    let written = |name: &str| group.settings.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
    let ours = || consumers.iter().copied().filter(|consumer| consumer.group == group.name);
    let memory = written("memory").map_or(Some(MEMORY), |text| parse::memory(text).ok())?;
    // Flags and variables are over the manifest's; without any it is 32.
    let concurrency = written("concurrency").or(manifest.concurrency.as_ref().map(|text| text.value.as_str()));
    let concurrency = concurrency.map_or(Some(CONCURRENCY), |text| parse::concurrency(text).ok())?;
    let batch = |consumer: &Consumer| {
        let size = consumer.settings.iter().find(|(key, _)| key == "batch.size");
        size.map_or(1, |(_, text)| parse::batch_size(text).unwrap_or(1) as u64)
    };
    let at_work = AtWork {
        concurrency: concurrency as u64,
        is_by_partition: written("ordering").is_none_or(|ordering| ordering == "partition"),
        records: ours().map(batch).fold(1, u64::max),
    };
    let known = |consumer: &Consumer| {
        let topic = manifest.topics.iter().find(|topic| topic.key.value == consumer.topic)?;
        let partitions = u64::try_from(parse::partitions(&topic.partitions.as_ref()?.value).ok()?).ok()?;
        Some((partitions, format!("topics.{}.partitions", topic.key.value)))
    };
    // Those that are known are partitions enough to warn of.
    let all = ours().filter_map(known).reduce(|(sum, key), (partitions, other)| {
        let key = if partitions > sum { other } else { key };
        (sum + partitions, key)
    });
    Some(GroupSize { name: &group.name, options, memory, partitions: all, at_work })
}

/// Where the value of a dotted key stands.
fn place(manifest: &Manifest, key: &str) -> Option<Span> {
    let (section, rest) = key.split_once('.')?;
    let find = |settings: &[(Text, Text)], name: &str| {
        settings.iter().find(|(written, _)| written.value == name).map(|(_, text)| text.span)
    };
    if section == "topics" {
        let (topic, _) = rest.rsplit_once('.')?;
        return Some(manifest.topics.iter().find(|known| known.key.value == topic)?.partitions.as_ref()?.span);
    }
    if section == "groups" {
        let known = |name: &str| manifest.groups.iter().find(|known| known.name.value == name);
        if let Some((group, name)) = rest.split_once(".kafka.") {
            return find(&known(group)?.kafka, name);
        }
        let (group, name) = rest.rsplit_once('.')?;
        return find(&known(group)?.settings, name);
    }
    let (part, name) = rest.split_once('.')?;
    let options = match part {
        "options" => &manifest.kafka.options,
        "consumer" => &manifest.kafka.consumer,
        _ => &manifest.kafka.producer,
    };
    find(options, name)
}
