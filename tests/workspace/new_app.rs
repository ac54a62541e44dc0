//! `karafka new NAME`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::SystemTime,
};

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
    &build().built
}

/// The build of the app, and which libraries of librdkafka lay there before and after.
struct Build {
    built: Built,
    before: Libraries,
    after: Libraries,
}

/// When each library was written.
type Libraries = BTreeMap<PathBuf, SystemTime>;

fn build() -> &'static Build {
    static BUILD: OnceLock<Build> = OnceLock::new();
    BUILD.get_or_init(|| {
        let app = hello();
        let folder = checkout::target_directory().expect("there is a target directory").join("debug").join("build");
        let before = libraries(&folder);
        let built = app.build().expect("a new app builds");
        Build { built, before, after: libraries(&folder) }
    })
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
    let Build { before, after, .. } = build();
    assert!(!before.is_empty(), "this workspace has built librdkafka, but it is not in its target directory");
    assert_eq!(after, before, "librdkafka was compiled once more");
}

/// The builds of librdkafka below a folder.
fn libraries(folder: &Path) -> Libraries {
    let mut found = Libraries::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(libraries(&path));
        } else if path.file_name().is_some_and(|name| name == "librdkafka.a") {
            let written = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
            found.insert(path, written);
        }
    }
    found
}
