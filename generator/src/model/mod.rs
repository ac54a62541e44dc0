//! The resolved app: from the manifest as written to an app in which nothing is left to look up.
//!
//! **Invariant:** there is a model exactly when there is no error; templates, `flow` and the lock file never meet a
//! name that is unknown or two that meet (held by `tests::a_manifest_gives_a_model_or_says_why_not`).

mod circles;
mod codes;
mod collisions;
mod consumers;
mod controllers;
mod emits;
mod messages;
mod report;
mod resolve;
mod scalar;
mod topics;
mod types;

pub use resolve::resolve;
pub use types::*;

use crate::diagnostic::Diagnostic;

/// A manifest that was read and resolved.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The app; `None` if there is an error.
    pub model: Option<Model>,
    /// Everything that reading and resolving found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
