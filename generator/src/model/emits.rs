//! What controllers may send: each topic is there, and it is known how to write it.

use std::collections::{BTreeSet, HashMap};

use super::{PartRef, controllers::Handled, report::Report, topics::Declared};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{ConsumerSettings, Text},
    source::Span,
};

/// Checks every topic under `emits`. `consumers` are those that could be resolved, in the order of the file.
pub(super) fn check(
    declared: &Declared<'_>,
    consumers: &[Handled<'_>],
    defaults: &ConsumerSettings,
    report: &mut Report<'_>,
) {
    let mut readers: HashMap<&str, Vec<&Handled<'_>>> = HashMap::new();
    for consumer in consumers {
        readers.entry(consumer.0.topic.as_str()).or_default().push(consumer);
    }
    let all = declared.topics.iter().flat_map(|topic| &topic.written.consumers);
    for emitted in all.flat_map(|consumer| &consumer.emits) {
        let key = emitted.value.as_str();
        let Some(&topic) = declared.index.get(key) else {
            unknown(emitted, declared, report);
            continue;
        };
        let mut ways = BTreeSet::new();
        let mut own = None;
        for (reader, written, _) in readers.get(key).into_iter().flatten() {
            match &reader.parser {
                PartRef::BuiltIn(name) => {
                    ways.insert(*name);
                }
                PartRef::Own(parser) => own = Some((parser, written.settings.parser.as_ref())),
            }
        }
        if let Some((parser, place)) = own {
            let words = format!("`{key}` is read by the app's own `{parser}`, so it is not known how to write it");
            let mut diagnostic = Diagnostic::error(codes::UNWRITABLE_TOPIC, emitted.span, words)
                .help(format!("read `{key}` with `json`, `bytes` or `text`, or take it out of `emits`"));
            if let Some(place) = place.or(defaults.parser.as_ref()) {
                diagnostic = diagnostic.related(place.span, "the parser is named here");
            }
            report.add(diagnostic);
        } else if ways.len() > 1 && declared.topics[topic].written.message.is_none() {
            let ways: Vec<&str> = ways.into_iter().collect();
            let words = format!("`{key}` is read as {}, so it is not known how to write it", ways.join(" and as "));
            let help = format!("give all consumers of `{key}` one parser, or the topic a `message`");
            report.add(Diagnostic::error(codes::UNWRITABLE_TOPIC, emitted.span, words).help(help));
        }
    }
}

fn unknown(emitted: &Text, declared: &Declared<'_>, report: &mut Report<'_>) {
    let wanted = &emitted.value;
    let words = format!("`emits` names `{wanted}`, which is not in the manifest");
    let diagnostic = Diagnostic::error(codes::UNKNOWN_TOPIC, emitted.span, words);
    let near = report.nearest(wanted, declared.topics.iter().map(|topic| topic.written.key.value.as_str()));
    let near = near.map(|near| {
        let line = report.line(declared.topics[declared.index[near]].written.key.span);
        format!("did you mean `{near}` ({line})? Or add it under `topics`")
    });
    let help = near.unwrap_or_else(|| "add it under `topics`".to_owned());
    // The new line goes above the first topic, if that one has a line of its own.
    let line = declared.topics.first().and_then(|first| {
        let (indent, start) = report.before(first.written.key.span);
        let block = indent.bytes().all(|byte| byte == b' ') && report.says(&first.written.key);
        block.then(|| (Span::new(start, start), format!("{indent}{wanted}: {{ message: … }}\n")))
    });
    report.add(match line {
        Some((place, line)) => diagnostic.help(format!("{help}:")).suggest(place, line),
        None => diagnostic.help(help),
    });
}
