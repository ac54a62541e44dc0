//! RustStream, typed and tracked, in a package of its own that no other build compiles.

use std::path::PathBuf;

use anyhow::{Context, Result};
use karafka_tests::{cargo::Cargo, checkout};

/// Builds `bench/peers/ruststream` as it is deployed.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = checkout::root().join("bench/peers/ruststream");
    let build = Cargo::within(&folder)?.build(&["--release"]);
    build.context("the package for RustStream does not build")?.executable("ruststream-peer")
}
