//! Takes back what a run that was killed has left half done, and looks whether there is such a thing.
//!
//! Nothing that lies in the app is obeyed: the journal is outside ([`Journals`]), and what it says is done only to paths
//! that a plan may touch, through no link, and to files that are still what it says.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use rustix::fs::FileType;

use super::{
    apply::{ApplyError, COPY, ROOM, done_folder, saved, staged, undo_folder},
    folder::Folder,
    hold::Held,
    journal::{Entry, Journal, Journals},
    lock,
    paths::{Reach, may_make_folder, reach},
};

/// What an earlier run left behind.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Leftovers {
    /// The paths of a change of this user's that was killed; [`Held::recover`] takes it back.
    pub interrupted: Option<Vec<String>>,
    /// What looks like one, and is not known to be this user's: it is never obeyed.
    pub unknown: Vec<Unknown>,
}

/// A journal, or files that somebody has saved, of a run that this user's journals know nothing of.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where it lies, from the app's root, fit to be shown.
    pub at: String,
    /// What it says it changes, fit to be shown; only the first ones.
    pub paths: Vec<String>,
}

/// What was taken back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// What was left alone, because somebody has changed it since.
    pub left: Vec<Left>,
}

/// A file that was left alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Its path, from the app's root.
    pub path: String,
    /// Where its old text is, if it had one, from the app's root.
    pub saved: Option<String>,
}

impl Held {
    /// Looks for what an earlier run left behind, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Journal`] when this user's journal cannot be read.
    pub fn look(&self, journals: &Journals) -> Result<Leftovers, ApplyError> {
        let Some(app) = self.folder() else { return Ok(Leftovers::default()) };
        let journal = find(self.root(), journals)?.filter(|journal| holds(app, &undo_folder(&journal.token)));
        let unknown = unknown(app, journal.as_ref().map(|journal| journal.token.as_str()));
        let paths = |journal: Journal| journal.entries.iter().map(|entry| shown(entry.path())).collect();
        Ok(Leftovers { interrupted: journal.map(paths), unknown })
    }

    /// Takes back what a command of this user's that was killed has left half done; `None` if there was nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError::NotTakenBack`] when the disk refuses, [`ApplyError::Journal`] when the journal cannot be read.
    pub fn recover(&self, journals: &Journals) -> Result<Option<Recovered>, ApplyError> {
        let Some(app) = self.folder() else { return Ok(None) };
        let root = self.root();
        let Some(Journal { token, entries, .. }) = find(root, journals)? else {
            // Nothing, or one that was not written to its end.
            return forget(root, journals).map(|()| None);
        };
        let begun = holds(app, &undo_folder(&token));
        let recovered = if begun {
            Some(take_back(app, root, &token, &entries)?)
        } else {
            // It was done, or this is another checkout in the same place.
            let _ = app.remove_files(&done_folder(&token));
            let _ = app.remove_folder(ROOM);
            None
        };
        forget(root, journals)?;
        Ok(recovered)
    }
}

fn find(root: &Path, journals: &Journals) -> Result<Option<Journal>, ApplyError> {
    journals.find(root).map_err(|source| ApplyError::Journal { path: journals.path(root), source })
}

pub(super) fn forget(root: &Path, journals: &Journals) -> Result<(), ApplyError> {
    journals.forget(root).map_err(|source| ApplyError::Journal { path: journals.path(root), source })
}

fn holds(app: &Folder, path: &str) -> bool {
    matches!(app.kind(path), Ok(Some(FileType::Directory)))
}

/// Undoes `done`, the last first, and clears away what the run has saved.
pub(super) fn take_back(app: &Folder, root: &Path, token: &str, done: &[Entry]) -> Result<Recovered, ApplyError> {
    let undo = undo_folder(token);
    let not_taken_back =
        |path: &str, source| ApplyError::NotTakenBack { path: root.join(path), saved: root.join(&undo), source };
    let mut left = Vec::new();
    for entry in done.iter().rev() {
        let outcome = undo_entry(app, &undo, entry).map_err(|source| not_taken_back(entry.path(), source))?;
        if outcome == Undone::LeftAlone {
            let number = if let Entry::Save { number, .. } = entry { Some(*number) } else { None };
            left.push((entry.path().to_owned(), number));
        }
    }
    let kept = format!("{ROOM}/kept-{token}");
    let is_kept = left.iter().any(|(_, number)| number.is_some());
    let cleared = match is_kept {
        true => app.rename(&undo, &kept),
        false => app.remove_files(&undo),
    };
    match cleared {
        Err(error) if !is_none_of_ours(error.kind()) => return Err(not_taken_back(&undo, error)),
        _ => drop(app.remove_folder(ROOM)),
    }
    let left = left.into_iter().map(|(path, number)| Left { path, saved: number.map(|number| saved(&kept, number)) });
    Ok(Recovered { left: left.collect() })
}

#[derive(PartialEq, Eq)]
enum Undone {
    /// It is as it was before the run.
    Yes,
    /// Somebody has changed it since.
    LeftAlone,
}

fn undo_entry(app: &Folder, undo: &str, entry: &Entry) -> io::Result<Undone> {
    match entry {
        Entry::Folder { path } if may_make_folder(path) => match app.remove_folder(path) {
            Err(error) if !is_none_of_ours(error.kind()) => Err(error),
            _ => Ok(Undone::Yes),
        },
        Entry::Create { path, number, after } if reach(path) != Reach::Nothing => match standing(app, path)? {
            Standing::Nothing => Ok(Undone::Yes),
            Standing::File(now) if lock::hash(&now) == *after || is_half(app, &staged(undo, *number), &now) => {
                app.remove(path).map(|()| Undone::Yes)
            }
            Standing::File(_) | Standing::Other => Ok(Undone::LeftAlone),
        },
        Entry::Save { path, number, before, after } if reach(path) == Reach::Changed => {
            let old = saved(undo, *number);
            let is_intact = match standing(app, &old)? {
                // It had not been touched yet, or is back already.
                Standing::Nothing => return Ok(Undone::Yes),
                Standing::File(bytes) => lock::hash(&bytes) == *before,
                Standing::Other => false,
            };
            match standing(app, path)? {
                Standing::File(now) if lock::hash(&now) == *before => Ok(Undone::Yes),
                Standing::File(now) if is_intact && after.as_ref() == Some(&lock::hash(&now)) => {
                    app.rename(&old, path).map(|()| Undone::Yes)
                }
                Standing::Nothing if is_intact => put_back(app, &old, path),
                _ => Ok(Undone::LeftAlone),
            }
        }
        // No plan says so.
        _ => Ok(Undone::LeftAlone),
    }
}

/// Puts a saved file where nothing stands, with the folders above it.
fn put_back(app: &Folder, old: &str, path: &str) -> io::Result<Undone> {
    for (at, _) in path.match_indices('/') {
        // Most are there; one that cannot be made is seen right below.
        let _ = app.make_folder(&path[..at], 0o777);
    }
    match app.rename(old, path) {
        Ok(()) => Ok(Undone::Yes),
        // A file or a link stands where a folder was.
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(Undone::LeftAlone),
        Err(error) => Err(error),
    }
}

/// What stands at a path.
enum Standing {
    Nothing,
    File(Vec<u8>),
    /// A folder, a link, a pipe, or a file that is larger than any of ours.
    Other,
}

fn standing(app: &Folder, path: &str) -> io::Result<Standing> {
    match app.kind(path)? {
        None => Ok(Standing::Nothing),
        Some(FileType::RegularFile) => match app.read(path) {
            Ok(bytes) => Ok(Standing::File(bytes)),
            Err(error) if error.kind() == ErrorKind::Other => Ok(Standing::Other),
            Err(error) => Err(error),
        },
        Some(_) => Ok(Standing::Other),
    }
}

/// Whether a file is the beginning of the one that still waits: where the disk cannot put it in its place as a whole, it is
/// written there, and the process may be killed in the middle.
fn is_half(app: &Folder, staged: &str, now: &[u8]) -> bool {
    app.read(staged).is_ok_and(|whole| whole.starts_with(now))
}

/// Whether a folder that cannot be removed is none that the run has made, or one in which somebody has put something since.
/// A link in its place, or above it, is none either.
fn is_none_of_ours(why: ErrorKind) -> bool {
    use ErrorKind::{DirectoryNotEmpty, InvalidFilename, NotADirectory, NotFound};
    matches!(why, NotFound | DirectoryNotEmpty | InvalidFilename | NotADirectory)
}

/// Leftovers in the app's folder for runs, but for the one that is this user's.
fn unknown(app: &Folder, token: Option<&str>) -> Vec<Unknown> {
    let ours = token.map(|token| format!("undo-{token}"));
    let names = app.names(ROOM).unwrap_or_default().into_iter().filter(|name| Some(name) != ours.as_ref());
    let mut unknown = Vec::new();
    for name in names.filter(|name| name == "journal" || name == "undo" || name.starts_with("undo-")).take(SHOWN) {
        let at = format!("{ROOM}/{name}");
        let copy = if name == "journal" { at.clone() } else { format!("{at}/{COPY}") };
        let bytes = app.read(&copy).unwrap_or_default();
        let mut paths: Vec<String> = match Journal::read(&bytes) {
            Some(journal) => journal.entries.iter().take(SHOWN).map(|entry| shown(entry.path())).collect(),
            // As earlier versions wrote them: a line an entry, the path last.
            None => String::from_utf8_lossy(&bytes).lines().filter_map(legacy_path).take(SHOWN).map(shown).collect(),
        };
        paths.dedup();
        unknown.push(Unknown { at: shown(&at), paths });
    }
    unknown
}

/// How many leftovers, and of each how many paths, are shown.
const SHOWN: usize = 10;

fn legacy_path(line: &str) -> Option<&str> {
    match line.split_once(' ')? {
        ("folder" | "create", path) => Some(path),
        ("save", rest) => rest.split_once(' ').map(|(_, path)| path),
        _ => None,
    }
}

/// A path that somebody else has written: on one line, without control characters, and not endless.
fn shown(path: &str) -> String {
    let escaped: String = path.chars().take(200).flat_map(char::escape_debug).collect();
    if path.chars().nth(200).is_some() { escaped + "…" } else { escaped }
}
