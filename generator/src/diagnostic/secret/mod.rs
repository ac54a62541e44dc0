//! What is secret in a text that is shown: passwords, keys, tokens, and what stands before the `@` of an address.
//!
//! A manifest with a mistake in it may be no YAML at all, and its lines are shown all the same; so secrets are found by
//! how lines look, and where that is not certain more is hidden than need be.

use std::collections::BTreeSet;

use karafka::{
    foreign,
    settings::{REDACTED, is_secret},
};

use super::{Diagnostic, codes, quote};
use crate::source::{Source, Span};

/// The keys at the top under which names are the app's own: a field `password` of a message hides nothing.
const NAMES: [&str; 5] = ["app", "defaults", "groups", "messages", "topics"];

/// Of those, the one under which properties of librdkafka may stand.
const WITH_OPTIONS: &str = "groups";

/// The most aliases whose anchors are looked for.
const MOST_ALIASES: usize = 100;

/// The longest value in quotes, in characters.
const LONGEST: usize = 65_536;

/// A source as it may be shown.
pub(super) struct Shown<'a> {
    pub(super) source: &'a Source,
    /// In order; none goes over a line's end.
    secrets: Vec<Span>,
}

impl<'a> Shown<'a> {
    /// The source with what looks like a secret hidden, and what `diagnostics` know to be one.
    pub(super) fn new(source: &'a Source, diagnostics: &[Diagnostic]) -> Self {
        let mut shown = Self { source, secrets: in_file(&source.name, &source.text) };
        let mut known = Vec::new();
        for diagnostic in diagnostics {
            let place = diagnostic.span;
            match diagnostic.code {
                // Whoever has read the manifest knows better than its lines look.
                codes::LITERAL_SECRET if shown.within(place).is_empty() => known.push(place),
                codes::INVALID_BROKER => brokers(place.start, &source.text[place.start..place.end], &mut known),
                _ => {}
            }
        }
        if !known.is_empty() {
            shown.secrets.extend(known);
            shown.secrets = in_lines(&source.text, shown.secrets);
        }
        shown
    }

    /// Some bytes of one line, without secrets and without what a terminal would act on.
    pub(super) fn piece(&self, place: Span) -> String {
        let mut out = String::new();
        let mut at = place.start;
        for secret in self.within(place) {
            out.push_str(&foreign::page(&self.source.text[at..secret.start.max(at)], false));
            out.push_str(REDACTED);
            at = secret.end.min(place.end);
        }
        out + &foreign::page(&self.source.text[at..place.end], false)
    }

    /// The diagnostic without words that repeat a secret at one of its places.
    pub(super) fn without_secrets(&self, diagnostic: &Diagnostic) -> Diagnostic {
        let mut clean = diagnostic.clone();
        let places = diagnostic.related.iter().map(|(span, _)| *span).chain([diagnostic.span]);
        let places = places.chain(diagnostic.suggestion.as_ref().map(|suggestion| suggestion.span));
        let mut secrets: Vec<&str> = Vec::new();
        for place in places {
            secrets.extend(self.within(place).iter().map(|secret| &self.source.text[secret.start..secret.end]));
        }
        for written in secrets {
            let bare = written.trim_matches(['"', '\'']);
            let quoted = quote(bare);
            let quoted = quoted.trim_matches('`').trim_end_matches('…');
            for secret in [written, bare, quoted].into_iter().filter(|secret| !secret.is_empty()) {
                // Not in what stands for a secret already: one may be a letter of it.
                let without = |piece: &str| piece.replace(secret, REDACTED);
                let hide = |text: &mut String| {
                    *text = text.split(REDACTED).map(without).collect::<Vec<_>>().join(REDACTED);
                };
                hide(&mut clean.message);
                clean.label.iter_mut().for_each(hide);
                clean.help.iter_mut().for_each(hide);
                clean.related.iter_mut().for_each(|(_, words)| hide(words));
                // What would be written is not what is shown, so there is nothing to write.
                clean.suggestion = clean.suggestion.filter(|suggestion| !suggestion.replacement.contains(secret));
            }
        }
        clean
    }

    /// The secrets that share a byte with a place.
    fn within(&self, place: Span) -> &[Span] {
        let first = self.secrets.partition_point(|secret| secret.end <= place.start);
        let last = self.secrets.partition_point(|secret| secret.start < place.end);
        &self.secrets[first..last.max(first)]
    }
}

/// The text of a file with its secrets redacted, line for line. Its name says whether it is a program.
#[must_use]
pub fn redacted(name: &str, text: &str) -> String {
    let source = Source::new(name, text);
    let secrets = in_file(name, text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        out.push_str(&source.text[at..secret.start]);
        out.push_str(REDACTED);
        at = secret.end;
    }
    out + &source.text[at..]
}

fn in_file(name: &str, text: &str) -> Vec<Span> {
    if name.ends_with(".rs") { of_program(text) } else { places(text) }
}

/// The places of secrets in the text of a manifest, in order; none goes over a line's end.
fn places(text: &str) -> Vec<Span> {
    let (found, brackets) = (Vec::new(), Brackets::default());
    let mut scan = Scan { text, found, hidden_to: 0, brackets, names: false, has_options: false };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        scan.line(start, line.trim_end_matches(['\n', '\r']));
        start += line.len();
    }
    scan.anchors();
    in_lines(text, scan.found)
}

/// The places of secrets in the text of a program: the second of `("kafka.options.sasl.password", "…")`.
fn of_program(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut before: Option<Span> = None;
    let mut at = 0;
    while let Some(open) = text[at..].find('"').map(|offset| at + offset) {
        let close = closing_quote(text, open).unwrap_or(text.len());
        let inside = Span::new(open + 1, close);
        let names_it = before.is_some_and(|key: Span| {
            let between = text[key.end + 1..open].trim();
            between == "," && is_secret(&text[key.start..key.end])
        });
        if names_it {
            found.push(inside);
        } else {
            let written = &text[..inside.end];
            addresses(inside.start, &written[inside.start..], &mut found);
            found.extend(private_key(inside.start, written, 0));
        }
        before = (close < text.len()).then_some(inside);
        at = (close + 1).min(text.len());
    }
    in_lines(text, found)
}

struct Scan<'a> {
    text: &'a str,
    found: Vec<Span>,
    /// All before this byte is found, or was looked at.
    hidden_to: usize,
    brackets: Brackets,
    /// Whether the names here are the app's own.
    names: bool,
    /// Whether those with dots may be librdkafka's all the same.
    has_options: bool,
}

impl Scan<'_> {
    fn line(&mut self, start: usize, line: &str) {
        if let Some(key) = top_key(line) {
            self.names = NAMES.contains(&key);
            self.has_options = key == WITH_OPTIONS;
            self.brackets = Brackets::default();
        }
        self.brackets.begin_line();
        addresses(start, line, &mut self.found);
        let (mut at, mut seen) = (self.hidden_to.saturating_sub(start).min(line.len()), 0);
        while let Some(word) = next_word(line, at) {
            at = word.end;
            let name = &line[word.start..word.end];
            if !is_secret(name) {
                continue;
            }
            self.brackets.read(&line[seen..word.start]);
            seen = word.start;
            if let Some(hidden) = self.value(start, line, word) {
                self.hide(hidden);
                at = (hidden.end - start).clamp(at, line.len());
            }
        }
        self.brackets.read(&line[seen..]);
        if let Some(key) = private_key(start, self.text, self.hidden_to) {
            self.hide(key);
        }
    }

    fn hide(&mut self, place: Span) {
        self.hidden_to = self.hidden_to.max(place.end);
        self.found.push(place);
    }

    /// The value behind a word of a line that names a secret.
    fn value(&self, start: usize, line: &str, word: Span) -> Option<Span> {
        let behind = line[word.end..].trim_start_matches(['"', '\'']).trim_start();
        let has_dots = line[word.start..word.end].contains('.');
        let names = self.names && !(self.has_options && has_dots);
        // Without its colon, only a name with dots is surely one; and a message may well have a field `password`.
        if !has_dots && names || !behind.starts_with([':', '=']) && (names || !has_dots) {
            return None;
        }
        let value = behind.trim_start_matches([':', '=']).trim_start();
        let in_brackets = self.brackets.depth > 0;
        if names && (value.is_empty() || value.starts_with(['{', '[', '#'])) || is_variable(value, in_brackets) {
            return None;
        }
        let from = start + line.len() - value.len();
        let indent = line[..word.start].trim_end_matches(['"', '\'']).len();
        let end = if in_brackets { self.end_in_brackets(from) } else { self.end_of_block(start, line, indent) };
        Some(Span::new(from, end))
    }

    /// Where a value ends that stands between brackets.
    fn end_in_brackets(&self, from: usize) -> usize {
        let text = self.text;
        let mut at = from;
        if text[from..].starts_with(['"', '\'']) {
            match closing_quote(text, from) {
                Some(close) => at = close + 1,
                None => return self.end_of_line(from),
            }
        }
        let ends = |at: usize| text[at..].find([',', '}', ']', '\n']).map_or(text.len(), |offset| at + offset);
        at = ends(at);
        // A piece behind a comma that is no key of its own is most likely the rest of a value without quotes.
        while text[at..].starts_with(',') {
            let next = ends(at + 1);
            let piece = text[at + 1..next].trim();
            if piece.is_empty() || piece.contains(':') {
                break;
            }
            at = next;
        }
        at
    }

    /// Where a value ends that has lines of its own: before the next one that is not indented more than its key.
    fn end_of_block(&self, start: usize, line: &str, indent: usize) -> usize {
        let mut end = start + line.len();
        while let Some(next) = self.text[end..].find('\n').map(|offset| end + offset + 1) {
            let line = &self.text[next..self.end_of_line(next)];
            let is_deeper = line.len() - line.trim_start().len() > indent;
            // A line that begins with a colon has the value of a key behind a `?`.
            let goes_on = is_deeper || line.trim_start().starts_with(':');
            if !line.trim().is_empty() && !goes_on || next >= self.text.len() {
                break;
            }
            end = next + line.len();
        }
        end
    }

    fn end_of_line(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |offset| at + offset)
    }

    /// A secret that is an alias, `*name`, stands where its anchor, `&name`, is.
    fn anchors(&mut self) {
        let name_at = |text: &str| text.find(|c: char| c.is_whitespace() || ",]}\"'".contains(c)).unwrap_or(text.len());
        let aliases = self.found.iter().filter_map(|span| self.text[span.start..span.end].strip_prefix('*'));
        let names: BTreeSet<&str> = aliases.map(|alias| &alias[..name_at(alias)]).take(MOST_ALIASES).collect();
        let mut anchored = Vec::new();
        for name in names {
            let mut hidden_to = 0;
            for (at, _) in self.text.match_indices(&format!("&{name}")) {
                let from = at + 1 + name.len();
                if at >= hidden_to && name_at(&self.text[from..]) == 0 && !name.is_empty() {
                    let start = self.text[hidden_to..at].rfind('\n').map_or(hidden_to, |offset| hidden_to + offset + 1);
                    let line = &self.text[start..self.end_of_line(from)];
                    let indent = line.len() - line.trim_start().len();
                    hidden_to = self.end_of_block(start, line, indent);
                    anchored.push(Span::new(from, hidden_to));
                }
            }
        }
        self.found.extend(anchored);
    }
}

/// The key of a line that begins in its first column.
fn top_key(line: &str) -> Option<&str> {
    let key = line.trim_start_matches(['"', '\'']);
    let word = next_word(key, 0).filter(|word| word.start == 0)?;
    let behind = key[word.end..].trim_start_matches(['"', '\'']).trim_start();
    behind.starts_with(':').then_some(&key[word.start..word.end])
}

/// The next run of letters as keys are made of.
fn next_word(line: &str, from: usize) -> Option<Span> {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let start = from + line[from..].find(is_letter)?;
    let end = line[start..].find(|c: char| !is_letter(c)).map_or(line.len(), |offset| start + offset);
    Some(Span::new(start, end))
}

/// The brackets that are open, outside quotes and comments.
#[derive(Debug, Default)]
struct Brackets {
    depth: usize,
    quote: Option<char>,
    is_comment: bool,
    last: Option<char>,
}

impl Brackets {
    /// A quote that is still open most likely was none.
    fn begin_line(&mut self) {
        *self = Self { depth: self.depth, ..Self::default() };
    }

    /// Goes on by a part of a line.
    fn read(&mut self, part: &str) {
        for character in part.chars() {
            let begins_word = !self.last.is_some_and(char::is_alphanumeric);
            match (self.quote, character) {
                _ if self.is_comment => {}
                (Some(open), _) if character == open => self.quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if begins_word => self.quote = Some(character),
                (None, '#') if self.last.is_none_or(char::is_whitespace) => self.is_comment = true,
                (None, '{' | '[') => self.depth += 1,
                (None, '}' | ']') => self.depth = self.depth.saturating_sub(1),
                (None, _) => {}
            }
            self.last = Some(character);
        }
    }
}

/// The place of the quote that closes the one at `open`, if it is not too far away.
fn closing_quote(text: &str, open: usize) -> Option<usize> {
    let quote = text[open..].chars().next()?;
    let mut characters = text[open + 1..].char_indices().take(LONGEST).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            // Between single quotes, two of them are one.
            let is_doubled = quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some();
            if !is_doubled {
                return Some(open + 1 + at);
            }
        }
    }
    None
}

/// Whether a value is nothing but `${NAME}` or `${NAME?}`, which is no secret. Only between brackets a comma or a bracket
/// ends one without quotes.
fn is_variable(value: &str, in_brackets: bool) -> bool {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let bare = quote.map_or(value, |quote| value.strip_prefix(quote).unwrap_or(value));
    let Some((name, behind)) = bare.strip_prefix("${").and_then(|inside| inside.split_once('}')) else { return false };
    let Some(behind) = quote.map_or(Some(behind), |quote| behind.strip_prefix(quote)) else { return false };
    let name = name.strip_suffix('?').or(name.strip_suffix(":-")).unwrap_or(name);
    let rest = behind.trim_start();
    let is_comment = rest.starts_with('#') && rest.len() < behind.len();
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (rest.is_empty() || is_comment || in_brackets && rest.starts_with([',', '}', ']']))
}

/// What stands between the user and the `@` of an address, and `pass=` behind it.
fn addresses(start: usize, line: &str, found: &mut Vec<Span>) {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let last = line.rfind('@').unwrap_or(0);
    let mut at = 0;
    while at < last {
        let end = line[at..].find(is_end).map_or(line.len(), |offset| at + offset);
        let scheme = line[at..end].find("://").map(|offset| at + offset + "://".len());
        let from = scheme.unwrap_or(at);
        let user = line[from..end].find(':').map(|offset| from + offset + 1);
        // A password may hold what ends other words, so behind a scheme the last `@` of the line counts.
        let is_port = |user: usize| {
            let port = line[user..end].split(['/', ',', '}', ']', '?', '#']).next().unwrap_or_default();
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        };
        let host = match user {
            Some(user) if scheme.is_some() && !is_port(user) => Some(last),
            _ => line[from..end].rfind('@').map(|offset| from + offset),
        };
        match (host.filter(|host| *host >= from), user, scheme) {
            (Some(host), Some(password), _) if password <= host => {
                found.push(Span::new(start + password, start + host));
            }
            (Some(host), _, Some(user)) => found.push(Span::new(start + user, start + host)),
            _ => {}
        }
        at = end + line[end..].chars().next().map_or(1, char::len_utf8);
    }
    let mut hidden_to = 0;
    for (at, _) in line.match_indices(['?', '&']) {
        if at < hidden_to {
            continue;
        }
        let query = &line[at + 1..];
        let name = query.find(|c: char| !c.is_alphanumeric()).filter(|sign| query[*sign..].starts_with('='));
        if let Some(sign) = name.filter(|sign| query[..*sign].to_ascii_lowercase().contains("pass")) {
            let value = at + 1 + sign + 1;
            let end = line[value..].find(|c: char| is_end(c) || c == '&').map_or(line.len(), |offset| value + offset);
            found.push(Span::new(start + value, start + end));
            hidden_to = end;
        }
    }
}

/// What stands between the user and the `@` of each address of a value that is one, or a list of them; a password in
/// it may hold blanks, and in quotes commas.
fn brokers(start: usize, value: &str, found: &mut Vec<Span>) {
    let is_flow = value.starts_with('[');
    let (mut user, mut password, mut quote, mut is_fresh) = (0, None, None, true);
    for (at, character) in value.char_indices() {
        let next = at + character.len_utf8();
        let ends =
            if quote.is_some() { quote == Some(character) } else { character == '\n' || is_flow && character == ',' };
        match character {
            _ if ends || is_fresh && matches!(character, '"' | '\'' | '[' | '-' | ' ') => {
                let opens = !ends && matches!(character, '"' | '\'');
                quote = opens.then_some(character);
                (user, password, is_fresh) = (next, None, !opens);
                continue;
            }
            ':' if value[next..].starts_with("//") => (user, password) = (next + "//".len(), None),
            ':' => password = password.or(Some(next)),
            '@' => found.push(Span::new(start + password.unwrap_or(user).min(at), start + at)),
            _ => {}
        }
        is_fresh = false;
    }
}

/// A key in PEM that begins on the line at `start` and not before `from`, to its end wherever that is.
fn private_key(start: usize, text: &str, from: usize) -> Option<Span> {
    const END: &str = "-----END";
    let line = text[start..].split('\n').next().unwrap_or_default();
    // Looked for before the end is: lines of hidden text are read once.
    let begin = line.find("-----BEGIN ").map(|offset| start + offset).filter(|begin| *begin >= from)?;
    let end = text[begin..].find(END).map_or(text.len(), |offset| {
        let end = begin + offset + END.len();
        text[end..].find("-----").map_or(text.len(), |offset| end + offset + "-----".len())
    });
    Some(Span::new(begin, end))
}

/// Places in order, those that meet made one, and each cut at the ends of lines.
fn in_lines(text: &str, mut places: Vec<Span>) -> Vec<Span> {
    places.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    let mut out = Vec::new();
    for place in merged {
        let mut start = place.start;
        for line in text[place.start..place.end].split_inclusive('\n') {
            let written = line.trim();
            if !written.is_empty() {
                let from = start + line.len() - line.trim_start().len();
                out.push(Span::new(from, from + written.len()));
            }
            start += line.len();
        }
    }
    out
}

#[cfg(test)]
mod tests;
