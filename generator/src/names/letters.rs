//! Letters that are not ASCII: which one it is, and which ASCII letter it pretends to be.

use super::Refusal;

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

/// The ASCII character that a person would take `c` for, by the confusables of Unicode's UTS 39 that a keyboard or a
/// word processor really produces: Cyrillic and Greek letters, full-width forms, dashes, blanks.
pub(crate) fn look_alike(c: char) -> Option<char> {
    const TWINS: &[(&str, &str)] = &[
        ("АВЕЅІЈКМНОРСТХУԚԜ", "ABESIJKMHOPCTXYQW"),
        ("аеѕіјорсхуһԁԛԝ", "aesijopcxyhdqw"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("ονιρ", "ovip"),
        ("‐‑‒–—−", "------"),
        ("’‘", "''"),
        ("\u{a0}\u{2007}\u{202f}", "   "),
        ("∶", ":"),
    ];
    if ('\u{ff01}'..='\u{ff5e}').contains(&c) {
        return char::from_u32(c as u32 - 0xfee0);
    }
    TWINS.iter().find_map(|(twins, plain)| {
        let index = twins.chars().position(|twin| twin == c)?;
        plain.chars().nth(index)
    })
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
