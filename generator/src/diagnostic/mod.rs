//! What is wrong, where, and what to write instead.

mod alike;
pub mod codes;
mod difference;
mod full;
mod render;
mod secret;

pub(crate) use alike::look_alike;
pub use difference::{Difference, line_changes, unified};
pub use render::{Format, render, render_all};
pub use secret::redacted;

use karafka::foreign;

use crate::source::{Source, Span};

/// One mistake, or one thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind, which names it in every output format; see [`codes`].
    pub code: &'static str,
    /// Whether it stops the command.
    pub severity: Severity,
    /// One sentence without a full stop, the faulty word in backquotes.
    pub message: String,
    /// Where it stands in its text.
    pub span: Span,
    /// Words under the marked place, if they add anything.
    pub label: Option<String>,
    /// Other places that belong to it, such as the first of two names that meet, each with its words.
    pub related: Vec<(Span, String)>,
    /// What to write instead, in words.
    pub help: Option<String>,
    /// What to write instead, as text for a place.
    pub suggestion: Option<Suggestion>,
    /// How the text is and how it should be, where a person sees more in that than in the place.
    pub difference: Option<Difference>,
}

/// A diagnostic, and the text that it is about.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The text, or a file as a whole.
    pub source: Source,
    /// What is wrong with it.
    pub diagnostic: Diagnostic,
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written while it stands.
    Error,
    /// It is shown, and the command goes on.
    Warning,
    /// Something to know of a manifest that is right; `check` alone shows it.
    Note,
}

/// A text that would mend the manifest at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The bytes to replace; empty for an insertion.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

impl Diagnostic {
    /// An error of kind `code` at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: None,
            related: Vec::new(),
            help: None,
            suggestion: None,
            difference: None,
        }
    }

    /// A warning of kind `code` at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// A note of kind `code` at `span`.
    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, span, message) }
    }

    /// With words under the marked place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }

    /// With what to write instead, in words.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With what to write instead, as text.
    #[must_use]
    pub fn suggest(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.suggestion = Some(Suggestion { span, replacement: replacement.into() });
        self
    }
}

/// A text of the manifest in backquotes, fit for one line of a message: shortened, and with control characters and
/// other invisible ones written out.
#[must_use]
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut quoted = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            quoted.push('…');
            break;
        }
        if foreign::is_plain(character) {
            quoted.push(character);
        } else {
            quoted.extend(character.escape_unicode());
        }
    }
    quoted.push('`');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a name in a manifest can move the cursor of a person's terminal or fill its screen.
    #[test]
    fn quoted_texts_are_short_and_harmless() {
        assert_eq!(quote("a\u{1b}[2Jb"), "`a\\u{1b}[2Jb`");
        assert_eq!(quote("a\u{202e}b"), "`a\\u{202e}b`");
        assert_eq!(quote(&"x".repeat(1_000)).chars().count(), 63);
        // In letters, however many bytes each has, and wherever they begin.
        for letter in ["é", "日", "𝒳"] {
            for shift in 0..4 {
                let (before, whole) = ("-".repeat(shift), letter.repeat(60 - shift));
                assert_eq!(quote(&format!("{before}{whole}")), format!("`{before}{whole}`"));
                assert_eq!(quote(&format!("{before}{whole}{letter}")), format!("`{before}{whole}…`"));
            }
        }
    }
}
