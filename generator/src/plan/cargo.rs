//! `Cargo.toml` is the user's: only a dependency that is missing is added, and the rest stays byte for byte.

use std::collections::BTreeSet;

use karafka::settings::DEFAULT_FEATURES;
use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value, value};

use super::{Problem, library};
use crate::{
    model::Model,
    names,
    render::{Dependency, OTHER_DEPENDENCIES, TOKIO, needed_features},
    source::Span,
    workspace::{Inherited, Workspace, has_default, with_what_they_bring},
};

/// `text` with the dependencies that generated code of this model needs, with their features, and with its own line ends.
pub(super) fn with_dependencies(
    text: &str,
    model: &Model,
    runtime: &Dependency,
    inherited: Option<&Inherited>,
) -> Result<String, Problem> {
    let mut document: DocumentMut = text.parse().map_err(|error| unreadable(&error))?;
    let testing = format!("karafka = {}", testing(&document).unwrap_or_else(|| runtime.testing_toml()));
    let runtime = format!("karafka = {}", runtime.toml(model, inherited));
    let mut wanted = vec![("dependencies", runtime, needed_features(model))];
    if model.consumes() {
        wanted.push(("dev-dependencies", testing, &["testing"]));
    }
    // Where nothing is consumed, no test is made either.
    let others = OTHER_DEPENDENCIES.iter().filter(|one| model.consumes() || one.table == "dependencies");
    wanted.extend(others.map(|one| (one.table, one.line(inherited), one.features)));
    let mut changed = false;
    for (table, line, features) in wanted {
        changed |= ensure(&mut document, table, &line, features, inherited)?;
    }
    Ok(if changed { with_line_ends_of(text, &document.to_string()) } else { text.to_owned() })
}

/// `text` with what the code of an app that consumes has in a crate of its own from the start.
pub(super) fn with_tokio(text: &str, inherited: Option<&Inherited>) -> Result<String, Problem> {
    let mut document: DocumentMut = text.parse().map_err(|error| unreadable(&error))?;
    let added = ensure(&mut document, TOKIO.table, &TOKIO.line(inherited), TOKIO.features, inherited)?;
    Ok(if added { with_line_ends_of(text, &document.to_string()) } else { text.to_owned() })
}

/// Whether `Cargo.toml` names binaries of its own.
pub(super) fn names_binaries(text: &str) -> bool {
    let document = Document::parse(text).ok();
    document.is_some_and(|document| document.get("bin").is_some_and(|binaries| !binaries.is_none()))
}

/// Whether `Cargo.toml` says which binary `cargo run` means.
#[must_use]
pub fn has_default_run(text: &str) -> bool {
    let document = Document::parse(text).ok();
    document.is_some_and(|document| document.get("package").is_some_and(|package| package.get("default-run").is_some()))
}

/// What cargo says of a `default-run` where there is no binary.
pub(super) fn runs_nothing(text: &str) -> Option<Problem> {
    let document = Document::parse(text).ok()?;
    let named = document.get("package")?.get("default-run").filter(|_| !names_binaries(text))?;
    let words = format!(
        "`default-run` names {named}, and there is no `src/main.rs`; take the line out",
        named = named.as_str()?
    );
    Some(Problem::Cargo { span: named.span().map(|range| Span::new(range.start, range.end)), words })
}

/// A text to which lines were added, each line as `old` has it: TOML is written with `\n` alone.
fn with_line_ends_of(old: &str, new: &str) -> String {
    if !old.contains("\r\n") {
        return new.to_owned();
    }
    let mut old = old.split_inclusive('\n').peekable();
    let mut out = String::with_capacity(new.len() + new.len() / 16);
    for line in new.lines() {
        match old.next_if(|old| old.trim_end_matches(['\r', '\n']) == line) {
            Some(old) if old.ends_with('\n') => out.push_str(old),
            _ => {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
    }
    out
}

/// Adds a dependency that is missing, or the features that one lacks; gives whether it did.
fn ensure(
    document: &mut DocumentMut,
    table: &str,
    line: &str,
    features: &[&str],
    inherited: Option<&Inherited>,
) -> Result<bool, Problem> {
    let parsed: DocumentMut = line.parse().map_err(|error| unreadable(&error))?;
    let Some((name, dependency)) = parsed.iter().next() else { return Ok(false) };
    // What the crate itself builds with is there for its tests too.
    let mut tables = vec![table];
    if table == "dev-dependencies" && name != "karafka" {
        tables.push("dependencies");
    }
    if brings(document, &tables, name, features, inherited) {
        return Ok(false);
    }
    let item = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
    let Some(entries) = item.as_table_like_mut() else {
        return Err(Problem::Cargo { span: None, words: format!("`{table}` is not a table") });
    };
    let Some(there) = entries.get_mut(name) else {
        entries.insert(name, dependency.as_value().map_or_else(|| value(""), |found| value(found.clone())));
        return Ok(true);
    };
    if let Some(version) = there.as_str() {
        *there = value(InlineTable::from_iter([("version", version)]));
    }
    if let Some(inline) = there.as_inline_table_mut()
        && !inline.contains_key("features")
    {
        // The blank before the brace goes behind what comes.
        if let Some((_, last)) = inline.iter_mut().last() {
            last.decor_mut().set_suffix("");
        }
        inline.insert("features", Value::Array(Array::new()).decorated(" ", " "));
    }
    let Some(keys) = there.as_table_like_mut() else {
        return Err(Problem::Cargo { span: None, words: format!("`{name}` under `{table}` is no dependency") });
    };
    let list = keys.entry("features").or_insert_with(|| value(Array::new()));
    let Some(list) = list.as_array_mut() else {
        return Err(Problem::Cargo { span: None, words: format!("`features` of `{name}` is not a list") });
    };
    for feature in features {
        if !list.iter().any(|one| one.as_str() == Some(feature)) {
            list.push(*feature);
        }
    }
    Ok(true)
}

/// Whether a dependency is in one of these tables, and they together give it these features.
fn brings(
    document: &DocumentMut,
    tables: &[&str],
    name: &str,
    features: &[&str],
    inherited: Option<&Inherited>,
) -> bool {
    let there: Vec<&Item> = tables.iter().filter_map(|table| document.get(table)?.get(name)).collect();
    let mut has: BTreeSet<&str> = BTreeSet::new();
    for dependency in &there {
        let named = dependency.get("features").and_then(Item::as_array);
        has.extend(named.into_iter().flatten().filter_map(Value::as_str));
        if dependency.get("workspace").is_some() {
            // Of a workspace that cannot be seen the best is believed.
            let Some(inherited) = inherited.and_then(|inherited| inherited.dependencies.get(name)) else { return true };
            has.extend(inherited.iter().map(String::as_str));
        } else if has_default(dependency) {
            has.insert("default");
        }
    }
    if name == "karafka" {
        has = with_what_they_bring(has);
    }
    // Both of tokio's runtimes are one, and `full` is everything.
    let is_in = |feature: &str| {
        has.contains(feature) || has.contains("full") || has.contains(format!("{feature}-multi-thread").as_str())
    };
    !there.is_empty() && features.iter().all(|feature| is_in(feature))
}

/// What in `Cargo.toml` keeps generated code from being compiled, whatever is added.
pub(super) fn unusable(text: &str) -> Option<Problem> {
    let document = Document::parse(text).ok()?;
    let problem = |span: Option<std::ops::Range<usize>>, words: String| {
        Some(Problem::Cargo { span: span.map(|range| Span::new(range.start, range.end)), words })
    };
    for table in ["dependencies", "dev-dependencies"] {
        let entries = document.get(table).and_then(Item::as_table_like);
        for (name, item) in entries.into_iter().flat_map(TableLike::iter) {
            let package = item.get("package").and_then(Item::as_str).unwrap_or(name);
            let ours = |name: &str| name == "karafka" || OTHER_DEPENDENCIES.iter().any(|one| one.name == name);
            if package != name && ours(package) {
                let words = format!("generated code says `{package}::`, and here `{package}` is called `{name}`");
                return problem(item.span(), words);
            }
            if package != name && ours(name) {
                let words = format!("generated code says `{name}::`, and here that is the crate `{package}`");
                return problem(item.span(), words);
            }
        }
    }
    let path = document.get("lib").and_then(|lib| lib.get("path"));
    let other = path.filter(|path| path.as_str().is_some_and(|path| path.trim_start_matches("./") != library::PATH))?;
    problem(other.span(), format!("the library must be `{}`, because its modules are declared there", library::PATH))
}

fn unreadable(error: &TomlError) -> Problem {
    let span = error.span().map(|range| Span::new(range.start, range.end));
    Problem::Cargo { span, words: error.message().to_owned() }
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
    let span = name.span()?;
    (found != model.crate_name).then(|| Problem::OtherCrate {
        span: Span::new(span.start, span.end),
        found,
        wanted: wanted.clone(),
        crate_name: model.crate_name.clone(),
    })
}

/// The dependencies that a `Cargo.toml` gets or gets features for, for a person: `karafka, serde; for tests karafka, tokio`.
#[must_use]
pub fn changed_dependencies(before: &str, after: &str) -> Option<String> {
    let (before, after) = (Document::parse(before).ok()?, Document::parse(after).ok()?);
    let text = |item: Option<&Item>| item.map(|item| item.to_string().trim().to_owned());
    let changed = |table: &str| {
        let has = |name: &str| before.get(table).and_then(|table| table.get(name));
        let entries = after.get(table).and_then(Item::as_table_like).into_iter().flat_map(TableLike::iter);
        let changed = entries.filter(|(name, item)| text(Some(item)) != text(has(name)));
        let mut names: Vec<&str> = changed.map(|(name, _)| name).collect();
        names.sort_unstable();
        names.join(", ")
    };
    match (changed("dependencies").as_str(), changed("dev-dependencies").as_str()) {
        ("", "") => None,
        (code, "") => Some(code.to_owned()),
        ("", tests) => Some(format!("for tests {tests}")),
        (code, tests) => Some(format!("{code}; for tests {tests}")),
    }
}

/// The folder that the app has the runtime from, if it has it from one, and where its `Cargo.toml` says so.
#[must_use]
pub fn runtime_folder(text: &str) -> Option<(String, Span)> {
    let document = Document::parse(text).ok()?;
    let path = document.get("dependencies")?.get("karafka")?.get("path")?;
    let span = path.span()?;
    Some((path.as_str()?.to_owned(), Span::new(span.start, span.end)))
}

/// Whether `Cargo.toml`, of a member of `workspace` if there is one, surely builds the runtime without this feature.
#[must_use]
pub fn lacks_feature(text: &str, workspace: Option<&Workspace>, feature: &str) -> bool {
    let Ok(document) = text.parse::<DocumentMut>() else { return false };
    let runtime = document.get("dependencies").and_then(|table| table.get("karafka"));
    let Some(runtime) = runtime else { return false };
    let inherits = runtime.get("workspace").and_then(Item::as_bool) == Some(true);
    let inherited = if inherits { workspace.and_then(|workspace| workspace.dependency("karafka")) } else { None };
    if inherits && inherited.is_none() {
        return false;
    }
    // A member adds features to those of its workspace, which alone says whether the default ones are in.
    let source = inherited.unwrap_or(runtime);
    let named = |item: &Item, name: &str| {
        let features = item.get("features").and_then(Item::as_array);
        features.is_some_and(|features| features.iter().any(|one| one.as_str() == Some(name)))
    };
    let names = |name: &str| named(runtime, name) || named(source, name);
    let has_default = names("default") || has_default(source);
    // SASL by Cyrus brings OpenSSL.
    let brought = (feature == "ssl" && names("gssapi")) || (has_default && DEFAULT_FEATURES.contains(&feature));
    !brought && !names(feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(topics: &str) -> Model {
        let source = crate::source::Source::new("karafka.yml", format!("app: a\ntopics:\n  orders: {{ {topics} }}\n"));
        crate::compile(&source).model.unwrap()
    }

    /// For an app that consumes.
    fn with_dependencies(text: &str, runtime: &Dependency, inherited: Option<&Inherited>) -> Result<String, Problem> {
        super::with_dependencies(text, &model("controller: OrdersController"), runtime, inherited)
    }

    /// If this fails, somebody who looks at what would be done does not see what his crate would build from then on.
    #[test]
    fn the_dependencies_that_come_are_named() {
        const TESTS: &str = "for tests karafka, tokio";
        for (before, named) in [
            ("[package]\nname = \"a\"\n", format!("karafka, serde; {TESTS}")),
            (
                "[package]\nname = \"a\"\n[dependencies]\nserde = { version = \"1\", features = [\"derive\"] } # ours\n",
                format!("karafka; {TESTS}"),
            ),
            ("[package]\nname = \"a\"\n[dependencies]\nserde = \"1\"\n", format!("karafka, serde; {TESTS}")),
        ] {
            let after = with_dependencies(before, &Dependency::Version("0.1".to_owned()), None).unwrap();
            assert_eq!(changed_dependencies(before, &after), Some(named), "{after}");
            assert_eq!(changed_dependencies(&after, &after), None);
        }
    }

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
            assert_eq!(lacks_feature(&format!("[dependencies]\n{line}\n"), None, feature), lacks, "{line}: {feature}");
        }
        assert!(!lacks_feature("[dependencies", None, "ssl"));
    }

    /// If this fails, `karafka check` of an app in a workspace warns of a feature that is there, or is silent about one
    /// that is not.
    #[test]
    fn a_member_has_the_features_of_its_workspace_and_its_own() {
        for (workspace, app, feature, lacks) in [
            ("karafka = \"0.1\"", "karafka.workspace = true", "ssl", false),
            ("karafka = \"0.1\"", "karafka.workspace = true", "gssapi", true),
            ("karafka = { version = \"0.1\", default-features = false }", "karafka.workspace = true", "ssl", true),
            (
                "karafka = { version = \"0.1\", default-features = false }",
                "karafka = { workspace = true, features = [\"ssl\"] }",
                "ssl",
                false,
            ),
            ("karafka = { version = \"0.1\", features = [\"gssapi\"] }", "karafka.workspace = true", "gssapi", false),
            ("serde = \"1\"", "karafka.workspace = true", "gssapi", false),
        ] {
            let workspace = Workspace::parse(&format!("[workspace.dependencies]\n{workspace}\n"));
            let app = format!("[dependencies]\n{app}\n");
            assert_eq!(lacks_feature(&app, workspace.as_ref(), feature), lacks, "{workspace:?} {app} {feature}");
        }
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
            let start = text.find("\"shop\"").unwrap();
            assert_eq!(crate::source::Lines::new(text).line(start), line);
            let (span, wanted) = (Span::new(start, start + 6), wanted.to_owned());
            let problem = Problem::OtherCrate { span, found: "shop".into(), wanted, crate_name: "web_shop".into() };
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

    /// If this fails, `generate` adds to a new app what it has already, or takes the tokio of an app's code for none.
    #[test]
    fn a_new_app_has_all_that_it_needs() {
        let runtime = Dependency::Version("0.1".into());
        for (manifest, has_for_its_code) in [
            ("app: shop\ntopics:\n  orders: { controller: OrdersController }\n", true),
            ("app: shop\ntopics:\n  orders: {}\n", false),
        ] {
            let model = crate::compile(&crate::source::Source::new("karafka.yml", manifest)).model.unwrap();
            let files = crate::render::render(&model, runtime.clone());
            let text = &files.iter().find(|file| file.path == "Cargo.toml").unwrap().text;
            let (code, tests) = text.split_once("[dev-dependencies]").unwrap();
            let found = [code, tests].map(|part| part.contains("\ntokio = {"));
            assert_eq!(found, [has_for_its_code, !has_for_its_code], "{text}");
            assert_eq!(super::with_dependencies(text, &model, &runtime, None).unwrap(), *text);
        }
    }

    /// If this fails, a command rewrites what a person keeps in `Cargo.toml`.
    #[test]
    fn only_what_is_missing_is_added() {
        let runtime = Dependency::Version("0.1".into());
        let with = |text: &str| with_dependencies(text, &runtime, None).unwrap();
        let text = "[package]\nname = \"a\" # ours\n\n[dependencies]\nkarafka.workspace = true\n# keep\n\
                    serde = { version = \"1\", features = [\"derive\"] }\ntokio = { version = \"1\", features = [\"full\"] }\n";
        let after = with(text);
        let testing = "\n[dev-dependencies]\nkarafka = { workspace = true, features = [\"testing\"] }\n";
        assert_eq!(after, format!("{text}{testing}"), "the tests' feature, from where the app has the runtime");
        let windows = |text: &str| text.replace('\n', "\r\n");
        assert_eq!(with(&windows(text)), windows(&after));
        // Both kinds of line ends in one file, and none at its end.
        let mixed = text.replace("[package]\n", "[package]\r\n").trim_end().to_owned();
        let last = "tokio = { version = \"1\", features = [\"full\"] }\n";
        let ended = windows(&format!("{last}{testing}"));
        assert_eq!(
            with(&mixed),
            after.replace("[package]\n", "[package]\r\n").replace(&format!("{last}{testing}"), &ended)
        );
        assert_eq!(with(&after), after);

        let text = "[package]\nname = \"a\" # ours\n\n[dependencies]\nlog = \"1\" # keep\n";
        let after = with(text);
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
            let after = with(&format!("[dependencies]\nkarafka = {line}\n"));
            assert!(after.contains(&format!("[dev-dependencies]\nkarafka = {testing}\n")), "{after}");
        }
    }

    /// If this fails, what only sends is built with an engine, or an app that gets its first controller, or its first job on
    /// Redis, does not compile.
    #[test]
    fn the_runtime_has_the_features_that_the_manifest_needs() {
        const SENDS: &str = "default-features = false, features = [\"producer\", \"ssl\", \"zstd\"]";
        let runtime = Dependency::Version("0.1".into());
        let with = |text: &str, topics: &str, inherited: Option<&Inherited>| {
            let text = format!("[dependencies]\n{text}");
            let after = super::with_dependencies(&text, &model(topics), &runtime, inherited).unwrap();
            assert_eq!(super::with_dependencies(&after, &model(topics), &runtime, inherited).unwrap(), after);
            let of_tests = after.split_once("[dev-dependencies]\n").map(|(_, tests)| tests.contains("karafka"));
            assert_eq!(of_tests, (!topics.is_empty()).then_some(true), "{after}");
            after.lines().find(|line| line.starts_with("karafka")).unwrap().to_owned()
        };
        let sends = with("", "", None);
        assert_eq!(sends, format!("karafka = {{ version = \"0.1\", {SENDS} }}"));
        let consumes = with(&sends, "controller: OrdersController", None);
        assert_eq!(consumes, sends.replace("\"zstd\"", "\"zstd\", \"consumer\""));
        let on_redis = with(&consumes, "controller: OrdersController, jobs: redis", None);
        assert_eq!(on_redis, consumes.replace("\"consumer\"", "\"consumer\", \"jobs\""));
        // What was there for more stays, and what has all by default is given nothing.
        for there in
            [on_redis.as_str(), "karafka = \"0.1\"", "karafka = { path = \"../runtime\", features = [\"gssapi\"] }"]
        {
            for topics in ["", "controller: OrdersController", "controller: OrdersController, jobs: redis"] {
                assert_eq!(with(there, topics, None), there);
            }
        }
        for (workspace, topics, line) in [
            ("\"0.1\"", "", "karafka = { workspace = true }"),
            ("\"0.1\"", "controller: OrdersController", "karafka = { workspace = true }"),
            (
                "{ version = \"0.1\", default-features = false, features = [\"ssl\"] }",
                "",
                "karafka = { workspace = true, features = [\"producer\", \"zstd\"] }",
            ),
            (
                "{ version = \"0.1\", default-features = false, features = [\"producer\"] }",
                "controller: OrdersController, jobs: redis",
                "karafka = { workspace = true, features = [\"consumer\", \"jobs\"] }",
            ),
        ] {
            let workspace = Workspace::parse(&format!("[workspace.dependencies]\nkarafka = {workspace}\n")).unwrap();
            let inherited = workspace.inherited();
            let runtime = Dependency::Workspace;
            let made = super::with_dependencies("", &model(topics), &runtime, Some(&inherited)).unwrap();
            assert!(made.contains(&format!("[dependencies]\n{line}\n")), "{made}");
        }
    }

    /// If this fails, an app whose author has serde already does not compile, and nobody says why.
    #[test]
    fn features_that_are_missing_are_added_where_the_dependency_is() {
        let runtime = Dependency::Version("0.1".into());
        for (before, after) in [
            ("serde = \"1\"", "serde = { version = \"1\", features = [\"derive\"] }"),
            (
                "serde = { version = \"1\", features = [\"rc\"] } # ours",
                "serde = { version = \"1\", features = [\"rc\", \"derive\"] } # ours",
            ),
            ("serde = { workspace = true }", "serde = { workspace = true }"),
            (
                "serde = { version = \"1\", features = [\"derive\"] }",
                "serde = { version = \"1\", features = [\"derive\"] }",
            ),
        ] {
            let text = format!("[dependencies]\n{before}\n");
            let found = with_dependencies(&text, &runtime, None).unwrap();
            assert!(found.contains(after), "{found}");
            assert_eq!(with_dependencies(&found, &runtime, None).unwrap(), found);
        }
        // Of a workspace that is known, what is missing there.
        let workspace = Workspace::parse(
            "[workspace.dependencies]\nserde = \"1\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        );
        let inherited = workspace.map(|workspace| workspace.inherited());
        let text = "[dependencies]\nserde.workspace = true\ntokio.workspace = true\n";
        let found = with_dependencies(text, &runtime, inherited.as_ref()).unwrap();
        assert!(found.contains("serde.features = [\"derive\"]\ntokio.workspace = true\n"), "{found}");
        assert_eq!(with_dependencies(&found, &runtime, inherited.as_ref()).unwrap(), found);
        for text in ["dependencies = 1\n", "[dependencies]\nserde = 1\n", "[dependencies]\nserde = { features = 1 }\n"]
        {
            assert!(matches!(with_dependencies(text, &runtime, None), Err(Problem::Cargo { .. })), "{text}");
        }
    }

    /// If this fails, an app that can never compile is called in step.
    #[test]
    fn a_dependency_under_another_name_is_refused_where_it_stands() {
        for (text, words) in [
            ("[dependencies]\nk = { package = \"karafka\", version = \"0.1\" }\n", "here `karafka` is called `k`"),
            (
                "[dependencies]\nserde = { package = \"serde_lite\", version = \"1\" }\n",
                "that is the crate `serde_lite`",
            ),
            ("[dev-dependencies.t]\npackage = \"tokio\"\n", "here `tokio` is called `t`"),
            ("[lib]\npath = \"src/shop.rs\"\n", "the library must be `src/lib.rs`"),
        ] {
            let Some(Problem::Cargo { span, words: found }) = unusable(text) else { panic!("{text} is taken") };
            assert!(found.contains(words) && span.is_some(), "{found} {span:?}");
        }
        for text in ["[lib]\npath = \"./src/lib.rs\"\n", "[dependencies]\nkarafka = \"1\"\nl = { package = \"log\" }\n"]
        {
            assert_eq!(unusable(text), None, "{text}");
        }
    }

    /// If this fails, a person is shown the wrong place in `Cargo.toml`, or one that cannot be read is written over.
    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        let runtime = Dependency::Version("0.1".into());
        let problem = |text: &str| match with_dependencies(text, &runtime, None) {
            Err(Problem::Cargo { span, words }) => (span.map(|span| text[span.start..span.end].to_owned()), words),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(problem("dependencies = 1\n"), (None, "`dependencies` is not a table".to_owned()));
        assert_eq!(problem("dev-dependencies = []\n"), (None, "`dev-dependencies` is not a table".to_owned()));
        let (place, words) = problem("[package]\nname = \"a\"\nname = \"b\"\n");
        assert_eq!(place.as_deref(), Some("name"));
        assert!(!words.is_empty());
    }

    /// If this fails, an app's tests build the runtime from elsewhere than the app, or with what does not belong to tests.
    #[test]
    fn tests_have_the_runtime_from_where_the_app_has_it() {
        let runtime = Dependency::Version("0.1".into());
        let testing = |line: &str| {
            let after = with_dependencies(&format!("[dependencies]\n{line}\n"), &runtime, None).unwrap();
            let (_, dev) = after.split_once("[dev-dependencies]\n").unwrap();
            dev.lines().next().unwrap().to_owned()
        };
        for (line, wanted) in [
            (
                "karafka = { version = \"0.2\", optional = true }",
                "karafka = { version = \"0.2\", features = [\"testing\"] }",
            ),
            ("karafka = { workspace = true }", "karafka = { workspace = true, features = [\"testing\"] }"),
            // What is no dependency at all is not taken over.
            ("karafka = 1", "karafka = { version = \"0.1\", features = [\"testing\"] }"),
            ("serde = \"1\"", "karafka = { version = \"0.1\", features = [\"testing\"] }"),
        ] {
            assert_eq!(testing(line), wanted, "{line}");
        }
        let table =
            "[dependencies.karafka]\nversion = \"0.2\"\nfeatures = [\"ssl\"]\n\n[dev-dependencies]\ntokio = \"1\"\n";
        let after = with_dependencies(table, &runtime, None).unwrap();
        assert!(
            after.ends_with(
                "features = [\"macros\", \"rt\"] }\nkarafka = { version = \"0.2\", features = [\"testing\"] }\n"
            ),
            "{after}"
        );
    }
}
