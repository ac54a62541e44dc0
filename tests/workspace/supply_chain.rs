//! What apps made with karafka are built of: licences, sources, versions. `deny.toml` says what may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};
use karafka_tests::{
    cargo::Cargo,
    checkout,
    process::Stream,
    supply::{Policy, locked},
};

use crate::new_app;

fn policy() -> Policy {
    let text = fs::read_to_string(checkout::root().join("deny.toml")).expect("there is a deny.toml");
    Policy::read(&text).expect("deny.toml says what may be")
}

/// What the workspace is built of, for all systems, also in builds and tests.
fn workspace(features: Option<CargoOpt>) -> Metadata {
    let mut command = MetadataCommand::new();
    if let Some(features) = features {
        command.features(features);
    }
    command.current_dir(checkout::root()).exec().expect("cargo reads the workspace")
}

/// If this fails, whoever ships an app made with karafka takes on a licence that they did not expect, be it for a feature
/// that they have asked for.
#[test]
fn every_dependency_has_a_permissive_licence() {
    let (policy, workspace) = (policy(), workspace(Some(CargoOpt::AllFeatures)));
    let names: BTreeSet<_> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    assert!(names.contains("sasl2-sys"), "the optional ones are looked at as well");
    // What is ours has no source but this checkout.
    let theirs = workspace.packages.iter().filter(|package| package.source.is_some());
    let refused: Vec<_> = theirs
        .filter(|package| !package.license.as_deref().is_some_and(|expression| policy.permits(expression)))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// If this fails, code gets into apps, benchmarks or CI that is not what crates.io has published under that version.
#[test]
fn everything_comes_from_the_registry_with_a_checksum() {
    let policy = policy();
    let members = workspace(None).workspace_packages().into_iter().map(|package| package.name.to_string()).collect();
    let locks = checkout::files().expect("git lists files").into_iter().filter(|file| file.ends_with("Cargo.lock"));
    let locks: Vec<PathBuf> = locks.map(|file| checkout::root().join(file)).collect();
    assert!(locks.len() >= 2, "the workspace and a peer of the benchmarks have one each: {locks:?}");
    let app = new_app::hello().folder().join("Cargo.lock");
    for lock in locks.iter().chain([&app]) {
        let (text, mut own): (_, BTreeSet<String>) = (read(lock), BTreeSet::clone(&members));
        own.extend(package_beside(lock));
        let wrong = policy.foreign_sources(&text, &own).expect("a Cargo.lock");
        assert!(wrong.is_empty(), "{}: {wrong:#?}", lock.display());
    }
}

/// If this fails, a new app is built of something that nobody here has looked at.
#[test]
fn a_new_app_is_built_of_what_the_workspace_is_built_of() {
    let ours: BTreeSet<_> = locked(&read(&checkout::root().join("Cargo.lock"))).expect("a lock").into_iter().collect();
    let app = locked(&read(&new_app::hello().folder().join("Cargo.lock"))).expect("a lock");
    assert!(app.len() > 50, "only {} packages", app.len());
    let other: Vec<_> = app.iter().filter(|package| package.name != "hello" && !ours.contains(package)).collect();
    assert!(other.is_empty(), "{other:#?}");
}

/// If this fails, apps are built with two versions of a crate, which nobody has decided.
#[test]
fn no_crate_is_there_in_two_versions_without_a_reason() {
    let mut packages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for package in workspace(Some(CargoOpt::AllFeatures)).packages {
        packages.entry(package.name.to_string()).or_default().insert(package.version);
    }
    let wrong = policy().unexplained_versions(&packages);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// If this fails, building an app that asks for nothing needs more than the README says, or brings in another TLS.
#[test]
fn nothing_banned_is_built_by_default() {
    let policy = policy();
    let packages = workspace(None).packages;
    let built = packages.iter().filter_map(|package| Some((&package.name, policy.ban(&package.name)?)));
    let built: Vec<_> = built.map(|(name, reason)| format!("{name}: {reason}")).collect();
    assert!(built.is_empty(), "{built:#?}");
}

/// If this fails, an app cannot reach a cluster that asks for TLS, or an app that has left TLS and zstd out compiles them
/// all the same.
#[test]
fn tls_and_zstd_are_in_unless_an_app_leaves_them_out() {
    let (by_default, without) = (runtime(&[]), runtime(&["--no-default-features", "--features", "consumer,jobs"]));
    assert!(without.contains("rdkafka-sys"), "{without:?}");
    // OpenSSL from source: the system's headers are not on every machine.
    for name in ["openssl-src", "openssl-sys", "zstd-sys", "ring"] {
        assert!(by_default.contains(name) && !without.contains(name), "{name}");
    }
}

/// If this fails, who wants an attempt with a time-out builds a Kafka client, who wants a producer a web server, or who has no
/// jobs on Redis a client of that.
#[test]
fn each_feature_brings_what_it_needs_and_nothing_else() {
    let heavy = ["axum", "clap", "hyper", "rdkafka", "redis", "ring"];
    for (feature, wanted) in [
        ("", &[][..]),
        ("retry", &[]),
        ("ssl,zstd,gssapi", &[]),
        ("producer", &["rdkafka"]),
        ("consumer", &["clap", "hyper", "rdkafka"]),
        ("testing", &["clap", "hyper", "rdkafka"]),
        ("jobs", &["clap", "hyper", "rdkafka", "redis"]),
        ("jobs,ssl", &["clap", "hyper", "rdkafka", "redis", "ring"]),
    ] {
        let built = runtime(&["--no-default-features", "--features", feature]);
        let found: Vec<_> = heavy.into_iter().filter(|name| built.contains(*name)).collect();
        assert_eq!(found, wanted, "the feature `{feature}` alone");
    }
    let by_default = runtime(&[]);
    assert!(["clap", "hyper", "rdkafka", "redis"].iter().all(|name| by_default.contains(*name)), "{by_default:?}");
}

/// What the runtime alone is built of, with these flags. Not by `cargo metadata`, which takes together what all members ask
/// for.
fn runtime(flags: &[&str]) -> BTreeSet<String> {
    let words = ["-p", "karafka", "-e", "normal,build", "--prefix", "none", "--format", "{p}"];
    let tree = Cargo::within(checkout::root()).and_then(|cargo| cargo.run("tree", &[&words[..], flags].concat()));
    let tree = tree.and_then(|ended| ended.expect_code(0)).expect("cargo shows what the runtime is built of");
    tree.stream(Stream::Out).lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

/// If this fails, what is tested here and what `cargo update` gives a user are two things.
#[test]
fn no_manifest_takes_whatever_version_there_is() {
    let workspace = workspace(None);
    let asked = workspace.workspace_packages().into_iter().flat_map(|package| {
        let foreign = package.dependencies.iter().filter(|dependency| dependency.path.is_none());
        foreign.map(move |dependency| (package.name.as_str(), dependency))
    });
    let any = asked.filter(|(_, dependency)| dependency.req.comparators.is_empty());
    let any: Vec<_> = any.map(|(package, dependency)| format!("{package} takes any {}", dependency.name)).collect();
    assert!(any.is_empty(), "{any:#?}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The package whose manifest lies beside this lock, if one does.
fn package_beside(lock: &Path) -> Option<String> {
    let manifest = read(&lock.with_file_name("Cargo.toml"));
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = "))?;
    Some(name.trim_matches('"').to_owned())
}
