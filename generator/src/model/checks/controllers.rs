//! Controllers that would have to handle messages of two types, or single ones and several at once.

use std::collections::HashMap;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    model::{Consumer, Payload, controllers::Handled, report::Report},
    names::{
        Constant,
        case::{camel, snake},
    },
    source::Span,
};

/// Compares each consumer with the first one of its controller.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let mut firsts: HashMap<&Constant, &Handled<'_>> = HashMap::new();
    for handled in &facts.consumers.handled {
        let (consumer, written, payload) = handled;
        let (first, first_written, first_payload) = *firsts.entry(&consumer.controller).or_insert(handled);
        let (span, first_span) = (written.controller.span, first_written.controller.span);
        if first_payload != payload {
            report.add(mixed_messages((consumer, payload, span), (first, first_payload, first_span)));
        }
        if first.takes_batches != consumer.takes_batches {
            report.add(mixed_batches((consumer, span), (first, first_span)));
        }
    }
}

/// One controller that would have to handle two types.
fn mixed_messages(
    (consumer, payload, span): (&Consumer, &Payload, Span),
    (first, first_payload, first_span): (&Consumer, &Payload, Span),
) -> Diagnostic {
    let kind = |payload: &Payload| match payload {
        Payload::Message(name) => format!("`{name}`"),
        Payload::Json => "any JSON".to_owned(),
        Payload::Bytes => "bytes".to_owned(),
        Payload::Text => "text".to_owned(),
    };
    let words = format!(
        "`{}` gets {} from `{}` and {} from `{}`, but a controller handles one type of message",
        consumer.controller,
        kind(first_payload),
        first.topic,
        kind(payload),
        consumer.topic
    );
    let own = format!("give `{}` a controller of its own", consumer.topic);
    let help = match (first_payload, payload) {
        (Payload::Message(one), Payload::Message(other)) => {
            let (stem, one_tag, other_tag) = (camel(&consumer.controller.default_topic()), snake(one), snake(other));
            let one_of = format!("{stem}Message: {{ one_of: {{ {one_tag}: {one}, {other_tag}: {other} }}, by: type }}");
            format!("{own}, or both topics one message of two types, told apart by a field:\n{one_of}")
        }
        _ => format!("{own}, or both topics the same `message` and `parser`"),
    };
    Diagnostic::error(codes::MIXED_MESSAGES, span, words).related(first_span, "first here").help(help)
}

/// One controller that would have to handle messages one by one and several at once.
fn mixed_batches((consumer, span): (&Consumer, Span), (first, first_span): (&Consumer, Span)) -> Diagnostic {
    let (batches, singles) = if consumer.takes_batches { (consumer, first) } else { (first, consumer) };
    let words = format!(
        "`{}` gets batches from `{}` and single messages from `{}`, but a controller has either `perform_batch` or \
         `perform`",
        consumer.controller, batches.topic, singles.topic
    );
    let help = format!("add `batch: {{}}` to `{}`, or give it a controller of its own", singles.topic);
    Diagnostic::error(codes::MIXED_BATCHES, span, words).related(first_span, "first here").help(help)
}
