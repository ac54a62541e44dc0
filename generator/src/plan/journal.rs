//! What a run is about to do, written down first, so that the next one can take back what an interrupted one did.
//!
//! It lies in the user's own state folder and not in the app's, because an app's folder may come from git or out of an
//! archive, with whatever somebody has put there. It names the folder in the app that holds what is saved by a token that
//! nobody can guess: only where that folder stands, anything is taken back.

use std::{
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use karafka::foreign;
use serde::{Deserialize, Serialize};

use super::{folder::Folder, hold::Holder, lock};

/// A run that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    /// The app's folder, for a person who reads this.
    pub(super) root: String,
    /// Names what is saved.
    pub(super) token: String,
    /// Who does it.
    pub(super) holder: Holder,
    /// What is done, in its order.
    pub(super) entries: Vec<Entry>,
}

/// A change, and what it takes to know it again. Undone in the opposite order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Entry {
    /// A folder that was not there.
    Folder { path: String },
    /// A file that was not there; its text waits under this number, and has this hash.
    Create { path: String, number: usize, after: String },
    /// A file that was there, saved under this number: the hash of what it held, and of what it will hold, if it stays.
    Save { path: String, number: usize, before: String, after: Option<String> },
}

impl Entry {
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Folder { path } | Self::Create { path, .. } | Self::Save { path, .. } => path,
        }
    }
}

impl Journal {
    pub(super) fn text(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// `None` when it was not written to its end: then nothing else was done.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Where journals of this user lie, a file for each app that is being changed.
#[derive(Debug, Clone)]
pub struct Journals {
    folder: Option<PathBuf>,
}

/// Why no journal can be kept; what a killed command has begun then stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoJournals {
    /// Nobody says where.
    #[error("neither XDG_STATE_HOME nor HOME names a folder")]
    Nowhere,
    /// It is of the app, which may come from anywhere.
    #[error("`{}` lies inside the app; set XDG_STATE_HOME to a folder elsewhere", foreign::path(.0))]
    Inside(PathBuf),
    /// Others may write in it, or it is theirs.
    #[error("`{}` must be a folder of yours that nobody else can enter: `chmod 700` it, or set XDG_STATE_HOME", foreign::path(.0))]
    Shared(PathBuf),
    /// It cannot be used.
    #[error("`{}` cannot be used: {source}", foreign::path(path))]
    Failed {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Journals {
    /// In this folder, which is made when it is needed; `None` if there is no place for them.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Makes the folder if it is not there, and looks whether it can hold the journal of the app at `root`.
    ///
    /// # Errors
    ///
    /// [`NoJournals`]. A plan is applied without a journal too, but if its process is killed nothing is taken back.
    pub fn prepare(&self, root: &Path) -> Result<(), NoJournals> {
        let path = self.folder.as_ref().ok_or(NoJournals::Nowhere)?;
        if path.ancestors().find(|at| at.exists()).is_some_and(|there| is_inside(there, root)) {
            return Err(NoJournals::Inside(path.clone()));
        }
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| NoJournals::Failed { path: path.clone(), source })?;
        self.open(root).map(drop)
    }

    fn open(&self, root: &Path) -> Result<Folder, NoJournals> {
        let path = self.folder.as_ref().ok_or(NoJournals::Nowhere)?;
        let failed = |source| NoJournals::Failed { path: path.clone(), source };
        let folder = Folder::open(path).map_err(failed)?;
        let found = folder.metadata().map_err(failed)?;
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(NoJournals::Shared(path.clone()));
        }
        if is_inside(path, root) {
            return Err(NoJournals::Inside(path.clone()));
        }
        Ok(folder)
    }

    /// The app's journal, if a run has begun and not ended.
    pub(super) fn find(&self, root: &Path) -> io::Result<Option<Journal>> {
        let Ok(folder) = self.open(root) else { return Ok(None) };
        match folder.read(&name(root)?) {
            Ok(bytes) => Ok(Journal::read(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a journal; gives whether there is a place for it.
    pub(super) fn keep(&self, root: &Path, journal: &Journal) -> io::Result<bool> {
        let Ok(folder) = self.open(root) else { return Ok(false) };
        folder.write_new(&name(root)?, &journal.text()?, 0o600)?;
        Ok(true)
    }

    /// Forgets the app's journal, if there is one.
    pub(super) fn forget(&self, root: &Path) -> io::Result<()> {
        let Ok(folder) = self.open(root) else { return Ok(()) };
        match folder.remove(&name(root)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where the app's journal is, for a person to look at.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        let name = name(root).unwrap_or_default();
        self.folder.as_deref().unwrap_or(Path::new("")).join(name)
    }

    /// Who writes in the app right now, if that is known: for a person who waits, and for nothing else.
    #[must_use]
    pub fn holder(&self, root: &Path) -> Option<Holder> {
        self.find(root).ok()?.map(|journal| journal.holder)
    }
}

fn is_inside(folder: &Path, root: &Path) -> bool {
    matches!((folder.canonicalize(), root.canonicalize()), (Ok(folder), Ok(root)) if folder.starts_with(&root))
}

/// The file's name: of the app's path without links, so that one app has one journal.
fn name(root: &Path) -> io::Result<String> {
    Ok(format!("{}.json", lock::hash(root.canonicalize()?.as_os_str().as_encoded_bytes())))
}
