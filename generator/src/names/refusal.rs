//! Why a name is refused, and the form of it that works.

use crate::diagnostic::quote;

/// A name that cannot be used.
///
/// **Invariant:** `instead` is a name that the same rule accepts (held by `tests::what_is_offered_instead_works`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {why}", quote(name))]
pub struct NameError {
    /// The name as it was written.
    pub name: String,
    /// What is wrong with it.
    pub why: Refusal,
    /// The name that was probably meant, if it can be told.
    pub instead: Option<String>,
}

/// What is wrong with a name; reads on from the name itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// A letter of another alphabet, perhaps one that looks like ASCII.
    #[error("holds {}", describe(*found, *looks_like))]
    NotAscii {
        /// The letter.
        found: char,
        /// The ASCII letter that it looks like.
        looks_like: Option<char>,
    },
    /// Ruby's name from the root.
    #[error("starts with `::`; every constant of the manifest is already read from the root")]
    LeadingColons,
    /// Legal in Ruby; here it would not survive the way to a file name and back.
    #[error("holds an underscore; a constant is made of capitalized words")]
    Underscore,
    /// A part of a constant, or a message, that does not begin with a capital.
    #[error("has the part `{part}`, which does not begin with a capital letter")]
    NotCapital {
        /// The part.
        part: String,
    },
    /// Something else between the parts of a constant than `::`, or nothing between two of them.
    #[error("is not a constant: its parts are joined by `::` and each begins with a capital letter")]
    NotAConstant,
    /// A character that has no place in such a name.
    #[error("holds `{}`; {allowed}", found.escape_debug())]
    Character {
        /// The character.
        found: char,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Nothing of the name is left for Rust.
    #[error("holds neither a letter nor a digit, so Rust has no name for it")]
    NoLetter,
    /// Not what the name must begin with.
    #[error("does not begin with a small letter")]
    NotSmall,
    /// Two separators in a row, or one at the end.
    #[error("has `-` or `_` twice in a row or at its end, which Rust warns about")]
    Separators,
    /// Longer than its place allows.
    #[error("is {length} bytes long; {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// A file that a disk could not hold, or a test that could not be built.
    #[error("would need a file whose name has {length} bytes; {limit} are allowed")]
    LongFile {
        /// The length of the file's or folder's name, in bytes and without its ending.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// `.` or `..`, which Kafka keeps for itself.
    #[error("is refused by Kafka, because it would name a folder of the broker's log")]
    Dots,
    /// A module that Rust could not name.
    #[error("would need a module named `{module}`, which is a keyword of Rust")]
    Keyword {
        /// The module.
        module: String,
    },
    /// A file that Windows could not hold.
    #[error("would need a file or folder named `{file}`, which Windows keeps for a device")]
    Device {
        /// The file without its ending.
        file: String,
    },
    /// A module directly inside of one of the same name, which clippy warns about.
    #[error("would need a module `{module}` inside of the module `{module}`")]
    ModuleInItself {
        /// The module.
        module: String,
    },
    /// A type that Rust could not name.
    #[error("is a keyword of Rust")]
    KeywordItself,
    /// A crate name that Cargo refuses, or that would stand before a crate that the app needs.
    #[error("cannot name a crate: {because}")]
    Crate {
        /// Why.
        because: &'static str,
    },
}

impl Refusal {
    pub(super) fn of(self, name: &str) -> NameError {
        NameError { name: name.to_owned(), why: self, instead: None }
    }
}

fn describe(found: char, looks_like: Option<char>) -> String {
    let code = found as u32;
    match looks_like {
        Some(twin) => format!("the letter U+{code:04X}, which looks like `{twin}` but is another one"),
        None => format!("`{}` (U+{code:04X}); names are ASCII letters and digits", found.escape_debug()),
    }
}
