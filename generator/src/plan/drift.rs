//! What stands between an app and its manifest, as diagnostics: why nothing can be written, and files that are not as they
//! should be.

use karafka::foreign;

use super::{Action, LOCK, Plan, Step, Tree, warnings};
use crate::{
    diagnostic::{Diagnostic, Difference, Finding, codes},
    merge,
    source::{Source, Span},
};

/// Everything that is out of step, in the order of the plan, after what that means for records that are there; of each
/// file that differs, `lines` lines are shown at most.
#[must_use]
pub fn drift(plan: &Plan, tree: &Tree, manifest: &Source, lines: usize) -> Vec<Finding> {
    let mut found = warnings(plan, manifest);
    found.extend(in_the_way(plan, tree, manifest));
    // It changes with everything else; by itself, when it was deleted or merged.
    let only_lock = plan.problems.is_empty() && plan.steps.iter().all(|step| step.path == LOCK || !step.differs());
    let steps = plan.steps.iter().filter(|step| step.path != LOCK || only_lock);
    found.extend(steps.filter_map(|step| of_step(step, lines)));
    found
}

/// Why the plan cannot be applied; of each file that was edited by hand, `lines` lines are shown at most.
#[must_use]
pub fn obstacles(plan: &Plan, tree: &Tree, manifest: &Source, lines: usize) -> Vec<Finding> {
    let mut found = in_the_way(plan, tree, manifest);
    let edited = plan.steps.iter().filter(|step| step.action == Action::Conflict);
    found.extend(edited.filter_map(|step| of_step(step, lines)));
    found
}

fn in_the_way(plan: &Plan, tree: &Tree, manifest: &Source) -> Vec<Finding> {
    plan.problems.iter().map(|problem| problem.finding(tree, manifest)).collect()
}

/// A file that is not as it should be.
fn of_step(step: &Step, lines: usize) -> Option<Finding> {
    let generate = "run `karafka generate`";
    let marker = step.before.as_deref().and_then(merge::unsettled).filter(|_| step.action == Action::Conflict);
    let (code, what, help) = match (step.action, &step.after) {
        (Action::Conflict, Some(_)) if marker.is_some() => (
            codes::UNSETTLED_MERGE,
            "holds a merge that is not settled",
            "settle karafka.yml, then run `karafka generate --force`, which makes this file anew from it",
        ),
        (Action::Conflict, None) if marker.is_some() => (
            codes::UNSETTLED_MERGE,
            "is no longer wanted, and holds a merge that is not settled",
            "settle karafka.yml, then run `karafka generate --force`, which removes this file",
        ),
        (Action::Create, _) => (codes::MISSING_FILE, "is missing", generate),
        (Action::Update, _) => (codes::OUT_OF_STEP, "is out of step with karafka.yml", generate),
        (Action::Remove, _) => (codes::LEFT_OVER, "is no longer wanted", generate),
        (Action::Conflict, Some(_)) => (
            codes::EDITED_BY_HAND,
            "was edited by hand",
            "move the edit elsewhere and run `karafka generate --force`, which overwrites it",
        ),
        (Action::Conflict, None) => (
            codes::EDITED_BY_HAND,
            "is no longer wanted, and was edited by hand",
            "move the edit elsewhere and run `karafka generate --force`, which removes it",
        ),
        (Action::Identical | Action::Keep, _) => return None,
    };
    let path = &step.path;
    let mut words = format!("`{}` {what}", foreign::line(path));
    let difference = step.before.as_ref().map(|before| Difference {
        before: before.clone(),
        after: step.after.clone().unwrap_or_default(),
        limit: lines,
    });
    let Some(difference) = difference else {
        let diagnostic = Diagnostic::error(code, Span::default(), words).help(help);
        return Some(Finding { source: Source::whole(path), diagnostic });
    };
    // Not every form shows the lines, and who is shown them alone would not see it.
    if let Some(unseen) = difference.unseen(path).filter(|_| marker.is_none() && step.after.is_some()) {
        words.push_str(&format!(": {unseen}"));
    }
    let mut diagnostic = Diagnostic::error(code, marker.unwrap_or_else(|| difference.first()), words).help(help);
    let source = Source::new(path, difference.before.as_str());
    diagnostic.difference = Some(difference);
    Some(Finding { source, diagnostic })
}
