//! What languages blocks are in, and that YAML, JSON and TOML are what they say.

use karafka_generator::{
    compile,
    diagnostic::{Format, Severity, codes, render},
    source::Source,
};
use karafka_tests::markdown::{Block, Page};

use super::{all, all_right, yaml::Tree};

/// What fragments are put into where their page has no manifest above them.
const BASE: &str = include_str!("karafka.yml");

/// Languages whose blocks are for people alone.
const FOR_PEOPLE: [&str; 6] = ["text", "ruby", "python", "dockerfile", "promql", "diff"];

/// What stands in a block of YAML.
#[derive(Debug, Clone)]
pub(super) enum Yaml {
    /// A manifest.
    Whole(String),
    /// A part of one.
    Fragment(Tree),
    /// Somebody else's.
    Other,
}

/// Reads a block of YAML.
pub(super) fn yaml(block: &Block) -> Result<Yaml, String> {
    if block.has("other") {
        return Tree::read(&block.text).map(|_| Yaml::Other);
    }
    let first = block.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    if first.is_some_and(|line| line.starts_with("app:")) {
        return Ok(Yaml::Whole(block.text.clone()));
    }
    Ok(Yaml::Fragment(Tree::read(&block.text)?))
}

/// The manifests of a page, as it goes from block to block.
#[derive(Debug, Clone)]
pub(super) struct Manifests {
    whole: String,
    /// How many whole ones there were.
    pub(super) section: usize,
    /// The last one, or the last one with the last fragment in it.
    pub(super) current: String,
}

impl Manifests {
    pub(super) fn new() -> Self {
        Self { whole: BASE.to_owned(), section: 0, current: BASE.to_owned() }
    }

    /// Goes past a block of YAML. Returns the manifest that is to be looked at.
    pub(super) fn pass(&mut self, block: &Block) -> Result<Option<String>, String> {
        let is_wrong = block.value("error").is_some();
        match yaml(block) {
            Ok(Yaml::Other) => Ok(None),
            Ok(Yaml::Whole(text)) => {
                if !is_wrong {
                    self.section += 1;
                    (self.whole, self.current) = (text.clone(), text.clone());
                }
                Ok(Some(text))
            }
            Ok(Yaml::Fragment(tree)) => {
                let mut whole = Tree::read(&self.whole).map_err(|error| format!("the manifest above it: {error}"))?;
                whole.take(tree);
                let text = whole.write();
                if !is_wrong {
                    self.current.clone_from(&text);
                }
                Ok(Some(text))
            }
            // What is no YAML at all is an example of a mistake.
            Err(_) if is_wrong => Ok(Some(block.text.clone())),
            Err(error) => Err(error),
        }
    }
}

/// The codes that a manifest gives, and all of it in words; notes only where one is expected.
fn findings(text: &str, expected: &[&str]) -> (Vec<&'static str>, String) {
    let source = Source::new("karafka.yml", text);
    let mut found = compile(&source).diagnostics;
    found.retain(|diagnostic| diagnostic.severity != Severity::Note || expected.contains(&diagnostic.code));
    let mut codes: Vec<_> = found.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    (codes, render(&source, &found, Format::Full, false))
}

fn wrong_with(page: &Page) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut manifests = Manifests::new();
    for block in &page.blocks {
        let mut say = |words: String| wrong.push(format!("{}:{}: {words}", page.name, block.line));
        match block.language() {
            "yaml" => match manifests.pass(block) {
                Err(error) => say(error),
                Ok(None) => {}
                Ok(Some(manifest)) => {
                    let mut expected: Vec<_> =
                        block.value("error").map_or(Vec::new(), |words| words.split('+').collect());
                    expected.sort_unstable();
                    expected.dedup();
                    if let Some(unknown) =
                        expected.iter().find(|code| codes::ALL.iter().all(|known| known.name != **code))
                    {
                        say(format!("there is no code {unknown}"));
                    }
                    let (found, words) = findings(&manifest, &expected);
                    if found != expected {
                        say(format!("gives {found:?} instead of {expected:?}\n{words}"));
                    }
                }
            },
            "json" => {
                let whole = serde_json::from_str::<serde_json::Value>(&block.text);
                let mut lines = block.text.lines().map(serde_json::from_str::<serde_json::Value>);
                if let Err(error) = whole
                    && lines.any(|line| line.is_err())
                {
                    say(format!("no JSON: {error}"));
                }
            }
            "toml" => {
                if let Err(error) = block.text.parse::<toml_edit::DocumentMut>() {
                    say(format!("no TOML: {error}"));
                }
            }
            "rust" if block.has("ignore") => {
                let why = block.comment.as_deref().and_then(|words| words.strip_prefix("not compiled: "));
                if why.is_none_or(|why| why.trim().is_empty()) {
                    say("is not compiled, and nothing says why: <!-- not compiled: … -->".to_owned());
                }
            }
            "rust" | "sh" | "console" => {}
            language if FOR_PEOPLE.contains(&language) => {}
            language => say(format!("`{language}` is none of the book's languages")),
        }
    }
    wrong
}

/// If this fails, a reader copies an example that karafka, or another program, does not take.
#[test]
fn every_example_of_a_file_can_be_read() {
    let wrong: Vec<_> = all().flat_map(wrong_with).collect();
    all_right("blocks of the book", &wrong);
}

/// If this fails, the tests above take whatever there is.
#[test]
fn mistakes_in_examples_are_found() {
    let page = "```yaml\ntopics:\n  orders: { controler: A }\n```\n```yaml error=unknown-key\nkafak: {}\n```\n```yaml error=unknown-key\ngroups: {}\n```\n```rust,ignore\n```\n```json\n{\n```\n```perl\n```\n";
    let wrong = wrong_with(&Page::read("a.md", page));
    let lines: Vec<_> = wrong.iter().map(|words| words.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(lines, ["a.md:1", "a.md:8", "a.md:11", "a.md:13", "a.md:16"], "{wrong:?}");
}
