//! What an app's folders hold, read once.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use karafka::foreign;

use super::{LOCK, Lock, lock, read_file};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// A socket, a device, a pipe.
    Other,
}

/// The paths of an app that a plan can touch, and the bytes of those that it compares.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
    contents: BTreeMap<String, Content>,
    lock: Lock,
}

/// A file that plans compare.
#[derive(Debug, Clone)]
struct Content {
    bytes: Vec<u8>,
    /// As the lock file has it.
    hash: String,
}

/// A folder or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be read", foreign::path(path))]
pub struct TreeError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Folders whose own entries count, and whether those of the folders inside do too.
const FOLDERS: [(&str, bool); 9] = [
    ("", false),
    (".cargo", false),
    ("src", false),
    ("src/generated", false),
    ("src/controllers", true),
    ("src/interchangers", true),
    ("src/parsers", true),
    ("src/workers", true),
    ("tests", false),
];

impl Tree {
    /// Reads the app at `root`; one that is not there is empty.
    ///
    /// One look into each folder, and only the files that a plan compares are opened: the generated ones, the
    /// library, the lock file and `Cargo.toml`. The last two may be links that a person has made; below `src` no link is followed.
    ///
    /// # Errors
    ///
    /// [`TreeError`] for a folder or a file that is there and cannot be read.
    pub fn read(root: &Path) -> Result<Self, TreeError> {
        let mut tree = Self::default();
        for (folder, deep) in FOLDERS {
            if folder.is_empty() || tree.entry(folder) == Some(Entry::Folder) {
                tree.read_folder(root, folder, deep)?;
            }
        }
        tree.lock = tree.text(LOCK).map(Lock::parse).unwrap_or_default();
        Ok(tree)
    }

    /// Reads a folder and, if `deep`, those inside. They are kept in a list and not on the stack, which a checkout's
    /// folders in folders would fill.
    fn read_folder(&mut self, root: &Path, folder: &str, deep: bool) -> Result<(), TreeError> {
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            self.read_entries(root, &folder, |inside| {
                if deep {
                    open.push(inside);
                }
            })?;
        }
        Ok(())
    }

    fn read_entries(&mut self, root: &Path, folder: &str, mut inside: impl FnMut(String)) -> Result<(), TreeError> {
        let at = root.join(folder);
        let failed = |source| TreeError { path: at.clone(), source };
        let listing = match fs::read_dir(&at) {
            Ok(listing) => listing,
            Err(error) if folder.is_empty() && error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for item in listing {
            let item = item.map_err(failed)?;
            // A name that is not UTF-8 is none that we would write.
            let Ok(name) = item.file_name().into_string() else { continue };
            let kind = item.file_type().map_err(failed)?;
            let entry = match kind {
                kind if kind.is_symlink() => Entry::Link,
                kind if kind.is_dir() => Entry::Folder,
                kind if kind.is_file() => Entry::File,
                _ => Entry::Other,
            };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry == Entry::Folder {
                inside(path.clone());
            }
            if is_compared(&path) && (entry == Entry::File || entry == Entry::Link && !path.contains('/')) {
                let file = root.join(&path);
                let bytes = read_file(&file).map_err(|source| TreeError { path: file, source })?;
                self.contents.insert(path.clone(), Content { hash: lock::hash(&bytes), bytes });
            }
            self.entries.insert(path, entry);
        }
        Ok(())
    }

    /// What stands at `path`.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<Entry> {
        self.entries.get(path).copied()
    }

    /// The paths of every file.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|(_, entry)| **entry == Entry::File).map(|(path, _)| path.as_str())
    }

    /// A file's bytes, if it is one that plans compare.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.contents.get(path).map(|content| content.bytes.as_slice())
    }

    /// The hash of a file's bytes, if it is one that plans compare.
    pub(super) fn hash(&self, path: &str) -> Option<&str> {
        self.contents.get(path).map(|content| content.hash.as_str())
    }

    /// What the lock file says.
    #[must_use]
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// A file's text, if it is one that plans compare, and UTF-8.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.bytes(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

fn is_compared(path: &str) -> bool {
    path == LOCK
        || path == "Cargo.toml"
        || path == "src/lib.rs"
        || path.starts_with("src/generated/") && path.ends_with(".rs")
        || path.starts_with("src/") && path.ends_with("/mod.rs")
}
