//! Topics: their Rust names, what they carry, which field is the record's key.

use std::collections::{BTreeMap, HashMap};

use super::{
    Message, Payload, Scalar, Shape, Topic, Type, messages,
    messages::Messages,
    report::{self, Report},
};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, Text},
    names,
    source::Span,
};

/// Topics as far as they are known without their consumers.
#[derive(Debug)]
pub(super) struct Declared<'a> {
    /// In the order of the file.
    pub(super) topics: Vec<DeclaredTopic<'a>>,
    /// Where each key stands in `topics`.
    pub(super) index: HashMap<&'a str, usize>,
}

/// A topic without its consumers.
#[derive(Debug)]
pub(super) struct DeclaredTopic<'a> {
    /// As written.
    pub(super) written: &'a manifest::Topic,
    /// Its type in Rust; empty if its key is refused.
    rust_name: String,
}

/// Resolves what topics say of themselves.
pub(super) fn declare<'a>(
    written: &'a [manifest::Topic],
    messages: &Messages<'_>,
    report: &mut Report<'_>,
) -> Declared<'a> {
    let mut topics = Vec::with_capacity(written.len());
    let mut index = HashMap::with_capacity(written.len());
    for topic in written {
        let rust_name = match names::topic_type(&topic.key.value) {
            Ok(rust_name) => rust_name,
            Err(error) => {
                report.refuse(codes::INVALID_TOPIC_NAME, &topic.key, &error);
                String::new()
            }
        };
        if let Some(message) = &topic.message
            && !messages.declared.contains_key(message.value.as_str())
        {
            messages::unknown_message(messages, message, "`message`", report);
        }
        if let Some(field) = &topic.key_field {
            check_key(topic, field, messages, report);
        }
        index.entry(topic.key.value.as_str()).or_insert(topics.len());
        topics.push(DeclaredTopic { written: topic, rust_name });
    }
    check_names(&topics, report);
    Declared { topics, index }
}

/// The topics of the model, now that it is known what each carries: `payloads` in the order of the file.
pub(super) fn finish(declared: Declared<'_>, payloads: Vec<Payload>) -> Vec<Topic> {
    let mut topics: Vec<Topic> = declared
        .topics
        .into_iter()
        .zip(payloads)
        .map(|(DeclaredTopic { written, rust_name }, payload)| {
            let setting = |key: &str, value: &Option<Text>| Some((key.to_owned(), value.as_ref()?.value.clone()));
            let settings = [setting("name", &written.name), setting("partitions", &written.partitions)];
            Topic {
                key: written.key.value.clone(),
                rust_name,
                name: written.name.as_ref().unwrap_or(&written.key).value.clone(),
                payload,
                key_field: written.key_field.as_ref().map(|field| field.value.clone()),
                settings: settings.into_iter().flatten().collect(),
            }
        })
        .collect();
    topics.sort_by(|a, b| a.key.cmp(&b.key));
    topics
}

/// Two topics that are one in Rust or one in Kafka.
fn check_names(topics: &[DeclaredTopic<'_>], report: &mut Report<'_>) {
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

fn check_key(topic: &manifest::Topic, field: &Text, messages: &Messages<'_>, report: &mut Report<'_>) {
    let Some(message) = &topic.message else {
        let words = format!("`key: {}` picks a field of the message, and this topic names no message", field.value);
        let help = "add `message:`, or take `key` out and give the key when sending";
        report.add(Diagnostic::error(codes::INVALID_RECORD_KEY, field.span, words).help(help));
        return;
    };
    let Some(message) = messages.get(&message.value) else { return };
    // The key of a message of several types is a field that each of them has.
    let records: Vec<&Message> = match &message.shape {
        Shape::OneOf { by, .. } if *by == field.value => return,
        Shape::OneOf { variants, .. } => variants.iter().filter_map(|(.., name)| messages.get(name)).collect(),
        Shape::Record(_) | Shape::Enum(_) => vec![message],
    };
    for record in records {
        let Shape::Record(fields) = &record.shape else { continue };
        let Some(found) = fields.iter().find(|f| f.wire_name == field.value) else {
            if messages.has_refused(&record.name, &field.value) {
                return;
            }
            let words = format!("`key` names `{}`, which is not a field of `{}`", field.value, record.name);
            let mut diagnostic = Diagnostic::error(codes::UNKNOWN_FIELD, field.span, words);
            let near = report.nearest(&field.value, fields.iter().map(|field| field.wire_name.as_str()));
            diagnostic = match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(field.span, near),
                None if fields.is_empty() => diagnostic.help("it has no fields"),
                None => {
                    let names: Vec<_> = fields.iter().map(|field| format!("`{}`", field.wire_name)).collect();
                    diagnostic.help(format!("its fields are {}", names.join(", ")))
                }
            };
            report.add(diagnostic);
            return;
        };
        let single = match &found.kind {
            Type::Scalar(scalar) => *scalar != Scalar::Json,
            Type::Named(name) => matches!(messages.get(name), Some(Message { shape: Shape::Enum(_), .. })),
            Type::List(_) | Type::Map(_) => false,
        };
        if !single {
            let words =
                format!("`{}.{}` is not a single value, so it cannot be a record's key", record.name, field.value);
            let help = "a key is a scalar such as `uuid` or `string`, or an enum";
            report.add(Diagnostic::error(codes::INVALID_RECORD_KEY, field.span, words).help(help));
            return;
        }
    }
}
