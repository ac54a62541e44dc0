//! What this run has built of other people's packages, for the target folder of another checkout.
//!
//! Half of a cold build is OpenSSL, librdkafka and what everybody builds; a test that builds a copy of the checkout shows nothing
//! by doing that once more.

use std::{collections::BTreeSet, fs, io, path::Path};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::checkout;

/// Copies what is built of dependencies, in the profile `dev`, into `target`: nothing of this workspace, as to cargo the same
/// packages of two checkouts are one. Copies nothing if nothing is built.
///
/// # Errors
///
/// When a file cannot be copied.
pub fn copy_dependencies(target: &Path) -> Result<()> {
    let ours = our_names()?;
    let (from, to) = (checkout::target_directory()?.join("debug"), target.join("debug"));
    for room in [".fingerprint", "build", "deps"] {
        let Ok(entries) = fs::read_dir(from.join(room)) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let is_foreign = name.to_str().and_then(built_of).is_some_and(|name| !ours.contains(&name));
            if is_foreign {
                let to = to.join(room).join(&name);
                copy(&entry.path(), &to).with_context(|| format!("cannot copy to {}", to.display()))?;
            }
        }
    }
    Ok(())
}

/// The names of packages and targets of this workspace, as files are called after them.
fn our_names() -> Result<BTreeSet<String>> {
    let metadata =
        MetadataCommand::new().current_dir(checkout::root()).no_deps().exec().context("cargo metadata failed")?;
    let names = metadata.packages.iter().flat_map(|package| {
        let targets = package.targets.iter().map(|target| target.name.replace('-', "_"));
        targets.chain([package.name.replace('-', "_")])
    });
    Ok(names.collect())
}

/// The package or crate that `serde-0af7…`, `libserde-0af7….rlib` or `serde-0af7….d` is built of; `None` for what has no such
/// name, as a program has that is there without its hash.
fn built_of(file: &str) -> Option<String> {
    let (name, rest) = file.rsplit_once('-')?;
    let (hash, extension) = rest.split_once('.').unwrap_or((rest, ""));
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match extension {
        "rlib" | "rmeta" | "so" => name.strip_prefix("lib").unwrap_or(name),
        _ => name,
    };
    is_hash.then(|| name.replace('-', "_"))
}

/// A file or a folder, with the times by which cargo knows that nothing has changed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(from) {
        // Another test builds beside us, and cargo puts away what it makes anew.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if metadata.is_dir() {
        fs::create_dir_all(to)?;
        return fs::read_dir(from)?
            .try_for_each(|entry| entry.and_then(|entry| copy(&entry.path(), &to.join(entry.file_name()))));
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::copy(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        copied => drop(copied?),
    }
    fs::File::options().append(true).open(to)?.set_modified(metadata.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a copy of the checkout is built with a runtime that lies in another one.
    #[test]
    fn what_is_built_of_a_package_is_known_by_its_name() {
        for (file, name) in [
            ("serde-0af7651916cd43dd", Some("serde")),
            ("libserde_json-0af7651916cd43dd.rlib", Some("serde_json")),
            ("libserde_json-0af7651916cd43dd.rmeta", Some("serde_json")),
            ("libserde_derive-0af7651916cd43dd.so", Some("serde_derive")),
            ("libc-0af7651916cd43dd.d", Some("libc")),
            ("liblibc-0af7651916cd43dd.rlib", Some("libc")),
            ("rdkafka-sys-0af7651916cd43dd", Some("rdkafka_sys")),
            ("karafka-cli-0af7651916cd43dd", Some("karafka_cli")),
            ("karafka", None),
            ("serde-json", None),
        ] {
            assert_eq!(built_of(file).as_deref(), name, "{file}");
        }
    }

    /// If this fails, a workspace's own packages are copied too, or nothing is.
    #[test]
    fn our_own_packages_are_known() {
        let ours = our_names().expect("the workspace");
        for name in ["karafka", "karafka_cli", "karafka_tests", "karafka_generator", "workspace", "shop"] {
            assert!(ours.contains(name), "{name}: {ours:?}");
        }
        assert!(!ours.contains("serde"));
    }
}
