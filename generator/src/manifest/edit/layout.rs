//! Where new entries go in a text, and how they are written there.

use super::{
    super::{
        keys::Section,
        yaml::{Entry, Node, Value},
    },
    Body,
};
use crate::source::Span;

/// A piece of the text and what takes its place.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) at: Span,
    pub(super) with: String,
}

/// The layout of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'t> {
    text: &'t str,
    newline: &'static str,
}

impl<'t> Layout<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, newline: if text.contains("\r\n") { "\r\n" } else { "\n" } }
    }

    /// Adds an entry to the value of `owner`: keys and values, or nothing yet.
    pub(super) fn add_entry(&self, owner: &Entry, name: &str, body: Body<'_>) -> Option<Change> {
        let node = &owner.value;
        if self.text[node.span.start..node.span.end].starts_with('*') {
            // What an alias repeats belongs to another place as well.
            return None;
        }
        let mut written = node.entries().unwrap_or_default().iter().filter(|entry| is_within(entry, node));
        match &node.value {
            _ if node.is_null() => self.fill(owner, name, body),
            Value::Mapping { entries, flow: true } if entries.is_empty() && matches!(body, Body::Entries(_)) => {
                self.fill(owner, name, body)
            }
            Value::Mapping { flow: true, .. } => self.add_between_braces(node, written.next_back(), &flow(name, body)),
            Value::Mapping { flow: false, .. } => {
                let written: Vec<_> = written.collect();
                let indent = self.indent(written.first()?)?;
                let step = self.step(owner, &written, indent);
                let mut lines = block(indent, step, name, body);
                if written.windows(2).any(|pair| self.is_spaced(pair[0], pair[1])) {
                    lines.insert(0, String::new());
                }
                Some(self.lines_after(node.span.end, indent, &lines))
            }
            Value::Scalar(_) | Value::Sequence { .. } => None,
        }
    }

    /// Adds a section with its first entry, in the order of the documentation.
    pub(super) fn add_section(&self, root: &Node, section: &str, name: &str, body: Body<'_>) -> Option<Change> {
        let Value::Mapping { entries, flow: is_flow } = &root.value else { return None };
        let written: Vec<_> = entries.iter().filter(|entry| is_within(entry, root)).collect();
        if *is_flow {
            let entry = format!("{section}: {{ {} }}", flow(name, body));
            return self.add_between_braces(root, written.last().copied(), &entry);
        }
        let first = written.first()?;
        let indent = self.indent(first)?;
        let mut lines = vec![format!("{}{section}:", " ".repeat(indent))];
        lines.extend(block(indent + 2, 2, name, body));
        let rank = |name: &str| Section::Root.keys().position(|key| key.name == name);
        let next = written.iter().find(|entry| rank(&entry.key.value.text) > rank(section));
        match next {
            Some(next) if next.key.span != first.key.span => {
                lines.push(String::new());
                let at = self.above_comments(self.line_start(next.key.span.start));
                Some(Change { at: Span::new(at, at), with: self.joined(&lines) + self.newline })
            }
            _ => {
                lines.insert(0, String::new());
                Some(self.lines_after(root.span.end, indent + 1, &lines))
            }
        }
    }

    /// Adds a key to an item of a list.
    pub(super) fn add_to_item(&self, item: &Node, key: &str, value: &str) -> Option<Change> {
        let Value::Mapping { entries, flow: is_flow } = &item.value else { return None };
        let last = entries.iter().rfind(|entry| is_within(entry, item));
        if *is_flow {
            return self.add_between_braces(item, last, &flow(key, Body::Value(value)));
        }
        let first = entries.first()?.key.span.start;
        let before = self.text.get(self.line_start(first)..first)?;
        // The first key stands behind the dash of its item.
        let is_block = before.bytes().all(|byte| matches!(byte, b' ' | b'-'));
        is_block.then(|| {
            let lines = block(before.len(), 2, key, Body::Value(value));
            self.lines_after(item.span.end, before.len(), &lines)
        })
    }

    /// Puts a value in the place of an entry's value.
    pub(super) fn replace_value(&self, entry: &Entry, value: &str) -> Option<Change> {
        let old = entry.value.span;
        if old.start == old.end {
            let at = self.colon(entry)?;
            return Some(Change { at: Span::new(at, at), with: format!(" {value}") });
        }
        // A block would leave its comments and its indentation behind.
        let one_line = !self.text[old.start..old.end].contains('\n');
        one_line.then(|| Change { at: old, with: value.to_owned() })
    }

    /// Adds an item, written as YAML in one line, to a list.
    pub(super) fn add_item(&self, list: &Node, item: &str) -> Option<Change> {
        let Value::Sequence { items, flow } = &list.value else { return None };
        let Some(last) = items.last() else {
            return Some(self.above_close(list, item).unwrap_or(Change { at: list.span, with: format!("[{item}]") }));
        };
        if *flow {
            return self.add_after(last.span.end, item);
        }
        let line = self.line_start(items.first()?.span.start);
        let indent = self.text[line..].find('-')?;
        let lines = [format!("{}- {item}", " ".repeat(indent))];
        Some(self.lines_after(last.span.end, indent, &lines))
    }

    /// Writes the first entry of a value that is nothing, or `{}`.
    fn fill(&self, owner: &Entry, name: &str, body: Body<'_>) -> Option<Change> {
        if let Some(change) = self.above_close(&owner.value, &flow(name, body)) {
            return Some(change);
        }
        let colon = self.colon(owner)?;
        let old = owner.value.span;
        let (start, end) = if old.start == old.end { (colon, colon) } else { (old.start, old.end) };
        let Some(indent) = self.indent(owner) else {
            let space = if start == colon { " " } else { "" };
            return Some(Change { at: Span::new(start, end), with: format!("{space}{{ {} }}", flow(name, body)) });
        };
        let before = self.text.get(colon..start)?.trim_end();
        let line_end = self.line_end(end);
        let after = self.text[end..line_end].trim();
        let mut with = before.to_owned();
        if !after.is_empty() {
            with.push(' ');
            with.push_str(after);
        }
        with.push_str(self.newline);
        with.push_str(&self.joined(&block(indent + 2, 2, name, body)));
        Some(Change { at: Span::new(colon, line_end), with })
    }

    fn add_between_braces(&self, node: &Node, last: Option<&Entry>, entry: &str) -> Option<Change> {
        match last {
            // A value that is not there has no place of its own.
            Some(last) if last.value.span.start == last.value.span.end => None,
            Some(last) => self.add_after(last.value.span.end, entry),
            None if self.text[node.span.start..node.span.end].starts_with('{') => {
                let alone = || Change { at: node.span, with: format!("{{ {entry} }}") };
                Some(self.above_close(node, entry).unwrap_or_else(alone))
            }
            None => None,
        }
    }

    /// Adds an entry to brackets that hold nothing but comments, below those; nothing if there are none.
    fn above_close(&self, node: &Node, entry: &str) -> Option<Change> {
        if !self.text.get(node.span.start..node.span.end)?.contains('#') {
            return None;
        }
        // Behind a comment the bracket that closes stands on a line of its own.
        let close = node.span.end.checked_sub(1)?;
        let line = self.line_start(close);
        let indent = " ".repeat(close - line + 2);
        Some(Change { at: Span::new(line, line), with: format!("{indent}{entry}{}", self.newline) })
    }

    /// Adds an entry between brackets, after the one that ends at `end` and the comma that it may have.
    fn add_after(&self, end: usize, entry: &str) -> Option<Change> {
        let rest = self.text.get(end..)?;
        let comma = rest.trim_start().starts_with(',').then(|| rest.find(',')).flatten();
        Some(match comma {
            Some(comma) => Change { at: Span::new(end + comma + 1, end + comma + 1), with: format!(" {entry},") },
            None => Change { at: Span::new(end, end), with: format!(", {entry}") },
        })
    }

    /// Adds lines below the line that holds `end`, and below the comments that follow it at this indentation or deeper.
    fn lines_after(&self, end: usize, indent: usize, lines: &[String]) -> Change {
        let mut at = self.line_end(end);
        loop {
            let next = self.after_newline(at);
            let line = &self.text[next..self.line_end(next)];
            let comment = line.trim_start_matches(' ');
            if next == at || !comment.starts_with('#') || line.len() - comment.len() < indent.max(1) {
                break;
            }
            at = self.line_end(next);
        }
        let next = self.after_newline(at);
        if next == at {
            // The text ends without a newline, and goes on doing so.
            return Change { at: Span::new(at, at), with: format!("{}{}", self.newline, self.joined(lines)) };
        }
        Change { at: Span::new(next, next), with: self.joined(lines) + self.newline }
    }

    fn joined(&self, lines: &[String]) -> String {
        lines.join(self.newline)
    }

    /// How far an entry of a block is indented; nothing if something else stands before it on its line.
    fn indent(&self, entry: &Entry) -> Option<usize> {
        let start = self.line_start(entry.key.span.start);
        let before = self.text.get(start..entry.key.span.start)?.trim_start_matches('\u{feff}');
        before.bytes().all(|byte| byte == b' ').then_some(before.len())
    }

    /// How much deeper the entries of an entry are: as its neighbours have it, or else the same step once more.
    fn step(&self, owner: &Entry, entries: &[&Entry], indent: usize) -> usize {
        let deeper = entries.iter().find_map(|entry| match &entry.value.value {
            Value::Mapping { entries, flow: false } if is_within(entries.first()?, &entry.value) => {
                self.indent(entries.first()?)?.checked_sub(indent)
            }
            _ => None,
        });
        let step = deeper.or_else(|| indent.checked_sub(self.indent(owner)?)).unwrap_or(2);
        if step == 0 { 2 } else { step }
    }

    /// Whether an empty line stands between two entries.
    fn is_spaced(&self, first: &Entry, second: &Entry) -> bool {
        let end = first.value.span.end.max(first.key.span.end);
        let between = self.text.get(end..second.key.span.start).unwrap_or_default();
        // The rest of the first entry's line, the lines between the two, and the second one's indentation.
        let lines: Vec<_> = between.split('\n').collect();
        lines.iter().take(lines.len().saturating_sub(1)).skip(1).any(|line| line.trim().is_empty())
    }

    /// The byte after the colon of an entry.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let end = entry.key.span.end;
        let rest = self.text.get(end..)?;
        rest.trim_start().starts_with(':').then(|| rest.find(':')).flatten().map(|colon| end + colon + 1)
    }

    fn line_start(&self, byte: usize) -> usize {
        self.text[..byte].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The end of a byte's line, before its newline.
    fn line_end(&self, byte: usize) -> usize {
        let end = self.text[byte..].find('\n').map_or(self.text.len(), |newline| byte + newline);
        if end > byte && self.text[..end].ends_with('\r') { end - 1 } else { end }
    }

    /// The beginning of the next line; the same place if the text ends there.
    fn after_newline(&self, line_end: usize) -> usize {
        let rest = &self.text[line_end..];
        line_end + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
    }

    /// The beginning of the comment that stands right above a line.
    fn above_comments(&self, mut line: usize) -> usize {
        while line > 0 {
            let above = self.line_start(line - 1);
            if !self.text[above..line].starts_with('#') {
                break;
            }
            line = above;
        }
        line
    }
}

/// Whether an entry is written inside a node, not brought by an alias from elsewhere.
fn is_within(entry: &Entry, node: &Node) -> bool {
    node.span.start <= entry.key.span.start && entry.key.span.end <= node.span.end
}

/// An entry as lines of a block.
pub(super) fn block(indent: usize, step: usize, name: &str, body: Body<'_>) -> Vec<String> {
    let pad = " ".repeat(indent);
    let name = scalar(name);
    match body {
        Body::Value(value) => vec![format!("{pad}{name}: {value}")],
        Body::Entries([]) => vec![format!("{pad}{name}: {{}}")],
        Body::Entries(entries) => {
            let mut lines = vec![format!("{pad}{name}:")];
            let deeper = " ".repeat(indent + step);
            lines.extend(entries.iter().map(|(key, value)| format!("{deeper}{}: {value}", scalar(key))));
            lines
        }
    }
}

/// An entry between braces.
fn flow(name: &str, body: Body<'_>) -> String {
    let name = scalar(name);
    match body {
        Body::Value(value) => format!("{name}: {value}"),
        Body::Entries([]) => format!("{name}: {{}}"),
        Body::Entries(entries) => format!("{name}: {}", item(entries)),
    }
}

/// An item of a list, between braces.
pub(super) fn item(entries: &[(&str, &str)]) -> String {
    let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{}: {value}", scalar(key))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A text as a YAML scalar, in quotes where it needs them.
pub(super) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '?'));
    if plain && !matches!(text, "null" | "Null" | "NULL") { text.to_owned() } else { format!("{text:?}") }
}
