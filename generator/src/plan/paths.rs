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
        ["karafka.yml" | LOCK | "Cargo.toml" | ".gitignore" | "rustfmt.toml" | "README.md"] => Reach::Changed,
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
        for path in ["karafka.yml", "karafka.lock", "Cargo.toml", "README.md", ".gitignore", "rustfmt.toml"] {
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
}
