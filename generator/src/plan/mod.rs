//! What a command does to an app's files: all of it known before the first write, and done as a whole or not at all.
//!
//! A [`Tree`] is what the disk holds, a [`Plan`] what it will hold. [`Plan::new`] is a function of the two and the
//! model; [`apply`] and [`recover`] are the only ones here that write.

mod apply;
mod cargo;
mod disk;
mod folder;
mod journal;
mod lock;
mod paths;
mod reading;
mod recover;
mod renames;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use karafka::foreign;

use crate::{
    manifest::without_variables,
    model::Model,
    render::{BANNER, FileKind, Layout, Renderer, Wanted},
};

pub use apply::{ApplyError, apply};
pub use cargo::lacks_feature;
pub use journal::{Journals, NoJournals};
pub use lock::Lock;
pub use reading::{MOST, read_file, read_stream};
pub use recover::{Left, Leftovers, Recovered, Unknown, look, recover};
pub use tree::{Entry, Tree, TreeError};

/// The file that records what was generated.
pub const LOCK: &str = "karafka.lock";

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

/// Why nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A consumer would get a group id of another name, and so other offsets.
    #[error(
        "`{}` would move from group {} to {}, and a new group starts from a new offset",
        foreign::line(topic),
        foreign::line(from),
        foreign::line(to)
    )]
    GroupMoves {
        /// The topic's key.
        topic: String,
        /// The ids that would be left, in backquotes.
        from: String,
        /// The ids that would be new, in backquotes.
        to: String,
    },
    /// A file, or something else, stands where a folder must be.
    #[error("`{}` is a file, and a folder must be there", foreign::line(.0))]
    NotAFolder(String),
    /// A folder, or something else, stands where a file must be.
    #[error("`{}` is a folder, and a file must be there", foreign::line(.0))]
    NotAFile(String),
    /// A symbolic link stands where a file would be written: it could lead out of the app.
    #[error("`{}` is a symbolic link, and karafka writes only inside the app", foreign::line(.0))]
    Link(String),
    /// A file that must be read is not text.
    #[error("`{}` is not UTF-8", foreign::line(.0))]
    NotUtf8(String),
    /// A file and a folder would be one module.
    #[error(
        "`{}` and `{}/mod.rs` would be one module; move the file into the folder under another name",
        foreign::line(file),
        foreign::line(folder)
    )]
    TwoModules {
        /// The file.
        file: String,
        /// The folder.
        folder: String,
    },
    /// `Cargo.toml` names the library in another way than the app's files do.
    #[error(
        "the crate is `{crate_name}` by `app:` in karafka.yml, and `{found}` by line {line} of `Cargo.toml`: write \
         `name = \"{wanted}\"` there, and `{crate_name}::` for `{found}::` in `src/main.rs` and `tests/`"
    )]
    OtherCrate {
        /// The line of `Cargo.toml`, from 1.
        line: usize,
        /// The library's name there.
        found: String,
        /// What must stand there.
        wanted: String,
        /// The library's name in the app's files.
        crate_name: String,
    },
    /// `Cargo.toml` cannot be read.
    #[error("`Cargo.toml` is not right: {}", foreign::page(.0, false))]
    Cargo(String),
}

impl Problem {
    /// Whether a group's id would stay the same wherever none of the variables that it names is set.
    #[must_use]
    pub fn is_the_same_by_default(&self) -> bool {
        matches!(self, Self::GroupMoves { from, to, .. } if without_variables(from) == without_variables(to))
    }
}

/// How a plan deals with what the user would want to be asked about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Overwrites generated files that were edited by hand.
    pub force: bool,
    /// Lets consumers move to another group.
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
}

impl Plan {
    /// What brings `tree` in step with `model`, as `renderer` renders it, together with `edits`.
    #[must_use]
    pub fn new(model: &Model, renderer: &Renderer<'_>, tree: &Tree, edits: Vec<Edit>, options: Options) -> Self {
        let mut planner = Planner { tree, options, old: tree.lock(), new: Lock::default(), plan: Self::default() };
        planner.edits(edits);
        planner.groups(model);
        planner.wanted(model, renderer);
        planner.unwanted();
        planner.lock();
        planner.plan
    }

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

/// What becomes of a file that the app should have.
#[derive(Debug)]
enum Fate {
    /// It cannot be written.
    InTheWay(Problem),
    /// It is rendered, and compared with what is there.
    Generated,
    /// It is rendered, and written once.
    New,
    /// What is missing in it is added.
    Cargo,
    /// It is there, and the user's.
    Stays,
    /// It was there once, and the user did without it.
    NotWanted,
}

impl Fate {
    fn is_rendered(&self) -> bool {
        matches!(self, Self::Generated | Self::New)
    }
}

struct Planner<'t> {
    tree: &'t Tree,
    options: Options,
    old: &'t Lock,
    new: Lock,
    plan: Plan,
}

impl Planner<'_> {
    fn edits(&mut self, edits: Vec<Edit>) {
        for Edit { path, before, after } in edits {
            let action = match &before {
                None => Action::Create,
                Some(before) if *before == after => Action::Identical,
                Some(_) => Action::Update,
            };
            self.push(path, action, before, Some(after));
        }
    }

    /// The guard of group ids: a topic may gain groups or lose them, but one that does both has moved. Keys of groups are the
    /// manifest's own, and move nothing.
    fn groups(&mut self, model: &Model) {
        let ids: BTreeMap<&str, &str> =
            model.groups.iter().map(|group| (group.name.as_str(), group.id.as_str())).collect();
        for consumer in &model.consumers {
            // As it is written: what `${…}` will hold is not known here, and differs by environment.
            let id = ids.get(consumer.group.as_str()).copied().unwrap_or(&consumer.group);
            self.new.groups.entry(consumer.topic.clone()).or_default().insert(id.to_owned());
        }
        if self.options.accept_group_change {
            return;
        }
        for (topic, old) in &self.old.groups {
            let Some(new) = self.new.groups.get(topic) else { continue };
            let (lost, gained): (Vec<_>, Vec<_>) = (old.difference(new).collect(), new.difference(old).collect());
            if !lost.is_empty() && !gained.is_empty() {
                self.plan.problems.push(Problem::GroupMoves {
                    topic: topic.clone(),
                    from: quoted(&lost),
                    to: quoted(&gained),
                });
            }
        }
    }

    fn wanted(&mut self, model: &Model, renderer: &Renderer<'_>) {
        let layout = self.layout(&owned_parts(model));
        let files = renderer.wanted(&layout);
        let fates: Vec<Fate> = files.iter().map(|wanted| self.fate(wanted)).collect();
        let rendered: Vec<&Wanted<'_>> =
            files.iter().zip(&fates).filter(|(_, fate)| fate.is_rendered()).map(|(wanted, _)| wanted).collect();
        let texts = renderer.texts(&rendered, |wanted, text| {
            let hash = match self.tree.bytes(&wanted.path) {
                _ if wanted.kind != FileKind::Generated => None,
                Some(bytes) if bytes == text.as_bytes() => self.tree.hash(&wanted.path).map(str::to_owned),
                _ => Some(lock::hash(&text)),
            };
            (text, hash)
        });
        let mut texts = texts.into_iter();
        for (Wanted { path, kind, .. }, fate) in files.into_iter().zip(fates) {
            if kind != FileKind::Generated && (is_test(&path) || is_part(&path)) {
                self.new.owned.insert(path.clone());
            }
            let text = if fate.is_rendered() { texts.next() } else { None };
            match (fate, text) {
                (Fate::InTheWay(problem), _) => self.plan.problems.push(problem),
                (Fate::Cargo, _) => self.cargo(model, renderer),
                (Fate::Stays, _) => self.push(path, Action::Identical, None, None),
                (_, Some((text, Some(hash)))) => self.generated(path, text, hash),
                (_, Some((text, None))) => self.push(path, Action::Create, None, Some(text)),
                (_, None) => {}
            }
        }
    }

    /// What becomes of a file that the app should have, as far as that shows before its text is made.
    fn fate(&self, wanted: &Wanted<'_>) -> Fate {
        let path = wanted.path.as_str();
        match (wanted.kind, self.tree.entry(path)) {
            (_, Some(Entry::Folder | Entry::Other)) => Fate::InTheWay(Problem::NotAFile(path.to_owned())),
            (FileKind::Generated, Some(Entry::Link)) => Fate::InTheWay(Problem::Link(path.to_owned())),
            (FileKind::Generated, _) => Fate::Generated,
            (FileKind::Owned, Some(_)) if path == "Cargo.toml" => Fate::Cargo,
            (FileKind::Owned | FileKind::Optional, Some(_)) => Fate::Stays,
            // Written once: who deleted it does not want it back.
            (FileKind::Optional, None)
                if self.old.owned.contains(path) || !is_test(path) && self.tree.text(LOCK).is_some() =>
            {
                Fate::NotWanted
            }
            (FileKind::Owned | FileKind::Optional, None) => Fate::New,
        }
    }

    /// What the folders of parts hold that their modules must name.
    fn layout(&mut self, owned: &BTreeSet<String>) -> Layout {
        let mut layout = Layout::default();
        for path in self.tree.files().filter(|path| is_part(path) && path.ends_with(".rs")) {
            // Named by the manifest once and no more: it would not compile, as no topic names it.
            let is_left_over = self.old.owned.contains(path) && !owned.contains(path);
            let is_ours = path.ends_with("/mod.rs")
                && (self.old.generated.contains_key(path)
                    || self.tree.bytes(path).is_some_and(|bytes| bytes.starts_with(BANNER.as_bytes())));
            if !is_left_over && !is_ours {
                layout.files.insert(path.to_owned());
            }
        }
        for file in owned {
            let mut folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            // `src/controllers` is never the module of a file beside it.
            while folder.matches('/').count() >= 2 {
                let beside = format!("{folder}.rs");
                if layout.files.remove(&beside) {
                    self.plan.problems.push(Problem::TwoModules { file: beside, folder: folder.to_owned() });
                }
                folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        layout
    }

    fn generated(&mut self, path: String, after: String, hash: String) {
        let (action, before) = match self.tree.bytes(&path) {
            None => (Action::Create, None),
            Some(bytes) if bytes == after.as_bytes() => (Action::Identical, None),
            Some(bytes) => {
                let Ok(before) = std::str::from_utf8(bytes) else {
                    self.plan.problems.push(Problem::NotUtf8(path));
                    return;
                };
                let untouched = self.is_untouched(&path);
                let action = if untouched || self.options.force { Action::Update } else { Action::Conflict };
                (action, Some(before.to_owned()))
            }
        };
        self.new.generated.insert(path.clone(), BTreeSet::from([hash]));
        self.push(path, action, before, Some(after));
    }

    /// Whether a generated file is as it was generated.
    fn is_untouched(&self, path: &str) -> bool {
        self.tree.hash(path).is_some_and(|hash| self.old.has(path, hash))
    }

    fn cargo(&mut self, model: &Model, renderer: &Renderer<'_>) {
        let path = "Cargo.toml".to_owned();
        let Some(Ok(before)) = self.tree.bytes(&path).map(std::str::from_utf8) else {
            self.plan.problems.push(Problem::NotUtf8(path));
            return;
        };
        self.plan.problems.extend(cargo::other_name(before, model));
        match cargo::with_dependencies(before, renderer.dependency()) {
            Ok(after) if after == before => self.push(path, Action::Identical, None, None),
            Ok(after) => self.push(path, Action::Update, Some(before.to_owned()), Some(after)),
            Err(error) => self.plan.problems.push(Problem::Cargo(error)),
        }
    }

    /// What was generated or named once, and is wanted no more.
    fn unwanted(&mut self) {
        let pruned: Vec<String> =
            self.old.generated.keys().filter(|path| !self.new.generated.contains_key(*path)).cloned().collect();
        for path in pruned.into_iter().filter(|path| is_source(path)) {
            if self.tree.entry(&path) == Some(Entry::Link) {
                self.problem(Problem::Link(path));
                continue;
            }
            let Some(bytes) = self.tree.bytes(&path) else { continue };
            let before = String::from_utf8_lossy(bytes).into_owned();
            let untouched = self.is_untouched(&path);
            let action = if untouched || self.options.force { Action::Remove } else { Action::Conflict };
            self.push(path, action, Some(before), None);
        }
        let kept: Vec<String> = self.old.owned.difference(&self.new.owned).cloned().collect();
        for path in kept.into_iter().filter(|path| self.tree.entry(path) == Some(Entry::File)) {
            self.new.owned.insert(path.clone());
            self.push(path, Action::Keep, None, None);
        }
    }

    fn lock(&mut self) {
        let after = self.new.to_string();
        let (action, before) = match self.tree.text(LOCK) {
            None if self.tree.bytes(LOCK).is_some() => return self.problem(Problem::NotUtf8(LOCK.to_owned())),
            None => (Action::Create, None),
            Some(before) if before == after => (Action::Identical, None),
            Some(before) => (Action::Update, Some(before.to_owned())),
        };
        self.push(LOCK.to_owned(), action, before, Some(after));
    }

    /// Names a problem, once.
    fn problem(&mut self, problem: Problem) {
        if !self.plan.problems.contains(&problem) {
            self.plan.problems.push(problem);
        }
    }

    fn push(&mut self, path: String, action: Action, before: Option<String>, after: Option<String>) {
        if action.writes() {
            // A folder on the way that is none, or that leads somewhere else.
            let ancestors = path.match_indices('/').map(|(at, _)| &path[..at]);
            let mut problems = Vec::new();
            for folder in ancestors {
                match self.tree.entry(folder) {
                    Some(Entry::File | Entry::Other) => problems.push(Problem::NotAFolder(folder.to_owned())),
                    Some(Entry::Link) => problems.push(Problem::Link(folder.to_owned())),
                    Some(Entry::Folder) | None => {}
                }
            }
            match self.tree.entry(&path) {
                Some(Entry::Link) => problems.push(Problem::Link(path.clone())),
                Some(Entry::Folder | Entry::Other) => problems.push(Problem::NotAFile(path.clone())),
                Some(Entry::File) | None => {}
            }
            problems.into_iter().for_each(|problem| self.problem(problem));
        }
        self.plan.steps.push(Step { path, action, before, after });
    }
}

fn quoted(names: &[&String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The owned files that constants of the manifest name.
fn owned_parts(model: &Model) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = model.controllers.iter().map(|one| one.constant.file()).collect();
    files.extend(model.workers.iter().filter(|one| one.named).map(|one| one.constant.file()));
    files.extend(model.parsers.iter().chain(&model.interchangers).map(|one| one.constant.file()));
    files
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
}

fn is_part(path: &str) -> bool {
    ["src/controllers/", "src/workers/", "src/parsers/", "src/interchangers/"].iter().any(|role| path.starts_with(role))
}

/// Whether a path of the lock file is one that we could have generated: nothing else is ever removed.
fn is_source(path: &str) -> bool {
    path.starts_with("src/") && paths::reach(path) == paths::Reach::Changed
}

/// How many lines a file gains and loses.
#[must_use]
pub fn line_changes(before: &str, after: &str) -> (usize, usize) {
    let mut counts: BTreeMap<bool, usize> = BTreeMap::new();
    for change in similar::TextDiff::from_lines(before, after).iter_all_changes() {
        match change.tag() {
            similar::ChangeTag::Insert => *counts.entry(true).or_default() += 1,
            similar::ChangeTag::Delete => *counts.entry(false).or_default() += 1,
            similar::ChangeTag::Equal => {}
        }
    }
    (counts.get(&true).copied().unwrap_or(0), counts.get(&false).copied().unwrap_or(0))
}
