//! Works out what to do: from the model, the texts that it renders to, and what the disk holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Edit, Entry, LOCK, Lock, Options, Plan, Problem, Reads, Step, Tree, cargo, library,
    lock::{self, Fingerprint},
    paths::{is_part, is_source, is_test, part_folder},
    shape,
};
use crate::{
    merge,
    model::Model,
    render::{self, BANNER, FileKind, Layout, Renderer, Wanted},
};

impl Plan {
    /// What brings `tree` in step with `model`, as `renderer` renders it, together with `edits`.
    #[must_use]
    pub fn new(model: &Model, renderer: &Renderer<'_>, tree: &Tree, edits: Vec<Edit>, options: Options) -> Self {
        let mut planner = Planner { tree, options, old: tree.lock(), new: Lock::default(), plan: Self::default() };
        planner.edits(edits);
        planner.groups(model);
        planner.records(model);
        planner.wanted(model, renderer);
        planner.unwanted();
        planner.lock();
        planner.plan
    }
}

/// The program of an app that is a crate of its own.
const PROGRAM: &str = "src/main.rs";

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
    /// Modules that it does not declare are added.
    Library,
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

/// How a file of the disk stands to the text that is generated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is not there.
    Missing,
    /// It is that text, to the byte.
    Same,
    /// It differs only in what a formatter may change.
    Formatted,
    /// It is, but for what a formatter may change, what was generated before.
    Untouched,
    /// It was edited.
    Edited,
    /// It was never generated: it is the user's.
    Foreign,
    /// It is no text.
    NotUtf8,
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

    /// What the app reads, and what changes in that.
    fn records(&mut self, model: &Model) {
        self.new.reads = Reads::of(model);
        self.plan.changes = self.old.reads.changes(&self.new.reads);
    }

    fn wanted(&mut self, model: &Model, renderer: &Renderer<'_>) {
        let layout = self.layout(&owned_parts(model));
        let files = renderer.wanted(&layout);
        let modules: Vec<&str> = files.iter().flat_map(Wanted::folders).copied().collect();
        let fates: Vec<Fate> = files.iter().map(|wanted| self.fate(wanted)).collect();
        let rendered: Vec<&Wanted<'_>> =
            files.iter().zip(&fates).filter(|(_, fate)| fate.is_rendered()).map(|(wanted, _)| wanted).collect();
        let texts = renderer.texts(&rendered, |wanted, text| {
            let is_generated = wanted.kind == FileKind::Generated;
            let compared = is_generated.then(|| self.compared(&wanted.path, &text));
            (text, compared)
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
                (Fate::Library, _) => self.library(&[render::modules(model), &modules].concat()),
                (Fate::Stays, _) => self.push(path, Action::Identical, None, None),
                (_, Some((text, Some((fingerprint, standing))))) => {
                    self.generated(path, text, fingerprint, standing);
                }
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
            (FileKind::Owned, Some(_)) if path == library::PATH && self.tree.text(path).is_some() => Fate::Library,
            (FileKind::Owned | FileKind::Optional, Some(_)) => Fate::Stays,
            // Written once, with the crate: who deleted it does not want it back, and a crate that was there before has
            // what it needs. But each controller that comes later has its test.
            (FileKind::Optional, None) if path == PROGRAM && self.becomes_a_program() => Fate::New,
            (FileKind::Optional, None) if self.old.owned.contains(path) || !is_test(path) && self.is_there() => {
                Fate::NotWanted
            }
            (FileKind::Owned | FileKind::Optional, None) => Fate::New,
        }
    }

    /// Whether a crate of the app's own, which was made to send and has no program, consumes from now on: it gets the one that
    /// a crate which consumes has from the start. Who deletes that does not want it back.
    fn becomes_a_program(&self) -> bool {
        let consumes = |lock: &Lock| !lock.groups.is_empty();
        let cargo = self.tree.text("Cargo.toml").unwrap_or_default();
        self.tree.text(LOCK).is_some()
            && !consumes(self.old)
            && consumes(&self.new)
            && self.tree.text(library::PATH).is_some_and(render::was_made_to_send)
            && !self.has_program()
            && !cargo::names_binaries(cargo)
    }

    /// Whether there is a binary where cargo finds it by itself.
    fn has_program(&self) -> bool {
        self.tree.entry(PROGRAM).is_some() || self.tree.entry("src/bin").is_some()
    }

    /// Whether the crate was there before.
    fn is_there(&self) -> bool {
        self.tree.text(LOCK).is_some() || self.tree.entry("Cargo.toml").is_some()
    }

    /// What the folders of parts hold that their modules must name.
    ///
    /// A folder of such a name in which the app has no part, and whose module we did not make, is the crate's own.
    fn layout(&mut self, owned: &BTreeSet<String>) -> Layout {
        let mut declared = library::declared(self.tree);
        declared.retain(|folder| self.is_ours(&format!("src/{folder}/mod.rs")));
        let mut layout = Layout { declared, ..Layout::default() };
        let has_part = |folder: &str| owned.iter().any(|file| part_folder(file) == Some(folder));
        for path in self.tree.files().filter(|path| path.ends_with(".rs")) {
            let Some(folder) = part_folder(path) else { continue };
            if !has_part(folder) && !layout.declared.contains(folder) {
                continue;
            }
            // Named by the manifest once and no more: it would not compile, as no topic names it.
            let is_left_over = self.old.owned.contains(path) && !owned.contains(path);
            let is_ours = path.ends_with("/mod.rs") && self.is_ours(path);
            if !is_left_over && !is_ours {
                layout.files.insert(path.to_owned());
            }
        }
        for file in owned {
            let mut folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            while folder.contains('/') {
                let beside = format!("{folder}.rs");
                layout.files.remove(&beside);
                if self.tree.entry(&beside) == Some(Entry::File) {
                    self.problem(Problem::TwoModules { file: beside, folder: folder.to_owned() });
                }
                folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        layout
    }

    /// Whether the module at `path` is one that we made, as the lock file or its first line says.
    fn is_ours(&self, path: &str) -> bool {
        self.old.generated.contains_key(path)
            || self.tree.bytes(path).is_some_and(|bytes| bytes.starts_with(BANNER.as_bytes()))
    }

    /// What tells a text that is generated for `path` from others, and how the file there stands to it.
    fn compared(&self, path: &str, text: &str) -> (Fingerprint, Standing) {
        let bytes = self.tree.bytes(path);
        let is_same = bytes == Some(text.as_bytes());
        let hash = self.tree.hash(path).filter(|_| is_same).map_or_else(|| lock::hash(text), str::to_owned);
        // Only what is new is looked through: of an app with thousands of consumers that takes a while.
        let shape = self.old.shape(path, &hash).map_or_else(|| shape::of(text), str::to_owned);
        let standing = match bytes.map(std::str::from_utf8) {
            None => Standing::Missing,
            Some(_) if is_same => Standing::Same,
            Some(Err(_)) => Standing::NotUtf8,
            Some(Ok(_)) if self.is_untouched(path) => Standing::Untouched,
            Some(Ok(before)) => match shape::of(before) {
                now if now == shape => Standing::Formatted,
                now if self.old.has_shape(path, &now) => Standing::Untouched,
                _ if !self.old.generated.contains_key(path) && !before.starts_with(BANNER) => Standing::Foreign,
                _ => Standing::Edited,
            },
        };
        (Fingerprint { text: hash, shape: Some(shape) }, standing)
    }

    fn generated(&mut self, path: String, after: String, fingerprint: Fingerprint, standing: Standing) {
        // Wanted it is, whatever stands there. Of what is rendered, and not of what is there: all who have this manifest have
        // this lock file.
        self.new.generated.insert(path.clone(), BTreeSet::from([fingerprint]));
        let action = match standing {
            Standing::Missing => Action::Create,
            Standing::Same => Action::Identical,
            // Whoever has formatted it will do so again.
            Standing::Formatted if !self.options.force => Action::Identical,
            Standing::Formatted | Standing::Untouched => Action::Update,
            Standing::Foreign => return self.problem(Problem::NotGenerated(path)),
            Standing::Edited if self.options.force => Action::Update,
            Standing::Edited => Action::Conflict,
            Standing::NotUtf8 => return self.problem(Problem::NotUtf8(path)),
        };
        let before = if action == Action::Identical { None } else { self.tree.text(&path).map(str::to_owned) };
        self.push(path, action, before, Some(after));
    }

    /// Whether the bytes of a generated file are those that were generated.
    fn is_untouched(&self, path: &str) -> bool {
        self.tree.hash(path).is_some_and(|hash| self.old.has(path, hash))
    }

    fn cargo(&mut self, model: &Model, renderer: &Renderer<'_>) {
        let path = "Cargo.toml".to_owned();
        let Some(Ok(before)) = self.tree.bytes(&path).map(std::str::from_utf8) else {
            self.plan.problems.push(Problem::NotUtf8(path));
            return;
        };
        if self.is_unsettled(&path, before) {
            return;
        }
        self.plan.problems.extend(cargo::other_name(before, model));
        self.plan.problems.extend(cargo::unusable(before));
        let is_new = self.becomes_a_program();
        if !is_new && !self.has_program() {
            self.plan.problems.extend(cargo::runs_nothing(before));
        }
        let after = cargo::with_dependencies(before, model, renderer.dependency(), renderer.inherited());
        let after =
            after.and_then(|after| if is_new { cargo::with_tokio(&after, renderer.inherited()) } else { Ok(after) });
        match after {
            Ok(after) if after == before => self.push(path, Action::Identical, None, None),
            Ok(after) => self.push(path, Action::Update, Some(before.to_owned()), Some(after)),
            Err(problem) => self.plan.problems.push(problem),
        }
    }

    /// Whether a file of the app's own holds a merge that is not settled, and so cannot be read.
    fn is_unsettled(&mut self, path: &str, text: &str) -> bool {
        let marker = merge::unsettled(text);
        self.plan.problems.extend(marker.map(|span| Problem::UnsettledMerge { path: path.to_owned(), span }));
        marker.is_some()
    }

    /// Declares what the library is without: the folders of parts that have come since it was written, or, where it was there
    /// before the app, everything.
    fn library(&mut self, modules: &[&str]) {
        let path = library::PATH.to_owned();
        let Some(before) = self.tree.text(&path) else { return };
        if self.is_unsettled(&path, before) {
            return;
        }
        let after = library::with_modules(before, modules);
        if after == before {
            self.push(path, Action::Identical, None, None);
        } else {
            self.push(path, Action::Update, Some(before.to_owned()), Some(after));
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
            let untouched = self.is_untouched(&path) || self.old.has_shape(&path, &shape::of(&before));
            let action = if untouched || self.options.force { Action::Remove } else { Action::Conflict };
            self.push(path, action, Some(before), None);
        }
        let kept: Vec<String> = self.old.owned.difference(&self.new.owned).cloned().collect();
        let tested: BTreeSet<String> =
            self.old.owned.iter().filter(|path| self.was_named(path)).map(|path| flat(path)).collect();
        for path in kept.into_iter().filter(|path| self.tree.entry(path) == Some(Entry::File)) {
            let is_new = if is_test(&path) { tested.contains(&flat(&path)) } else { self.was_named(&path) };
            if !is_new {
                self.plan.left_before.insert(path.clone());
            }
            self.new.owned.insert(path.clone());
            self.push(path, Action::Keep, None, None);
        }
    }

    /// Whether the manifest named this part when the crate was last brought in step: the generated module of its folder
    /// declares those, and no others of them.
    fn was_named(&self, part: &str) -> bool {
        let Some((folder, file)) = part.rsplit_once('/').filter(|_| is_part(part)) else { return false };
        let module = self.tree.text(&format!("{folder}/mod.rs"));
        module.is_some_and(|module| library::declares(module, file.trim_end_matches(".rs")))
    }

    fn lock(&mut self) {
        let after = self.new.to_string();
        let (action, before) = match self.tree.text(LOCK) {
            None if self.tree.bytes(LOCK).is_some() => return self.problem(Problem::NotUtf8(LOCK.to_owned())),
            None => (Action::Create, None),
            Some(before) if shape::with_plain_line_ends(before) == after => (Action::Identical, None),
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

/// The name of a controller's test, or of the test that a controller has: a namespace is a prefix there.
fn flat(path: &str) -> String {
    let name = path.strip_prefix("src/controllers/").or_else(|| path.strip_prefix("tests/")).unwrap_or(path);
    name.trim_end_matches(".rs").replace('/', "_")
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
