//! A disk that is full in the middle of a write, and a process that is killed there.

use std::{io::ErrorKind, os::unix::fs::OpenOptionsExt};

use proptest::prelude::*;

use super::{super::journal::Journal, *};
use crate::source::floor_char_boundary;

/// Writes some files whole, of the next one a part, and then fails, or is as if the process were killed.
struct Full {
    left: Cell<usize>,
    /// How much of the last one is written, in percent.
    percent: usize,
    kill: bool,
}

impl Full {
    /// The part that still fits, if this is the write that does not fit whole.
    fn part<'t>(&self, text: &'t str) -> Option<&'t str> {
        let left = self.left.get().checked_sub(1);
        left.inspect(|left| self.left.set(*left));
        let part = &text[..floor_char_boundary(text, text.len() * self.percent / 100)];
        left.is_none().then_some(part)
    }

    fn stop<T>(&self) -> io::Result<T> {
        if self.kill {
            std::panic::resume_unwind(Box::new("killed"));
        }
        Err(ErrorKind::StorageFull.into())
    }

    fn write(&self, app: &Folder, path: &str, text: &str) -> io::Result<()> {
        let Some(part) = self.part(text) else { return app.write_new(path, text, 0o666) };
        app.write_new(path, part, 0o666)?;
        self.stop()
    }
}

/// As on a disk without second names, and without renames that replace nothing: files are copied.
impl Disk for Full {
    fn keep(&self, journals: &Journals, root: &Path, journal: &Journal) -> io::Result<bool> {
        let text = journal.text()?;
        let Some(part) = self.part(&text) else { return journals.keep(root, journal) };
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(journals.path(root))?;
        io::Write::write_all(&mut file, part.as_bytes())?;
        self.stop()
    }

    fn write_new(&self, app: &Folder, path: &str, text: &str) -> io::Result<()> {
        self.write(app, path, text)
    }

    fn save(&self, app: &Folder, from: &str, to: &str) -> io::Result<()> {
        let text = String::from_utf8(app.read(from)?).unwrap();
        self.write(app, to, &text)
    }

    fn place(&self, app: &Folder, _: &str, to: &str, text: &str) -> io::Result<()> {
        self.write(app, to, text)
    }
}

/// Every file and folder, but for the room of runs, which may be left.
fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let all = everything(root).into_iter().filter(|(path, _)| path != ".karafka");
    all.map(|(path, found)| (path, found.map(|(bytes, _)| bytes))).collect()
}

/// Brings an app of the first manifest to the second, on a disk that takes `writes` files and a part of one; gives whether
/// that was enough for all of it.
fn is_enough(writes: usize, percent: usize, kill: bool) -> bool {
    let app = app(FIRST);
    let before = tree(app.path());
    let plan = plan(app.path(), SECOND);
    let full = Full { left: Cell::new(writes), percent, kill };
    let place = format!("{percent} % of write {writes}, killed: {kill}");
    let outcome = catch_unwind(AssertUnwindSafe(|| apply_on(&full, app.path(), &plan, &|| false)));
    let done = match outcome {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            assert!(matches!(error, ApplyError::Failed { .. }), "{place}: {error:?}");
            assert!(!app.path().join(".karafka").exists(), "{place}: something is left");
            false
        }
        Err(_) => {
            recover(app.path()).unwrap();
            false
        }
    };
    if !done {
        assert_eq!(tree(app.path()), before, "{place}");
        // When there is room again, nothing of it is in the way.
        apply(app.path(), &plan, &|| false).unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    assert!(super::plan(app.path(), SECOND).is_in_step(), "{place}");
    done
}

/// If this fails, a disk that gets full leaves half a file, or an app that no command changes any more.
#[test]
fn a_write_that_stops_in_the_middle_is_taken_back() {
    let mut writes = 0;
    while !is_enough(writes, 50, false) {
        assert!(!is_enough(writes, 50, true));
        writes += 1;
    }
    assert!(writes > 20, "there were only {writes} writes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    /// If this fails, so does the same at some other place in a file.
    #[test]
    fn wherever_it_stops(writes in 0_usize..30, percent in 0_usize..=100, kill in any::<bool>()) {
        is_enough(writes, percent, kill);
    }
}
