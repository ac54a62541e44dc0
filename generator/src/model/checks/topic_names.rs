//! Topics that meet: in Rust, in Kafka, or with the trait of those who send to another.

use std::collections::BTreeMap;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::Text,
    model::report::{self, Report},
    source::Span,
};

/// Reports topics that are one in Rust or one in Kafka.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let topics = &facts.declared.topics;
    let mut in_rust: BTreeMap<&str, Vec<&Text>> = BTreeMap::new();
    let mut in_kafka: BTreeMap<&str, Vec<(&str, Span)>> = BTreeMap::new();
    for topic in topics.iter().filter(|topic| !topic.rust_name.is_empty()) {
        let key = &topic.written.key;
        let same = in_rust.entry(&topic.rust_name).or_default();
        same.push(key);
        if same.len() == 1 {
            let name = topic.written.name.as_ref().unwrap_or(key);
            in_kafka.entry(&name.value).or_default().push((&key.value, name.span));
        }
    }
    for (rust_name, keys) in &in_rust {
        let names: Vec<(&str, Span)> = keys.iter().map(|key| (key.value.as_str(), key.span)).collect();
        let comes_to = format!("`{rust_name}` in Rust");
        let Some(diagnostic) = report::meeting(codes::NAME_COLLISION, "topics", &names, &comes_to) else { continue };
        let which = if names.len() == 2 { "one of them" } else { "all but one of them" };
        let help = format!("give {which} another key, and its name in Kafka beside it: `name: {}`", names[1].0);
        report.add(diagnostic.help(help));
    }
    for (name, keys) in &in_kafka {
        let comes_to = format!("`{name}` in Kafka");
        let Some(diagnostic) = report::meeting(codes::NAME_COLLISION, "topics", keys, &comes_to) else { continue };
        report.add(diagnostic.help("one topic has one entry; several groups stand under its `consumers:`"));
    }
    // Each topic has a trait beside it for the controllers that may send to it.
    for topic in topics {
        let key = &topic.written.key;
        if let Some(other) = topic.rust_name.strip_prefix("Emits").and_then(|rest| in_rust.get(rest)?.first()) {
            let message = format!(
                "the topic `{}` would be `{}` in Rust, which is the trait of those who send to `{}`",
                key.value, topic.rust_name, other.value
            );
            let help = format!("give it another key, and its name in Kafka beside it: `name: {}`", key.value);
            let diagnostic = Diagnostic::error(codes::NAME_COLLISION, key.span, message);
            report.add(diagnostic.related(other.span, "the other one").help(help));
        }
    }
}
