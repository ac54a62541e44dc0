//! Words that are taken: by Rust, by what generated code has in scope, by Windows.

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

/// What a type of this name would hide in the app's files, in words; `None` if the name is free.
pub(super) fn hidden_by(type_name: &str) -> Option<&'static str> {
    if type_name == "State" {
        Some("the app's `State`")
    } else if RUNTIME.binary_search(&type_name).is_ok() {
        Some("the runtime's type of that name")
    } else if RUST.binary_search(&type_name).is_ok() {
        Some("Rust's own type or trait of that name")
    } else {
        None
    }
}

/// Whether `crate::generated::topics` itself uses this name.
pub(super) fn is_used_by_topics(type_name: &str) -> bool {
    matches!(type_name, "C" | "Option" | "Self" | "String" | "Vec")
}

const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// What `karafka::prelude` exports; a test compares it with the runtime's source.
const RUNTIME: &[&str] = &[
    "Admission",
    "Batch",
    "BatchController",
    "Bytes",
    "Context",
    "Controller",
    "Date",
    "Decimal",
    "Error",
    "Failure",
    "FromState",
    "Interchanger",
    "Json",
    "Key",
    "Message",
    "Parser",
    "Record",
    "Result",
    "Time",
    "Timestamp",
    "Uuid",
    "Worker",
];

/// Rust's prelude (2024 edition), and what `crate::generated::messages` uses beside it.
const RUST: &[&str] = &[
    "AsMut",
    "AsRef",
    "AsyncFn",
    "AsyncFnMut",
    "AsyncFnOnce",
    "BTreeMap",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Hash",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Self",
    "Send",
    "Serialize",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a word is overlooked by the binary search and a message of that name breaks the app's build.
    #[test]
    fn the_lists_are_sorted() {
        for list in [KEYWORDS, RUNTIME, RUST] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    /// If this fails, the runtime's prelude has gained a name, and a message of that name would be ambiguous in every
    /// controller.
    #[test]
    fn the_list_is_the_runtimes_prelude() {
        let runtime = include_str!("../../../runtime/src/lib.rs");
        let (_, prelude) = runtime.split_once("pub mod prelude {").expect("the runtime has a prelude");
        let (prelude, _) = prelude.split_once("\n}").expect("the prelude ends");
        let mut exported: Vec<&str> = prelude
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
            .collect();
        exported.sort_unstable();
        assert_eq!(exported, RUNTIME);
    }
}
