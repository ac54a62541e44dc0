//! Where an app can lie.

use std::{fs, path::Path, time::Duration};

use karafka_tests::{cargo::Cargo, checkout, process};
use tempfile::TempDir;

/// Runs `karafka ARGS` in `folder`; it must succeed.
fn karafka(folder: &Path, args: &[&str]) {
    let mut command = checkout::karafka_command(folder).expect("karafka is built");
    let ended = process::run(command.args(args), Duration::from_secs(60)).and_then(|ended| ended.expect_code(0));
    ended.unwrap_or_else(|error| panic!("karafka {args:?} in {}: {error:?}", folder.display()));
}

/// Makes the app `guest` in `folder` and asks cargo and karafka whether they can work there; no build is needed to
/// know. `root` is the workspace that cargo must see.
fn an_app_works_in(folder: &Path, root: &Path) {
    karafka(folder, &["new", "guest"]);
    let app = folder.join("guest");
    let metadata = Cargo::within(&app).expect("cargo is there").run("metadata", &["--format-version=1", "--no-deps"]);
    let metadata = metadata.and_then(|ended| ended.expect_code(0)).expect("cargo can work in the app").text();
    let root = format!(r#""workspace_root":"{}""#, root.canonicalize().expect("the root is there").display());
    assert!(metadata.contains(&root), "the app is not of this workspace: {metadata}");
    karafka(&app, &["check"]);
}

/// A workspace with one member, and with this line more.
fn workspace(line: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let member = folder.path().join("member");
    fs::create_dir_all(member.join("src")).expect("folders");
    fs::write(member.join("src/lib.rs"), "").expect("a file");
    fs::write(member.join("Cargo.toml"), "[package]\nname = \"member\"\nedition = \"2024\"\n").expect("a file");
    let workspace = format!("[workspace]\nmembers = [\"member\"]\nresolver = \"3\"\n{line}");
    fs::write(folder.path().join("Cargo.toml"), workspace).expect("a file");
    folder
}

/// If this fails, `karafka new` in a fresh clone, which the README shows, gives an app that cargo refuses.
#[test]
fn an_app_can_lie_in_the_checkout() {
    let folder = tempfile::Builder::new().prefix("app-in-the-checkout-").tempdir_in(checkout::root());
    let folder = folder.expect("a folder in the checkout");
    an_app_works_in(folder.path(), &folder.path().join("guest"));
}

/// If this fails, an app made in a company's repository that is a cargo workspace is not one of its members.
#[test]
fn an_app_in_a_workspace_is_a_member() {
    let workspace = workspace("");
    an_app_works_in(workspace.path(), workspace.path());
}

/// If this fails, a workspace that keeps a folder out has an app in it that cargo refuses.
#[test]
fn an_app_that_a_workspace_excludes_stands_alone() {
    let workspace = workspace("exclude = [\"guest\"]\n");
    an_app_works_in(workspace.path(), &workspace.path().join("guest"));
}

/// If this fails, the benchmarks measure code that `karafka generate` no longer writes.
#[test]
fn the_benchmarks_app_is_in_step() {
    karafka(&checkout::root().join("bench/app"), &["check"]);
}
