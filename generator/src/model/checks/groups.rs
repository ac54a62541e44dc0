//! What `groups` says that has no effect, or a price that is to be a choice.

use std::collections::BTreeSet;

use karafka::settings::{WINDOW, parse};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, Manifest, Text},
    model::report::Report,
};

/// Warns of groups that no consumer is in, of windows that are too wide, and of orderings that order nothing.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let used: BTreeSet<&str> = facts.groups.iter().map(|group| group.name.as_str()).collect();
    for group in &facts.manifest.groups {
        if used.contains(group.name.value.as_str()) {
            check_ordering(group, facts.manifest, report);
            check_window(group, report);
        } else if !facts.consumers.broken && !used.contains(group.id().value.as_str()) {
            let name = &group.name.value;
            let help = match report.nearest(name, used.iter().copied()) {
                Some(near) => format!("did you mean `{near}`, which consumers are in?"),
                None => format!("name it in a consumer, `group: {name}`, or take it out"),
            };
            let message = format!("no consumer is in the group `{name}`, so what it says has no effect");
            report.add(Diagnostic::warning(codes::UNUSED_GROUP, group.name.span, message).help(help));
        }
    }
}

/// A window that is wider than a commit has room for: this has a price, which is to be a choice.
fn check_window(group: &manifest::Group, report: &mut Report<'_>) {
    let is_wide = |text: &&Text| parse::window(&text.value).is_ok_and(|window| window > WINDOW);
    let Some(window) = group.setting("window").filter(is_wide) else { return };
    let words = format!("a commit has room to say which of {WINDOW} records are finished, not of {}", window.value);
    let help = format!(
        "while a record that fails holds the commit back, what is finished and not said is done again after a stop: \
         write `window: {WINDOW}`, or leave it if that is worth it"
    );
    report.add(Diagnostic::warning(codes::WIDE_WINDOW, window.span, words).help(help));
}

/// Records that may go at once, in a group that performs one at a time.
fn check_ordering(group: &manifest::Group, manifest: &Manifest, report: &mut Report<'_>) {
    let Some(ordering) = group.setting("ordering").filter(|ordering| ordering.value != "partition") else { return };
    let of_environments = manifest.environments.iter().any(|environment| environment.concurrency.is_some());
    let concurrency = group.setting("concurrency").or(manifest.concurrency.as_ref().filter(|_| !of_environments));
    let Some(concurrency) = concurrency.filter(|concurrency| concurrency.value == "1") else { return };
    let words = format!("`ordering: {}` lets records go at once, and `concurrency: 1` does not", ordering.value);
    let help = "raise `concurrency`, or take `ordering` out: one record at a time is in the order of its partition";
    let diagnostic = Diagnostic::warning(codes::IDLE_ORDERING, ordering.span, words);
    report.add(diagnostic.related(concurrency.span, "one at a time").help(help));
}
