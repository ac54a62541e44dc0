//! Mutants that no test can notice, as they change nothing that can be seen: `equivalent.toml`, with the reason of each.
//!
//! They are named by file, function and change, so that the list fits after an edit elsewhere.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use toml_edit::DocumentMut;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<(String, String), String>);

impl Known {
    /// Reads the list that lies beside this source.
    ///
    /// # Errors
    ///
    /// When it is not as described above.
    pub(crate) fn read() -> Result<Self> {
        Self::parse(include_str!("equivalent.toml"))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut known = BTreeMap::new();
        for (file, mutants) in text.parse::<DocumentMut>()?.iter() {
            let mutants = mutants.as_table().with_context(|| format!("`{file}` is no table of mutants"))?;
            for (mutant, reason) in mutants {
                let reason = reason.as_str().filter(|reason| !reason.is_empty());
                let reason = reason.with_context(|| format!("no reason why {file} is the same with {mutant}"))?;
                known.insert((file.to_owned(), mutant.to_owned()), reason.to_owned());
            }
        }
        Ok(Self(known))
    }

    /// Whether it is on the list.
    pub(crate) fn has(&self, file: &str, function: &str, change: &str) -> bool {
        self.0.contains_key(&(file.to_owned(), key(function, change)))
    }

    /// What the list has of these files that is no mutant of theirs.
    pub(crate) fn stale<'a>(&'a self, files: &[&str], all: &[(&str, &str, &str)]) -> Vec<&'a (String, String)> {
        let all: Vec<_> = all.iter().map(|(file, function, change)| (*file, key(function, change))).collect();
        let of_files = self.0.keys().filter(|(file, _)| files.contains(&&**file));
        of_files.filter(|(file, mutant)| !all.iter().any(|(of, name)| of == file && name == mutant)).collect()
    }
}

fn key(function: &str, change: &str) -> String {
    format!("{function}: {change}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a run stops at mutants that were looked at already, or passes over one that nobody has looked at.
    #[test]
    fn the_list_is_by_file_function_and_change() {
        let known = Known::parse("['a.rs']\n'A::f: 1 -> 2' = 'a hint of size'\n'A::g: 1 -> 2' = 'is'").expect("a list");
        assert!(known.has("a.rs", "A::f", "1 -> 2"));
        assert!(!known.has("b.rs", "A::f", "1 -> 2") && !known.has("a.rs", "A::f", "1 -> 2 #2"));
        let stale = known.stale(&["a.rs"], &[("a.rs", "A::f", "1 -> 2")]);
        assert_eq!(stale, [&("a.rs".to_owned(), "A::g: 1 -> 2".to_owned())]);
        assert!(known.stale(&["b.rs"], &[]).is_empty());
        assert!(Known::parse("['a.rs']\n'A::f: 1 -> 2' = ''").is_err(), "without a reason");
        Known::read().expect("the list in the checkout");
    }
}
