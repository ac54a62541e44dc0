//! Controllers, gathered over the consumers that name them.

use std::collections::BTreeMap;

use super::{Consumer, Controller, Payload, Setting, batches, report::Report};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest,
    names::{
        Constant,
        case::{camel, snake},
    },
    source::Span,
};

/// A consumer, what was written, and what it hands to its controller.
pub(super) type Handled<'a> = (Consumer, &'a manifest::Consumer, Payload);

/// The controllers of these consumers, which are in the order of the file; each consumer learns all that its
/// controller may send.
pub(super) fn gather(consumers: &mut [Handled<'_>], report: &mut Report<'_>) -> Vec<Controller> {
    let mut controllers: BTreeMap<Constant, (Controller, usize)> = BTreeMap::new();
    for (at, (consumer, written, payload)) in consumers.iter().enumerate() {
        let (controller, first) = controllers.entry(consumer.controller.clone()).or_insert_with(|| {
            let controller = Controller {
                constant: consumer.controller.clone(),
                payload: payload.clone(),
                topics: Vec::new(),
                emits: Vec::new(),
                delivers_tombstones: false,
                takes_batches: consumer.takes_batches,
            };
            (controller, at)
        });
        if controller.payload != *payload {
            let first = &consumers[*first];
            report.add(mixed(
                (consumer, payload, written.controller.span),
                (&first.0, &first.2, first.1.controller.span),
            ));
        }
        if controller.takes_batches != consumer.takes_batches {
            let first = &consumers[*first];
            report.add(batches::mixed((consumer, written.controller.span), (&first.0, first.1.controller.span)));
        }
        controller.topics.push(consumer.topic.clone());
        controller.emits.extend(written.emits.iter().map(|emitted| emitted.value.clone()));
        let deliver = |(key, value): &Setting| key == "tombstones" && value == "deliver";
        controller.delivers_tombstones |= consumer.settings.iter().any(deliver);
    }
    for (controller, _) in controllers.values_mut() {
        for list in [&mut controller.topics, &mut controller.emits] {
            list.sort_unstable();
            list.dedup();
        }
    }
    for (consumer, ..) in consumers {
        if let Some((controller, _)) = controllers.get(&consumer.controller) {
            consumer.emits.clone_from(&controller.emits);
        }
    }
    controllers.into_values().map(|(controller, _)| controller).collect()
}

/// One controller that would have to handle two types.
fn mixed(
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
