//! Dead letters that go round in a circle.

use std::collections::{HashMap, HashSet};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    model::report::Report,
};

/// Reports dead letters that go round in a circle.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let mut next: HashMap<usize, Vec<usize>> = HashMap::new();
    for &(source, target, text) in &facts.consumers.dead_letters.ways {
        let mut seen = HashSet::from([target]);
        let mut open = vec![target];
        while let Some(at) = open.pop() {
            open.extend(next.get(&at).into_iter().flatten().copied().filter(|&to| seen.insert(to)));
        }
        if !seen.contains(&source) {
            next.entry(source).or_default().push(target);
            continue;
        }
        let key = |at: usize| &facts.declared.topics[at].written.key;
        let (source, target) = (key(source), key(target));
        let words = format!(
            "dead letters of `{0}` go to `{1}`, and those of `{1}` come back to `{0}`",
            source.value, target.value
        );
        let help = "a record that always fails would go round for ever: let one of them end in a topic of its own";
        let diagnostic = Diagnostic::error(codes::OWN_DEAD_LETTER, text.span, words);
        report.add(diagnostic.related(target.span, "they come back from here").help(help));
    }
}
