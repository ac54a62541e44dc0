//! Records that fail for ever: nobody has to wait for a day of attempts to be told so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{group::InGroup, stage::At};

/// After so many attempts during one wait a record fails for ever, where no dead letter topic ends that.
pub(super) const ATTEMPTS: u32 = 100;

/// How often it is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(10);

/// What a wait knows of attempts at records that may fail for ever.
#[derive(Default)]
pub(super) struct Endless {
    /// How many attempts there had been when a record was first seen.
    before: BTreeMap<(String, At), u32>,
}

impl Endless {
    /// Whether nothing happens any more in `groups` but attempts at records that have failed so often, and whose attempts
    /// nothing ends.
    pub(super) fn is_all_that_happens<S: Send + Sync + 'static>(&mut self, groups: &[InGroup<'_, S>]) -> bool {
        let mut found = BTreeSet::new();
        for group in groups {
            for topic in group.topics_without_end() {
                for at in group.pending(topic).iter().map(|sent| group.at(sent)) {
                    let (stage, id) = (&group.run.stage, &group.group.id);
                    let attempts = stage.attempts(id, &at);
                    let is_failed_for_a_while = stage.is_failed_for_a_while(id, &at);
                    let key = (id.clone(), at);
                    if is_failed_for_a_while {
                        // What the test itself has asked for says nothing of what comes after it.
                        self.before.insert(key, attempts);
                        continue;
                    }
                    let before = *self.before.entry(key.clone()).or_insert(attempts);
                    if attempts.saturating_sub(before) >= ATTEMPTS {
                        found.insert(key);
                    }
                }
            }
        }
        let is_endless = |group: &InGroup<'_, S>, at: &At| found.contains(&(group.group.id.clone(), at.clone()));
        !found.is_empty() && groups.iter().all(|group| group.is_settled_but_for(&|at| is_endless(group, at)))
    }
}
