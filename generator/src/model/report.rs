//! What resolving finds wrong, and the words that all of it shares.

use std::cell::OnceCell;

use crate::{
    diagnostic::{Diagnostic, Severity, codes},
    manifest::{Text, keys::nearest},
    names::{NameError, Refusal},
    source::{Lines, Source, Span},
};

/// Looking for the nearest name compares it with all the others. With this many comparisons every mistake of an
/// ordinary manifest gets its answer, and thousands of mistakes among thousands of names cost no minutes.
const COMPARISONS: usize = 50_000;

/// Collects diagnostics.
#[derive(Debug)]
pub(super) struct Report<'a> {
    source: &'a Source,
    /// Most manifests are right, and need no place looked up.
    lines: OnceCell<Lines<'a>>,
    diagnostics: Vec<Diagnostic>,
    comparisons_left: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, lines: OnceCell::new(), diagnostics: Vec::new(), comparisons_left: COMPARISONS }
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Everything found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        self.diagnostics
    }

    /// `line 21`, for a place that the words of a diagnostic name.
    pub(super) fn line(&self, span: Span) -> String {
        format!("line {}", self.lines().line(span.start))
    }

    fn lines(&self) -> &Lines<'a> {
        self.lines.get_or_init(|| self.source.lines())
    }

    /// Whether the manifest says exactly this at a place: not quoted, not escaped, not made by an alias.
    pub(super) fn says(&self, text: &Text) -> bool {
        self.source.text.get(text.span.start..text.span.end) == Some(text.value.as_str())
    }

    /// The text of the line that holds a place, up to that place; and where the line begins.
    pub(super) fn before(&self, span: Span) -> (&'a str, usize) {
        let start = self.lines().span(self.lines().line(span.start)).start;
        (self.source.text.get(start..span.start).unwrap_or_default(), start)
    }

    /// Reports a name that its rule refuses.
    pub(super) fn refuse(&mut self, code: &'static str, text: &Text, error: &NameError) {
        let mut diagnostic = Diagnostic::error(code, text.span, error.to_string());
        let advice = match &error.why {
            Refusal::NoLetter if code == codes::INVALID_TOPIC_NAME => {
                Some("give it a key with letters, and its own name under `name:`".to_owned())
            }
            Refusal::Keyword { .. }
            | Refusal::Device { .. }
            | Refusal::ModuleInItself { .. }
            | Refusal::Hides { .. } => Some("choose another name".to_owned()),
            Refusal::LongFile { .. } => Some("choose a shorter name".to_owned()),
            _ => None,
        };
        match (&error.instead, advice) {
            (Some(instead), _) => {
                diagnostic = diagnostic.help(format!("write `{instead}`")).suggest(text.span, instead);
            }
            (None, Some(advice)) => diagnostic = diagnostic.help(advice),
            (None, None) => {}
        }
        self.add(diagnostic);
    }

    /// The candidate that was probably meant by `wanted`.
    pub(super) fn nearest<'c, I>(&mut self, wanted: &str, candidates: I) -> Option<&'c str>
    where
        I: IntoIterator<Item = &'c str>,
        I::IntoIter: ExactSizeIterator,
    {
        let candidates = candidates.into_iter();
        self.comparisons_left = self.comparisons_left.checked_sub(candidates.len())?;
        nearest(wanted, candidates)
    }
}
