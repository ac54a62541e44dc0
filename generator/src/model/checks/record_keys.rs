//! Fields that `key` names: each is there, and can be a record's key.

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, Text},
    model::{Message, Scalar, Shape, Type, messages::Messages, report::Report},
};

/// Checks `key` of every topic that has one.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    for topic in &facts.manifest.topics {
        if let Some(field) = &topic.key_field {
            check_key(topic, field, facts.messages, report);
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
            // Those that were refused are there, too, and what is wrong with them has been said.
            let mut names: Vec<&str> = fields.iter().map(|field| field.wire_name.as_str()).collect();
            names.extend(messages.refused(&record.name));
            let near = report.nearest(&field.value, names.iter().copied());
            diagnostic = match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(field.span, near),
                None if names.is_empty() => diagnostic.help("it has no fields"),
                None => {
                    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
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
