//! `Cargo.toml` is the user's: only a dependency that is missing is added, and the rest stays byte for byte.

use karafka::settings::DEFAULT_FEATURES;
use toml_edit::{Array, Document, DocumentMut, Item, Table, Value, value};

use super::Problem;
use crate::{model::Model, names, render::Dependency};

/// `text` with the dependencies that generated code needs.
pub(super) fn with_dependencies(text: &str, runtime: &Dependency) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let mut changed = false;
    let testing = format!("karafka = {}", testing(&document).unwrap_or_else(|| runtime.testing_toml()));
    let runtime = format!("karafka = {}", runtime.toml());
    for (table, line) in [
        ("dependencies", runtime.as_str()),
        ("dependencies", "serde = { version = \"1\", features = [\"derive\"] }"),
        ("dev-dependencies", testing.as_str()),
        ("dev-dependencies", "tokio = { version = \"1\", features = [\"macros\", \"rt\"] }"),
    ] {
        let parsed: DocumentMut = line.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
        let Some((name, dependency)) = parsed.iter().next() else { continue };
        let item = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
        let Some(entries) = item.as_table_like_mut() else {
            return Err(format!("`{table}` is not a table"));
        };
        // tokio under `dependencies` serves tests too.
        if !entries.contains_key(name) {
            entries.insert(name, dependency.as_value().map_or_else(|| value(""), |found| value(found.clone())));
            changed = true;
        }
    }
    Ok(if changed { document.to_string() } else { text.to_owned() })
}

/// The runtime from where the app has it already, with what the app's tests need.
fn testing(document: &DocumentMut) -> Option<String> {
    let mut runtime = match document.get("dependencies")?.get("karafka")?.clone().into_value().ok()? {
        Value::InlineTable(table) => table,
        Value::String(version) => [("version", version.into_value())].into_iter().collect(),
        _ => return None,
    };
    // Of these the first has been said, and the other does not belong to tests. Whoever leaves the default features out
    // does not want to build them for tests.
    ["features", "optional"].iter().for_each(|key| drop(runtime.remove(key)));
    // `karafka.workspace = true` has dots of its own.
    let mut testing = toml_edit::InlineTable::new();
    for (key, value) in runtime {
        testing.insert(&key, value.decorated(" ", ""));
    }
    testing.insert("features", Value::Array(Array::from_iter(["testing"])).decorated(" ", " "));
    Some(testing.to_string())
}

/// Whether `Cargo.toml` names the library in another way than the app's files do.
pub(super) fn other_name(text: &str, model: &Model) -> Option<Problem> {
    let document = Document::parse(text).ok()?;
    let name = |table: &str| document.get(table).and_then(|table| table.get("name"));
    let (name, wanted) = match name("lib") {
        Some(name) => (name, &model.crate_name),
        // A workspace without a package of its own has no library either.
        None => (name("package")?, &model.app),
    };
    let found = names::crate_name(name.as_str()?);
    let before = text.get(..name.span()?.start)?;
    (found != model.crate_name).then(|| Problem::OtherCrate {
        line: before.matches('\n').count() + 1,
        found,
        wanted: wanted.clone(),
        crate_name: model.crate_name.clone(),
    })
}

/// Whether `Cargo.toml` surely builds the runtime without this feature; a workspace may say more than can be seen here.
#[must_use]
pub fn lacks_feature(text: &str, feature: &str) -> bool {
    let Ok(document) = text.parse::<DocumentMut>() else { return false };
    let runtime = document.get("dependencies").and_then(|table| table.get("karafka"));
    let Some(runtime) = runtime else { return false };
    if runtime.get("workspace").is_some() {
        return false;
    }
    let features = runtime.get("features").and_then(Item::as_array);
    let names = |name: &str| features.is_some_and(|features| features.iter().any(|one| one.as_str() == Some(name)));
    let has_default = names("default") || runtime.get("default-features").and_then(Item::as_bool) != Some(false);
    // SASL by Cyrus brings OpenSSL.
    let brought = (feature == "ssl" && names("gssapi")) || (has_default && DEFAULT_FEATURES.contains(&feature));
    !brought && !names(feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an app without TLS is called right, or one with it is warned for ever.
    #[test]
    fn a_feature_that_is_missing_is_seen() {
        for (line, feature, lacks) in [
            ("karafka = \"0.1\"", "ssl", false),
            ("karafka = \"0.1\"", "gssapi", true),
            ("karafka = { version = \"0.1\", features = [\"zstd\"] }", "ssl", false),
            ("karafka = { version = \"0.1\", default-features = false }", "zstd", true),
            ("karafka = { version = \"0.1\", default-features = false, features = [\"zstd\"] }", "ssl", true),
            (
                "karafka = { path = \"../runtime\", default-features = false, features = [\"zstd\", \"ssl\"] }",
                "ssl",
                false,
            ),
            ("karafka = { version = \"0.1\", default-features = false, features = [\"gssapi\"] }", "ssl", false),
            ("karafka = { version = \"0.1\", default-features = false, features = [\"default\"] }", "zstd", false),
            ("karafka.workspace = true", "gssapi", false),
            ("serde = \"1\"", "gssapi", false),
        ] {
            assert_eq!(lacks_feature(&format!("[dependencies]\n{line}\n"), feature), lacks, "{line}: {feature}");
        }
        assert!(!lacks_feature("[dependencies", "ssl"));
    }

    /// If this fails, files are made that name a crate which is not there, or an app that compiles is called wrong.
    #[test]
    fn another_name_of_the_crate_is_seen() {
        let source = crate::source::Source::new("karafka.yml", "app: web-shop\n");
        let model = crate::compile(&source).model.unwrap();
        for (text, line, wanted) in [
            ("[package]\nname = \"shop\"\n", 2, "web-shop"),
            ("[package]\nversion = \"1\"\nname = \"shop\"\n[lib]\npath = \"src/lib.rs\"\n", 3, "web-shop"),
            ("package.name = \"web-shop\"\n\nlib.name = \"shop\"\n", 3, "web_shop"),
        ] {
            let wanted = wanted.to_owned();
            let problem = Problem::OtherCrate { line, found: "shop".into(), wanted, crate_name: "web_shop".into() };
            assert_eq!(other_name(text, &model), Some(problem), "{text}");
        }
        for text in [
            "[package]\nname = \"web-shop\"\n",
            "[package]\nname = \"web_shop\"\n",
            "[package]\nname = \"shop-consumer\"\n[lib]\nname = \"web_shop\"\n",
            "[workspace]\nmembers = [\"a\"]\n",
            "[package]\nversion.workspace = true\n",
            "[package",
        ] {
            assert_eq!(other_name(text, &model), None, "{text}");
        }
    }

    /// If this fails, a command rewrites what a person keeps in `Cargo.toml`.
    #[test]
    fn only_what_is_missing_is_added() {
        let runtime = Dependency::Version("0.1".into());
        let text = "[package]\nname = \"a\" # ours\n\n[dependencies]\nkarafka.workspace = true\n# keep\nserde = \"1\"\n\n\
                    [dev-dependencies]\ntokio = \"1\"\n";
        let after = with_dependencies(text, &runtime).unwrap();
        let testing = "karafka = { workspace = true, features = [\"testing\"] }\n";
        assert_eq!(after, format!("{text}{testing}"), "the tests' feature, from where the app has the runtime");
        assert_eq!(with_dependencies(&after, &runtime).unwrap(), after);

        let text = "[package]\nname = \"a\" # ours\n\n[dependencies]\nserde = \"1\" # keep\n";
        let after = with_dependencies(text, &runtime).unwrap();
        assert!(after.starts_with(text), "{after}");
        assert!(after.contains("karafka = \"0.1\""), "{after}");
        let testing = "[dev-dependencies]\nkarafka = { version = \"0.1\", features = [\"testing\"] }\ntokio = {";
        assert!(after.contains(testing), "{after}");

        for (line, testing) in [
            ("\"0.2\"", "{ version = \"0.2\", features = [\"testing\"] }"),
            (
                "{ path = \"../runtime\", features = [\"ssl\"], default-features = false }",
                "{ path = \"../runtime\", default-features = false, features = [\"testing\"] }",
            ),
        ] {
            let after = with_dependencies(&format!("[dependencies]\nkarafka = {line}\n"), &runtime).unwrap();
            assert!(after.contains(&format!("[dev-dependencies]\nkarafka = {testing}\n")), "{after}");
        }
    }
}
