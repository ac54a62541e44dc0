//! Topics: their Rust names, what they carry, which field is the record's key.

use std::collections::HashMap;

use super::{
    Payload, Topic,
    messages::{self, Messages, NamedBy},
    report::Report,
};
use crate::{
    diagnostic::codes,
    manifest::{self, Text},
    names,
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
    pub(super) rust_name: String,
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
            let by = if topic.consumers.is_empty() { NamedBy::Sent } else { NamedBy::Consumed };
            messages::unknown_message(messages, message, by, report);
        }
        index.entry(topic.key.value.as_str()).or_insert(topics.len());
        topics.push(DeclaredTopic { written: topic, rust_name });
    }
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
