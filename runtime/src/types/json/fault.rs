//! What is wrong in a JSON value, and where.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What is wrong, with the path that leads there from the value that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    words: String,
    /// Names and indices, the innermost first.
    path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl Fault {
    pub(crate) fn new(words: impl fmt::Display) -> Self {
        Self { words: words.to_string(), path: Vec::new() }
    }

    /// The same, seen from the object that holds the value under `name`.
    #[must_use]
    pub(crate) fn in_field(mut self, name: &str) -> Self {
        self.path.push(Step::Name(name.to_owned()));
        self
    }

    /// The same, seen from the list that holds the value at `index`.
    #[must_use]
    pub(crate) fn in_item(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.path.iter().rev().enumerate() {
            match (place, step) {
                (0, Step::Name(name)) => write!(f, "`{name}")?,
                (0, Step::Index(index)) => write!(f, "`[{index}]")?,
                (_, Step::Name(name)) => write!(f, ".{name}")?,
                (_, Step::Index(index)) => write!(f, "[{index}]")?,
            }
        }
        f.write_str(if self.path.is_empty() { "" } else { "`: " })?;
        f.write_str(&self.words)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::new(words)
    }

    /// In serde_json's words: JSON has no unit.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => Self::new(format_args!("invalid type: null, expected {expected}")),
            other => Self::new(format_args!("invalid type: {other}, expected {expected}")),
        }
    }
}
