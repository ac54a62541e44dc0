//! Words that are taken: by Rust, by Windows.

/// Whether Rust, up to its 2024 edition, keeps this word for itself.
#[must_use]
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

/// Whether this keyword can be written `r#word`.
pub(super) fn can_be_raw(keyword: &str) -> bool {
    !matches!(keyword, "self" | "Self" | "super" | "crate")
}

/// Whether Windows keeps this file name, with any ending, for a device.
pub(super) fn is_device(file: &str) -> bool {
    let digit = |prefix| file.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    matches!(file, "con" | "prn" | "aux" | "nul") || digit("com") || digit("lpt")
}

const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a word is overlooked by the binary search and a field of that name breaks the app's build.
    #[test]
    fn the_list_is_sorted() {
        assert!(KEYWORDS.is_sorted());
    }
}
