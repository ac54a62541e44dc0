//! `karafka new NAME`.

use std::{fs, path::Path, sync::OnceLock};

use karafka_tests::{
    app::{App, Built},
    checkout,
};

use crate::app_checks;

/// The app that `karafka new hello` makes; one for all tests.
pub(crate) fn hello() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| App::new("hello").expect("`karafka new hello` works"))
}

/// The same, built.
pub(crate) fn built_hello() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| hello().build().expect("a new app builds"))
}

/// If this fails, the first thing that a new user sees is an error or a warning.
#[test]
fn a_new_app_compiles_and_passes_every_linter() {
    app_checks::check(hello());
    let warnings = built_hello().build.warnings();
    assert!(warnings.is_empty(), "{warnings:#?}");
}

/// If this fails, each new app beside the checkout costs its user a minute of compiling C once more.
#[test]
fn building_an_app_does_not_compile_librdkafka_again() {
    hello();
    let target = checkout::target_directory().expect("there is a target directory");
    let before = libraries(&target.join("debug").join("build"));
    assert!(before >= 1, "this workspace has built librdkafka, but it is not in {}", target.display());
    let fresh = built_hello().build.is_fresh("rdkafka-sys");
    assert_eq!(libraries(&target.join("debug").join("build")), before, "librdkafka was compiled once more");
    assert_eq!(fresh, Some(true), "rdkafka-sys was not taken from the checkout's target directory");
}

/// How many builds of librdkafka lie below.
fn libraries(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => libraries(&entry.path()),
        _ => usize::from(entry.file_name() == "librdkafka.a"),
    };
    entries.flatten().map(count).sum()
}
