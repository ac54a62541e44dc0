//! What is looked at when all of an app is resolved: each check only reports.

mod batches;
mod bounds;
mod client_options;
mod collisions;
mod controllers;
mod dead_letters;
mod deliveries;
mod drains;
mod emits;
mod endless;
mod group_ids;
mod groups;
mod jobs;
mod record_keys;
mod sizes;
mod topic_names;
mod variants;
mod waits;

use super::{Group, consumers::Found, messages::Messages, report::Report, topics::Declared};
use crate::manifest::Manifest;

/// An app as far as it could be resolved.
#[derive(Debug)]
pub(super) struct Facts<'f, 'a> {
    /// The app's name; empty if it is missing.
    pub(super) app: &'f str,
    pub(super) manifest: &'a Manifest,
    pub(super) messages: &'f Messages<'a>,
    pub(super) declared: &'f Declared<'a>,
    pub(super) consumers: &'f Found<'a>,
    /// Those that consumers are in, by name.
    pub(super) groups: &'f [Group],
}

/// A check: it looks, and reports.
type Check = fn(&Facts<'_, '_>, &mut Report<'_>);

/// Every check, in the order in which they run; of several that report one place, the first is shown first.
const CHECKS: [Check; 18] = [
    bounds::check,
    variants::check,
    endless::check,
    record_keys::check,
    topic_names::check,
    batches::check,
    dead_letters::check,
    collisions::check,
    deliveries::check,
    jobs::check,
    emits::check,
    controllers::check,
    groups::check,
    group_ids::check,
    client_options::check,
    waits::check,
    sizes::check,
    drains::check,
];

/// Runs every check.
pub(super) fn run(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    for check in CHECKS {
        check(facts, report);
    }
}
