//! YAML as a tree that can be put into another one and written again: how a fragment of a page becomes a manifest.

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// A value. Whether a text stood in quotes, and a list in brackets, means something to a manifest, and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Text { text: String, quoted: bool },
    List { items: Vec<Self>, flow: bool },
    Mapping { entries: Vec<(Self, Self)>, flow: bool },
}

impl Tree {
    /// Reads one document.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut events = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, _) = event.map_err(|error| error.to_string())?;
            events.push(event);
        }
        let mut events = events.into_iter().filter(|event| {
            matches!(
                event,
                Event::Scalar(..)
                    | Event::SequenceStart(..)
                    | Event::SequenceEnd
                    | Event::MappingStart(..)
                    | Event::MappingEnd
                    | Event::Alias(..)
            )
        });
        let tree = Self::build(&mut events)?.ok_or("it is empty")?;
        if events.next().is_some() {
            return Err("it has several documents".to_owned());
        }
        Ok(tree)
    }

    /// The next value, if a list or a mapping does not end there.
    fn build<'e>(events: &mut impl Iterator<Item = Event<'e>>) -> Result<Option<Self>, String> {
        Ok(match events.next() {
            Some(Event::Scalar(text, style, ..)) => {
                Some(Self::Text { text: text.into_owned(), quoted: style != ScalarStyle::Plain })
            }
            Some(Event::SequenceStart(style, ..)) => {
                let mut items = Vec::new();
                while let Some(item) = Self::build(events)? {
                    items.push(item);
                }
                Some(Self::List { items, flow: style == StructureStyle::Flow })
            }
            Some(Event::MappingStart(style, ..)) => {
                let mut entries = Vec::new();
                while let Some(key) = Self::build(events)? {
                    entries.push((key, Self::build(events)?.ok_or("a key without a value")?));
                }
                Some(Self::Mapping { entries, flow: style == StructureStyle::Flow })
            }
            Some(Event::Alias(..)) => return Err("an alias: write it out".to_owned()),
            Some(_) | None => None,
        })
    }

    /// Puts `other` into this: mappings are merged, key by key; all else is replaced.
    pub(super) fn take(&mut self, other: Self) {
        match (self, other) {
            (Self::Mapping { entries, .. }, Self::Mapping { entries: new, .. }) => {
                for (key, value) in new {
                    match entries.iter_mut().find(|(known, _)| known.text() == key.text()) {
                        Some((_, known)) => known.take(value),
                        None => entries.push((key, value)),
                    }
                }
            }
            (this, other) => *this = other,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::List { .. } | Self::Mapping { .. } => None,
        }
    }

    /// The document.
    pub(super) fn write(&self) -> String {
        let mut out = String::new();
        self.write_at(0, false, &mut out);
        out
    }

    /// What was in brackets stays there: all that is inside of it was as well. An empty one can stand in brackets alone.
    fn write_at(&self, depth: usize, in_flow: bool, out: &mut String) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Text { text, quoted: true } => out.push_str(&serde_json::to_string(text).expect("a text")),
            Self::Text { text, quoted: false } => out.push_str(text),
            Self::List { items, flow } if in_flow || *flow || items.is_empty() => {
                out.push('[');
                for item in items {
                    item.write_at(0, true, out);
                    out.push_str(", ");
                }
                out.push(']');
            }
            Self::Mapping { entries, flow } if in_flow || *flow && is_still_flow(entries) || entries.is_empty() => {
                out.push_str("{ ");
                for (key, value) in entries {
                    key.write_at(0, true, out);
                    out.push_str(": ");
                    value.write_at(0, true, out);
                    out.push_str(", ");
                }
                out.push('}');
            }
            Self::List { items, .. } => {
                for item in items {
                    out.push_str(&format!("\n{indent}- "));
                    item.write_at(depth + 1, false, out);
                }
            }
            Self::Mapping { entries, .. } => {
                for (key, value) in entries {
                    out.push_str(&format!("\n{indent}"));
                    key.write_at(0, true, out);
                    out.push_str(": ");
                    value.write_at(depth + 1, false, out);
                }
            }
        }
    }
}

/// Whether nothing of a mapping in brackets was replaced by what stood without them, and may not stand in them.
fn is_still_flow(entries: &[(Tree, Tree)]) -> bool {
    entries.iter().all(|(_, value)| match value {
        Tree::Text { .. } => true,
        Tree::List { flow, .. } => *flow,
        Tree::Mapping { entries, flow } => *flow && is_still_flow(entries),
    })
}

/// If this fails, a fragment of a page is tested as something else than what the page shows.
#[test]
fn a_fragment_is_put_into_a_manifest() {
    let mut tree = Tree::read("app: a\ntopics:\n  b: { c: '1', d: [e] }\n  f:\n    g: ${H:-i}\n").expect("YAML");
    tree.take(
        Tree::read("topics:\n  b: { c: 2, j: {} }\n  f:\n    k:\n      - l: m\nn: o: p\n".replace(": p", "").as_str())
            .expect("YAML"),
    );
    let written = tree.write();
    let expected = "\napp: a\ntopics: \n  b: { c: 2, d: [e, ], j: { }, }\n  f: \n    g: ${H:-i}\n    k: \n      - \n        l: m\nn: o";
    assert_eq!(written, expected);
    assert_eq!(Tree::read(&written), Ok(tree));
    assert!(Tree::read("a: 1\n---\nb: 2\n").is_err() && Tree::read("# nothing\n").is_err());
}
