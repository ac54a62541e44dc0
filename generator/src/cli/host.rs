//! Whether an app is a program of its own, or runs inside of another one, which says itself where Kafka is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use karafka_generator::plan;

/// The most binaries of a crate that are looked at.
const BINARIES: usize = 100;

/// Whether a binary of the crate at `root` is the app's own, one that calls `app().run(…)`: that one finds a broker of
/// `karafka broker` by itself, and starts one where there is none. A program that starts the consumers beside its own work
/// does neither.
pub(crate) fn is_program(root: &Path) -> bool {
    binaries(root).any(|(_, text)| runs_app(&text))
}

/// Those binaries of the crate at `root`, by their paths in it, that use `generated::app`.
pub(crate) fn users_of_app(root: &Path) -> Vec<String> {
    let users = binaries(root).filter(|(_, text)| names_app(text));
    let path = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let mut users: Vec<_> = users.map(|(file, _)| path(&file)).collect();
    users.sort_unstable();
    users
}

/// The binaries of the crate at `root` where cargo finds them by itself, with their texts.
fn binaries(root: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let folder = fs::read_dir(root.join("src/bin")).into_iter().flatten().flatten().take(BINARIES);
    let others = folder.flat_map(|entry| [entry.path(), entry.path().join("main.rs")]);
    [root.join("src/main.rs")].into_iter().chain(others).filter_map(|path| {
        let text = plan::read_file(&path).ok()?;
        Some((path, String::from_utf8_lossy(&text).into_owned()))
    })
}

/// A text of Rust without its line comments.
pub(super) fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code))
}

/// The words of code, and each of its signs by itself.
pub(super) fn tokens(code: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

/// Whether a program's text names `app` of the generated module: by its path, or in a list of a `use`.
fn names_app(text: &str) -> bool {
    let code = code(text).collect::<Vec<_>>().join("\n");
    let tokens = tokens(&code);
    let calls = || tokens.windows(3).any(|three| three == ["app", "(", ")"]);
    (0..tokens.len()).any(|at| match &tokens[at..] {
        ["generated", ":", ":", "app", ..] => true,
        ["generated", ":", ":", "*", ..] => calls(),
        ["generated", ":", ":", "{", list @ ..] => lists(list, "app") || lists(list, "*") && calls(),
        _ => false,
    })
}

/// Whether a list of a `use`, from behind its first brace on, has this name in it, and not only in a list inside.
fn lists(tokens: &[&str], name: &str) -> bool {
    let (mut depth, mut before) = (1_u32, "{");
    for &token in tokens {
        if depth == 1 && token == name && matches!(before, "{" | ",") {
            return true;
        }
        match token {
            "{" => depth += 1,
            "}" if depth == 1 => return false,
            "}" => depth -= 1,
            _ => {}
        }
        before = token;
    }
    false
}

/// Whether a program's text calls `run` of the app, with or without layers and listeners before it.
fn runs_app(text: &str) -> bool {
    let code: String = code(text).flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    code.match_indices("app().").any(|(at, call)| chain(&code[at + call.len() - 1..]).contains(".run("))
}

/// The calls that follow one another from here on, without what stands between their parentheses.
fn chain(code: &str) -> String {
    let (mut depth, mut calls) = (0_u32, String::new());
    for c in code.chars() {
        match c {
            ')' | '}' | ']' if depth == 0 => break,
            ')' | '}' | ']' => depth -= 1,
            ';' | ',' if depth == 0 => break,
            _ if depth == 0 => calls.push(c),
            _ => {}
        }
        if matches!(c, '(' | '{' | '[') {
            depth += 1;
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, who takes the last controller out is not told which of his programs does not compile any more.
    #[test]
    fn a_program_that_uses_the_app_is_seen_however_it_names_it() {
        for (text, uses) in [
            ("fn main() { shop::generated::app().run(State::build) }", true),
            ("use shop::generated::app;\nfn main() { app().run(State::build) }", true),
            ("use shop::{generated::{self, app}, state::State};", true),
            ("use shop::generated::{\n    topics,\n    app as consumers,\n};", true),
            ("use shop::generated::*;\nfn main() { app(); }", true),
            ("use shop::{\n    generated :: { * },\n};\nfn main() { app ( ) ; }", true),
            ("use shop::generated::*;\nfn main() { producer(); }", false),
            ("use shop::generated::{messages::{app}, topics};", false),
            ("use shop::generated::topics;\nuse web::app;\nfn main() { app(); }", false),
            ("use shop::generated::application;\nfn main() { web::app(); }", false),
            ("// shop::generated::app().run(State::build)\nfn main() {}", false),
            ("use shop::generated::{", false),
            ("ünd::generated::", false),
            ("", false),
        ] {
            assert_eq!(names_app(text), uses, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("src/bin/consumers")).unwrap();
        for path in ["src/main.rs", "src/bin/second.rs", "src/bin/consumers/main.rs"] {
            fs::write(folder.path().join(path), "use shop::generated::app;\n").unwrap();
        }
        fs::write(folder.path().join("src/bin/other.rs"), "fn main() {}\n").unwrap();
        assert_eq!(users_of_app(folder.path()), ["src/bin/consumers/main.rs", "src/bin/second.rs", "src/main.rs"]);
    }

    /// If this fails, whoever starts a broker for consumers inside of a web server is told that `cargo run` finds it, and the
    /// server ends for want of brokers; or an app of its own is told to name what it finds by itself.
    #[test]
    fn a_program_of_its_own_is_told_from_one_inside_of_another() {
        for (text, wanted) in [
            ("fn main() -> ExitCode {\n    generated::app().run(State::build)\n}", true),
            (
                "fn main() -> ExitCode {\n    shop::generated::app()\n        .layer(Timing)\n        .run(State::build)\n}",
                true,
            ),
            ("let consumers = generated::app().with_env()?.start(state).await?;\nserver.serve().await", false),
            ("let manifest = generated::app().manifest();\nweb::run(listener, settings).await", false),
            (
                "let c = generated::app().with_env()?.start(state).await?;\nHttpServer::new(|| App::new()).bind(at)?.run().await",
                false,
            ),
            ("let router = app().layer(trace(service.run(1)));\nserver.run(router)", false),
            ("println!(\"{}\", generated::app().manifest().app);\ngenerated::app().run(State::build)", true),
            ("// It could be generated::app().run(State::build).\nfn main() {}", false),
            ("fn main() { service.run(); }", false),
            ("", false),
        ] {
            assert_eq!(runs_app(text), wanted, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("src/bin/consumers");
        fs::create_dir_all(&bin).unwrap();
        assert!(!is_program(folder.path()));
        fs::write(bin.join("main.rs"), "fn main() { shop::generated::app().run(State::build); }").unwrap();
        assert!(is_program(folder.path()), "whichever binary it is");
    }
}
