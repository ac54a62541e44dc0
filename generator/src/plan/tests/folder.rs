//! What is done below an app's folder, and what never is.

use std::{
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
};

use rustix::fs::FileType;

use super::*;

fn app_folder() -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let app = Folder::open(folder.path()).unwrap();
    (folder, app)
}

/// If this fails, a path leads out of the app, or to another file than the one that a plan names.
#[test]
fn a_path_is_names_and_nothing_else() {
    let (folder, app) = app_folder();
    app.make_folder("a", 0o777).unwrap();
    app.write_new("a/b", "text", 0o666).unwrap();
    for path in ["", ".", "..", "/", "/a/b", "a/", "a//b", "./a/b", "a/./b", "a/../a/b", "../b"] {
        for outcome in [
            app.read(path).map(drop),
            app.write_new(path, "", 0o666),
            app.make_folder(path, 0o777),
            app.remove(path),
            app.remove_folder(path),
            app.rename(path, "c"),
            app.rename("a/b", path),
            app.save(path, "c"),
            app.kind(path).map(drop),
        ] {
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }
    assert_eq!(app.read("a/b").unwrap(), b"text");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// If this fails, what is missing is an error where it should be made, or a link is taken for what it leads to.
#[test]
fn what_stands_there_is_said_as_it_is() {
    let (folder, app) = app_folder();
    app.make_folder("a", 0o777).unwrap();
    app.write_new("a/file", "text", 0o666).unwrap();
    symlink("a", folder.path().join("link")).unwrap();
    let long = "x".repeat(300);
    for (path, kind) in [
        ("a", Some(FileType::Directory)),
        ("a/file", Some(FileType::RegularFile)),
        ("link", Some(FileType::Symlink)),
        ("b", None),
        ("b/c/d", None),
        ("a/file/below", None),
        (&*long, None),
    ] {
        assert_eq!(app.kind(path).unwrap(), kind, "{path}");
    }
    // A link on the way is said to be one, by its own path.
    assert_eq!(app.kind("link/file").unwrap(), None);
    let error = app.read("link/file").unwrap_err().to_string();
    assert_eq!(error, "`link` is a symbolic link, and karafka writes only inside the app");
    app.make_folder("a/b", 0o777).unwrap();
    symlink("b", folder.path().join("a/in")).unwrap();
    let error = app.write_new("a/in/file", "", 0o666).unwrap_err().to_string();
    assert_eq!(error, "`a/in` is a symbolic link, and karafka writes only inside the app");
    app.read("link").unwrap_err();
    assert!(fs::read_dir(folder.path().join("a/b")).unwrap().next().is_none());
}

/// If this fails, a file goes into a folder that has another name by now, and is taken for one that is where it should be.
#[test]
fn a_folder_that_is_renamed_is_not_gone_on_with() {
    let (folder, app) = app_folder();
    for path in ["a", "a/b", "ab"] {
        app.make_folder(path, 0o777).unwrap();
    }
    for path in ["a/1", "a/b/1", "ab/1"] {
        app.write_new(path, "old", 0o666).unwrap();
    }
    app.rename("a", "gone").unwrap();
    for path in ["a", "a/b"] {
        app.make_folder(path, 0o777).unwrap();
    }
    for path in ["a/2", "a/b/2", "ab/2"] {
        app.write_new(path, "new", 0o666).unwrap();
    }
    app.remove("a/b/2").unwrap();
    app.remove_folder("a/b").unwrap();
    app.make_folder("a/b", 0o777).unwrap();
    app.write_new("a/b/3", "new", 0o666).unwrap();
    let files: Vec<_> = everything(folder.path()).into_iter().filter_map(|(path, found)| found.map(|_| path)).collect();
    assert_eq!(files, ["a/2", "a/b/3", "ab/1", "ab/2", "gone/1", "gone/b/1"]);
}

/// If this fails, what a run has left stays for ever, or a folder with something else in it goes with it.
#[test]
fn files_go_with_their_folder_and_folders_stay() {
    let (folder, app) = app_folder();
    for path in ["a", "b", "b/inner"] {
        app.make_folder(path, 0o777).unwrap();
    }
    for path in ["a/2", "a/1", "b/1", "b/inner/1"] {
        app.write_new(path, "text", 0o666).unwrap();
    }
    assert_eq!(app.names("a").unwrap(), ["1", "2"]);
    app.remove_files("a").unwrap();
    app.remove_files("b").unwrap_err();
    app.remove_files("c").unwrap_err();
    let left: Vec<_> = everything(folder.path()).into_keys().collect();
    assert_eq!(left, ["b", "b/inner", "b/inner/1"]);
    // A name that is not UTF-8 is none of ours.
    fs::write(folder.path().join("b").join(OsStr::from_bytes(b"\xff")), "").unwrap();
    assert_eq!(app.names("b").unwrap(), ["inner"]);
}

/// If this fails, a file that is saved is another one when it is put back, or one that is there already is lost.
#[test]
fn a_saved_file_is_the_very_same() {
    let (folder, app) = app_folder();
    let inode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().ino();
    app.write_new("a", "one", 0o666).unwrap();
    app.write_new("b", "two", 0o666).unwrap();
    app.save("a", "saved").unwrap();
    assert_eq!(inode("saved"), inode("a"));
    app.save("a", "b").unwrap_err();
    app.write_new("b", "three", 0o666).unwrap_err();
    app.rename_new("a", "b").unwrap_err();
    assert_eq!(app.read("b").unwrap(), b"two");
    app.rename_new("b", "c").unwrap();
    app.rename("saved", "c").unwrap();
    assert_eq!((app.read("c").unwrap(), app.kind("b").unwrap()), (b"one".to_vec(), None));
}

/// If this fails, who may read or run a file changes when it is written anew.
#[test]
fn permissions_are_those_of_another() {
    let (folder, app) = app_folder();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o7777;
    let set = |path: &str, mode: u32| {
        fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    app.write_new("old", "", 0o666).unwrap();
    app.write_new("new", "", 0o600).unwrap();
    assert_eq!(mode("new"), 0o600);
    for wanted in [0o644, 0o755, 0o600, 0o2750] {
        set("old", wanted);
        app.set_permissions_of("new", "old").unwrap();
        assert_eq!((mode("new"), mode("old")), (wanted, wanted), "{wanted:o}");
    }
}

/// If this fails, a disk without renames that replace nothing gets no new file, or one that is there is written over.
#[test]
fn a_file_is_placed_where_nothing_is() {
    let (_folder, app) = app_folder();
    app.write_new("staged", "text", 0o666).unwrap();
    app.write_new("there", "mine", 0o666).unwrap();
    let outcome = RealDisk.place(&app, "staged", "there", "text");
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    RealDisk.place(&app, "staged", "new", "text").unwrap();
    // Where the rename fails for another reason, the text is written all the same.
    RealDisk.place(&app, "staged", "more", "text").unwrap();
    for (path, text) in [("there", "mine"), ("new", "text"), ("more", "text")] {
        assert_eq!(app.read(path).unwrap(), text.as_bytes(), "{path}");
    }
}
