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
    let own = |path: &PathBuf| {
        let text = plan::read_file(path).unwrap_or_default();
        runs_app(&String::from_utf8_lossy(&text))
    };
    let folder = fs::read_dir(root.join("src/bin")).into_iter().flatten().flatten().take(BINARIES);
    let others = folder.flat_map(|entry| [entry.path(), entry.path().join("main.rs")]);
    [root.join("src/main.rs")].into_iter().chain(others).any(|path| own(&path))
}

/// Whether a program's text calls `run` of the app, with or without layers and listeners before it.
fn runs_app(text: &str) -> bool {
    let code = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    let code: String = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
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
