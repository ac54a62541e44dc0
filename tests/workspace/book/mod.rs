//! The book under `docs/`: its links, its examples, and what it names.
//!
//! Pages are written for GitHub and mdBook alike; no tool is needed to check them. The first word behind a fence is the
//! language, which both highlight by; the words after it are for these tests.
//!
//! - `yaml` that begins with `app:` is a manifest, and gives neither an error nor a warning.
//! - other `yaml` is a fragment, from the top of the manifest: it is put into the last manifest above it on its page, or
//!   into `karafka.yml` beside this file, and gives neither, too.
//! - `yaml error=CODE` gives exactly these codes, with `+` between them; `yaml other` is somebody else's YAML.
//! - `rust` is compiled, in an app of the manifest above it; `examples` says how, and what `statements`, `methods`, `test`, `main` and
//!   `file=…` mean. Its tests are run. `rust ignore` has its reason in a comment, `<!-- not compiled: … -->`, on the line before.
//! - `sh` are commands, and so are the lines of `console` behind `$ `; those of `karafka` and of apps are read by the real
//!   command lines.
//! - `json` and `toml` can be read; `text`, `ruby`, `python`, `dockerfile`, `promql` and `diff` are for people.
//!
//! Links between pages are relative. What is not in the book is linked at its address in the repository, so that the link
//! works in the built book, too, and has to be in the checkout.

mod calls;
mod examples;
mod links;
mod manifests;
mod names;
mod reading;
mod yaml;

use std::{fs, path::PathBuf, sync::OnceLock};

use karafka_tests::{checkout, markdown::Page};

/// The address under which files of the checkout are linked.
const REPOSITORY: &str = "https://github.com/karafka-rs/karafka";

fn folder() -> PathBuf {
    checkout::root().join("docs/src")
}

fn read(name: &str) -> Page {
    let text = fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("docs/src/{name}: {error}"));
    Page::read(name, &text)
}

/// The pages of the book, by name.
fn pages() -> &'static [Page] {
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(|| {
        let entries = fs::read_dir(folder()).expect("the book").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().expect("a name")).collect();
        names.retain(|name| name.ends_with(".md") && name != "SUMMARY.md");
        names.sort();
        names.iter().map(|name| read(name)).collect()
    })
}

/// A page of the book.
fn page(name: &str) -> &'static Page {
    pages().iter().find(|page| page.name == name).unwrap_or_else(|| panic!("there is no docs/src/{name}"))
}

/// The README, which is held to the same rules.
fn readme() -> &'static Page {
    static README: OnceLock<Page> = OnceLock::new();
    README.get_or_init(|| {
        let text = fs::read_to_string(checkout::root().join("README.md")).expect("the README");
        Page::read("README of the repository", &text)
    })
}

/// The pages of the book, and the README.
fn all() -> impl Iterator<Item = &'static Page> {
    pages().iter().chain([readme()])
}

/// Fails with all that is wrong, a line each.
fn all_right(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}
