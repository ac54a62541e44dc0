//! The resolved app: from the manifest as written to an app in which nothing is left to look up.
//!
//! **Invariant:** there is a model exactly when there is no error; templates, `flow` and the lock file never meet a
//! name that is unknown or two that meet (held by `tests::a_manifest_gives_a_model_or_says_why_not`).

mod batches;
mod checks;
mod circles;
mod consumers;
mod controllers;
mod dead_letters;
mod jobs;
mod lookup;
mod messages;
mod repeated;
mod report;
mod resolve;
pub mod sample;
mod scalar;
mod topics;
mod types;
pub mod value;

pub use repeated::check_repeated;
pub use resolve::resolve;
pub use types::*;

use std::collections::BTreeMap;

use crate::{
    diagnostic::{Diagnostic, Severity, codes},
    manifest,
    source::{Source, Span},
};

/// A manifest that was read and resolved.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The app; `None` if there is an error.
    pub model: Option<Model>,
    /// Everything that reading and resolving found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// What is wrong unless the app's Cargo.toml names a feature; see [`manifest::missing_features`].
    pub features: Vec<(&'static str, Diagnostic)>,
}

/// What is said of a key for standing where it does, whatever its value.
const ABOUT_KEYS: [&str; 7] = [
    codes::MISSING_DEAD_LETTER,
    codes::BROKEN_PROMISE,
    codes::CONFLICTING_KEYS,
    codes::JOBS_IN_BATCHES,
    codes::JOBS_IN_PROCESS,
    codes::PROTOCOL_CONFLICT,
    codes::UNUSED_INTERCHANGER,
];

/// Reads and resolves a manifest. Total: any text gives a model, or at least one error.
#[must_use]
pub fn compile(source: &Source) -> Compiled {
    let (manifest, mut diagnostics) = manifest::read(source);
    let Some(manifest) = manifest else { return Compiled { diagnostics, ..Compiled::default() } };
    let (model, resolved) = resolve(source, &manifest);
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    let refused: Refused = diagnostics.iter().filter(|d| is_error(d)).map(|d| d.span).collect();
    // That a key stands there at all is wrong only once it is called what it is taken for.
    let is_consequence = |found: &Diagnostic| {
        let behind = manifest.misspelt.partition_point(|entry| entry.start <= found.span.start);
        let before = behind.checked_sub(1).and_then(|at| manifest.misspelt.get(at));
        ABOUT_KEYS.contains(&found.code) && before.is_some_and(|entry| found.span.end <= entry.end)
    };
    // What the reader has refused is refused once; and it may have left out what a warning misses.
    let new = resolved.into_iter().filter(|found| match found.severity {
        Severity::Error => !manifest.is_partial && !refused.meets(found.span) && !is_consequence(found),
        Severity::Warning | Severity::Note => refused.0.is_empty(),
    });
    diagnostics.extend(new);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    let features = manifest::missing_features(&manifest);
    Compiled { model: model.filter(|_| refused.0.is_empty()), diagnostics, features }
}

/// What the reader has refused: where each place begins, and how far it and those before it reach.
#[derive(Debug)]
struct Refused(BTreeMap<usize, usize>);

impl FromIterator<Span> for Refused {
    fn from_iter<I: IntoIterator<Item = Span>>(places: I) -> Self {
        let mut reaches = BTreeMap::new();
        for Span { start, end } in places {
            let reach: &mut usize = reaches.entry(start).or_default();
            *reach = end.max(*reach);
        }
        let mut furthest = 0;
        for reach in reaches.values_mut() {
            furthest = furthest.max(*reach);
            *reach = furthest;
        }
        Self(reaches)
    }
}

impl Refused {
    /// Whether some of `place` is refused. One that is empty is where its next letter is.
    fn meets(&self, place: Span) -> bool {
        let before = self.0.range(..place.end.max(place.start + 1)).next_back();
        before.is_some_and(|(&start, &reach)| start >= place.start || reach > place.start)
    }
}

#[cfg(test)]
mod tests;
