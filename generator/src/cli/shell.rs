//! What a command says, where, and in which colour.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use karafka::foreign;
use karafka_generator::{
    diagnostic::{self, Diagnostic, Finding, Format},
    source::Source,
};

use super::{Color, Common, OutputFormat};

/// Where a command's words go: results to standard output, everything else to standard error.
#[derive(Debug)]
pub(crate) struct Shell {
    /// `--app`
    pub(crate) app: Option<PathBuf>,
    /// `--quiet`
    pub(crate) quiet: bool,
    /// `--verbose`
    pub(crate) verbose: bool,
    /// `--output-format`
    pub(crate) format: OutputFormat,
    color: Color,
}

/// What a word of a listing means, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something was done.
    Good,
    /// Nothing had to be done.
    Calm,
    /// Something to know.
    Notice,
    /// Something is wrong.
    Bad,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Calm => "\x1b[36m",
            Self::Notice => "\x1b[1;33m",
            Self::Bad => "\x1b[1;31m",
        }
    }
}

impl OutputFormat {
    fn of_diagnostics(self) -> Format {
        match self {
            Self::Full => Format::Full,
            Self::Concise => Format::Concise,
            Self::Json => Format::Json,
            Self::Github => Format::Github,
        }
    }
}

impl Shell {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            app: common.app.clone(),
            quiet: common.quiet,
            verbose: common.verbose,
            format: common.output_format,
            color: common.color,
        }
    }

    /// Whether standard output takes colour.
    pub(crate) fn color_out(&self) -> bool {
        self.wants_color(io::stdout().is_terminal())
    }

    /// Whether standard error takes colour.
    pub(crate) fn color_err(&self) -> bool {
        self.wants_color(io::stderr().is_terminal())
    }

    fn wants_color(&self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            // https://no-color.org: set and not empty.
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    /// Writes a result; of what a terminal acts on only colours and line ends, whoever wrote the text.
    pub(crate) fn out(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(foreign::page(text, self.color_out()).as_bytes())?;
        stdout.flush()
    }

    /// Writes progress or diagnostics in the same way; a standard error that is gone is nobody's trouble.
    pub(crate) fn err(&self, text: &str) {
        let _ = io::stderr().lock().write_all(foreign::page(text, self.color_err()).as_bytes());
    }

    /// A line of progress, `building  myapp`; not with `--quiet`.
    pub(crate) fn progress(&self, tone: Tone, word: &str, text: &str) {
        if !self.quiet {
            self.err(&status_line(tone, word, text, self.color_err()));
        }
    }

    /// `error: …`, with each cause on a line of its own.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mark = paint(Tone::Bad, "error", self.color_err());
        let mut text = format!("{mark}: {error}\n");
        for cause in error.chain().skip(1) {
            text.push_str(&format!("  {cause}\n"));
        }
        self.err(&text);
    }

    /// What was found in the manifest, in the format that was asked for.
    pub(crate) fn diagnostics(&self, source: &Source, diagnostics: &[Diagnostic], color: bool) -> String {
        diagnostic::render(source, diagnostics, self.format.of_diagnostics(), color)
    }

    /// What was found in several files, in the format that was asked for.
    pub(crate) fn findings(&self, findings: &[Finding], color: bool) -> String {
        diagnostic::render_all(findings, self.format.of_diagnostics(), color)
    }

    /// The last line of a person's output; not with `--quiet`, and not between lines for machines.
    pub(crate) fn summary(&self, text: &str) {
        if !self.quiet && matches!(self.format, OutputFormat::Full | OutputFormat::Concise) {
            self.err(&format!("{text}\n"));
        }
    }

    /// `next: …`, what to do now; not with `--quiet`.
    pub(crate) fn next(&self, text: &str) {
        if !self.quiet {
            let mark = paint(Tone::Good, "next", self.color_err());
            self.err(&format!("{mark}: {text}\n"));
        }
    }
}

/// `text` in the colour of `tone`, if colour is wanted.
pub(crate) fn paint(tone: Tone, text: &str, color: bool) -> String {
    if color { format!("{}{text}\x1b[0m", tone.code()) } else { text.to_owned() }
}

/// A word, aligned to the right, and what it is about: `      create  src/main.rs`.
pub(crate) fn status_line(tone: Tone, word: &str, text: &str, color: bool) -> String {
    // Padded first: the codes of a colour have no width.
    format!("{}  {text}\n", paint(tone, &format!("{word:>12}"), color))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, the listing of files is not aligned and hard to read.
    #[test]
    fn words_end_in_one_column_in_colour_and_without() {
        assert_eq!(status_line(Tone::Good, "create", "a", false), "      create  a\n");
        assert_eq!(status_line(Tone::Calm, "identical", "a", true), "\x1b[36m   identical\x1b[0m  a\n");
    }
}
