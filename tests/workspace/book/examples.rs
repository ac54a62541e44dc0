//! The book's Rust, compiled and run: each block in an app of the manifest above it.
//!
//! An app of its own for each block would be built and linked for minutes. So all of them are modules of one crate, each with a
//! whole app inside, whose paths begin one level further down: `crate::state` is `crate::failure_line_12::state` there.
//!
//! | block | becomes |
//! | --- | --- |
//! | `file=src/…`, `file=tests/…` | that file, for all blocks of the same manifest on the page |
//! | with `impl … for X`, X a part of the manifest | the file of X |
//! | that begins with an `async fn` that has `&self` | methods of the controller that gets its message |
//! | `statements` | the body of `perform` |
//! | `test` | the body of a test, which has a `run` and a `harness` if it names them |
//! | `main` | the body of a function that has a `state` |
//! | else | a module, in which the names of the app can be used |

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use karafka_generator::{
    compile,
    model::{Model, Payload},
    render::{self, Dependency},
    source::Source,
};
use karafka_tests::{
    app::App,
    markdown::{Block, Page},
};

use super::{all, all_right, manifests::Manifests};

/// What is in reach of every block. Only names behind `*`, so that a block can import the same ones itself.
const SCOPE: &str = "pub use crate::{generated, state};\npub use crate::generated::{app, messages, prelude::*, topics};\n\
                     pub use karafka::testing::*;\n";

/// The files of an app, by path.
type Files = BTreeMap<String, String>;

/// A block, and what it stands under.
struct Example<'p> {
    name: String,
    block: &'p Block,
    manifest: String,
    section: usize,
}

fn examples(page: &Page) -> Vec<Example<'_>> {
    let mut manifests = Manifests::new();
    let mut found = Vec::new();
    for block in &page.blocks {
        match block.language() {
            // Whether it is right is looked at elsewhere.
            "yaml" => drop(manifests.pass(block)),
            "rust" if !block.has("ignore") => {
                let page =
                    page.name.trim_end_matches(".md").to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_");
                let name = format!("{page}_line_{}", block.line);
                let Manifests { current, section, .. } = &manifests;
                found.push(Example { name, block, manifest: current.clone(), section: *section });
            }
            _ => {}
        }
    }
    found
}

/// The apps of a page, by the name of the example that each is for.
fn apps(page: &Page) -> Vec<(String, Result<Files, String>)> {
    let examples = examples(page);
    let file = |example: &Example<'_>| example.block.value("file").map(str::to_owned);
    let mut made = Vec::new();
    for (place, example) in examples.iter().enumerate() {
        let own = file(example);
        let of_section = || examples.iter().enumerate().filter(|(_, other)| other.section == example.section);
        // The files of a manifest are one app, which the last of them is for; one that is shown twice is looked at twice.
        let is_last_file = of_section().filter(|(_, other)| file(other).is_some()).all(|(other, _)| other <= place);
        let is_shown_again = of_section().any(|(other, later)| other > place && file(later) == own);
        if own.is_some() && !is_last_file && !is_shown_again {
            continue;
        }
        let shown: Files =
            of_section().filter_map(|(_, other)| Some((file(other)?, other.block.text.clone()))).collect();
        made.push((example.name.clone(), app(example, shown, own)));
    }
    made
}

/// The app of a block, beside the files that its page shows.
fn app(example: &Example<'_>, mut shown: Files, own: Option<String>) -> Result<Files, String> {
    let source = Source::new("karafka.yml", &*example.manifest);
    let model = compile(&source).model.ok_or("its manifest is wrong")?;
    let rendered = render::render(&model, Dependency::Path("unused".to_owned()));
    let is_needed = |path: &str| path.starts_with("src/") && path != "src/main.rs";
    let mut files: Files =
        rendered.into_iter().filter(|file| is_needed(&file.path)).map(|file| (file.path, file.text)).collect();
    match own {
        Some(path) => drop(shown.insert(path, example.block.text.clone())),
        None => place(example.block, &model, &mut files, &shown)?,
    }
    for (path, text) in shown {
        if !files.contains_key(&path) && !path.starts_with("tests/") && path != "src/main.rs" {
            return Err(format!("an app of this manifest has no {path}"));
        }
        files.entry(path).and_modify(|known| known.clone_from(&text)).or_insert(text);
    }
    Ok(nested(&example.name, &model.app, files))
}

/// Puts a block where it belongs in the app.
fn place(block: &Block, model: &Model, files: &mut Files, shown: &Files) -> Result<(), String> {
    let text = &block.text;
    let part = files.iter().find_map(|(path, stub)| {
        let name = stub.split("pub struct ").nth(1)?.split(|c: char| !c.is_alphanumeric()).next()?;
        let is_part = ["src/controllers/", "src/workers/", "src/parsers/", "src/interchangers/"];
        let is_here = is_part.iter().any(|folder| path.starts_with(folder)) && !shown.contains_key(path);
        (is_here && implements(text, name)).then(|| (path.clone(), name.to_owned()))
    });
    if let Some((path, name)) = part {
        let defined = if text.contains(&format!("struct {name}")) { String::new() } else { structure(&name) };
        files.insert(path, format!("use crate::scope::*;\n\n{defined}{text}"));
        return Ok(());
    }
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
    let is_methods = first.is_some_and(|line| line.starts_with("async fn") && text.contains("&self"));
    if is_methods || block.has("statements") {
        return methods(text, is_methods, model, files);
    }
    let body = if block.has("test") {
        let mut setup = String::new();
        for (name, made) in [("run", "Simulation"), ("harness", "Harness")] {
            if text.contains(&format!("{name}.")) && !text.contains(&format!("let {name} =")) {
                let _ = writeln!(setup, "let {name} = {made}::new(app(), State::build().await.expect(\"the state\"));");
            }
        }
        format!("#[tokio::test]\nasync fn example() {{\n{setup}{text}}}\n")
    } else if block.has("main") {
        format!(
            "async fn example(state: State) -> std::result::Result<(), Box<dyn std::error::Error>> {{\n{text};\nOk(())\n}}\n"
        )
    } else {
        text.clone()
    };
    files.insert("src/example.rs".to_owned(), format!("use crate::scope::*;\n\n{body}"));
    Ok(())
}

/// Whether a text has an `impl … for NAME`.
fn implements(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let rest = line.strip_prefix("impl").and_then(|_| line.split_once(" for ")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

fn structure(name: &str) -> String {
    format!("#[derive(Debug, Default)]\npub struct {name};\n\n")
}

/// Puts methods, or the statements of one, into the controller that gets the message that they name.
fn methods(text: &str, is_methods: bool, model: &Model, files: &mut Files) -> Result<(), String> {
    let behind = |mark: &str| text.split(mark).nth(1).and_then(|rest| rest.split('>').next());
    let named = behind("Message<").or_else(|| behind("Batch<"));
    let message = |payload: &Payload| match payload {
        Payload::Message(name) => name.clone(),
        Payload::Json => "Json".to_owned(),
        Payload::Bytes => "Bytes".to_owned(),
        Payload::Text => "String".to_owned(),
    };
    let controller = model
        .controllers
        .iter()
        .find(|controller| named.is_none_or(|named| message(&controller.payload) == named))
        .ok_or("no controller gets such a message")?;
    let (name, message) = (controller.constant.type_name(), message(&controller.payload));
    let batches = text.contains("perform_batch");
    let (kind, perform) =
        if batches { ("BatchController", "fn perform_batch(") } else { ("Controller", "fn perform(") };
    let mut body = if is_methods { text.to_owned() } else { String::new() };
    if !body.contains(perform) {
        let statements = if is_methods { "" } else { text };
        let _ = write!(
            body,
            "async fn perform(&self, message: &Message<{message}>, ctx: &Context<Self>) -> Result {{\n{statements};\nOk(())\n}}\n"
        );
    }
    let file = format!("use crate::scope::*;\n\n{}impl {kind} for {name} {{\n{body}}}\n", structure(name));
    files.insert(controller.constant.file(), file);
    Ok(())
}

/// The files of an app as those of a module.
fn nested(name: &str, app: &str, files: Files) -> Files {
    let mut nested = Files::new();
    let mut modules = String::from("pub mod scope;\n");
    for (path, text) in files {
        let text =
            text.replace("$crate::", "$\0").replace("crate::", &format!("crate::{name}::")).replace("$\0", "$crate::");
        let text = in_app(&text, &app.replace('-', "_"), name);
        let within = match path.strip_prefix("tests/") {
            Some(test) => {
                let module = format!("tests_of_page_{}", test.trim_end_matches(".rs").replace('-', "_"));
                let _ = writeln!(modules, "#[cfg(test)]\nmod {module};");
                format!("{module}.rs")
            }
            None if path == "src/main.rs" => {
                modules.push_str("mod main;\n");
                "main.rs".to_owned()
            }
            None if path == "src/example.rs" => {
                modules.push_str("mod example;\n");
                "example.rs".to_owned()
            }
            None => path.trim_start_matches("src/").to_owned(),
        };
        nested.insert(format!("{name}/{within}"), text);
    }
    let mut scope = SCOPE.to_owned();
    for parts in ["controllers", "workers", "parsers", "interchangers"] {
        if nested.contains_key(&format!("{name}/{parts}/mod.rs")) {
            let _ = writeln!(scope, "pub use crate::{parts}::*;");
        }
    }
    nested.insert(format!("{name}/scope.rs"), scope.replace("crate::", &format!("crate::{name}::")));
    // As an app's library, but in a folder.
    let library = nested.remove(&format!("{name}/lib.rs")).unwrap_or_default();
    nested.insert(format!("{name}/mod.rs"), format!("{library}\n{modules}"));
    nested
}

/// Paths that begin with the name of the app's crate, as tests and `main` have them.
fn in_app(text: &str, app: &str, name: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&format!("{app}::")) {
        let is_begin = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '"'));
        out.push_str(&rest[..at]);
        out.push_str(if is_begin { "crate::" } else { "" });
        out.push_str(if is_begin { name } else { app });
        rest = &rest[at + app.len()..];
    }
    out.push_str(rest);
    out
}

/// If this fails, Rust that a reader copies from the book does not compile, or a test of the book fails.
#[test]
fn the_rust_of_the_book_compiles_and_its_tests_pass() {
    let book = App::new("book").expect("an app");
    let folder = book.folder().join("src");
    let (mut library, mut wrong, mut count) = (String::new(), Vec::new(), 0);
    let mut names = BTreeSet::new();
    for (name, files) in all().flat_map(apps) {
        match files {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(files) => {
                assert!(names.insert(name.clone()), "two examples are {name}");
                let _ = writeln!(library, "pub mod {name};");
                count += 1;
                for (path, text) in files {
                    let path = folder.join(path);
                    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                    fs::write(path, text).expect("a file");
                }
            }
        }
    }
    all_right("blocks of Rust that have no app", &wrong);
    assert!(count >= 5, "only {count} examples were found");
    // What an example leaves unused is no fault of it; a future that nobody awaits is.
    let lints = "#![allow(dead_code, unused_imports, unused_variables, unreachable_code, redundant_semicolons)]\n";
    book.rewrite("src/lib.rs", &format!("//! The book's Rust.\n{lints}\n{library}")).expect("written");
    book.rewrite("src/main.rs", "//! Nothing is run.\n\nfn main() {}\n").expect("written");
    let tested = book.cargo().expect("cargo is there").run("test", &["--lib"]).expect("cargo runs").expect_code(0);
    tested.expect("the module names the page and the line of the fence");
}
