//! YAML as a tree of nodes with their places.
//!
//! A scalar keeps its text and whether it stood in quotes, whatever YAML would make of it. The tree is built in one
//! pass over the parser's events; depth, and what aliases repeat, are bounded, so that no input can blow it up.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::{
    bounds::{DEPTH, REPEATED},
    yaml_errors,
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    merge,
    source::{Source, Span, Spanned},
};

/// A value and where it stands. An alias stands where it is written, what is inside it where its anchor is.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence { items: Vec<Node>, flow: bool },
    Mapping { entries: Vec<Entry>, flow: bool },
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// After YAML's escapes.
    pub(crate) text: String,
    /// Whether it stood in quotes, or as a block after `|` or `>`.
    pub(crate) quoted: bool,
}

/// A key of a mapping and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<Scalar>,
    pub(crate) value: Node,
}

impl Node {
    /// Whether there is nothing: no text at all, `~` or `null`, none of them in quotes.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if !scalar.quoted && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text, if it can stand within a line of words as it is: short, plain, on one line.
    pub(crate) fn word(&self) -> Option<&str> {
        const LONGEST: usize = 60;
        let Value::Scalar(Scalar { text, .. }) = &self.value else { return None };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.');
        let is_word = !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_plain);
        (is_word && !self.is_null()).then_some(text)
    }

    /// The entries, if this is a mapping.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping { entries, .. } => Some(entries),
            Value::Scalar(_) | Value::Sequence { .. } => None,
        }
    }
}

/// Reads a text as one YAML document.
///
/// No tree if the text cannot be read; the tree and the mistakes in it otherwise.
pub(crate) fn parse(source: &Source) -> (Option<Node>, Vec<Diagnostic>) {
    // Whatever else is said of a text with both sides in it may be wrong of either.
    if let Some(marker) = merge::unsettled(&source.text) {
        let diagnostic = Diagnostic::error(codes::MERGE_MARKERS, marker, "a merge is not settled here").help(
            "keep what is right of both sides and take out git's lines, then run `karafka generate`, which settles karafka.lock",
        );
        return (None, vec![diagnostic]);
    }
    if let Some(diagnostic) = yaml_errors::forbidden_character(source) {
        return (None, vec![diagnostic]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH.most,
        block_nesting_limit: DEPTH.most,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(&source.text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(source, event, clamp(source, span.byte_range())),
            Err(error) => Err(Box::new(yaml_errors::syntax(source, &error))),
        };
        if let Err(diagnostic) = step {
            builder.diagnostics.push(*diagnostic);
            return (None, builder.diagnostics);
        }
        if builder.finished {
            break;
        }
    }
    match builder.root {
        Some(root) if !(root.is_null() && root.span.start == root.span.end) => (Some(root), builder.diagnostics),
        _ => {
            builder.diagnostics.push(
                Diagnostic::error(codes::EMPTY_MANIFEST, Span::new(0, 0), "the manifest is empty")
                    .help("the smallest one names the app and a topic:\n\napp: myapp\ntopics:\n  orders: { controller: OrdersController }"),
            );
            (None, builder.diagnostics)
        }
    }
}

/// A byte range of the parser as a span that is surely inside the text.
fn clamp(source: &Source, range: Option<std::ops::Range<usize>>) -> Span {
    let range = range.unwrap_or_default();
    let end = crate::source::floor_char_boundary(&source.text, range.end);
    let start = crate::source::floor_char_boundary(&source.text, range.start).min(end);
    Span::new(start, end)
}

/// `{{ name }}`, which is a mapping in the place of a key: read as the text that it is meant to be.
fn is_template(children: &[Node], mapping: bool) -> bool {
    mapping && matches!(children, [Node { value: Value::Mapping { flow: true, .. }, .. }, value] if value.is_null())
}

/// A finished node with its measures: how many nodes it has, and how high it is.
#[derive(Debug, Clone)]
struct Built {
    node: Node,
    size: usize,
    height: usize,
}

/// A sequence or mapping that is still open.
#[derive(Debug)]
struct Frame {
    start: Span,
    flow: bool,
    anchor: usize,
    size: usize,
    height: usize,
    /// A mapping's keys and values by turns.
    children: Vec<Node>,
    mapping: bool,
}

/// The entries of a mapping so far.
#[derive(Debug)]
struct Entries {
    list: Vec<Entry>,
    /// Where each key of a long list stands; the few of a short one are sooner compared than hashed.
    places: HashMap<String, Span>,
}

/// Up to here a list is short.
const SHORT: usize = 16;

impl Entries {
    fn with_capacity(capacity: usize) -> Self {
        Self { list: Vec::with_capacity(capacity), places: HashMap::new() }
    }

    /// Where the key stands already.
    fn place(&self, key: &str) -> Option<Span> {
        match self.list.len() <= SHORT {
            true => self.list.iter().find(|entry| entry.key.value.text == key).map(|entry| entry.key.span),
            false => self.places.get(key).copied(),
        }
    }

    fn push(&mut self, entry: Entry) {
        if self.list.len() == SHORT {
            let known = self.list.iter().map(|entry| (entry.key.value.text.clone(), entry.key.span));
            self.places = known.collect();
        }
        if self.list.len() >= SHORT {
            self.places.insert(entry.key.value.text.clone(), entry.key.span);
        }
        self.list.push(entry);
    }
}

#[derive(Debug, Default)]
struct Builder {
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Built>,
    repeated: usize,
    diagnostics: Vec<Diagnostic>,
    documents: usize,
    finished: bool,
}

impl Builder {
    fn take(&mut self, source: &Source, event: Event<'_>, span: Span) -> Result<(), Box<Diagnostic>> {
        if let Some(tag) = event.tag() {
            let tag = tag.original();
            self.diagnostics.push(
                Diagnostic::error(
                    codes::YAML_SYNTAX,
                    span,
                    format!("{} is a tag, which manifests do without", quote(&tag)),
                )
                .help("take it out: every value keeps its text, or put the text in quotes if it begins with `!`"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.finished = true;
                    self.diagnostics.push(
                        Diagnostic::error(codes::SEVERAL_DOCUMENTS, span, "a second document begins here")
                            .help("a manifest is one YAML document: take out the `---`, or move what follows to a file of its own"),
                    );
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let scalar = Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain };
                // A block after `|` or `>` ends with its last line, not with the blank ones after it.
                let written = source.text[span.start..span.end].trim_end().len();
                let span = Span::new(span.start, span.start + written);
                self.push(Built { node: Node { span, value: Value::Scalar(scalar) }, size: 1, height: 0 }, anchor)?;
            }
            Event::SequenceStart(style, anchor, _) => self.open(span, style == StructureStyle::Flow, anchor, false),
            Event::MappingStart(style, anchor, _) => self.open(span, style == StructureStyle::Flow, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(source, span)?,
            Event::Alias(anchor) => {
                let Some(built) = self.anchors.get(&anchor) else {
                    return Err(Diagnostic::error(
                        codes::YAML_SYNTAX,
                        span,
                        "this alias stands inside the very thing that it repeats",
                    )
                    .help("take the `*` out: what repeats itself never ends")
                    .into());
                };
                let depth = self.stack.len() + built.height;
                if self.repeated + built.size > REPEATED.most || depth > 2 * DEPTH.most {
                    let message = format!("aliases repeat more than {} values", REPEATED.most);
                    return Err(Diagnostic::error(codes::TOO_LARGE, span, message)
                        .help("write fewer `*` that repeat what itself repeats")
                        .into());
                }
                let mut built = built.clone();
                built.node.span = span;
                self.repeated += built.size;
                self.push(built, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, start: Span, flow: bool, anchor: usize, mapping: bool) {
        self.stack.push(Frame { start, flow, anchor, size: 1, height: 0, children: Vec::new(), mapping });
    }

    fn close(&mut self, source: &Source, end: Span) -> Result<(), Box<Diagnostic>> {
        let Some(Frame { start, flow, anchor, size, height, children, mapping }) = self.stack.pop() else {
            return Ok(());
        };
        // A block ends where its last child does; the parser says so only at the next token, lines further down.
        let end = if flow { end.end } else { children.last().map_or(start.end, |child| child.span.end) };
        let span = Span::new(start.start, end.max(start.start));
        let value = if flow && is_template(&children, mapping) {
            self.diagnostics.push(yaml_errors::needs_quotes(source, span, ", because it begins with a bracket"));
            Value::Scalar(Scalar { text: source.text[span.start..span.end].to_owned(), quoted: true })
        } else if mapping {
            Value::Mapping { entries: self.entries(children), flow }
        } else {
            Value::Sequence { items: children, flow }
        };
        self.push(Built { node: Node { span, value }, size, height: height + 1 }, anchor)
    }

    fn push(&mut self, built: Built, anchor: usize) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            self.repeated += built.size;
            if self.repeated > REPEATED.most {
                let message = format!("anchors hold more than {} values", REPEATED.most);
                return Err(Diagnostic::error(codes::TOO_LARGE, built.node.span, message).into());
            }
            self.anchors.insert(anchor, built.clone());
        }
        match self.stack.last_mut() {
            Some(frame) => {
                frame.size += built.size;
                frame.height = frame.height.max(built.height);
                frame.children.push(built.node);
            }
            None => self.root = Some(built.node),
        }
        Ok(())
    }

    /// Keys and values by turns as entries: keys are texts, each stands once, `<<` is merged.
    fn entries(&mut self, children: Vec<Node>) -> Vec<Entry> {
        let mut entries = Entries::with_capacity(children.len() / 2);
        let mut merged = Vec::new();
        let mut children = children.into_iter();
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            let Value::Scalar(scalar) = key.value else {
                self.diagnostics.push(
                    Diagnostic::error(codes::WRONG_KIND, key.span, "a key is a text, not a list or a mapping")
                        .help("write a text before the `:`"),
                );
                continue;
            };
            let key = Spanned::new(scalar, key.span);
            if key.value.text == "<<" && !key.value.quoted {
                merged.push(value);
            } else if let Some(first) = entries.place(&key.value.text) {
                self.diagnostics.push(
                    Diagnostic::error(
                        codes::DUPLICATE_KEY,
                        key.span,
                        format!("the key {} stands twice", quote(&key.value.text)),
                    )
                    .label("again here")
                    .related(first, "first here")
                    .help("keep one of them, or give one another name"),
                );
            } else {
                entries.push(Entry { key, value });
            }
        }
        for value in merged {
            self.merge(value, &mut entries);
        }
        entries.list
    }

    /// Adds what `<<: *name` or `<<: [*a, *b]` brings: keys that are there already win.
    fn merge(&mut self, value: Node, entries: &mut Entries) {
        match value.value {
            Value::Mapping { entries: brought, .. } => {
                for entry in brought {
                    if entries.place(&entry.key.value.text).is_none() {
                        entries.push(entry);
                    }
                }
            }
            Value::Sequence { items, .. } if items.iter().all(|item| item.entries().is_some()) => {
                for item in items {
                    self.merge(item, entries);
                }
            }
            Value::Scalar(_) | Value::Sequence { .. } => self.diagnostics.push(
                Diagnostic::error(codes::WRONG_KIND, value.span, "`<<` merges keys and values, and this has none")
                    .help("write `<<: *name` where `&name` marks a mapping"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Option<Node> {
        parse(&Source::new("karafka.yml", text)).0
    }

    /// If this fails, a manifest that is empty is complained of key by key, or one that says nothing is called empty.
    #[test]
    fn an_empty_text_has_no_tree() {
        assert!(["", "# Later.\n", "---\n"].into_iter().all(|text| root(text).is_none()));
        assert!(["~", "a", "\"\"", "{}"].into_iter().all(|text| root(text).is_some()));
    }

    /// If this fails, what several mappings share cannot be merged, or what is no mapping is merged in silence.
    #[test]
    fn lists_of_mappings_are_merged() {
        let text = "a: &a { x: 1, y: 2 }\nb: &b { y: 3, z: 4 }\nc: { <<: [*a, *b], z: 5 }\nd: { <<: [*a, e] }\n";
        let (root, found) = parse(&Source::new("karafka.yml", text));
        let root = root.expect("a tree");
        let merged = root.entries().and_then(|entries| entries[2].value.entries()).expect("a mapping");
        let words: Vec<_> = merged
            .iter()
            .map(|entry| (entry.key.value.text.as_str(), entry.value.word().unwrap_or_default()))
            .collect();
        assert_eq!(words, [("z", "5"), ("x", "1"), ("y", "2")]);
        let refused = root.entries().and_then(|entries| entries[3].value.entries());
        assert_eq!(refused.map(<[_]>::len), Some(0), "nothing of a list that is wrong");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [codes::WRONG_KIND]);
    }

    /// If this fails, a key that stands twice in a long mapping counts twice, or one that stands once is called a second.
    #[test]
    fn each_key_of_a_long_mapping_stands_once() {
        let key = |number: usize| format!("key{number}: 1\n");
        for length in 1..3 * SHORT {
            let once: String = (0..length).map(key).collect();
            for again in (0..length).map(Some).chain([None]) {
                let text = again.map_or_else(|| once.clone(), |again| format!("{once}{}", key(again)));
                let (root, found) = parse(&Source::new("karafka.yml", text.as_str()));
                let codes: Vec<_> = found.iter().map(|one| one.code).collect();
                assert_eq!(codes, vec![codes::DUPLICATE_KEY; usize::from(again.is_some())], "{again:?} of {length}");
                assert_eq!(root.and_then(|root| root.entries().map(<[_]>::len)), Some(length));
                let first = found.iter().flat_map(|one| &one.related).all(|(span, _)| span.end <= once.len());
                assert!(first, "the first one is shown");
            }
        }
    }

    /// If this fails, a message is broken up by a value that is no word.
    #[test]
    fn a_word_is_short_and_plain() {
        let is_word = |text: &str| root(text).is_some_and(|root| root.word().is_some());
        let [longest, longer] = [60, 61].map(|length| "a".repeat(length));
        assert!(["a", "kafka-1:9092", "A_b.c", &longest].into_iter().all(is_word));
        assert!(["\"\"", "~", "null", "a b", "a/b", "[a]", &longer].into_iter().all(|text| !is_word(text)));
    }
}
