//! Where an app can lie.

use std::{fs, path::Path};

use karafka_tests::{cargo::Cargo, checkout, process};

/// Makes an app in `folder` and asks cargo and karafka whether they can work there; no build is needed to know.
fn an_app_works_in(folder: &Path) {
    let mut new = checkout::karafka_command(folder).expect("karafka is built");
    process::run(new.args(["new", "guest"]), std::time::Duration::from_secs(60))
        .and_then(|ended| ended.expect_code(0))
        .expect("an app is made");
    let app = folder.join("guest");
    let metadata = Cargo::within(&app).expect("cargo is there").run("metadata", &["--format-version=1"]);
    metadata.and_then(|ended| ended.expect_code(0)).expect("cargo takes the app for a workspace of its own");
    let mut check = checkout::karafka_command(&app).expect("karafka is built");
    process::run(check.arg("check"), std::time::Duration::from_secs(60))
        .and_then(|ended| ended.expect_code(0))
        .expect("karafka finds the app");
}

/// If this fails, `karafka new` in a fresh clone, which the README shows, gives an app that cargo refuses.
#[test]
fn an_app_can_lie_in_the_checkout() {
    let folder = tempfile::Builder::new().prefix("app-in-the-checkout-").tempdir_in(checkout::root());
    an_app_works_in(folder.expect("a folder in the checkout").path());
}

/// If this fails, an app cannot be made in a company's repository that is a cargo workspace.
#[test]
fn an_app_can_lie_in_the_folder_of_another_workspace() {
    let folder = tempfile::tempdir().expect("a folder");
    let member = folder.path().join("member/src");
    fs::create_dir_all(&member).expect("folders");
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = [\"member\"]\nresolver = \"3\"\n")
        .expect("a file");
    fs::write(member.join("lib.rs"), "").expect("a file");
    fs::write(folder.path().join("member/Cargo.toml"), "[package]\nname = \"member\"\nedition = \"2024\"\n")
        .expect("a file");
    an_app_works_in(folder.path());
}

/// If this fails, the benchmarks measure code that `karafka generate` no longer writes.
#[test]
fn the_benchmarks_app_is_in_step() {
    let mut check = checkout::karafka_command(&checkout::root().join("bench/app")).expect("karafka is built");
    process::run(check.arg("check"), std::time::Duration::from_secs(60))
        .and_then(|ended| ended.expect_code(0))
        .expect("bench/app is in step with its manifest");
}
