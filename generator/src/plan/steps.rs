//! What will be done to an app's files: a plan, and its steps.

use std::collections::BTreeSet;

use super::{Change, Problem};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is not there, and is written.
    Create,
    /// It is there, and is written anew.
    Update,
    /// It is there, and right.
    Identical,
    /// It is the user's, and no longer named by the manifest.
    Keep,
    /// It is generated, and was edited by hand: nothing is written while it stands.
    Conflict,
    /// It was generated, and is no longer wanted.
    Remove,
}

impl Action {
    /// The word that a listing shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Identical => "identical",
            Self::Keep => "keep",
            Self::Conflict => "conflict",
            Self::Remove => "remove",
        }
    }

    /// Whether the file is written, replaced or removed.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Remove)
    }
}

/// One file of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its path, from the app's root, with `/`.
    pub path: String,
    /// What happens to it.
    pub action: Action,
    /// Its text now, as far as it was read: generated files, and those that are updated.
    pub before: Option<String>,
    /// Its text afterwards; `None` when it is removed or left alone.
    pub after: Option<String>,
}

impl Step {
    /// Whether the file is not as the plan would have it.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.action.writes() || self.action == Action::Conflict
    }
}

/// How a plan deals with what the user would want to be asked about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Overwrites generated files that were edited by hand.
    pub force: bool,
    /// Allows consumers to move to another group.
    pub accept_group_change: bool,
}

/// A change to an owned file that the command itself makes: the manifest, when a controller is added to it.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Its path, from the app's root, with `/`.
    pub path: String,
    /// Its text now, if it is there.
    pub before: Option<String>,
    /// Its text afterwards.
    pub after: String,
}

/// Every file of the app, and what happens to it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which a person reads them.
    pub steps: Vec<Step>,
    /// Why nothing can be written.
    pub problems: Vec<Problem>,
    /// What it means for records that are in Kafka already.
    pub changes: Vec<Change>,
    /// Files of the user's that the manifest did not name before either: nothing that comes now is what became of them.
    pub left_before: BTreeSet<String>,
}

impl Plan {
    /// Whether it can be applied: no problems, no conflicts.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.problems.is_empty() && !self.steps.iter().any(|step| step.action == Action::Conflict)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        self.is_clear() && !self.steps.iter().any(|step| step.action.writes())
    }
}
