//! The few things that applying a plan does to the disk, behind a trait, so that tests can let any of them fail.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::{
    folder::Folder,
    journal::{Journal, Journals},
};

/// The disk, as [`super::apply`] uses it. Paths are below the app's folder.
pub(super) trait Disk {
    /// Called before each change: an error stops the work there.
    fn before(&self, _what: &str, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Makes the app's own folder, or one above it.
    fn make_root(&self, path: &Path) -> io::Result<()> {
        self.before("make folder", path)?;
        fs::create_dir(path)
    }

    /// Makes a folder.
    fn make_folder(&self, app: &Folder, path: &str, mode: u32) -> io::Result<()> {
        self.before("make folder", Path::new(path))?;
        app.make_folder(path, mode)
    }

    /// Keeps the journal; gives whether there is a place for it.
    fn keep(&self, journals: &Journals, root: &Path, journal: &Journal) -> io::Result<bool> {
        self.before("keep the journal", root)?;
        journals.keep(root, journal)
    }

    /// Writes a file that is not there yet.
    fn write_new(&self, app: &Folder, path: &str, text: &str) -> io::Result<()> {
        self.before("write", Path::new(path))?;
        app.write_new(path, text, 0o666)
    }

    /// Puts a second name on a file, or a copy where the disk has no second names.
    fn save(&self, app: &Folder, from: &str, to: &str) -> io::Result<()> {
        self.before("save", Path::new(from))?;
        app.save(from, to)
    }

    /// Puts a written file where nothing is yet, as a whole, or at least its text where the disk cannot do that.
    fn place(&self, app: &Folder, from: &str, to: &str, text: &str) -> io::Result<()> {
        self.before("place", Path::new(to))?;
        match app.rename_new(from, to) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => app.write_new(to, text, 0o666),
            outcome => outcome,
        }
    }

    /// Puts a file in the place of another, or gives a folder another name.
    fn replace(&self, app: &Folder, from: &str, to: &str) -> io::Result<()> {
        self.before("replace", Path::new(to))?;
        app.rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, app: &Folder, path: &str) -> io::Result<()> {
        self.before("remove", Path::new(path))?;
        app.remove(path)
    }
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}
