//! What is read of an app's folders.

use std::os::unix::{ffi::OsStrExt, fs::symlink};

use super::*;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// If this fails, a file of the app is not seen, and written over or not declared; or a folder full of other things makes every
/// command slow.
#[test]
fn what_a_plan_can_touch_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let seen = [
        "Cargo.toml",
        "karafka.lock",
        "a.txt",
        ".cargo/config.toml",
        "src/lib.rs",
        "src/a.txt",
        "src/generated/a.rs",
        "src/controllers/mod.rs",
        "src/controllers/a/b/c.rs",
        "src/controllers/other",
        "src/interchangers/a/b/c.rs",
        "src/parsers/a/b/c.rs",
        "src/workers/a/b/c.rs",
        "tests/a.rs",
    ];
    let unseen = ["target/a.rs", ".git/config", ".cargo/a/b.rs", "src/a/b.rs", "src/generated/a/b.rs", "tests/a/b.rs"];
    for path in seen.iter().chain(&unseen) {
        write(root, path, "text");
    }
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"src/controllers/\xff.rs")), "text").unwrap();
    let tree = Tree::read(root).unwrap();
    let files: BTreeSet<&str> = tree.files().collect();
    assert_eq!(files, BTreeSet::from(seen));
    for folder in ["target", ".git", ".cargo/a", "src/a", "src/generated/a", "src/controllers/a/b", "tests/a"] {
        assert_eq!(tree.entry(folder), Some(Entry::Folder), "{folder}");
    }
    // Only what is compared is opened.
    let opened = ["Cargo.toml", "karafka.lock", "src/lib.rs", "src/generated/a.rs", "src/controllers/mod.rs"];
    for path in &files {
        assert_eq!(tree.text(path), opened.contains(path).then_some("text"), "{path}");
        assert_eq!(tree.hash(path), opened.contains(path).then_some(&*lock::hash("text")), "{path}");
    }
}

/// If this fails, an app whose `Cargo.toml` is a link is called broken, or a link below `src` is followed out of the app.
#[test]
fn links_are_followed_at_the_top_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("app"), folder.path().join("outside"));
    write(&outside, "target.rs", "text");
    for path in ["Cargo.toml", LOCK, "README.md", "src/lib.rs", "src/generated/mod.rs", "src/controllers/mod.rs"] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        symlink(outside.join("target.rs"), root.join(path)).unwrap();
    }
    symlink(&outside, root.join("src/parsers")).unwrap();
    symlink(&outside, root.join("tests")).unwrap();
    let tree = Tree::read(&root).unwrap();
    for (path, text) in [
        ("Cargo.toml", Some("text")),
        (LOCK, Some("text")),
        ("README.md", None),
        ("src/lib.rs", None),
        ("src/generated/mod.rs", None),
        ("src/controllers/mod.rs", None),
        ("src/parsers", None),
        ("tests", None),
    ] {
        assert_eq!(tree.entry(path), Some(Entry::Link), "{path}");
        assert_eq!(tree.text(path), text, "{path}");
    }
    assert_eq!(tree.entry("src/parsers/target.rs"), None);
    assert_eq!(tree.entry("tests/target.rs"), None);
    assert_eq!(tree.files().count(), 0);
}

/// If this fails, what cannot be read is taken for what is not there, and written anew; or a new app cannot be made.
#[test]
fn what_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let nothing = Tree::read(&root.join("nothing")).unwrap();
    assert_eq!((nothing.files().count(), nothing.entry("src"), nothing.lock()), (0, None, &Lock::default()));

    write(root, "file", "text");
    assert_eq!(Tree::read(&root.join("file")).unwrap_err().path, root.join("file"));
    symlink("nothing", root.join("Cargo.toml")).unwrap();
    let error = Tree::read(root).unwrap_err();
    assert_eq!((error.path, error.source.kind()), (root.join("Cargo.toml"), io::ErrorKind::NotFound));
}
