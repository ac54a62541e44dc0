//! Writes a plan: all of it, or nothing.
//!
//! Before anything changes, `.karafka/journal` says what will. A failure or a signal takes back what was done; a
//! process that was killed leaves the journal, and the next command takes it back then. The old text of a file that is
//! replaced or removed stays under a second name in `.karafka/undo` until the end, so that taking back is a rename and
//! gives the very same file. Removing the journal is the moment at which the plan is done.
//!
//! Nothing is synced to the platter: that would cost milliseconds a file, and guards against a loss of power only.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    Action, Plan, Step,
    disk::{Disk, RealDisk},
    journal::{self, Entry},
};

/// Why a plan was not applied. The tree is as it was, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A change failed; all others were taken back.
    #[error("`{}` cannot be written; nothing was changed", path.display())]
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
    /// What was done could not all be taken back; the journal is still there, and the next command tries again.
    #[error("`{}` could not be put back; the next karafka command will try again", path.display())]
    NotTakenBack {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

const ROOM: &str = ".karafka";

fn journal_path(root: &Path) -> PathBuf {
    root.join(ROOM).join("journal")
}

fn undo_path(root: &Path) -> PathBuf {
    root.join(ROOM).join("undo")
}

/// Writes every file of `plan` below `root`, or none.
///
/// `interrupted` is asked between any two changes.
///
/// # Errors
///
/// [`ApplyError`]; the tree is then as it was.
pub fn apply(root: &Path, plan: &Plan, interrupted: &dyn Fn() -> bool) -> Result<(), ApplyError> {
    apply_on(&RealDisk, root, plan, interrupted)
}

/// Takes back what a command that was killed has left half done. Gives whether there was anything.
///
/// # Errors
///
/// [`ApplyError::Busy`] while that command is at work, [`ApplyError::NotTakenBack`] when the disk refuses.
pub fn recover(root: &Path) -> Result<bool, ApplyError> {
    let path = journal_path(root);
    let journal = match File::options().read(true).write(true).open(&path) {
        Ok(journal) => journal,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(source) => return Err(ApplyError::NotTakenBack { path, source }),
    };
    if journal.try_lock().is_err() {
        return Err(ApplyError::Busy);
    }
    let text = fs::read_to_string(&path).map_err(|source| ApplyError::NotTakenBack { path, source })?;
    take_back(root, &journal::read(&text))?;
    Ok(true)
}

pub(super) fn apply_on(
    disk: &dyn Disk,
    root: &Path,
    plan: &Plan,
    interrupted: &dyn Fn() -> bool,
) -> Result<(), ApplyError> {
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.action.writes()).collect();
    if steps.is_empty() {
        return Ok(());
    }
    recover(root)?;
    let entries = entries(root, &steps);
    let mut work = Work { disk, root, interrupted, done: Vec::new(), made: Vec::new() };
    let outcome = work.run(&steps, &entries);
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            if !matches!(error, ApplyError::Busy) {
                take_back(root, &work.done)?;
                // The app's own folder, if it is this run that made it.
                for folder in work.made.iter().rev() {
                    let _ = fs::remove_dir(folder);
                }
            }
            Err(error)
        }
    }
}

/// What the journal says: in the order of the work.
fn entries(root: &Path, steps: &[&Step]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut folders = std::collections::BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        match step.action {
            Action::Update | Action::Remove => entries.push(Entry::Save(number, step.path.clone())),
            _ => {
                for (at, _) in step.path.match_indices('/') {
                    let folder = &step.path[..at];
                    if !folders.contains(folder) {
                        folders.insert(folder.to_owned());
                        if !root.join(folder).exists() {
                            entries.push(Entry::Folder(folder.to_owned()));
                        }
                    }
                }
                entries.push(Entry::Create(step.path.clone()));
            }
        }
    }
    entries
}

struct Work<'w> {
    disk: &'w dyn Disk,
    root: &'w Path,
    interrupted: &'w dyn Fn() -> bool,
    /// What has been done so far, and must be taken back if the rest fails.
    done: Vec<Entry>,
    /// Folders above and beside the app's files that were made for this run.
    made: Vec<PathBuf>,
}

impl Work<'_> {
    fn run(&mut self, steps: &[&Step], entries: &[Entry]) -> Result<(), ApplyError> {
        self.make_all(self.root)?;
        self.make_all(&self.root.join(ROOM))?;
        let undo = undo_path(self.root);
        // Left by a run that was killed after its work was done.
        let _ = fs::remove_dir_all(&undo);
        let path = journal_path(self.root);
        let journal = match self.disk.write_new(&path, &journal::write(entries)) {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(ApplyError::Busy),
            Err(error) => return Err(failed(&path, error)),
        };
        if journal.try_lock().is_err() {
            return Err(ApplyError::Busy);
        }
        self.disk.make_folder(&undo).map_err(|error| failed(&undo, error))?;
        let by_path: std::collections::BTreeMap<&str, (usize, &Step)> =
            steps.iter().enumerate().map(|(number, step)| (step.path.as_str(), (number, *step))).collect();
        for entry in entries {
            if (self.interrupted)() {
                return Err(ApplyError::Interrupted);
            }
            match entry {
                Entry::Folder(folder) => {
                    let at = self.root.join(folder);
                    self.disk.make_folder(&at).map_err(|error| failed(&at, error))?;
                    self.done.push(entry.clone());
                }
                Entry::Create(path) | Entry::Save(_, path) => {
                    let Some(&(number, step)) = by_path.get(path.as_str()) else { continue };
                    self.change(number, step).map_err(|error| failed(&self.root.join(path), error))?;
                }
            }
        }
        if (self.interrupted)() {
            return Err(ApplyError::Interrupted);
        }
        self.disk.remove(&path).map_err(|error| failed(&path, error))?;
        // Done. What follows is tidying, and the next run does it if this one cannot.
        let _ = fs::remove_dir_all(&undo);
        let _ = fs::remove_dir(self.root.join(ROOM));
        for step in steps.iter().filter(|step| step.action == Action::Remove) {
            remove_empty_folders(self.root, &step.path);
        }
        Ok(())
    }

    fn change(&mut self, number: usize, step: &Step) -> io::Result<()> {
        let at = self.root.join(&step.path);
        let text = step.after.as_deref().unwrap_or_default();
        if step.action == Action::Create {
            match self.disk.write_new(&at, text) {
                // It came after the tree was read, and is not ours to take back.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                // Half written, it is.
                outcome => {
                    self.done.push(Entry::Create(step.path.clone()));
                    return outcome.map(drop);
                }
            }
        }
        let saved = undo_path(self.root).join(number.to_string());
        self.disk.save(&at, &saved)?;
        self.done.push(Entry::Save(number, step.path.clone()));
        if step.action == Action::Remove {
            return self.disk.remove(&at);
        }
        let new = saved.with_extension("new");
        self.disk.write_new(&new, text)?;
        // Who may read and run the file stays as it was.
        fs::set_permissions(&new, fs::metadata(&at)?.permissions())?;
        self.disk.replace(&new, &at)
    }

    /// Makes a folder and those above it that are not there.
    fn make_all(&mut self, folder: &Path) -> Result<(), ApplyError> {
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|at| !at.as_os_str().is_empty() && !at.exists()).collect();
        for at in missing.into_iter().rev() {
            self.disk.make_folder(at).map_err(|error| failed(at, error))?;
            self.made.push(at.to_path_buf());
        }
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> ApplyError {
    ApplyError::Failed { path: path.to_path_buf(), source }
}

/// Undoes `done`, the last first, and then forgets the journal.
fn take_back(root: &Path, done: &[Entry]) -> Result<(), ApplyError> {
    let undo = undo_path(root);
    for entry in done.iter().rev() {
        let (path, outcome) = match entry {
            Entry::Folder(path) => (path, fs::remove_dir(root.join(path))),
            Entry::Create(path) => (path, fs::remove_file(root.join(path))),
            Entry::Save(number, path) => {
                let (at, saved) = (root.join(path), undo.join(number.to_string()));
                if let Some(folder) = at.parent() {
                    let _ = fs::create_dir_all(folder);
                }
                let outcome = fs::rename(&saved, &at);
                // Two names of one file stay two names: nothing had been done to it yet.
                let _ = fs::remove_file(&saved);
                (path, outcome)
            }
        };
        match outcome {
            Ok(()) => {}
            Err(error) if is_nothing_of_ours(entry, error.kind()) => {}
            Err(source) => return Err(ApplyError::NotTakenBack { path: root.join(path), source }),
        }
    }
    let journal = journal_path(root);
    match fs::remove_file(&journal) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(ApplyError::NotTakenBack { path: journal, source });
        }
        _ => {}
    }
    let _ = fs::remove_dir_all(undo);
    let _ = fs::remove_dir(root.join(ROOM));
    Ok(())
}

/// Whether an entry that cannot be taken back leaves nothing behind that this run has made.
fn is_nothing_of_ours(entry: &Entry, why: io::ErrorKind) -> bool {
    match why {
        // Not done yet when the process was killed; or a folder in which somebody has put something since.
        io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty => true,
        // What cannot be there was not made. What was saved was there, and must come back.
        io::ErrorKind::InvalidFilename | io::ErrorKind::NotADirectory => !matches!(entry, Entry::Save(..)),
        _ => false,
    }
}

/// Removes the folders above a removed file that hold nothing any more.
fn remove_empty_folders(root: &Path, path: &str) {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if above == "src" || fs::remove_dir(root.join(above)).is_err() {
            return;
        }
        folder = above;
    }
}
