//! The licences of all dependencies, also those of builds and tests.

use cargo_metadata::MetadataCommand;
use karafka_tests::{checkout, licences::is_allowed};

/// If this fails, whoever ships an app made with karafka takes on a licence that they did not expect.
#[test]
fn every_dependency_has_a_permissive_licence() {
    let metadata = MetadataCommand::new().current_dir(checkout::root()).exec().expect("cargo reads the workspace");
    let refused: Vec<_> = metadata
        .packages
        .iter()
        // What is ours has no source but this checkout.
        .filter(|package| package.source.is_some())
        .filter(|package| !package.license.as_deref().is_some_and(is_allowed))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(metadata.packages.len() > 50, "only {} packages", metadata.packages.len());
    assert!(refused.is_empty(), "{refused:#?}");
}
