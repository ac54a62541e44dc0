//! An app's folder, held open: what is done below it is done beside no link.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::{File, Metadata, Permissions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    rc::Rc,
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags},
};

use super::reading::read_opened;

/// A folder that is open.
///
/// A path is taken from it component by component, and each one must be a folder itself: a link there is an error, also
/// one that was put there since somebody looked. Only the folder's own path may have links in it, because a person named it.
#[derive(Debug)]
pub(super) struct Folder {
    file: File,
    /// The folders below it that were used last, open, by their paths: files come folder by folder.
    used: RefCell<VecDeque<(String, Rc<OwnedFd>)>>,
}

/// How many folders below it stay open.
const USED: usize = 4;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder that a person has named.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { file: File::from(rustix::fs::open(path, flags, Mode::empty())?), used: RefCell::default() })
    }

    /// Takes the folder for this process, as long as it is open; gives whether it was free.
    ///
    /// Where the file system has no locks, it always is.
    pub(super) fn try_lock(&self) -> bool {
        !matches!(self.file.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// The same, but others may take it in this way too.
    pub(super) fn try_lock_shared(&self) -> bool {
        !matches!(self.file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// What the system says of the folder itself.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// What stands at `path`; `None` if nothing does or can, as where a folder on the way is missing or none.
    pub(super) fn kind(&self, path: &str) -> io::Result<Option<FileType>> {
        let found = self.at(path, |folder, name| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(error) if is_nothing_there(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file, within the bounds of [`super::read_file`].
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        read_opened(self.open_file(path)?)
    }

    /// Opens a file to read it.
    pub(super) fn open_file(&self, path: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.at(path, |folder, name| rustix::fs::openat(folder, name, flags, Mode::empty())).map(File::from)
    }

    /// Makes a folder with these permissions, as far as the process's mask leaves them.
    pub(super) fn make_folder(&self, path: &str, mode: u32) -> io::Result<()> {
        self.at(path, |folder, name| rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(mode)))
    }

    /// Makes a file that is not there yet, and fills it.
    pub(super) fn write_new(&self, path: &str, text: &str, mode: u32) -> io::Result<()> {
        self.create(path, mode)?.write_all(text.as_bytes())
    }

    fn create(&self, path: &str, mode: u32) -> io::Result<File> {
        // Exclusive: neither a file nor a link, wherever it leads, may be there.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.at(path, |folder, name| rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(mode))).map(File::from)
    }

    /// Puts a second name on a file, or a copy where the disk has no second names.
    pub(super) fn save(&self, from: &str, to: &str) -> io::Result<()> {
        {
            let (above, name) = self.parent(from)?;
            let (folder, saved) = self.parent(to)?;
            let (above, folder) = (self.fd(above.as_deref()), self.fd(folder.as_deref()));
            if rustix::fs::linkat(above, name, folder, saved, AtFlags::empty()).is_ok() {
                return Ok(());
            }
        }
        let file = self.open_file(from)?;
        let permissions = file.metadata()?.permissions();
        let bytes = read_opened(file)?;
        let mut copy = self.create(to, 0o600)?;
        copy.write_all(&bytes)?;
        copy.set_permissions(permissions)
    }

    /// Sets a file's permissions to those of another.
    pub(super) fn set_permissions_of(&self, path: &str, of: &str) -> io::Result<()> {
        let wanted = self.open_file(of)?.metadata()?.permissions().mode() & 0o7777;
        let file = self.open_file(path)?;
        if file.metadata()?.permissions().mode() & 0o7777 != wanted {
            file.set_permissions(Permissions::from_mode(wanted))?;
        }
        Ok(())
    }

    /// Renames a file or folder, over a file that has the name.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename_with(from, to, RenameFlags::empty())
    }

    /// Renames a file to a name that nothing has yet. Not every disk can do that.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename_with(from, to, RenameFlags::NOREPLACE)
    }

    fn rename_with(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<()> {
        let (above, name) = self.parent(from)?;
        let (folder, new) = self.parent(to)?;
        self.forget(from);
        let (above, folder) = (self.fd(above.as_deref()), self.fd(folder.as_deref()));
        if flags.is_empty() {
            return Ok(rustix::fs::renameat(above, name, folder, new)?);
        }
        Ok(rustix::fs::renameat_with(above, name, folder, new, flags)?)
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        self.at(path, |folder, name| rustix::fs::unlinkat(folder, name, AtFlags::empty()))
    }

    /// Removes a folder that is empty.
    pub(super) fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.forget(path);
        self.at(path, |folder, name| rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR))
    }

    /// Removes a folder and the files in it; one that holds folders stays.
    pub(super) fn remove_files(&self, path: &str) -> io::Result<()> {
        for name in self.names(path)? {
            let _ = self.remove(&format!("{path}/{name}"));
        }
        self.remove_folder(path)
    }

    /// The names in a folder, in alphabetical order; those that are not UTF-8 are left out.
    pub(super) fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let folder = self.at(path, |folder, name| rustix::fs::openat(folder, name, FOLDER, Mode::empty()))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            if let Ok(name) = entry?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Does something to a name in the folder above it.
    fn at<T>(&self, path: &str, act: impl FnOnce(BorrowedFd<'_>, &str) -> rustix::io::Result<T>) -> io::Result<T> {
        let (folder, name) = self.parent(path)?;
        Ok(act(self.fd(folder.as_deref()), name)?)
    }

    fn fd<'f>(&'f self, folder: Option<&'f OwnedFd>) -> BorrowedFd<'f> {
        folder.map_or_else(|| self.file.as_fd(), AsFd::as_fd)
    }

    /// The folder above `path`, open, if it is not this one, and the last name.
    fn parent<'p>(&self, path: &'p str) -> io::Result<(Option<Rc<OwnedFd>>, &'p str)> {
        if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{path:?} is no path below a folder")));
        }
        let Some((above, name)) = path.rsplit_once('/') else { return Ok((None, path)) };
        let mut used = self.used.borrow_mut();
        if let Some((_, folder)) = used.iter().find(|(path, _)| path == above) {
            return Ok((Some(Rc::clone(folder)), name));
        }
        let folder = Rc::new(self.walk(above)?);
        used.truncate(USED - 1);
        used.push_front((above.to_owned(), Rc::clone(&folder)));
        Ok((Some(folder), name))
    }

    /// Opens a folder below this one, a name at a time.
    fn walk(&self, path: &str) -> io::Result<OwnedFd> {
        let mut folder: Option<OwnedFd> = None;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut begin = 0;
        for end in ends {
            let (above, name) = (self.fd(folder.as_ref()), &path[begin..end]);
            let next =
                rustix::fs::openat(above, name, FOLDER, Mode::empty()).map_err(|error| {
                    match rustix::fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
                            is_link(&path[..end])
                        }
                        _ => error.into(),
                    }
                })?;
            folder = Some(next);
            begin = end + 1;
        }
        folder.ok_or_else(|| ErrorKind::InvalidInput.into())
    }

    /// Closes a folder that gets another name or goes, and those below it.
    fn forget(&self, path: &str) {
        let is_below =
            |used: &str| used.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.used.borrow_mut().retain(|(used, _)| !is_below(used));
    }
}

/// The error for a link where a folder must be.
pub(super) fn is_link(path: &str) -> io::Error {
    io::Error::new(
        ErrorKind::NotADirectory,
        format!("`{path}` is a symbolic link, and karafka writes only inside the app"),
    )
}

fn is_nothing_there(why: ErrorKind) -> bool {
    matches!(why, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}
