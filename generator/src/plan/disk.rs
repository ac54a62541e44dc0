//! The few things that applying a plan does to the disk, behind a trait, so that tests can let any of them fail.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// The disk, as [`super::apply`] uses it.
pub(super) trait Disk {
    /// Called before each change: an error stops the work there.
    fn before(&self, _what: &str, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Makes a folder.
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.before("make folder", path)?;
        fs::create_dir(path)
    }

    /// Writes a file that is not there yet.
    fn write_new(&self, path: &Path, text: &str) -> io::Result<File> {
        self.before("write", path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }

    /// Puts a second name on a file, or a copy where the disk has no second names.
    fn save(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before("save", from)?;
        if fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        let half = to.with_extension("half");
        fs::copy(from, &half)?;
        fs::rename(half, to)
    }

    /// Puts a file in the place of another.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before("replace", to)?;
        fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.before("remove", path)?;
        fs::remove_file(path)
    }
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}
