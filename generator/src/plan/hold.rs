//! Holding an app: from the first of its files that a command reads to the last thing that it tidies away.
//!
//! A plan is only right for the files that it was made from. So a command that writes holds the app before it reads, and
//! until it is done; one that only compares files keeps those away that write. What is held is the folder itself, by a lock
//! of the system, which ends with the process, however it ends. While files are written, the journal says who does it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::Folder;

/// An app that is held.
///
/// **Invariant:** while one command holds an app to write, no other one reads more than the manifest of it
/// (`cli::concurrent::commands_at_once_do_all_that_they_say`).
#[derive(Debug)]
#[must_use]
pub struct Held {
    root: PathBuf,
    /// `None` if nothing is there that could be held, as before `karafka new`.
    folder: Option<Folder>,
    /// Who holds it to write; `None` for one who only reads.
    writer: Option<Holder>,
}

/// A command that holds an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The id of its process.
    pub process: u32,
    /// Its name, such as `generate`.
    pub command: String,
}

impl Held {
    /// Holds the app at `root` to write, for the process and the command that `holder` names; `None` while another
    /// command holds it.
    ///
    /// Where the file system has no locks it is always free, and two commands at once meet at the journal.
    #[must_use]
    pub fn to_write(root: &Path, holder: Holder) -> Option<Self> {
        Some(Self { root: root.to_path_buf(), folder: take(root, Folder::try_lock)?, writer: Some(holder) })
    }

    /// Holds the app at `root` to read, beside others who do; `None` while a command writes.
    #[must_use]
    pub fn to_read(root: &Path) -> Option<Self> {
        Some(Self { root: root.to_path_buf(), folder: take(root, Folder::try_lock_shared)?, writer: None })
    }

    /// The app's folder, as it was named.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who writes; `None` where nobody may.
    pub(super) fn writer(&self) -> Option<&Holder> {
        self.writer.as_ref()
    }

    pub(super) fn folder(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }
}

/// Opens the folder and locks it: `None` while somebody else has it, `Some(None)` if there is none.
fn take(root: &Path, lock: impl Fn(&Folder) -> bool) -> Option<Option<Folder>> {
    loop {
        let Ok(folder) = Folder::open(root) else { return Some(None) };
        if !lock(&folder) {
            return None;
        }
        // Whoever had it may have removed it, and another one may stand in its place by now.
        if is_at(&folder, root).unwrap_or(true) {
            return Some(Some(folder));
        }
    }
}

fn is_at(folder: &Folder, root: &Path) -> io::Result<bool> {
    let held = folder.metadata()?;
    match fs::metadata(root) {
        Ok(there) => Ok((held.dev(), held.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
