//! Writes a plan: all of it, or nothing.
//!
//! Before anything changes, a journal says what will ([`Journals`]: outside of the app). A failure or a signal takes back
//! what was done; a process that was killed leaves the journal, and the next command that writes takes it back then
//! ([`super::recover`]). New texts are written into a folder of this run, `.karafka/undo-` and a token, and put in their
//! places from there, whole. The old text of a file that is replaced or removed stays there under a second name until the
//! end, so that taking back is a rename and gives the very same file. Renaming that folder is the moment at which the plan
//! is done.
//!
//! Nothing is synced to the platter: that would cost milliseconds a file, and guards against a loss of power only.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use karafka::foreign;
use rustix::fs::FileType;
use uuid::Uuid;

use super::{
    Action, Plan, Step,
    disk::{Disk, RealDisk},
    folder::{Folder, is_link},
    hold::{Held, Holder},
    journal::{Entry, Journal, Journals},
    lock,
    paths::{Reach, may_make_folder, reach},
    recover::{Recovered, forget, take_back},
};

/// Why a plan was not applied. The tree is as it was, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A change failed; all others were taken back.
    #[error("`{}` cannot be written; nothing was changed", foreign::path(path))]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A signal came; everything was taken back.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// Another process is changing the same app.
    #[error("another karafka command is changing this app; try again when it is done")]
    Busy,
    /// What was done could not all be taken back.
    #[error("`{}` could not be put back; what stood there is saved in `{}`", foreign::path(path), foreign::path(saved))]
    NotTakenBack {
        /// Where.
        path: PathBuf,
        /// The folder with what was there.
        saved: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal of an earlier run cannot be read, so nobody knows whether something must be taken back.
    #[error("the journal `{}` cannot be read", foreign::path(path))]
    Journal {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder of an app for what runs leave there.
pub(super) const ROOM: &str = ".karafka";

/// Where a run keeps what it has saved, and what it is about to put somewhere.
pub(super) fn undo_folder(token: &str) -> String {
    format!("{ROOM}/undo-{token}")
}

/// The same folder when the run is done.
pub(super) fn done_folder(token: &str) -> String {
    format!("{ROOM}/done-{token}")
}

/// A copy of the journal beside what is saved, for a person: no command obeys it.
pub(super) const COPY: &str = "journal.json";

/// The name under which a new text waits.
pub(super) fn staged(folder: &str, number: usize) -> String {
    format!("{folder}/{number}.new")
}

/// The name under which an old file is kept.
pub(super) fn saved(folder: &str, number: usize) -> String {
    format!("{folder}/{number}")
}

impl Held {
    /// Writes every file of `plan`, which was made from what the app holds now, or none.
    ///
    /// `interrupted` is asked between any two changes. Without a place for a journal everything is as always, but a run
    /// that is killed is not taken back.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; the tree is then as it was.
    pub fn apply(&self, plan: &Plan, journals: &Journals, interrupted: &dyn Fn() -> bool) -> Result<(), ApplyError> {
        apply_on(&RealDisk, self, plan, journals, interrupted)
    }
}

pub(super) fn apply_on(
    disk: &dyn Disk,
    held: &Held,
    plan: &Plan,
    journals: &Journals,
    interrupted: &dyn Fn() -> bool,
) -> Result<(), ApplyError> {
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.action.writes()).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let root = held.root();
    let Some(holder) = held.writer() else {
        return Err(failed(root, io::Error::new(io::ErrorKind::PermissionDenied, "it is held to be read")));
    };
    if let Some(app) = held.folder() {
        held.recover(journals)?;
        return write(disk, (app, root), &steps, (journals, holder), interrupted);
    }
    let mut made = Vec::new();
    let outcome = make_root(disk, root, &mut made)
        .and_then(|()| Folder::open(root).map_err(|error| failed(root, error)))
        .and_then(|app| {
            // Held until the end of this function; whoever saw it in between has made nothing there.
            if !app.try_lock() {
                return Err(ApplyError::Busy);
            }
            // One of an app that was here once, and is gone.
            forget(root, journals)?;
            write(disk, (&app, root), &steps, (journals, holder), interrupted)
        });
    if outcome.is_err() {
        for folder in made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
    outcome
}

/// Makes the app's folder, which is not there, and those above it that are not there either.
fn make_root(disk: &dyn Disk, root: &Path, made: &mut Vec<PathBuf>) -> Result<(), ApplyError> {
    let above = root.ancestors().skip(1).take_while(|at| !at.as_os_str().is_empty() && !at.exists());
    let missing: Vec<&Path> = std::iter::once(root).chain(above).collect();
    for at in missing.into_iter().rev() {
        match disk.make_root(at) {
            Ok(()) => made.push(at.to_path_buf()),
            // Another app is made in it, and that command was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && at != root && at.is_dir() => {}
            Err(error) => return Err(failed(at, error)),
        }
    }
    Ok(())
}

fn write(
    disk: &dyn Disk,
    (app, root): (&Folder, &Path),
    steps: &[&Step],
    (journals, holder): (&Journals, &Holder),
    interrupted: &dyn Fn() -> bool,
) -> Result<(), ApplyError> {
    let journal = Journal {
        root: root.display().to_string(),
        token: Uuid::new_v4().simple().to_string(),
        holder: holder.clone(),
        entries: entries(app, root, steps)?,
    };
    let undo = undo_folder(&journal.token);
    let mut work = Work { disk, app, root, interrupted, undo, kept: false, done: Vec::new() };
    let error = match work.run(steps, &journal, journals) {
        Ok(()) => {
            work.tidy(steps, &journal.token, journals);
            return Ok(());
        }
        Err(error) => error,
    };
    let Recovered { left } = take_back(app, root, &journal.token, &work.done)?;
    if work.kept {
        forget(root, journals)?;
    }
    match left.into_iter().next() {
        None => Err(error),
        Some(left) => Err(ApplyError::NotTakenBack {
            path: root.join(left.path),
            saved: root.join(left.saved.unwrap_or_else(|| ROOM.to_owned())),
            source: io::Error::other("it was changed meanwhile"),
        }),
    }
}

/// What the journal says: in the order of the work.
fn entries(app: &Folder, root: &Path, steps: &[&Step]) -> Result<Vec<Entry>, ApplyError> {
    let mut entries = Vec::new();
    let mut folders = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        let path = step.path.clone();
        let failed = |source| failed(&root.join(&step.path), source);
        let refused = || failed(io::Error::new(io::ErrorKind::InvalidInput, "karafka never writes there"));
        let after = step.after.as_ref().map(lock::hash);
        match (step.action, reach(&path)) {
            (Action::Update | Action::Remove, Reach::Changed) => {
                let before = lock::hash(app.read(&path).map_err(failed)?);
                entries.push(Entry::Save { path, number, before, after });
            }
            (Action::Create, Reach::Changed | Reach::Made) => {
                for (at, _) in path.match_indices('/') {
                    let folder = &path[..at];
                    if !folders.insert(folder.to_owned()) || app.kind(folder).map_err(failed)?.is_some() {
                        continue;
                    }
                    if !may_make_folder(folder) {
                        return Err(refused());
                    }
                    entries.push(Entry::Folder { path: folder.to_owned() });
                }
                entries.push(Entry::Create { path, number, after: after.unwrap_or_default() });
            }
            _ => return Err(refused()),
        }
    }
    Ok(entries)
}

struct Work<'w> {
    disk: &'w dyn Disk,
    app: &'w Folder,
    root: &'w Path,
    interrupted: &'w dyn Fn() -> bool,
    /// Where this run saves and stages.
    undo: String,
    /// Whether there is a journal.
    kept: bool,
    /// What has been done so far, and must be taken back if the rest fails.
    done: Vec<Entry>,
}

impl Work<'_> {
    fn run(&mut self, steps: &[&Step], journal: &Journal, journals: &Journals) -> Result<(), ApplyError> {
        let Self { disk, app, root, .. } = *self;
        let undo = self.undo.clone();
        let in_room = |error| failed(&root.join(ROOM), error);
        match app.kind(ROOM).map_err(in_room)? {
            Some(FileType::Directory) => {}
            None => disk.make_folder(app, ROOM, 0o777).map_err(in_room)?,
            Some(FileType::Symlink) => return Err(in_room(is_link(ROOM))),
            Some(_) => return Err(in_room(io::ErrorKind::NotADirectory.into())),
        }
        // Before the folder that it names: one without a journal is nobody's.
        self.kept = match disk.keep(journals, root, journal) {
            Ok(kept) => kept,
            // The disk has no locks, or the other one would have been seen before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(ApplyError::Busy),
            Err(error) => return Err(failed(&journals.path(root), error)),
        };
        disk.make_folder(app, &undo, 0o700).map_err(|error| failed(&root.join(&undo), error))?;
        let copy = format!("{undo}/{COPY}");
        let copied = journal.text().and_then(|text| disk.write_new(app, &copy, &text));
        copied.map_err(|error| failed(&root.join(&copy), error))?;

        let by_path: BTreeMap<&str, (usize, &Step)> =
            steps.iter().enumerate().map(|(number, step)| (step.path.as_str(), (number, *step))).collect();
        for entry in &journal.entries {
            if (self.interrupted)() {
                return Err(ApplyError::Interrupted);
            }
            let outcome = match (entry, by_path.get(entry.path())) {
                (Entry::Folder { path }, _) => {
                    disk.make_folder(app, path, 0o777).map(|()| self.done.push(entry.clone()))
                }
                (_, Some(&(number, step))) => self.change(entry, number, step),
                (_, None) => Ok(()),
            };
            outcome.map_err(|error| failed(&root.join(entry.path()), error))?;
        }
        if (self.interrupted)() {
            return Err(ApplyError::Interrupted);
        }
        disk.replace(app, &undo, &done_folder(&journal.token)).map_err(|error| failed(&root.join(&undo), error))
    }

    fn change(&mut self, entry: &Entry, number: usize, step: &Step) -> io::Result<()> {
        let Self { disk, app, .. } = *self;
        let (path, text) = (step.path.as_str(), step.after.as_deref().unwrap_or_default());
        let new = staged(&self.undo, number);
        if step.action == Action::Create {
            disk.write_new(app, &new, text)?;
            let outcome = disk.place(app, &new, path, text);
            // What is there already came after the tree was read, and is not ours to take back.
            if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
                self.done.push(entry.clone());
            }
            return outcome;
        }
        let old = saved(&self.undo, number);
        disk.save(app, path, &old)?;
        if !matches!(entry, Entry::Save { before, .. } if *before == lock::hash(app.read(&old)?)) {
            return Err(io::Error::other("it was changed meanwhile; try again"));
        }
        self.done.push(entry.clone());
        if step.action == Action::Remove {
            return disk.remove(app, path);
        }
        disk.write_new(app, &new, text)?;
        // Who may read and run the file stays as it was.
        app.set_permissions_of(&new, path)?;
        disk.replace(app, &new, path)
    }

    /// The plan is done: what is left here the next run tidies away, if this one cannot.
    fn tidy(&self, steps: &[&Step], token: &str, journals: &Journals) {
        let app = self.app;
        let _ = self.app.remove_files(&done_folder(token));
        if self.kept {
            let _ = journals.forget(self.root);
        }
        let _ = app.remove_folder(ROOM);
        for step in steps.iter().filter(|step| step.action == Action::Remove) {
            remove_empty_folders(app, &step.path);
        }
    }
}

fn failed(path: &Path, source: io::Error) -> ApplyError {
    ApplyError::Failed { path: path.to_path_buf(), source }
}

/// Removes the folders above a removed file that hold nothing any more.
fn remove_empty_folders(app: &Folder, path: &str) {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if above == "src" || app.remove_folder(above).is_err() {
            return;
        }
        folder = above;
    }
}
