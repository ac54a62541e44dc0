//! The modules of `src/lib.rs`. It is the app's own, but a folder of parts that comes later must be declared there.

use std::collections::BTreeSet;

use super::{Entry, Tree};
use crate::names::Role;

/// The library's file, from the app's root.
pub(super) const PATH: &str = "src/lib.rs";

const ROLES: [Role; 4] = [Role::Controller, Role::Worker, Role::Parser, Role::Interchanger];

/// The folders of parts that the app's library declares; where it cannot be read, those that are there.
pub(super) fn declared(tree: &Tree) -> BTreeSet<String> {
    let is_declared = |folder: &str| match (tree.text(PATH), tree.entry(PATH)) {
        (Some(text), _) => declares(text, folder),
        (None, None) => false,
        (None, Some(_)) => tree.entry(&format!("src/{folder}/mod.rs")) == Some(Entry::File),
    };
    ROLES.into_iter().map(Role::folder).filter(|folder| is_declared(folder)).map(str::to_owned).collect()
}

/// Whether a line of `text` declares this module, in whatever way it is visible.
#[must_use]
pub fn declares(text: &str, module: &str) -> bool {
    let code = text.lines().filter_map(|line| line.split("//").next());
    code.into_iter().any(|line| {
        let words: Vec<&str> =
            line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '{')).filter(|word| !word.is_empty()).collect();
        words.windows(2).any(|pair| pair == ["mod", module])
    })
}

/// `text` with a declaration of each of these modules, in the order of the alphabet where it has one.
pub(super) fn with_modules(text: &str, modules: &[&str]) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for &module in modules.iter().filter(|module| !declares(text, module)) {
        let declared = |line: &String| line.trim_end().strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned);
        let at = match lines.iter().rposition(|line| declared(line).is_some_and(|name| name.as_str() < module)) {
            Some(before) => before + 1,
            None => match lines.iter().position(|line| declared(line).is_some()) {
                Some(first) => above(&lines, first),
                None => lines.len(),
            },
        };
        if let Some(last) = lines.last_mut()
            && !last.ends_with('\n')
        {
            last.push_str(newline);
        }
        lines.insert(at, format!("pub mod {module};{newline}"));
    }
    lines.concat()
}

/// The first line that belongs to the item on line `at`: its comments and attributes stand above it.
fn above(lines: &[String], at: usize) -> usize {
    let belongs = |line: &&String| line.starts_with("///") || line.starts_with("#[");
    at - lines[..at].iter().rev().take_while(belongs).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, the first parser of an app is a file that no module names, or a library that its author has
    /// changed is not left as it was.
    #[test]
    fn only_what_is_missing_is_declared() {
        for (before, after) in [
            ("pub mod generated;\npub mod state;\n", "pub mod generated;\npub mod parsers;\npub mod state;\n"),
            ("//! A.\n\n/// Ours.\npub mod state;", "//! A.\n\npub mod parsers;\n/// Ours.\npub mod state;\n"),
            ("//! A.\n", "//! A.\npub mod parsers;\n"),
            ("// mod parsers;\nmod a;\n", "// mod parsers;\nmod a;\npub mod parsers;\n"),
        ] {
            assert_eq!(with_modules(before, &["parsers"]), after);
            assert_eq!(with_modules(after, &["parsers"]), after, "once is enough");
            // A text without any line end says nothing of those that are wanted.
            if before.contains('\n') {
                let [before, after] = [before, after].map(|text| text.replace('\n', "\r\n"));
                assert_eq!(with_modules(&before, &["parsers"]), after);
            }
        }
        for (before, after) in [
            ("", "pub mod parsers;\npub mod workers;\n"),
            ("pub mod a;", "pub mod a;\npub mod parsers;\npub mod workers;\n"),
            ("pub mod a;\nmod workers;\npub mod z;", "pub mod a;\npub mod parsers;\nmod workers;\npub mod z;\n"),
            ("pub mod parsers;\n\nfn a() {}", "pub mod parsers;\npub mod workers;\n\nfn a() {}\n"),
            (
                "use a::b;\n\n// Apart.\n/// One.\n#[cfg(unix)]\n/// Two.\npub mod z;\n",
                "use a::b;\n\n// Apart.\npub mod parsers;\npub mod workers;\n/// One.\n#[cfg(unix)]\n/// Two.\npub mod z;\n",
            ),
            ("/// First.\npub mod z;\n", "pub mod parsers;\npub mod workers;\n/// First.\npub mod z;\n"),
            (
                "mod my_parsers;\nmod parsers_too;\n",
                "mod my_parsers;\nmod parsers_too;\npub mod parsers;\npub mod workers;\n",
            ),
        ] {
            assert_eq!(with_modules(before, &["parsers", "workers"]), after);
        }
        for text in ["pub(crate) mod parsers;", "#[cfg(unix)] mod parsers ;\n", "mod parsers{}\n"] {
            assert_eq!(with_modules(text, &["parsers"]), text);
        }
    }
}
