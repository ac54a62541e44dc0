//! What controllers may send: each topic is there, and it is known how to write it.

use std::collections::{BTreeSet, HashMap};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, Text},
    model::{PartRef, controllers::Handled, report::Report, topics::Declared},
    source::Span,
};

/// Checks every topic under `emits`.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let (declared, consumers, defaults) = (facts.declared, &facts.consumers.handled, &facts.manifest.defaults);
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

/// The topic that was probably meant: a slip of the finger, or the only one whose name has the same words in it, and others.
fn meant<'d>(wanted: &str, declared: &'d Declared<'_>, report: &mut Report<'_>) -> Option<&'d Text> {
    let keys = || declared.topics.iter().map(|topic| &topic.written.key);
    if let Some(near) = report.nearest(wanted, keys().map(|key| key.value.as_str()).collect::<Vec<_>>()) {
        return keys().find(|key| key.value == near);
    }
    if !report.compares(declared.topics.len()) {
        return None;
    }
    let words = |name: &str| -> BTreeSet<String> {
        let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let wanted = words(wanted);
    let has_both = |key: &&Text| {
        let words = words(&key.value);
        !words.is_empty() && !wanted.is_empty() && (wanted.is_subset(&words) || words.is_subset(&wanted))
    };
    let mut found = keys().filter(has_both);
    found.next().filter(|_| found.next().is_none())
}

fn unknown(emitted: &Text, declared: &Declared<'_>, report: &mut Report<'_>) {
    let wanted = &emitted.value;
    let words = format!("`emits` names `{wanted}`, which is not in the manifest");
    let diagnostic = Diagnostic::error(codes::UNKNOWN_TOPIC, emitted.span, words);
    // A topic whose key is another one by now, and which kept its name.
    let mut topics = declared.topics.iter().map(|topic| topic.written);
    let named = topics.find(|topic| topic.name.as_ref().is_some_and(|name| name.value == *wanted));
    if let Some(manifest::Topic { key, .. }) = named {
        let help = format!(
            "`emits` takes keys: write `{}` ({}), which is `{wanted}` in Kafka",
            key.value,
            report.line(key.span)
        );
        report.add(diagnostic.help(help).suggest(emitted.span, key.value.as_str()));
        return;
    }
    let help = match meant(wanted, declared, report) {
        Some(key) => {
            format!("did you mean `{}` ({})? Or add it under `topics`", key.value, report.line(key.span))
        }
        None => "add it under `topics`".to_owned(),
    };
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
