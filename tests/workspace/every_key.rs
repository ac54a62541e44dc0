//! One manifest that uses the whole language.

use std::sync::OnceLock;

use karafka_generator::manifest::keys::{SECTIONS, Section};
use karafka_tests::app::App;

use crate::app_checks;

const MANIFEST: &str = include_str!("manifests/every_key.yml");

/// Its app; one for all tests.
pub(crate) fn studio() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| App::from_manifest("studio", MANIFEST).expect("`karafka new --manifest` takes every key"))
}

/// If this fails, some key of the manifest gives code that does not compile or that a linter complains of.
#[test]
fn every_key_gives_code_that_passes_every_linter() {
    app_checks::check(studio());
}

/// If this fails, a key was added to the language and no generated app with it has ever been compiled.
#[test]
fn the_manifest_uses_every_key() {
    // Keys of a topic's consumer may stand at the topic or in an entry of `consumers`; the words alone are looked
    // for, which is enough to notice a new one.
    let unused: Vec<(Section, &str)> = SECTIONS
        .iter()
        .flat_map(|&section| section.keys().map(move |key| (section, key)))
        .filter(|(_, key)| key.not_yet.is_none() && !MANIFEST.contains(&format!("{}:", key.name)))
        .map(|(section, key)| (section, key.name))
        .collect();
    assert!(unused.is_empty(), "add to manifests/every_key.yml: {unused:?}");
}
