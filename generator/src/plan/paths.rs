//! Which paths of an app a plan may touch.

use super::LOCK;

/// What may be done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing, ever.
    Nothing,
    /// It is made with a new app, and never changed afterwards.
    Made,
    /// It is made, replaced and removed.
    Changed,
}

/// What a plan may do to the file at `path`, from the app's root, with `/`.
///
/// What it may not do is never written down in a journal, and never taken back out of one: whoever could slip a path
/// into either gains no hook of git, and no setting of cargo.
pub(super) fn reach(path: &str) -> Reach {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| is_special(part)) {
        return Reach::Nothing;
    }
    match parts.as_slice() {
        ["karafka.yml" | LOCK | "Cargo.toml" | ".gitattributes" | ".gitignore" | "rustfmt.toml" | "README.md"] => {
            Reach::Changed
        }
        // So that a new app builds with what a checkout of karafka has built.
        ["Cargo.lock"] | [".cargo", "config.toml"] => Reach::Made,
        ["tests", file] | ["src", .., file] if file.ends_with(".rs") && !parts.iter().any(|part| is_hidden(part)) => {
            Reach::Changed
        }
        _ => Reach::Nothing,
    }
}

/// Whether a plan may make the folder at `path`, for a file in it.
pub(super) fn may_make_folder(path: &str) -> bool {
    path == ".cargo" || reach(&format!("{path}/a.rs")) != Reach::Nothing
}

/// Whether a path is one of the app's tests.
pub(super) fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
}

/// Whether a path is that of a part: a controller, a worker, a parser, an interchanger.
pub(super) fn is_part(path: &str) -> bool {
    part_folder(path).is_some()
}

/// The folder of parts that a path lies in, such as `controllers`.
pub(super) fn part_folder(path: &str) -> Option<&str> {
    let (folder, _) = path.strip_prefix("src/")?.split_once('/')?;
    ["controllers", "workers", "parsers", "interchangers"].contains(&folder).then_some(folder)
}

/// Whether a path of the lock file is one that we could have generated: nothing else is ever removed.
pub(super) fn is_source(path: &str) -> bool {
    path.starts_with("src/") && reach(path) == Reach::Changed
}

fn is_special(part: &str) -> bool {
    matches!(part, "" | "." | "..") || part.contains('\0')
}

fn is_hidden(part: &str) -> bool {
    part.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a path that a checkout brings reaches a hook, a setting of cargo or a file elsewhere; or a file
    /// that karafka makes cannot be taken back.
    #[test]
    fn a_plan_reaches_its_own_files_and_no_others() {
        for path in
            ["karafka.yml", "karafka.lock", "Cargo.toml", "README.md", ".gitattributes", ".gitignore", "rustfmt.toml"]
        {
            assert_eq!(reach(path), Reach::Changed, "{path}");
        }
        for path in ["src/main.rs", "src/generated/mod.rs", "src/controllers/a/b/c.rs", "tests/a.rs"] {
            assert_eq!(reach(path), Reach::Changed, "{path}");
        }
        for path in ["Cargo.lock", ".cargo/config.toml"] {
            assert_eq!(reach(path), Reach::Made, "{path}");
        }
        for path in [
            "",
            ".",
            "/",
            "/etc/passwd",
            "../a.rs",
            "src/../../a.rs",
            "src//a.rs",
            "src/./a.rs",
            "/src/a.rs",
            "src/a.rs/",
            "src/a",
            "src/a\0.rs",
            "src/.git/hooks/a.rs",
            "src/.hidden.rs",
            "tests/a/b.rs",
            "build.rs",
            ".git/hooks/pre-commit",
            ".git/config",
            ".git/info/attributes",
            "src/.gitattributes",
            ".cargo/config",
            ".cargo/credentials.toml",
            ".karafka/journal",
            ".github/workflows/ci.yml",
            "rust-toolchain.toml",
        ] {
            assert_eq!(reach(path), Reach::Nothing, "{path}");
        }
        for folder in ["src", "tests", ".cargo", "src/controllers/a"] {
            assert!(may_make_folder(folder), "{folder}");
        }
        for folder in ["", ".", "..", ".git", ".git/hooks", "src/..", "src/.git", "tests/a", "target"] {
            assert!(!may_make_folder(folder), "{folder}");
        }
    }

    /// If this fails, a lock file that a checkout brings has a file removed that karafka has never generated; or a file is kept as
    /// if it were a part, or forgotten though it is one.
    #[test]
    fn parts_and_tests_are_told_apart() {
        for (path, kinds) in [
            ("src/controllers/a.rs", "part source"),
            ("src/workers/a/b.rs", "part source"),
            ("src/parsers/mod.rs", "part source"),
            ("src/interchangers/a.rs", "part source"),
            ("src/generated/mod.rs", "source"),
            ("src/controllers.rs", "source"),
            ("src/controllers/a.txt", "part"),
            ("src/controllers/../a.rs", "part"),
            ("src/controllers/.a.rs", "part"),
            ("tests/a.rs", "test"),
            ("tests/a/b.txt", "test"),
            ("karafka.yml", ""),
            ("Cargo.lock", ""),
            ("src", ""),
            ("a/src/controllers/a.rs", ""),
            ("../src/a.rs", ""),
        ] {
            let kinds_of = [(is_part(path), "part"), (is_source(path), "source"), (is_test(path), "test")];
            let found: Vec<_> = kinds_of.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
            assert_eq!(found.join(" "), kinds, "{path}");
        }
    }
}
