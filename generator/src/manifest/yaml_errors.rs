//! What the YAML parser stumbled over, in words that say what to write instead.

use granit_parser::{ErrorKind, ScanError};

use super::bounds::DEPTH;
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::{Source, Span, floor_char_boundary},
};

/// The first character that a manifest cannot hold: YAML's parser would take a NUL for the end of the text, and
/// quietly leave out what follows.
pub(super) fn forbidden_character(source: &Source) -> Option<Diagnostic> {
    if source.text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return None;
    }
    let (at, character) = source.text.char_indices().find(|&(at, character)| match character {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{feff}' => at > 0,
        '\u{fffd}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => character.is_control(),
    })?;
    let span = Span::new(at, at + character.len_utf8());
    let diagnostic = match character {
        '\u{fffd}' => {
            Diagnostic::error(codes::BAD_CHARACTER, span, "the file is not UTF-8 here").help("save it as UTF-8")
        }
        '\0' => Diagnostic::error(codes::BAD_CHARACTER, span, "the file holds a NUL character")
            .help("save it as UTF-8; a file in UTF-16 looks like this"),
        '\u{feff}' => {
            Diagnostic::error(codes::BAD_CHARACTER, span, "a byte order mark stands in the middle of the file")
                .help("take it out; two files put together look like this")
                .suggest(span, "")
        }
        _ => {
            let message = format!("the file holds the control character U+{:04X}", u32::from(character));
            Diagnostic::error(codes::BAD_CHARACTER, span, message)
                .help("take it out, or write it as an escape in double quotes")
        }
    };
    Some(diagnostic)
}

/// A syntax error as a diagnostic.
pub(super) fn syntax(source: &Source, error: &ScanError) -> Diagnostic {
    let at = place(source, error);
    if let Some(value) = unquoted_variable(source, at) {
        return needs_quotes(source, value, " between brackets");
    }
    if let Some(value) = broken_brackets(source, at) {
        return needs_quotes(source, value, ", because it begins with a bracket");
    }
    let span = visible(source, at);
    let yaml = |message: &str| Diagnostic::error(codes::YAML_SYNTAX, span, message);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            Diagnostic::error(codes::TOO_DEEP, span, format!("nested more than {} levels deep", DEPTH.most))
                .help("no part of a manifest is that deep: look for a bracket that is never closed")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => tab(source, at),
        ErrorKind::UnknownAnchor => {
            let name = word(source, at);
            Diagnostic::error(codes::YAML_SYNTAX, name, format!("{} repeats something that is not there", shown(source, name)))
                .help("mark it further up with `&name`, or put the value in quotes if it begins with `*`")
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => yaml("a bracket is never closed")
            .help("close it with `]` or `}`; a value that begins with a bracket needs quotes"),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let right = if *open == '[' { ']' } else { '}' };
            yaml(&format!("`{open}` is closed by `{close}`")).help(format!("close it with `{right}`"))
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            yaml("this bracket closes nothing").help("take it out, or open one before it")
        }
        ErrorKind::UnclosedQuotedScalar => yaml("a quote is never closed").help("close it, or double a `'` that is part of the text"),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            yaml("something follows the closing quote").help("put the whole value in one pair of quotes")
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            yaml("an escape that YAML does not know").help("write `\\\\` for a backslash, or use single quotes")
        }
        ErrorKind::UnexpectedCharacter { character } if matches!(character, '@' | '`' | '%') => {
            let value = rest_of_value(source, at);
            let text = &source.text[value.start..value.end];
            Diagnostic::error(codes::NEEDS_QUOTES, value, format!("a value that begins with `{character}` needs quotes"))
                .help("quote it")
                .suggest(value, double_quoted(text))
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            yaml("a `:` cannot stand here").help("a value that holds `: ` needs quotes; a new key begins on a line of its own, at the indentation of its neighbours")
        }
        ErrorKind::ExpectedFlowMappingSeparator => yaml("expected `,` or `}` here").help("entries between `{` and `}` are `key: value`, with commas between them"),
        ErrorKind::ExpectedFlowSequenceSeparator => yaml("expected `,` or `]` here").help("entries between `[` and `]` have commas between them"),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidFlowScalarIndent => {
            yaml("expected `key: value` here").help("check the indentation, and the blank after the `:`")
        }
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
            yaml("a `-` entry of a list is out of place here").help("check the indentation; between brackets, entries have commas and no `-`")
        }
        other => Diagnostic::error(codes::YAML_SYNTAX, span, format!("this is not YAML: {other}")),
    }
}

/// The byte of an error.
fn place(source: &Source, error: &ScanError) -> usize {
    let marker = error.marker();
    match marker.byte_offset() {
        Some(byte) if byte <= source.text.len() => floor_char_boundary(&source.text, byte),
        // A marker without a byte has its line and column, in characters.
        _ => {
            let line = source.lines().span(marker.line());
            let text = &source.text[line.start..line.end];
            line.start + text.char_indices().nth(marker.col()).map_or(text.len(), |(at, _)| at)
        }
    }
}

/// A span for a place that has something to point at: a character there, or else the last one before it.
fn visible(source: &Source, at: usize) -> Span {
    let text = &source.text;
    let next = text[at..].chars().next().filter(|character| !character.is_whitespace());
    if let Some(character) = next {
        return Span::new(at, at + character.len_utf8());
    }
    match text[..at].char_indices().rev().find(|(_, character)| !character.is_whitespace()) {
        Some((before, character)) => Span::new(before, before + character.len_utf8()),
        None => Span::new(at, at),
    }
}

fn tab(source: &Source, at: usize) -> Diagnostic {
    let lines = source.lines();
    let line = lines.span(lines.line(at));
    let text = &source.text[line.start..line.end];
    let indentation = Span::new(line.start, line.start + text.len() - text.trim_start().len());
    let blanks = &source.text[indentation.start..indentation.end];
    if let Some(tab) = blanks.find('\t') {
        let span = Span::new(indentation.start + tab, indentation.end);
        return Diagnostic::error(codes::YAML_SYNTAX, span, "a tab cannot indent YAML")
            .help("indent with spaces")
            .suggest(indentation, blanks.replace('\t', "  "));
    }
    let span = text.find('\t').map_or(visible(source, at), |tab| Span::new(line.start + tab, line.start + tab + 1));
    Diagnostic::error(codes::YAML_SYNTAX, span, "a tab cannot stand here").help("write a space")
}

/// A value that is one text to a person and something else to YAML.
pub(super) fn needs_quotes(source: &Source, value: Span, why: &str) -> Diagnostic {
    let text = &source.text[value.start..value.end];
    Diagnostic::error(codes::NEEDS_QUOTES, value, format!("{} needs quotes{why}", quote(text)))
        .help("quote it")
        .suggest(value, double_quoted(text))
}

/// `${…}` between brackets without quotes: YAML takes its `{` for a mapping and stops right there.
fn unquoted_variable(source: &Source, at: usize) -> Option<Span> {
    let lines = source.lines();
    let line = lines.line(at);
    [line, line.saturating_sub(1)].into_iter().filter(|&line| line > 0).find_map(|line| {
        let span = lines.span(line);
        let value = bare_variable(&source.text[span.start..span.end])?;
        Some(Span::new(span.start + value.start, span.start + value.end))
    })
}

/// `key: {topic}.dead`: YAML has read a mapping when it meets what follows the bracket.
fn broken_brackets(source: &Source, at: usize) -> Option<Span> {
    let lines = source.lines();
    let line = lines.span(lines.line(at));
    let before = source.text.get(line.start..at)?;
    let value = before.find(": ").map(|colon| colon + 2)?;
    let goes_on =
        source.text[at..].starts_with(|c: char| !c.is_whitespace() && !matches!(c, ',' | ':' | '}' | ']' | '#'));
    let bracketed = before[value..].starts_with(['{', '[']) && before.ends_with(['}', ']']);
    (bracketed && goes_on).then(|| rest_of_value(source, line.start + value))
}

/// The first value of a line that holds `${` between brackets and outside quotes.
fn bare_variable(line: &str) -> Option<Span> {
    let bytes = line.as_bytes();
    let (mut depth, mut quote, mut start, mut at) = (0_usize, None, 0, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if at == start => quote = Some(byte),
            (None, b'#') if at == 0 || bytes[at - 1] == b' ' => return None,
            (None, b'$') if depth > 0 && bytes.get(at + 1) == Some(&b'{') => {
                let close = at + line[at..].find('}')? + 1;
                // The value may go on: `${HOST}:9092`.
                let rest = line[close..].find([',', '}', ']', ' ']).map_or(line.len(), |length| close + length);
                return Some(Span::new(start, rest));
            }
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        at += 1;
        // A value begins after `{`, `[`, `,`, `: ` and blanks.
        if quote.is_none()
            && (matches!(byte, b'{' | b'[' | b',') || (byte == b' ' && (at - 1 == start || bytes[at - 2] == b':')))
        {
            start = at;
        }
    }
    None
}

/// From `at` to the end of the line, without a comment and without blanks.
fn rest_of_value(source: &Source, at: usize) -> Span {
    let lines = source.lines();
    let end = lines.span(lines.line(at)).end;
    let text = &source.text[at..end];
    let text = text.split(" #").next().unwrap_or(text).trim_end();
    Span::new(at, at + text.len())
}

/// The word at `at`.
fn word(source: &Source, at: usize) -> Span {
    let text = &source.text[at..];
    let length = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(text.len());
    Span::new(at, at + length)
}

fn shown(source: &Source, span: Span) -> String {
    quote(&source.text[span.start..span.end])
}

fn double_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read;

    /// If this fails, a person is told to quote something else than what needs it.
    #[test]
    fn a_variable_between_brackets_is_found_with_its_value() {
        for (line, value) in [
            ("a: { b: ${C} }", Some("${C}")),
            ("a: [${C}]", Some("${C}")),
            ("a: [${H}:9092, b]", Some("${H}:9092")),
            ("a: [b, ${C}]", Some("${C}")),
            ("a: { b: x${C}, d }", Some("x${C}")),
            ("a: {  b:   ${C} }", Some("${C}")),
            ("a: [b#${C}]", Some("b#${C}")),
            ("a: { b: it's ${C} }", Some("it's ${C}")),
            ("a: { b: '}${A}', c: ${D} }", Some("${D}")),
            ("a: { b: \"'\", c: ${D} }", Some("${D}")),
            ("a: { b: '${C}' }", None),
            ("a: { b: \"${C}\" }", None),
            ("a: { b: x # ${C} }", None),
            ("#{ ${C} }", None),
            ("# { ${C} }", None),
            ("a: ${C}", None),
            ("a: { b: 1 } ${C}", None),
            ("a: } ${C}", None),
            ("a: { b: $C }", None),
            ("a: { b: ${C", None),
        ] {
            assert_eq!(bare_variable(line).map(|span| &line[span.start..span.end]), value, "{line}");
        }
    }

    /// If this fails, an error points at the wrong place, or at nothing.
    #[test]
    fn an_error_points_at_what_is_wrong() {
        for (text, code, place) in [
            ("a\u{feff}: b\n", codes::BAD_CHARACTER, "\u{feff}"),
            ("app: a\ntopics: { x: y \n\n", codes::YAML_SYNTAX, "{"),
        ] {
            let source = Source::new("karafka.yml", text);
            let (_, found) = read(&source);
            let shown = found.first().map(|first| (first.code, &source.text[first.span.start..first.span.end]));
            assert_eq!(shown, Some((code, place)), "{text}");
        }
    }
}
