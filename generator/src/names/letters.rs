//! Letters that are not ASCII: which one it is, and which ASCII letter it pretends to be.

use super::Refusal;
use crate::diagnostic::look_alike;

/// Finds the first character that is not ASCII.
pub(super) fn ascii(text: &str) -> Result<(), Refusal> {
    match text.chars().find(|c| !c.is_ascii()) {
        Some(found) => Err(Refusal::NotAscii { found, looks_like: look_alike(found) }),
        None => Ok(()),
    }
}

/// `text` with every look-alike replaced; `None` if a letter has no ASCII twin.
pub(super) fn plain(text: &str) -> Option<String> {
    text.chars().map(|c| if c.is_ascii() { Some(c) } else { look_alike(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a letter is said to look like another one than it does.
    #[test]
    fn twins_stand_in_pairs() {
        for (text, wanted) in [
            ("АВЕЅІЈКМНОРСТХУԚԜ", "ABESIJKMHOPCTXYQW"),
            ("аеѕіјорсхуһԁԛԝ", "aesijopcxyhdqw"),
            ("ονιρ", "ovip"),
            ("‐–—−’‘\u{a0}∶：Ａｚ", "----'' ::Az"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(wanted));
        }
        assert_eq!(plain("größe"), None);
    }
}
