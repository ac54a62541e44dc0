//! What may be in a build, as `deny.toml` says, and whether what a `Cargo.lock` holds is that.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::semver::{Version, VersionReq};
use toml_edit::{DocumentMut, TableLike};

use crate::licences;

/// What `deny.toml` permits and bans.
#[derive(Debug)]
pub struct Policy {
    licences: BTreeSet<String>,
    banned: BTreeMap<String, String>,
    several: Vec<Several>,
    registries: BTreeSet<String>,
}

/// Versions of a crate that may be there beside another.
#[derive(Debug)]
struct Several {
    name: String,
    versions: VersionReq,
}

impl Policy {
    /// Reads `deny.toml`.
    ///
    /// # Errors
    ///
    /// When something is missing in it: a list, or the reason of an exception.
    pub fn read(text: &str) -> Result<Self> {
        let document: DocumentMut = text.parse()?;
        let array = |section: &str, key: &str| {
            let item = document.get(section).and_then(|section| section.get(key));
            item.and_then(|item| item.as_array()).with_context(|| format!("deny.toml has no `{key}` in [{section}]"))
        };
        let words = |section: &str, key: &str| -> Result<BTreeSet<String>> {
            let word = |value: &toml_edit::Value| Some(value.as_str()?.to_owned());
            array(section, key)?.iter().map(|value| word(value).context("not a text")).collect()
        };
        let tables = |key: &str| -> Result<Vec<&dyn TableLike>> {
            array("bans", key)?
                .iter()
                .map(|value| value.as_inline_table().map(|table| table as &dyn TableLike))
                .map(|table| table.with_context(|| format!("an entry of `{key}` is no table with `name` and `reason`")))
                .collect()
        };
        let mut banned = BTreeMap::new();
        for table in tables("deny")? {
            banned.insert(text_in(table, "name")?, text_in(table, "reason")?);
        }
        let mut several = Vec::new();
        for table in tables("skip")? {
            text_in(table, "reason")?;
            let versions = text_in(table, "version")?.parse()?;
            several.push(Several { name: text_in(table, "name")?, versions });
        }
        Ok(Self {
            licences: words("licenses", "allow")?,
            banned,
            several,
            registries: words("sources", "allow-registry")?,
        })
    }

    /// Whether an SPDX expression can be met with permitted licences alone.
    #[must_use]
    pub fn permits(&self, expression: &str) -> bool {
        licences::is_met(expression, |licence| self.licences.contains(licence))
    }

    /// Why this crate may not be in a build that asks for no feature; nothing if it may.
    #[must_use]
    pub fn ban(&self, name: &str) -> Option<&str> {
        self.banned.get(name).map(String::as_str)
    }

    /// What is wrong with the sources in a `Cargo.lock`; `own` are the packages that lie in the repository.
    ///
    /// # Errors
    ///
    /// When it is no `Cargo.lock`.
    pub fn foreign_sources(&self, lock: &str, own: &BTreeSet<String>) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for package in locked(lock)? {
            let name = format!("{} {}", package.name, package.version);
            match (&package.source, &package.checksum) {
                (None, _) if own.contains(&package.name) => {}
                (None, _) => wrong.push(format!("{name} comes from a folder that is not in this repository")),
                (Some(source), _) if !self.is_registry(source) => wrong.push(format!("{name} comes from {source}")),
                (Some(_), Some(checksum)) if is_sha256(checksum) => {}
                (Some(_), _) => wrong.push(format!("{name} has no checksum, so that anything could come in its name")),
            }
        }
        Ok(wrong)
    }

    fn is_registry(&self, source: &str) -> bool {
        source.strip_prefix("registry+").is_some_and(|address| self.registries.contains(address))
    }

    /// The crates of which there are several versions without a reason, and the reasons that nothing needs any more.
    #[must_use]
    pub fn unexplained_versions(&self, packages: &BTreeMap<String, BTreeSet<Version>>) -> Vec<String> {
        let is_explained = |name: &str, version: &Version| {
            self.several.iter().any(|several| several.name == name && several.versions.matches(version))
        };
        let mut wrong = Vec::new();
        for (name, versions) in packages {
            let unexplained: Vec<_> = versions.iter().filter(|version| !is_explained(name, version)).collect();
            if unexplained.len() > 1 {
                let listed: Vec<_> = unexplained.iter().map(|version| version.to_string()).collect();
                wrong.push(format!(
                    "{name} is there as {}: see `cargo tree --target all -i {name}@{}`; bring who asks for it to the newer \
                     one, or say in `skip` of deny.toml why that cannot be",
                    listed.join(" and "),
                    listed[0]
                ));
            }
        }
        for Several { name, versions } in &self.several {
            let there = packages
                .get(name)
                .is_some_and(|there| there.len() > 1 && there.iter().any(|version| versions.matches(version)));
            if !there {
                wrong.push(format!(
                    "{name} {versions} is not there beside another version: take it out of `skip` in deny.toml"
                ));
            }
        }
        wrong
    }
}

fn text_in(table: &dyn TableLike, key: &str) -> Result<String> {
    let text = table.get(key).and_then(|item| item.as_str()).filter(|text| !text.is_empty());
    text.map(str::to_owned).with_context(|| format!("an entry of deny.toml has no `{key}`"))
}

/// A package in a `Cargo.lock`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from; nothing for a folder.
    pub source: Option<String>,
    /// The SHA-256 of its archive.
    pub checksum: Option<String>,
}

/// The packages in a `Cargo.lock`.
///
/// # Errors
///
/// When it is none.
pub fn locked(lock: &str) -> Result<Vec<Locked>> {
    let document: DocumentMut = lock.parse()?;
    let packages = document.get("package").and_then(|item| item.as_array_of_tables()).context("no packages")?;
    let of = |table: &toml_edit::Table| {
        let text = |key| table.get(key).and_then(|item| item.as_str()).map(str::to_owned);
        let (name, version) = text("name").zip(text("version")).context("a package without a name or a version")?;
        Ok(Locked { name, version, source: text("source"), checksum: text("checksum") })
    };
    packages.iter().map(of).collect()
}

fn is_sha256(checksum: &str) -> bool {
    checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        licenses.allow = ["MIT"]
        bans.deny = [{ name = "openssl-sys", reason = "not for all" }]
        bans.skip = [{ name = "rand", version = "0.8", reason = "an old one asks for it" }]
        sources.allow-registry = ["https://example.org/index"]
    "#;

    fn policy() -> Policy {
        Policy::read(POLICY).expect("a policy")
    }

    /// If this fails, an exception gets into the policy without a word of why, or a list that is misspelt permits all.
    #[test]
    fn what_is_left_out_of_the_policy_is_named() {
        for (part, named) in [
            ("licenses.allow = [\"MIT\"]", "`allow` in [licenses]"),
            (", reason = \"not for all\"", "`reason`"),
            (", reason = \"an old one asks for it\"", "`reason`"),
            ("sources.allow-registry = [\"https://example.org/index\"]", "`allow-registry` in [sources]"),
        ] {
            let error = Policy::read(&POLICY.replace(part, "")).expect_err(part).to_string();
            assert!(error.contains(named), "{part}: {error}");
        }
        assert!(policy().permits("MIT OR GPL-3.0") && !policy().permits("Apache-2.0"));
        assert_eq!((policy().ban("openssl-sys"), policy().ban("serde")), (Some("not for all"), None));
    }

    /// If this fails, code comes into every app that nobody has published, or that its archive's name does not vouch for.
    #[test]
    fn each_foreign_source_is_named() {
        let checksum = "0123456789abcdef".repeat(4);
        let from = |source: &str, checksum: &str| {
            let own = BTreeSet::from(["ours".to_owned()]);
            let lock = format!("[[package]]\nname = \"theirs\"\nversion = \"1.0.0\"\n{source}\n{checksum}\n");
            policy()
                .foreign_sources(&format!("{lock}[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n"), &own)
                .expect("a lock")
        };
        let checksum = format!("checksum = \"{checksum}\"");
        let registry = "source = \"registry+https://example.org/index\"";
        assert_eq!(from(registry, &checksum), Vec::<String>::new());
        for (source, checksum, word) in [
            ("source = \"git+https://example.org/theirs#0123\"", "", "git+"),
            ("source = \"registry+https://example.com/other\"", &checksum, "example.com"),
            (registry, "", "no checksum"),
            (registry, "checksum = \"0123\"", "no checksum"),
            ("", "", "a folder"),
        ] {
            let wrong = from(source, checksum);
            assert!(wrong.len() == 1 && wrong[0].contains("theirs 1.0.0") && wrong[0].contains(word), "{wrong:?}");
        }
    }

    /// If this fails, apps are built with two versions of a crate and nobody was asked, or the list of reasons only grows.
    #[test]
    fn several_versions_need_a_reason_and_reasons_need_several_versions() {
        let found = |packages: &[(&str, &[&str])]| {
            let version = |version: &&str| version.parse::<Version>().expect("a version");
            let packages = packages.iter().map(|(name, all)| ((*name).to_owned(), all.iter().map(version).collect()));
            policy().unexplained_versions(&packages.collect())
        };
        assert_eq!(found(&[("rand", &["0.8.9", "0.9.1"]), ("serde", &["1.0.0"])]), Vec::<String>::new());
        let third = found(&[("rand", &["0.8.9", "0.9.1", "0.10.0"])]);
        assert!(third.len() == 1 && third[0].contains("-i rand@0.9.1"), "{third:?}");
        let second = found(&[("rand", &["0.8.9", "0.9.1"]), ("syn", &["1.0.0", "2.0.0"])]);
        assert!(second.len() == 1 && second[0].contains("-i syn@1.0.0"), "{second:?}");
        for packages in [&[("rand", &["0.8.9"] as &[&str])], &[("rand", &["0.7.0", "0.9.1"])]] {
            assert!(found(packages).iter().any(|words| words.contains("take it out of `skip`")), "{packages:?}");
        }
    }
}
