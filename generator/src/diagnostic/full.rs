//! Diagnostics for a person: the line, the place in it, what to write instead.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use karafka::foreign;

use super::{Diagnostic, Severity, Suggestion, difference::unified, quote, render::Page, secret::Shown};
use crate::source::{Lines, Source, Span, floor_char_boundary};

/// Lines that are longer are cut around the place, in bytes.
const LONG_LINE: usize = 140;
/// What is kept before and after the place in a line that is cut, in bytes.
const AROUND: usize = 50;
/// Places at most this many lines apart are shown in one piece.
const NEAR: usize = 6;

/// More than these nobody reads before mending what they have seen.
pub(super) const MOST: usize = 100;

/// Renders each diagnostic, with an empty line after it; of very many the first, errors before warnings, and how many
/// more there are.
pub(super) fn render(pages: &[Page<'_>], color: bool, out: &mut String) {
    // Long lines are cut here, in view of the place: the renderer's own limit is out of the way.
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(4 * LONG_LINE);
    let (first, left) = first(pages);
    for (page, diagnostic) in first {
        let Page { shown, lines, .. } = page;
        let help = help(shown, lines, diagnostic);
        if shown.source.is_whole() || diagnostic.difference.is_some() {
            // Without a line that is shown, each part stands for itself.
            add(&renderer.render(&[title(diagnostic)]), out);
            if let Some(origin) = origin(page, diagnostic) {
                out.push(' ');
                add(&renderer.render(&[origin]), out);
            }
            if let Some(difference) = &diagnostic.difference {
                out.push_str(&unified(&shown.source.name, difference, color));
            }
            add(&help.map(|help| renderer.render(&[help])).unwrap_or_default(), out);
        } else {
            let excerpts = excerpts(shown, lines, diagnostic);
            let moved: Vec<_> = excerpts.iter().filter_map(|excerpt| excerpt.moved(shown.source)).collect();
            let snippets = excerpts.into_iter().map(|excerpt| excerpt.snippet(shown.source));
            let report: Vec<_> = [title(diagnostic).elements(snippets)].into_iter().chain(help).collect();
            let mut text = renderer.render(&report);
            for (counted, real) in moved {
                text = text.replacen(&counted, &real, 1);
            }
            add(&text, out);
        }
        out.push('\n');
    }
    if !left.is_empty() {
        out.push_str(&format!("… and {}; mend these first\n\n", counted(&left)));
    }
}

/// Adds lines without the blanks at their ends.
fn add(text: &str, out: &mut String) {
    for line in text.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A diagnostic and where its text is.
type Told<'p, 'a> = (&'p Page<'a>, &'p Diagnostic);

/// Those that are shown, in their order, and those that are not.
fn first<'p, 'a>(pages: &'p [Page<'a>]) -> (Vec<Told<'p, 'a>>, Vec<Told<'p, 'a>>) {
    let all = || pages.iter().flat_map(|page| page.diagnostics.iter().map(move |diagnostic| (page, diagnostic)));
    let errors = all().filter(|(_, diagnostic)| diagnostic.severity == Severity::Error).count();
    let (mut errors, mut others) = (errors.min(MOST), MOST.saturating_sub(errors));
    all().partition(|(_, diagnostic)| {
        let room = match diagnostic.severity {
            Severity::Error => &mut errors,
            Severity::Warning | Severity::Note => &mut others,
        };
        let fits = *room > 0;
        *room -= usize::from(fits);
        fits
    })
}

/// `9,900 more errors and 1 more warning`
fn counted(told: &[Told<'_, '_>]) -> String {
    let words = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let number = told.iter().filter(|(_, diagnostic)| diagnostic.severity == severity).count();
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{} more {}{plural}", grouped(number), severity.as_str()))
    });
    let words: Vec<String> = words.into_iter().flatten().collect();
    words.join(" and ")
}

/// `9,900`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn title(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    Group::with_title(level.primary_title(visible(&diagnostic.message)).id(diagnostic.code))
}

/// The place alone, for a diagnostic that shows more than its line.
fn origin<'a>(page: &Page<'a>, diagnostic: &Diagnostic) -> Option<Group<'a>> {
    let [(line, column), _] = page.place(diagnostic.span)?;
    let origin = Origin::path(foreign::line(&page.shown.source.name)).line(line).char_column(column);
    Some(Group::with_level(Level::ERROR).element(origin))
}

fn help<'a>(shown: &Shown<'_>, lines: &Lines<'_>, diagnostic: &'a Diagnostic) -> Option<Group<'a>> {
    let help = diagnostic.help.as_ref()?;
    let patch = diagnostic.suggestion.as_ref().filter(|suggestion| !is_said(help, suggestion));
    let (words, patch) = match patch {
        // A long line cannot be shown twice, so the words say what to write.
        Some(suggestion) if !fits(lines, suggestion) => (format!("{help} {}", quote(&suggestion.replacement)), None),
        patch => (help.clone(), patch),
    };
    let group = Group::with_title(Level::HELP.secondary_title(visible(&words)));
    Some(match patch {
        Some(suggestion) => group.element(patched(shown, lines, suggestion)),
        None => group,
    })
}

/// Whether the help already has the text of a suggestion, so that changed lines would say nothing more.
fn is_said(help: &str, suggestion: &Suggestion) -> bool {
    !suggestion.replacement.is_empty() && help.contains(&quote(&suggestion.replacement)[1..])
}

/// Whether the lines that a suggestion changes can be shown whole.
fn fits(lines: &Lines<'_>, suggestion: &Suggestion) -> bool {
    let (first, last) = (lines.line(suggestion.span.start), lines.line(suggestion.span.end.max(suggestion.span.start)));
    suggestion.replacement.len() <= LONG_LINE && lines.span(last).end - lines.span(first).start <= 2 * LONG_LINE
}

fn patched<'a>(shown: &Shown<'_>, lines: &Lines<'_>, suggestion: &Suggestion) -> Snippet<'a, Patch<'a>> {
    let place = |byte: usize| floor_char_boundary(&shown.source.text, byte);
    let (from, to) = (place(suggestion.span.start), place(suggestion.span.end.max(suggestion.span.start)));
    let first = lines.line(from);
    let start = lines.span(first).start;
    let end = lines.span(lines.line(to)).end.max(to);
    let before = shown.piece(Span::new(start, from));
    let patched = before.len()..before.len() + shown.piece(Span::new(from, to)).len();
    let text = before + &shown.piece(Span::new(from, to)) + &shown.piece(Span::new(to, end));
    Snippet::source(text).line_start(first).patch(Patch::new(patched, visible(&suggestion.replacement)))
}

/// A place with the words under it.
struct Mark<'a> {
    span: Span,
    line: usize,
    primary: bool,
    label: Option<&'a str>,
}

/// Some lines of the source with places in them.
struct Excerpt<'a> {
    /// Line and column in the source.
    position: (usize, usize),
    /// The column in what is shown, which differs where a long line is cut.
    shown_column: usize,
    first_line: usize,
    text: String,
    annotations: Vec<Annotation<'a>>,
}

impl<'a> Excerpt<'a> {
    fn snippet(self, source: &'a Source) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(self.text)
            .path(foreign::line(&source.name))
            .line_start(self.first_line)
            .annotations(self.annotations)
    }

    /// The place as the renderer will count it, and as it is: it knows nothing of what was cut off a long line.
    fn moved(&self, source: &Source) -> Option<(String, String)> {
        let (line, column) = self.position;
        let place = |column: usize| format!("{}:{line}:{column}", foreign::line(&source.name));
        (column != self.shown_column).then(|| (place(self.shown_column), place(column)))
    }
}

/// The pieces of the source that a diagnostic is about, the one with its own place first.
fn excerpts<'a>(shown: &Shown<'_>, lines: &Lines<'_>, diagnostic: &'a Diagnostic) -> Vec<Excerpt<'a>> {
    let source = shown.source;
    let mark = |span: Span, primary, label| {
        let line = lines.line(span.start);
        let whole = lines.span(line);
        // Of a place that goes on over several lines, the first is enough to find it.
        let start = floor_char_boundary(&source.text, span.start.min(whole.end));
        let end = floor_char_boundary(&source.text, span.end.clamp(start, whole.end.max(start)));
        Mark { span: Span::new(start, end), line, primary, label }
    };
    let mut marks = vec![mark(diagnostic.span, true, diagnostic.label.as_deref())];
    marks.extend(diagnostic.related.iter().map(|(span, words)| mark(*span, false, Some(words.as_str()))));
    marks.sort_by_key(|mark| mark.span);
    let mut pieces: Vec<Vec<Mark<'_>>> = Vec::new();
    for mark in marks {
        match pieces.last_mut() {
            Some(piece) if piece.last().is_some_and(|last| mark.line - last.line <= NEAR) => piece.push(mark),
            _ => pieces.push(vec![mark]),
        }
    }
    pieces.sort_by_key(|piece| !piece.iter().any(|mark| mark.primary));
    pieces.iter().map(|piece| excerpt(shown, lines, piece)).collect()
}

fn excerpt<'a>(shown: &Shown<'_>, lines: &Lines<'_>, marks: &[Mark<'a>]) -> Excerpt<'a> {
    let first_line = marks.first().map_or(1, |mark| mark.line);
    let last_line = marks.last().map_or(first_line, |mark| mark.line);
    let own = marks.iter().find(|mark| mark.primary).or(marks.first());
    let mut text = String::new();
    let mut annotations = Vec::new();
    let mut shown_column = 1;
    for line in first_line..=last_line {
        let whole = lines.span(line);
        let here: Vec<_> = marks.iter().filter(|mark| mark.line == line).collect();
        let kept = cut(shown.source, whole, here.first().map(|mark| mark.span));
        let prefix = if kept.start > whole.start { "…" } else { "" };
        let line_start = text.len();
        text.push_str(prefix);
        let offset = text.len();
        text.push_str(&shown.piece(kept));
        if kept.end < whole.end {
            text.push('…');
        }
        for mark in here {
            let before = |byte: usize| Span::new(kept.start, byte.clamp(kept.start, kept.end));
            let place = |byte: usize| offset + shown.piece(before(byte)).len();
            let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            if own.is_some_and(|own| std::ptr::eq(own, mark)) {
                shown_column = text[line_start..place(mark.span.start)].chars().count() + 1;
            }
            let annotation = kind.span(place(mark.span.start)..place(mark.span.end));
            annotations.push(annotation.label(mark.label.map(visible)));
        }
        text.push('\n');
    }
    let position = own.map_or((1, 1), |mark| lines.position(mark.span.start));
    Excerpt { position, shown_column, first_line, text, annotations }
}

/// What is shown of a line: all of it, or what is around a place.
fn cut(source: &Source, line: Span, place: Option<Span>) -> Span {
    if line.end - line.start <= LONG_LINE {
        return line;
    }
    let place = place.unwrap_or(Span::new(line.start, line.start));
    let start = place.start.saturating_sub(AROUND).max(line.start);
    let end = place.end.min(place.start + LONG_LINE - 2 * AROUND).saturating_add(AROUND).min(line.end);
    Span::new(floor_char_boundary(&source.text, start), floor_char_boundary(&source.text, end))
}

/// A text of ours without anything that a terminal would act on; line breaks stay.
fn visible(text: &str) -> String {
    foreign::page(text, false).into_owned()
}
