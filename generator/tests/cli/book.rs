//! The first app of the book, made as its reader makes it: what the page shows is what the commands make and say.

use super::*;

/// The page.
const PAGE: &str = include_str!("../../../docs/src/first-app.md");

/// The first fenced block of the page in this language with these words in it.
fn block(language: &str, words: &str) -> String {
    let blocks: Vec<&str> = PAGE.split("```").skip(1).step_by(2).collect();
    let of_language = blocks
        .iter()
        .filter_map(|block| block.split_once('\n'))
        .filter(|(head, _)| head.split_whitespace().next() == Some(language));
    let found = of_language.map(|(_, body)| body).find(|body| body.contains(words));
    found.unwrap_or_else(|| panic!("no {language} block has `{words}`")).to_owned()
}

/// Without comments and empty lines.
fn bare(manifest: &str) -> String {
    let lines = manifest.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// If this fails, a reader's screen shows something else than his book, from the first page on.
#[test]
fn the_first_app_shows_what_the_commands_make() {
    let folder = folder();
    calls(folder.path(), &["new", "myapp", "-q", "--karafka-version", "0.1.0"], 0);
    let root = folder.path().join("myapp");
    let typed = block("sh", "karafka generate controller");
    for line in typed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        calls(&root, &words[1..], 0);
    }
    let shown = block("console", "$ karafka flow");
    let flow = karafka(&root, &["flow"]).output().unwrap();
    assert_eq!(format!("$ karafka flow\n{}", String::from_utf8(flow.stdout).unwrap()), shown);
    let manifest = fs::read_to_string(root.join("karafka.yml")).unwrap();
    assert_eq!(bare(&manifest), bare(&block("yaml", "app: myapp")));

    // What the reader writes has its place in what was made.
    let made = fs::read_to_string(root.join("src/controllers/refunds_controller.rs")).unwrap();
    let code = block("rust", "impl Controller for RefundsController");
    let place: Vec<&str> = code.lines().skip_while(|line| !line.starts_with("impl ")).take(2).collect();
    assert!(made.contains(&place.join("\n")), "{place:?} is not in\n{made}");
    let (_, imports) =
        PAGE.split_once("for its `use` lines").map(|(before, _)| before.rsplit_once("Take `").unwrap()).unwrap();
    assert_eq!(imports.trim_end_matches([' ', '`']), "use crate::generated::prelude::*;");
    let prelude = fs::read_to_string(root.join("src/generated/prelude.rs")).unwrap();
    for name in made.lines().filter(|line| line.starts_with("use crate::")).filter_map(|line| line.rsplit("::").next())
    {
        assert!(prelude.contains(name.trim_end_matches(';')), "`{name}` is not in\n{prelude}");
    }

    replace(
        &root.join("karafka.yml"),
        "    controller: RefundsController\n",
        "    controller: RefundsController\n    dead_letter: refunds.dead\n",
    );
    let shown = block("console", "$ karafka generate");
    let shown = shown.split_once("$ karafka generate\n").and_then(|(_, rest)| rest.split_once("$ ")).unwrap().0;
    let said = karafka(&root, &["generate"]).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), shown);
}
