//! The cargo workspace that an app lies in: whether it is a member, and what it inherits there, as `cargo new` has it.
//!
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html>

use std::collections::{BTreeMap, BTreeSet};

use glob::{MatchOptions, Pattern};
use karafka::settings::DEFAULT_FEATURES;
use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

/// What the `Cargo.toml` at the root of a workspace says. Paths are those of packages below it, with `/`.
#[derive(Debug, Clone)]
pub struct Workspace {
    document: DocumentMut,
}

/// What a member takes from its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Keys of `[package]`.
    pub package: BTreeSet<String>,
    /// Names under `[dependencies]`, with the features that they have there, `default` among them.
    pub dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Whether lints are the workspace's.
    pub lints: bool,
}

/// Keys of `[package]` that differ from package to package, though a workspace may have them.
const OF_EACH: [&str; 6] = ["description", "documentation", "exclude", "include", "publish", "readme"];

/// Within a component, as cargo has it: `crates/*` does not list what lies deeper.
const COMPONENTS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

impl Workspace {
    /// Reads a `Cargo.toml`; `None` if it is not that of a workspace.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let document: DocumentMut = text.parse().ok()?;
        document.get("workspace")?.as_table_like()?;
        Some(Self { document })
    }

    /// Whether the package in this folder is kept out.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        self.texts("exclude").any(|folder| {
            let folder = plain(folder);
            path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether the package in this folder is a member.
    #[must_use]
    pub fn lists(&self, path: &str) -> bool {
        self.texts("members").map(plain).any(|member| {
            member == path || Pattern::new(member).is_ok_and(|pattern| pattern.matches_with(path, COMPONENTS))
        })
    }

    /// What `members` lists: folders, and patterns of them.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.texts("members").map(plain)
    }

    /// The text with the package in this folder among the members; what is there keeps its form.
    ///
    /// # Errors
    ///
    /// When `members` is no list.
    pub fn with_member(&self, path: &str) -> Result<String, NoMembers> {
        let mut document = self.document.clone();
        let table = document.get_mut("workspace").and_then(Item::as_table_like_mut).ok_or(NoMembers)?;
        let members = table.entry("members").or_insert_with(|| Item::Value(Value::Array(Array::new())));
        let members = members.as_array_mut().ok_or(NoMembers)?;
        let mut value = Value::from(path);
        let last = members
            .iter()
            .last()
            .map(|last| last.decor().prefix().and_then(|prefix| prefix.as_str()).map(str::to_owned));
        if let Some(prefix) = last {
            // A line of its own, where the others have one, behind a comment that follows the last of them.
            let prefix = match prefix.as_deref().and_then(|prefix| prefix.rsplit_once('\n')) {
                None => " ".to_owned(),
                Some((_, indent)) => {
                    let comment = members.trailing().as_str().unwrap_or_default().trim_end();
                    let prefix = format!("{comment}\n{indent}");
                    members.set_trailing("\n");
                    members.set_trailing_comma(true);
                    prefix
                }
            };
            value.decor_mut().set_prefix(prefix);
        }
        members.push_formatted(value);
        Ok(document.to_string())
    }

    /// What a member takes from here.
    #[must_use]
    pub fn inherited(&self) -> Inherited {
        let entries = |name: &str| {
            let table = self.table().and_then(|table| table.get(name)).and_then(Item::as_table_like);
            table.into_iter().flat_map(TableLike::iter)
        };
        let features = |item: &Item| -> BTreeSet<String> {
            let list = item.get("features").and_then(Item::as_array);
            let named = list.into_iter().flatten().filter_map(Value::as_str);
            named.chain(has_default(item).then_some("default")).map(str::to_owned).collect()
        };
        Inherited {
            package: entries("package")
                .map(|(key, _)| key.to_owned())
                .filter(|key| !OF_EACH.contains(&key.as_str()))
                .collect(),
            dependencies: entries("dependencies").map(|(name, item)| (name.to_owned(), features(item))).collect(),
            lints: self.table().is_some_and(|table| table.contains_key("lints")),
        }
    }

    /// The version that members inherit.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.table()?.get("package")?.get("version")?.as_str()
    }

    /// What members inherit of this dependency.
    pub(crate) fn dependency(&self, name: &str) -> Option<&Item> {
        self.table()?.get("dependencies")?.get(name)
    }

    /// The oldest Rust that members promise to be built with, where they inherit it.
    fn rust_version(&self) -> Option<&str> {
        self.table()?.get("package")?.get("rust-version")?.as_str()
    }

    fn table(&self) -> Option<&dyn TableLike> {
        self.document.get("workspace").and_then(Item::as_table_like)
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.table()
            .and_then(|table| table.get(key))
            .and_then(Item::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }
}

impl Inherited {
    /// The features of the runtime that a member has by its workspace.
    pub(crate) fn runtime_features(&self) -> BTreeSet<&str> {
        let named = self.dependencies.get("karafka").into_iter().flatten();
        with_what_they_bring(named.map(String::as_str).collect())
    }
}

/// Whether a dependency has its default features.
pub(crate) fn has_default(dependency: &Item) -> bool {
    dependency.get("default-features").and_then(Item::as_bool) != Some(false)
}

/// Features of the runtime, with those that they bring.
pub(crate) fn with_what_they_bring(mut features: BTreeSet<&str>) -> BTreeSet<&str> {
    for (feature, brought) in [
        ("default", &DEFAULT_FEATURES[..]),
        ("testing", &["consumer"]),
        ("jobs", &["consumer"]),
        ("consumer", &["producer"]),
    ] {
        if features.contains(feature) {
            features.extend(brought);
        }
    }
    features
}

/// `members` of a workspace is something else than a list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`members` of the workspace is not a list")]
pub struct NoMembers;

/// `./crates/a/` is `crates/a`.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path).trim_end_matches('/')
}

/// Where a `rust-version` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromisedBy {
    /// In the crate's own `Cargo.toml`.
    Crate,
    /// In that of the workspace above it.
    Workspace,
}

/// The `rust-version` of a crate with this `Cargo.toml`, or of one that is still to be made as a member of this workspace.
#[must_use]
pub fn promised_rust(cargo: Option<&str>, workspace: Option<&Workspace>) -> Option<(String, PromisedBy)> {
    let inherited = || Some((workspace?.rust_version()?.to_owned(), PromisedBy::Workspace));
    let Some(text) = cargo else { return inherited() };
    let document: DocumentMut = text.parse().ok()?;
    match document.get("package")?.get("rust-version")?.as_str() {
        Some(version) => Some((version.to_owned(), PromisedBy::Crate)),
        // At the root of a workspace both stand in one file.
        None => match Workspace::parse(text) {
            Some(workspace) => Some((workspace.rust_version()?.to_owned(), PromisedBy::Crate)),
            None => inherited(),
        },
    }
}

/// The version in the `Cargo.toml` of a package; one that it inherits is looked up in `workspace`.
#[must_use]
pub fn package_version(text: &str, workspace: Option<&Workspace>) -> Option<String> {
    let document: DocumentMut = text.parse().ok()?;
    let version = document.get("package")?.get("version")?;
    let inherits = version.get("workspace").and_then(Item::as_bool) == Some(true);
    let found = if inherits { workspace?.version() } else { version.as_str() };
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(text: &str) -> Workspace {
        Workspace::parse(text).expect("a workspace")
    }

    /// If this fails, an app in a workspace is taken for none of its members, or one outside for a member, and cargo
    /// refuses every command in both.
    #[test]
    fn members_are_those_that_cargo_takes() {
        let one = workspace(
            "[workspace]\nmembers = [\"crates/*\", \"./tools/one/\", \"apps/**\"]\nexclude = [\"crates/old\", \"x\"]\n",
        );
        for path in ["crates/a", "tools/one", "apps/a", "apps/a/b"] {
            assert!(one.lists(path), "{path}");
        }
        for path in ["crates", "crates/a/b", "tools/two", "a", "tools/one/x"] {
            assert!(!one.lists(path), "{path}");
        }
        for (path, excluded) in [("crates/old", true), ("x/y", true), ("xy", false), ("crates/older", false)] {
            assert_eq!(one.excludes(path), excluded, "{path}");
        }
        assert!(Workspace::parse("[package]\nname = \"a\"\n").is_none() && Workspace::parse("[workspace").is_none());
    }

    /// If this fails, `karafka new` in a workspace takes its root apart.
    #[test]
    fn a_member_is_added_and_the_rest_stays() {
        for (before, after) in [
            ("[workspace]\n", "[workspace]\nmembers = [\"b\"]\n"),
            ("[workspace]\nmembers = []\n", "[workspace]\nmembers = [\"b\"]\n"),
            ("workspace.members = [\"a\"] # ours\n", "workspace.members = [\"a\", \"b\"] # ours\n"),
            (
                "[workspace]\nmembers = [\n    # first\n    \"a\",\n    \"c\", # last\n]\n",
                "[workspace]\nmembers = [\n    # first\n    \"a\",\n    \"c\", # last\n    \"b\",\n]\n",
            ),
        ] {
            assert_eq!(workspace(before).with_member("b").as_deref(), Ok(after));
        }
        assert_eq!(workspace("[workspace]\nmembers = 1\n").with_member("b"), Err(NoMembers));
    }

    /// If this fails, a member states again what its workspace states for all, or what each states for itself.
    #[test]
    fn a_member_inherits_what_cargo_new_lets_it_inherit() {
        let one = workspace(
            "[workspace.package]\nversion = \"1.2.3\"\nedition = \"2021\"\ndescription = \"ours\"\n\
             [workspace.dependencies]\nserde = \"1\"\n[workspace.lints.rust]\nunsafe_code = \"deny\"\n",
        );
        let inherited = one.inherited();
        assert_eq!(inherited.package.iter().map(String::as_str).collect::<Vec<_>>(), ["edition", "version"]);
        assert!(inherited.lints && inherited.dependencies.contains_key("serde"));
        assert_eq!(workspace("[workspace]\n").inherited(), Inherited::default());

        let version = |text: &str| package_version(text, Some(&one));
        assert_eq!(version("[package]\nversion.workspace = true\n").as_deref(), Some("1.2.3"));
        assert_eq!(version("[package]\nversion = { workspace = true }\n").as_deref(), Some("1.2.3"));
        assert_eq!(version("[package]\nversion = \"0.9.0\"\n").as_deref(), Some("0.9.0"));
        assert_eq!(package_version("[package]\nversion.workspace = true\n", None), None);
    }
}
