//! What groups promise, and what consumers in them say against it.

use std::collections::BTreeSet;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::Text,
    model::{jobs, report::Report},
};

/// Reports retries, dead letter topics, batches and jobs on Redis in groups with `delivery: at_most_once`: what has failed
/// is committed already, so that it can be neither repeated nor kept.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let (manifest, handled) = (facts.manifest, &facts.consumers.handled);
    let defaults = &manifest.defaults;
    // What `defaults` says counts once.
    let mut reported = BTreeSet::new();
    for group in &manifest.groups {
        let delivery = group.settings.iter().find(|(key, _)| key.value == "delivery").map(|(_, value)| value);
        let Some(delivery) = delivery.filter(|delivery| delivery.value == "at_most_once") else { continue };
        for (consumer, written, _) in handled.iter().filter(|(consumer, ..)| consumer.group == group.name.value) {
            let own = &written.settings;
            if let Some(batch) = &written.batch {
                let words = format!(
                    "`{}` is consumed at most once, and in batches: what was gathered when a process stops is committed \
                     already, and would be lost",
                    consumer.topic
                );
                let diagnostic = Diagnostic::error(codes::BROKEN_PROMISE, batch.span, words);
                let help = "take `batch` out, or take `delivery` out of the group";
                report.add(diagnostic.related(delivery.span, "the promise").help(help));
            }
            let backend = jobs::backend(own, manifest).filter(|backend| backend.value == "redis");
            if let Some(backend) = backend.filter(|backend| reported.insert(backend.span.start)) {
                let words = format!(
                    "`{}` is consumed at most once, and a job on Redis that has failed is tried again",
                    consumer.topic
                );
                let help = match own.jobs {
                    Some(_) => "write `jobs: in_process`, or take `delivery` out of the group",
                    None => "add `jobs: in_process` to the consumers of the group, or take `delivery` out of it",
                };
                let diagnostic = Diagnostic::error(codes::BROKEN_PROMISE, backend.span, words);
                report.add(diagnostic.related(delivery.span, "the promise").help(help));
            }
            let places: [(&str, &str, [Option<&Text>; 2]); 3] = [
                ("retry.backoff", "retry", [own.backoff.as_ref(), defaults.backoff.as_ref()]),
                ("retry.attempts", "retry", [own.attempts.as_ref(), defaults.attempts.as_ref()]),
                ("dead_letter", "dead_letter", [own.dead_letter.as_ref(), defaults.dead_letter.as_ref()]),
            ];
            let mut last = "";
            for (setting, key, [own, default]) in places {
                // `retry` counts once, whatever it says.
                if key == last {
                    continue;
                }
                // A default does not reach every consumer: a dead letter topic has none of its own.
                if !consumer.settings.iter().any(|(name, _)| name == setting) {
                    continue;
                }
                let Some(text) = own.or(default) else { continue };
                last = key;
                if !reported.insert(text.span.start) {
                    continue;
                }
                let topic = &consumer.topic;
                let words = format!(
                    "`{topic}` is consumed at most once, so that what fails is neither repeated nor kept: `{key}` has no \
                     place there"
                );
                let help = match own {
                    Some(_) => format!("take `{key}` out, or take `delivery` out of the group"),
                    None => format!("write `{key}` at the topics of the other groups instead of under `defaults`"),
                };
                let diagnostic = Diagnostic::error(codes::BROKEN_PROMISE, text.span, words);
                report.add(diagnostic.related(delivery.span, "the promise").help(help));
            }
        }
    }
}
