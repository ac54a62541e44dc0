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

/// What to write for a constant or a message of which a part begins with a number.
fn before_number(name: &str) -> String {
    let parts = name.split("::").map(|part| match part.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("V{part}"),
        false => part.to_owned(),
    });
    let example = parts.collect::<Vec<_>>().join("::");
    format!("put a word or a letter before the number, as in `{example}`: no type of Rust begins with a digit")
}

/// Collects diagnostics.
#[derive(Debug)]
pub(super) struct Report<'a> {
    source: &'a Source,
    /// Most manifests are right, and need no place looked up.
    lines: OnceCell<Lines<'a>>,
    diagnostics: Vec<Diagnostic>,
    comparisons_left: usize,
}

/// What two or more names are that may not be the same: `what` they are names of, in the order of the file and with their
/// places, and what each of them `comes_to`. Nothing where there is one name.
pub(super) fn meeting(code: &'static str, what: &str, names: &[(&str, Span)], comes_to: &str) -> Option<Diagnostic> {
    let [first, second, more @ ..] = names else { return None };
    let quoted: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
    let (last, before) = quoted.split_last()?;
    let all = if more.is_empty() { "both" } else { "all" };
    let words = format!("the {what} {} and {last} are {all} {comes_to}", before.join(", "));
    let diagnostic = Diagnostic::error(code, second.1, words).related(first.1, "first here");
    Some(more.iter().fold(diagnostic, |diagnostic, (_, span)| diagnostic.related(*span, "and here")))
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
        let diagnostic = Diagnostic::error(code, text.span, error.to_string());
        let advice = match &error.why {
            Refusal::NoLetter if code == codes::INVALID_TOPIC_NAME => {
                "give it a key with letters, and its own name under `name:`".to_owned()
            }
            Refusal::Keyword { .. }
            | Refusal::Device { .. }
            | Refusal::ModuleInItself { .. }
            | Refusal::KeywordItself
            | Refusal::Dots
            | Refusal::Crate { .. } => "choose another name".to_owned(),
            Refusal::TooLong { .. } | Refusal::LongFile { .. } => "choose a shorter name".to_owned(),
            Refusal::NotCapital { part } if part.starts_with(|c: char| c.is_ascii_digit()) => {
                before_number(&error.name)
            }
            _ => {
                let example = match code {
                    codes::INVALID_CONSTANT => "Videos::DetailsController",
                    codes::INVALID_MESSAGE_NAME => "NewVideo",
                    codes::INVALID_APP => "shop",
                    _ => "new_videos",
                };
                format!("write a name such as `{example}`")
            }
        };
        self.add(match &error.instead {
            Some(instead) => diagnostic.help(format!("write `{instead}`")).suggest(text.span, instead),
            None => diagnostic.help(advice),
        });
    }

    /// The candidate that was probably meant by `wanted`.
    pub(super) fn nearest<'c, I>(&mut self, wanted: &str, candidates: I) -> Option<&'c str>
    where
        I: IntoIterator<Item = &'c str>,
        I::IntoIter: ExactSizeIterator,
    {
        let candidates = candidates.into_iter();
        self.compares(candidates.len()).then(|| nearest(wanted, candidates)).flatten()
    }

    /// Whether so many names may still be compared with one that is wrong: thousands of wrong ones beside thousands of right
    /// ones would take long.
    pub(super) fn compares(&mut self, count: usize) -> bool {
        let Some(left) = self.comparisons_left.checked_sub(count) else { return false };
        self.comparisons_left = left;
        true
    }
}
