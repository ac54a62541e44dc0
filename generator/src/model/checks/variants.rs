//! Messages of several types: each is a record, and none has a field where the tag goes.

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{MessageBody, Text},
    model::{Shape, messages::Messages, report::Report},
};

/// Checks every `one_of`.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    for message in &facts.manifest.messages {
        if let MessageBody::OneOf { variants, by } = &message.body {
            check_variants(facts.messages, &message.name.value, variants, by, report);
        }
    }
}

/// Checks that each variant is a record, and that none has a field where the tag goes.
fn check_variants(messages: &Messages<'_>, name: &str, variants: &[(Text, Text)], by: &Text, report: &mut Report<'_>) {
    for (tag, message) in variants {
        let Some(&at) = messages.index.get(&message.value) else { continue };
        match &messages.types[at].shape {
            Shape::Record(fields) => {
                let Some(clash) = fields.iter().position(|field| field.wire_name == by.value) else { continue };
                let words = format!(
                    "`by: {}` tells the types of `{name}` apart, but `{}` has a field of its own of that name",
                    by.value, message.value
                );
                let diagnostic = Diagnostic::error(codes::INVALID_VARIANT, by.span, words)
                    .related(messages.field_spans[at][clash], "this field")
                    .help("choose another name for `by`, or take the field out: the tag says the same");
                report.add(diagnostic);
            }
            Shape::OneOf { .. } | Shape::Enum(_) => {
                let words =
                    format!("`{}` is itself a `one_of`, so its tag and that of `{name}` would meet", message.value);
                let help = format!("name its messages here, instead of `{}: {}`", tag.value, message.value);
                report.add(Diagnostic::error(codes::INVALID_VARIANT, message.span, words).help(help));
            }
        }
    }
}
