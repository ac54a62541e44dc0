//! Diagnostics as a person, an editor or a CI service reads them.

use std::fmt::Write as _;

use karafka::foreign;
use serde_json::json;

use super::{Diagnostic, Finding, Severity, codes, full, secret::Shown};
use crate::source::{Lines, Source, Span};

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a person: the line, the place in it, what to write instead. Of very many only the first are shown.
    #[default]
    Full,
    /// One line each: `karafka.yml:7:5: error[unknown-key]: …`.
    Concise,
    /// One JSON object a line, for editors and scripts.
    Json,
    /// GitHub's workflow commands, which mark the line in a pull request.
    Github,
}

/// Diagnostics of one text, each ended by a newline, in the order given.
///
/// Secrets in the text are redacted, and a suggestion that would repeat one is left out.
/// Only [`Format::Full`] has colours. Takes time in proportion to the text and to the diagnostics, not to their product.
#[must_use]
pub fn render(source: &Source, diagnostics: &[Diagnostic], format: Format, color: bool) -> String {
    let pages = if diagnostics.is_empty() { Vec::new() } else { vec![Page::new(source, diagnostics)] };
    render_pages(&pages, format, color)
}

/// Diagnostics of several texts, in the same form.
#[must_use]
pub fn render_all(findings: &[Finding], format: Format, color: bool) -> String {
    let pages = findings.iter().map(|found| Page::new(&found.source, std::slice::from_ref(&found.diagnostic)));
    render_pages(&pages.collect::<Vec<_>>(), format, color)
}

fn render_pages(pages: &[Page<'_>], format: Format, color: bool) -> String {
    let mut out = String::new();
    let write = match format {
        Format::Full => {
            full::render(pages, color, &mut out);
            return out;
        }
        Format::Concise => concise,
        Format::Json => json,
        Format::Github => github,
    };
    for page in pages {
        page.diagnostics.iter().for_each(|diagnostic| write(page, diagnostic, &mut out));
    }
    out
}

/// A text and what is said of it.
pub(super) struct Page<'a> {
    pub(super) shown: Shown<'a>,
    pub(super) lines: Lines<'a>,
    /// Without secrets.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> Page<'a> {
    fn new(source: &'a Source, diagnostics: &[Diagnostic]) -> Self {
        let shown = Shown::new(source, diagnostics);
        let diagnostics = diagnostics.iter().map(|diagnostic| shown.without_secrets(diagnostic)).collect();
        Self { shown, lines: source.lines(), diagnostics }
    }

    fn name(&self) -> &'a str {
        &self.shown.source.name
    }

    /// Line and column of a place's beginning and end; none for a file as a whole.
    pub(super) fn place(&self, span: Span) -> Option<[(usize, usize); 2]> {
        let position = |byte| self.lines.position(byte);
        (!self.shown.source.is_whole()).then(|| [position(span.start), position(span.end)])
    }
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

fn concise(page: &Page<'_>, diagnostic: &Diagnostic, out: &mut String) {
    let Diagnostic { code, severity, message, help, .. } = diagnostic;
    let _ = write!(out, "{}:", foreign::line(page.name()));
    if let Some([(line, column), _]) = page.place(diagnostic.span) {
        let _ = write!(out, "{line}:{column}:");
    }
    let _ = write!(out, " {}[{code}]: {}", severity.as_str(), one_line(message));
    if let Some(help) = help {
        let _ = write!(out, "; {}", one_line(help));
    }
    out.push('\n');
}

fn json(page: &Page<'_>, diagnostic: &Diagnostic, out: &mut String) {
    let place = page.place(diagnostic.span);
    let (start, end) = (place.map(|[start, _]| start), place.map(|[_, end]| end));
    let suggestion = diagnostic.suggestion.as_ref().map(|suggestion| {
        let (line, column) = page.lines.position(suggestion.span.start);
        let (end_line, end_column) = page.lines.position(suggestion.span.end);
        json!({
            "replacement": suggestion.replacement,
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
        })
    });
    let object = json!({
        "kind": codes::kind(diagnostic.code),
        "code": diagnostic.code,
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "file": page.name(),
        "line": start.map(|(line, _)| line),
        "column": start.map(|(_, column)| column),
        "end_line": end.map(|(line, _)| line),
        "end_column": end.map(|(_, column)| column),
        "help": diagnostic.help,
        "suggestion": suggestion,
    });
    let _ = writeln!(out, "{}", foreign::json(&object.to_string()));
}

/// A workflow command, as in <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>.
fn github(page: &Page<'_>, diagnostic: &Diagnostic, out: &mut String) {
    let command = match diagnostic.severity {
        Severity::Error | Severity::Warning => diagnostic.severity.as_str(),
        Severity::Note => "notice",
    };
    let _ = write!(out, "::{command} file={}", github_property(page.name()));
    if let Some([(line, column), (end_line, end_column)]) = page.place(diagnostic.span) {
        let _ = write!(out, ",line={line},col={column}");
        if end_line == line {
            let _ = write!(out, ",endColumn={end_column}");
        } else {
            let _ = write!(out, ",endLine={end_line}");
        }
    }
    let _ = write!(out, ",title={}::{}", github_property(diagnostic.code), github_data(&diagnostic.message));
    if let Some(help) = &diagnostic.help {
        let _ = write!(out, "%0Ahelp: {}", github_data(help));
    }
    out.push('\n');
}

/// A text as it follows the second `::` of a workflow command.
fn github_data(text: &str) -> String {
    foreign::page(text, false).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as a property of a workflow command.
fn github_property(text: &str) -> String {
    github_data(&foreign::line(text)).replace(':', "%3A").replace(',', "%2C")
}

/// Without line breaks: the next line would be taken for a diagnostic of its own.
fn one_line(text: &str) -> String {
    foreign::line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "app: a\ntopics:\n  ö: {}\n  orders:\n    contoller: OrdersController\n";

    fn check(format: Format, diagnostics: &[Diagnostic], expected: &str) {
        assert_eq!(render(&Source::new("karafka.yml", TEXT), diagnostics, format, false), expected);
    }

    fn unknown_key() -> Diagnostic {
        let start = TEXT.find("contoller").unwrap();
        let span = Span::new(start, start + 9);
        Diagnostic::error("unknown-key", span, "`contoller` is not a key of a topic")
            .help("did you mean `controller`?")
            .suggest(span, "controller")
    }

    /// If this fails, what a person sees is not what the documentation shows.
    #[test]
    fn full_shows_the_line() {
        check(
            Format::Full,
            &[unknown_key(), unknown_key()],
            "\
error[unknown-key]: `contoller` is not a key of a topic
 --> karafka.yml:5:5
  |
5 |     contoller: OrdersController
  |     ^^^^^^^^^
  |
help: did you mean `controller`?

error[unknown-key]: `contoller` is not a key of a topic
 --> karafka.yml:5:5
  |
5 |     contoller: OrdersController
  |     ^^^^^^^^^
  |
help: did you mean `controller`?

",
        );
    }

    /// If this fails, ten thousand mistakes roll through a person's terminal, or warnings hide the errors behind them.
    #[test]
    fn full_shows_the_first_hundred_and_counts_the_others() {
        let source = Source::new("karafka.yml", TEXT);
        let warning = Diagnostic::warning("a", Span::new(0, 3), "w");
        let shown = |diagnostics: &[Diagnostic]| render(&source, diagnostics, Format::Full, false);
        let errors = |number: usize| vec![unknown_key(); number];

        let all = shown(&errors(100));
        assert_eq!((all.matches("error[").count(), all.contains("more")), (100, false));
        let one_more = shown(&errors(101));
        assert!(one_more.ends_with("\n\n… and 1 more error; mend these first\n\n"), "{one_more}");
        let many = shown(&[vec![warning.clone(); 2], errors(10_000)].concat());
        assert_eq!((many.matches("error[").count(), many.matches("warning[").count()), (100, 0));
        assert!(many.ends_with("… and 9,900 more errors and 2 more warnings; mend these first\n\n"), "{many}");
        let mixed = shown(&[vec![warning; 200], errors(99)].concat());
        assert_eq!((mixed.matches("error[").count(), mixed.matches("warning[").count()), (99, 1));
        assert!(mixed.starts_with("warning[") && mixed.contains("… and 199 more warnings"), "{mixed}");
    }

    /// If this fails, an editor that reads one line a mistake loses one.
    #[test]
    fn concise_is_one_line() {
        let diagnostic = Diagnostic::warning("a", Span::new(0, 3), "two\nlines").help("help\n\n  here");
        check(
            Format::Concise,
            &[unknown_key(), diagnostic],
            "karafka.yml:5:5: error[unknown-key]: `contoller` is not a key of a topic; did you mean `controller`?\n\
             karafka.yml:1:1: warning[a]: two lines; help here\n",
        );
    }

    /// If this fails, a script that applies suggestions breaks the manifest.
    #[test]
    fn json_has_every_field() {
        check(
            Format::Json,
            &[unknown_key()],
            "{\"kind\":\"manifest\",\"code\":\"unknown-key\",\"severity\":\"error\",\
             \"message\":\"`contoller` is not a key of a topic\",\"file\":\"karafka.yml\",\"line\":5,\"column\":5,\
             \"end_line\":5,\"end_column\":14,\"help\":\"did you mean `controller`?\",\
             \"suggestion\":{\"replacement\":\"controller\",\"line\":5,\"column\":5,\"end_line\":5,\"end_column\":14}}\n",
        );
    }

    /// If this fails, a manifest can write workflow commands of its own into a CI log.
    #[test]
    fn github_commands_are_escaped() {
        let source = Source::new("a,b:c.yml", TEXT);
        let diagnostic = Diagnostic::error("a", Span::new(0, 3), "50%\n::set-env x").help("y");
        assert_eq!(
            render(&source, &[diagnostic], Format::Github, false),
            "::error file=a%2Cb%3Ac.yml,line=1,col=1,endColumn=4,title=a::50%25%0A::set-env x%0Ahelp: y\n",
        );
    }

    fn full(text: &str, word: &str, diagnostic: impl Fn(Span) -> Diagnostic) -> String {
        let start = text.find(word).unwrap();
        let source = Source::new("karafka.yml", text);
        render(&source, &[diagnostic(Span::new(start, start + word.len()))], Format::Full, false)
    }

    /// If this fails, the marker points past the word on a line with letters of several bytes, or after a tab.
    #[test]
    fn markers_stand_under_the_word() {
        let shown = full("# ä\na: größe\tb: 日本 wrong\r\n", "wrong", |span| Diagnostic::error("a", span, "no"));
        assert_eq!(
            shown,
            "error[a]: no\n --> karafka.yml:2:16\n  |\n2 | a: größe    b: 日本 wrong\n  |                     ^^^^^\n\n"
        );
    }

    /// If this fails, a minified manifest fills the terminal, or the place shown is not the place in the file.
    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("a: [{}wrong{}]", "'ä', ".repeat(10_000), ", 'b'".repeat(10_000));
        let shown =
            full(&text, "wrong", |span| Diagnostic::error("a", span, "no").help("write").suggest(span, "right"));
        assert!(shown.lines().all(|line| line.chars().count() < 160), "a long line of {} bytes", shown.len());
        assert!(shown.contains("--> karafka.yml:1:50005"), "{shown}");
        assert!(shown.contains("wrong") && shown.contains("^^^^^"), "{shown}");
        assert!(shown.contains("help: write `right`"), "{shown}");
    }

    /// If this fails, a person sees that two names meet, and not where the first one is.
    #[test]
    fn other_places_are_shown_near_and_far() {
        let near = "a: 1\nb: 2\na: 3\n";
        let shown =
            full(near, "a: 3", |span| Diagnostic::error("x", span, "twice").related(Span::new(0, 1), "first here"));
        insta_snapshot("related_near", &shown);
        let far = format!("a: 1\n{}a: 3\n", "b: 2\n".repeat(100));
        let shown =
            full(&far, "a: 3", |span| Diagnostic::error("x", span, "twice").related(Span::new(0, 1), "first here"));
        insta_snapshot("related_far", &shown);
    }

    /// If this fails, a mistake at the very end of a file is shown nowhere.
    #[test]
    fn places_at_the_end_and_over_lines_are_shown() {
        for (text, span) in [
            ("", Span::new(0, 0)),
            ("a:", Span::new(2, 2)),
            ("a:\n", Span::new(3, 3)),
            ("a:\n  b:\n", Span::new(0, 7)),
            ("a", Span::new(7, 9)),
        ] {
            let shown = render(&Source::new("k", text), &[Diagnostic::error("x", span, "here")], Format::Full, true);
            assert!(shown.contains("here") && shown.contains("k:"), "{shown}");
        }
    }

    fn insta_snapshot(name: &str, text: &str) {
        insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("diagnostic_{name}"), text);
        });
    }

    /// Characters that a terminal acts on, or that nobody sees; tabs and line ends are white space of a manifest.
    const HOSTILE: [char; 26] = [
        '\0',
        '\u{7}',
        '\u{8}',
        '\u{b}',
        '\u{1b}',
        '\u{7f}',
        '\u{80}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0041}',
    ];

    /// If this fails, a manifest from somebody else's repository acts on the terminal of the person who checks it, or shows
    /// another text than a compiler reads.
    #[test]
    fn no_format_brings_a_hostile_character_out() {
        for character in HOSTILE {
            let text = format!("a{character}b: x{character}y wrong{character} z\nc: {character}d\n");
            let start = text.find("wrong").unwrap();
            let (span, end) = (Span::new(start, start + 5), Span::new(text.len() - 2, text.len() - 1));
            let words = format!("m{character}n");
            let source = Source::new(format!("k{character}.yml"), text);
            let diagnostic = Diagnostic::error("a", span, &words).label(&words).related(end, &words);
            for diagnostic in
                [diagnostic.clone().help(&words).suggest(span, &words), diagnostic.help("write").suggest(span, &words)]
            {
                for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
                    let shown = render(&source, std::slice::from_ref(&diagnostic), format, false);
                    assert!(!shown.contains(character), "{character:?} in {format:?}:\n{shown}");
                }
                let coloured = render(&source, std::slice::from_ref(&diagnostic), Format::Full, true);
                assert!(character == '\u{1b}' || !coloured.contains(character), "{character:?}:\n{coloured}");
            }
        }
    }

    /// If this fails, the marker points past the word on a line with characters that are written out.
    #[test]
    fn markers_stand_under_the_word_beside_what_is_written_out() {
        let shown = full("a: \u{202e}\u{200b} wrong\n", "wrong", |span| Diagnostic::error("a", span, "no"));
        assert_eq!(
            shown,
            "error[a]: no\n --> karafka.yml:1:7\n  |\n1 | a: \\u{202e}\\u{200b} wrong\n  |                     ^^^^^\n\n"
        );
    }

    /// If this fails, a long line with letters of several bytes ends the command, or is cut inside of a letter.
    #[test]
    fn lines_are_cut_between_letters() {
        for letter in ['\u{e9}', '\u{65e5}', '\u{1d4b3}'] {
            for shift in 0..4 {
                let text = format!("{}{}\n", "-".repeat(shift), letter.to_string().repeat(300));
                let source = Source::new("k", text.as_str());
                // Every byte, inside of letters too, as the beginning of a place and as its end.
                for start in (0..text.len()).step_by(97).chain([1, 2, 3, 4, text.len() - 2, text.len()]) {
                    for length in [0, 1, 2, 3, 5, 41] {
                        let diagnostic = Diagnostic::error("a", Span::new(start, start + length), "m")
                            .related(Span::new(start / 2, start / 2 + length), "r")
                            .help("h")
                            .suggest(Span::new(start, start + length), "s");
                        for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
                            let shown = render(&source, std::slice::from_ref(&diagnostic), format, false);
                            assert!(!shown.contains('\u{fffd}'), "{letter} at {start}: {shown}");
                            assert!(shown.lines().all(|line| line.chars().count() < 400), "{letter}: {shown}");
                        }
                        let full = render(&source, &[diagnostic], Format::Full, false);
                        assert!(full.contains(letter) && full.contains('\u{2026}'), "{letter} at {start}: {full}");
                    }
                }
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// If this fails, a place that is a little off turns a mistake in the manifest into a crash of the command.
        #[test]
        fn any_place_is_shown(
            text in "([a-zö日\t\r\n {}\u{1b}]|long line long line long line long line long line ){0,40}",
            places in proptest::collection::vec((0..300_usize, 0..300_usize), 3),
        ) {
            let span = |index: usize| Span::new(places[index].0, places[index].1);
            let diagnostic = Diagnostic::error("a", span(0), "m").label("l").help("h").related(span(1), "r").suggest(span(2), "s\nt");
            for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
                assert!(!render(&Source::new("k", text.as_str()), std::slice::from_ref(&diagnostic), format, true).is_empty());
            }
        }
    }
}
