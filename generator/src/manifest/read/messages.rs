//! `messages:`: records, enums, lists and maps in the short form.

use std::collections::HashMap;

use super::{
    super::{
        keys::{Key, Section},
        types::{Field, Message, MessageBody, Text, Type},
        values,
        yaml::{Entry, Node, Scalar, Value},
    },
    Reader, first_line, kind_of, text_of,
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::{Span, Spanned},
};

/// Words at the top of a message that are not fields.
const RESERVED: &[&str] = &["schema", "one_of", "fields"];

/// Names of numbers, which nobody gives to a field: `{ u32: string }` is meant as a map.
const NUMBERS: &[&str] = &["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"];

impl Reader<'_> {
    pub(super) fn messages(&mut self, key: &'static Key, entry: &Entry) -> Vec<Message> {
        let mut messages = Vec::new();
        for entry in self.named(key, entry) {
            let name = self.name_of("a message", entry);
            // One that is refused is kept, so that those who refer to it are not wrong as well.
            let body = self.message(&name, &entry.value).unwrap_or(MessageBody::Unread);
            messages.push(Message { name, body });
        }
        messages
    }

    fn message(&mut self, name: &Text, node: &Node) -> Option<MessageBody> {
        let Some(entries) = node.entries() else {
            let (code, message) = if node.is_null() {
                (codes::EMPTY_VALUE, format!("the message {} has no fields", quote(&name.value)))
            } else {
                (codes::WRONG_KIND, format!("a message takes fields, not {}", kind_of(node)))
            };
            let span = if node.is_null() { name.span } else { first_line(self.source, node.span) };
            self.report(
                Diagnostic::error(code, span, message)
                    .help(format!("write `{}: {{ id: uuid, total: decimal }}`", short(&name.value))),
            );
            return None;
        };
        let find = |wanted: &str| entries.iter().find(|entry| entry.key.value.text == wanted);
        let is_choice = |entry: &&Entry| entry.value.entries().is_some() || find("by").is_some();
        if let Some(entry) = find("one_of").filter(is_choice) {
            if let (None, Some(key)) = (entry.value.entries(), Section::Message.key("one_of")) {
                self.wrong_kind(key, &entry.value);
                return None;
            }
            return self.one_of(name, node, entry);
        }
        if let (Some(entry), 1) = (find("fields"), entries.len())
            && (entry.value.is_null() || entry.value.entries().is_some())
        {
            let Some(fields) = entry.value.entries() else {
                self.report(
                    Diagnostic::error(codes::EMPTY_VALUE, entry.key.span, "`fields` has nothing in it")
                        .help("write `fields: { id: uuid }`, or `fields: {}` for a message without fields"),
                );
                return None;
            };
            return Some(MessageBody::Fields(self.fields(fields)));
        }
        if let Some(entry) = find("schema").filter(|entry| is_path(&entry.value)) {
            if let Some(Key { not_yet: Some(instead), .. }) = Section::Message.key("schema") {
                self.not_supported("schema", entry.key.span, instead);
            }
            return None;
        }
        let is_reserved = |entry: &&Entry| RESERVED.contains(&entry.key.value.text.trim_end_matches('?'));
        for entry in entries.iter().filter(is_reserved) {
            self.reserved(name, entry.key.value.text.trim_end_matches('?'), entry);
        }
        let fields = self.fields(entries.iter().filter(|entry| !is_reserved(entry)));
        // With one that is refused it is not known which fields there are.
        (!entries.iter().any(|entry| is_reserved(&entry))).then_some(MessageBody::Fields(fields))
    }

    fn reserved(&mut self, name: &Text, field: &str, entry: &Entry) {
        let meaning = match field {
            "schema" => "a schema file",
            "one_of" => "the messages to choose from",
            _ => "the fields themselves",
        };
        let written = match &entry.value.value {
            Value::Scalar(scalar) => scalar.text.as_str(),
            Value::Sequence { .. } | Value::Mapping { .. } => "…",
        };
        let whole = format!("{}: {{ fields: {{ {}: {written} }} }}", short(&name.value), entry.key.value.text);
        self.report(
            Diagnostic::error(
                codes::RESERVED_FIELD,
                entry.key.span,
                format!("`{field}` at the top of a message is {meaning}, not a field"),
            )
            .help(format!("put the fields under `fields`: {}", quote(&whole))),
        );
    }

    fn one_of(&mut self, name: &Text, node: &Node, choice: &Entry) -> Option<MessageBody> {
        let mut by = None;
        let mut has_by = false;
        for entry in node.entries().unwrap_or_default() {
            match entry.key.value.text.as_str() {
                "one_of" => {}
                "by" => {
                    has_by = true;
                    by = self.by(entry);
                }
                _ => {
                    let message = format!("{} cannot stand beside `one_of`", quote(&entry.key.value.text));
                    self.report(
                        Diagnostic::error(codes::CONFLICTING_KEYS, entry.key.span, message)
                            .related(choice.key.span, "the messages to choose from")
                            .help("fields belong to each of the messages; beside `one_of` there is only `by`"),
                    );
                }
            }
        }
        if !has_by {
            self.report(
                Diagnostic::error(
                    codes::MISSING_KEY,
                    choice.key.span,
                    format!("{} does not say which field tells its messages apart", quote(&name.value)),
                )
                .help("add `by: type`"),
            );
        }
        let mut variants = Vec::new();
        for entry in choice.value.entries().unwrap_or_default() {
            let tag = text_of(entry);
            match &entry.value.value {
                Value::Scalar(Scalar { text, .. }) if !entry.value.is_null() => {
                    let message = Text::new(text.clone(), entry.value.span);
                    if self.check_ascii(&tag) && self.check_ascii(&message) {
                        variants.push((tag, message));
                    }
                }
                _ => self.report(
                    Diagnostic::error(
                        codes::WRONG_KIND,
                        first_line(self.source, entry.value.span),
                        format!("{} takes the name of a message, not {}", quote(&tag.value), kind_of(&entry.value)),
                    )
                    .help("give the message an entry of its own under `messages`, and name it here"),
                ),
            }
        }
        if choice.value.entries().is_some_and(<[Entry]>::is_empty) {
            self.report(
                Diagnostic::error(codes::EMPTY_VALUE, choice.key.span, "`one_of` has nothing to choose from")
                    .help("write `one_of: { created: OrderCreated, cancelled: OrderCancelled }`"),
            );
        }
        by.map(|by| MessageBody::OneOf { variants, by })
    }

    fn by(&mut self, entry: &Entry) -> Option<Text> {
        let key = Section::Message.key("by")?;
        let by = self.value(key, entry)?;
        if by.value.starts_with("header:") {
            self.not_supported(
                "by: header:…",
                by.span,
                "let a field of the messages tell them apart, as in `by: type`",
            );
            return None;
        }
        Some(by)
    }

    fn fields<'e>(&mut self, entries: impl IntoIterator<Item = &'e Entry>) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        let mut places = HashMap::new();
        let mut entries = entries.into_iter().peekable();
        while let Some(entry) = entries.next() {
            let rest = entries.next_if(|next| is_rest(entry, next));
            let written = &entry.key.value.text;
            if let Some(meant) = misplaced_mark(written) {
                self.report(
                    Diagnostic::error(
                        codes::INVALID_NAME,
                        entry.key.span,
                        format!("{} has its `?` elsewhere than once, at its end", quote(written)),
                    )
                    .help(format!("write {}: the field may be absent or null", quote(&meant)))
                    .suggest(entry.key.span, meant),
                );
                // It is there, whatever it is: who names it is not wrong as well.
                let name = Text::new(written.trim_matches('?').trim_end().to_owned(), entry.key.span);
                if !places.contains_key(written.trim_matches('?').trim_end()) {
                    places.insert(written.trim_matches('?').trim_end(), name.span);
                    fields.push(Field { name, optional: true, kind: Spanned::new(Type::Unread, entry.value.span) });
                }
                continue;
            }
            let optional = written.ends_with('?');
            let name = Text::new(written.strip_suffix('?').unwrap_or(written).trim_end().to_owned(), entry.key.span);
            if name.value.is_empty() || (name.value == "~" && !entry.key.value.quoted) {
                self.report(
                    Diagnostic::error(codes::EMPTY_VALUE, name.span, "a field needs a name")
                        .help("write `name: string`"),
                );
                continue;
            }
            self.check_ascii(&name);
            if let Some(&first) = places.get(name.value.as_str()) {
                self.report(
                    Diagnostic::error(
                        codes::DUPLICATE_KEY,
                        name.span,
                        format!("the field {} stands twice", quote(&name.value)),
                    )
                    .label("again here")
                    .related(first, "first here")
                    .help("keep one of them: `?` says that it may be absent, and is not part of the name"),
                );
                continue;
            }
            places.insert(entry.key.value.text.strip_suffix('?').unwrap_or(written).trim_end(), name.span);
            let kind = match rest {
                Some(rest) => self.broken_type(&name.value, entry, rest),
                None => self.kind(&name.value, &entry.value),
            };
            let kind = kind.unwrap_or_else(|| Spanned::new(Type::Unread, entry.value.span));
            fields.push(Field { name, optional, kind });
        }
        fields
    }

    /// A type that YAML has broken at its comma.
    fn broken_type(&mut self, field: &str, entry: &Entry, rest: &Entry) -> Option<Spanned<Type>> {
        let span = Span::new(entry.value.span.start, rest.key.span.end);
        let text = format!("{},{}", text_in(&entry.value), rest.key.value.text);
        Some(Spanned::new(self.named_type(field, &text, span)?, span))
    }

    /// The type of a field.
    fn kind(&mut self, field: &str, node: &Node) -> Option<Spanned<Type>> {
        let kind = match &node.value {
            _ if node.is_null() => {
                self.report(
                    Diagnostic::error(codes::EMPTY_VALUE, node.span, format!("{} has no type", quote(field)))
                        .help("write one, as in `title: string`; `json` takes any value"),
                );
                return None;
            }
            Value::Scalar(Scalar { text, quoted: true }) => {
                let diagnostic = Diagnostic::error(
                    codes::QUOTED_TYPE,
                    node.span,
                    format!("the type of {} stands in quotes", quote(field)),
                );
                self.report(match plain_type(text) {
                    Some(plain) if plain == *text => diagnostic.help("write it without").suggest(node.span, plain),
                    Some(plain) => {
                        diagnostic.help(format!("write {}, without quotes", quote(&plain))).suggest(node.span, plain)
                    }
                    None => diagnostic.help("write it without, as in `title: string`"),
                });
                return None;
            }
            Value::Scalar(Scalar { text, .. }) if text.contains('|') => self.choice(field, text, node)?,
            Value::Scalar(Scalar { text, .. }) => self.named_type(field, text, node.span)?,
            Value::Sequence { items, .. } => match items.as_slice() {
                [item] => Type::List(Box::new(self.kind(field, item)?)),
                _ => {
                    let message = format!(
                        "a list has one type, and this has {}",
                        if items.is_empty() { "none" } else { "several" }
                    );
                    self.report(
                        Diagnostic::error(codes::INVALID_TYPE, first_line(self.source, node.span), message)
                            .help("write `[string]`; for one of several texts, write `draft | published`"),
                    );
                    return None;
                }
            },
            Value::Mapping { entries, .. } => match entries.as_slice() {
                [entry] if entry.key.value.text == "string" && !entry.key.value.quoted => {
                    Type::Map(Box::new(self.kind(field, &entry.value)?))
                }
                [entry] if NUMBERS.contains(&entry.key.value.text.as_str()) => {
                    self.report(
                        Diagnostic::error(
                            codes::INVALID_TYPE,
                            entry.key.span,
                            "the keys of a map are texts, as in JSON",
                        )
                        .help("write `string` instead")
                        .suggest(entry.key.span, "string"),
                    );
                    return None;
                }
                entries => Type::Record(self.fields(entries)),
            },
        };
        Some(Spanned::new(kind, node.span))
    }

    /// `draft | published`
    fn choice(&mut self, field: &str, text: &str, node: &Node) -> Option<Type> {
        if let Some(others) = without_null(text) {
            let written = format!("{}?: {others}", short(field.trim_end_matches('?')));
            self.report(
                Diagnostic::error(codes::INVALID_TYPE, node.span, "`null` is none of the texts of an enum")
                    .help(format!("a field that may be null has a `?` behind its name: {}", quote(&written))),
            );
            return None;
        }
        let beginning = self.beginning(text, node);
        let mut words: Vec<Text> = Vec::new();
        let mut places: HashMap<&str, Span> = HashMap::new();
        let mut at = 0;
        for part in text.split('|') {
            let start = at + part.len() - part.trim_start().len();
            at += part.len() + 1;
            let word = part.trim();
            let span = beginning.map_or(node.span, |at| Span::new(at + start, at + start + word.len()));
            let word = Text::new(word.to_owned(), span);
            if word.value.is_empty() {
                self.report(
                    Diagnostic::error(codes::INVALID_TYPE, node.span, "one of the texts of this enum is empty")
                        .help("write `draft | published`"),
                );
                return None;
            }
            if word.value.contains(['"', '\'']) {
                self.report(
                    Diagnostic::error(codes::QUOTED_TYPE, word.span, "the texts of an enum are written without quotes")
                        .help("write `draft | published`"),
                );
                return None;
            }
            if !self.check_ascii(&word) {
                return None;
            }
            if let Some(&first) = places.get(part.trim()) {
                self.report(
                    Diagnostic::error(
                        codes::DUPLICATE_VALUE,
                        word.span,
                        format!("{} stands twice in this enum", quote(&word.value)),
                    )
                    .related(first, "first here")
                    .help("take one of them out"),
                );
                continue;
            }
            places.insert(part.trim(), span);
            words.push(word);
        }
        Some(Type::Enum(words))
    }

    /// A scalar type or a message: whether there is one of that name is not known here.
    fn named_type(&mut self, field: &str, text: &str, span: Span) -> Option<Type> {
        let name = Text::new(text.to_owned(), span);
        if !self.check_ascii(&name) {
            return None;
        }
        if is_word(text) || is_encoded(text) {
            return Some(Type::Name(name.value));
        }
        let diagnostic = Diagnostic::error(codes::INVALID_TYPE, span, format!("{} is not a type", quote(text)));
        self.report(match meant(text) {
            Some(Meant::Optional) => {
                let name = short(field);
                diagnostic.help(format!("the `?` belongs to the name: `{name}?: {}`", short(text.trim_end_matches('?'))))
            }
            Some(Meant::Type(meant)) => diagnostic.help(format!("did you mean {}?", quote(&meant))).suggest(span, meant),
            None => diagnostic.help(
                "a type is a scalar such as `string` or `u32`, the name of a message, `[T]` for a list, `{ string: T }` for a map, \
                 `{ name: T }` for a record, or `a | b` for an enum",
            ),
        });
        None
    }
}

/// Whether an entry is what stands behind the comma of a type, as `2)` of `decimal(10,2)` is between braces.
fn is_rest(entry: &Entry, next: &Entry) -> bool {
    let text = text_in(&entry.value);
    text.contains('(') && !text.contains(')') && next.value.is_null() && next.key.value.text.ends_with(')')
}

/// A text that stands without quotes; of anything else nothing.
fn text_in(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(Scalar { text, quoted: false }) => text,
        _ => "",
    }
}

/// The name that was meant by `f??` or `?f`.
fn misplaced_mark(written: &str) -> Option<String> {
    let name = written.trim_matches('?');
    let is_misplaced = written.starts_with('?') || written.ends_with("??");
    (is_misplaced && !name.is_empty()).then(|| format!("{name}?"))
}

/// What is left of an enum without its `null`, if it has one.
fn without_null(text: &str) -> Option<String> {
    let is_null = |word: &&str| matches!(*word, "null" | "Null" | "NULL" | "~" | "nil" | "None");
    let words: Vec<&str> = text.split('|').map(str::trim).collect();
    let others: Vec<&str> = words.iter().copied().filter(|word| !is_null(word)).collect();
    (others.len() < words.len() && !others.is_empty()).then(|| others.join(" | "))
}

/// A type that stood in quotes as it can stand without, wherever it does: what YAML reads something else into there, as into
/// the comma of `decimal(10,2)` between braces, is no type.
fn plain_type(text: &str) -> Option<String> {
    let of_choice = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_choice = |text: &str| {
        text.contains('|') && text.split('|').map(str::trim).all(|word| !word.is_empty() && word.chars().all(of_choice))
    };
    let is_one = |text: &str| is_word(text) || is_encoded(text) || is_choice(text);
    let inside = |text: &str, open: char, close: char| {
        text.strip_prefix(open)?.strip_suffix(close).map(|inside| inside.trim().to_owned())
    };
    let is_list = |text: &str| inside(text, '[', ']').is_some_and(|item| is_one(&item));
    let is_map = |text: &str| {
        let entry = inside(text, '{', '}');
        let entry = entry.as_deref().and_then(|entry| entry.split_once(": "));
        entry.is_some_and(|(name, value)| name == "string" && is_one(value.trim()))
    };
    let is_type = |text: &str| is_one(text) || is_list(text) || is_map(text);
    let text = text.trim();
    if is_type(text) {
        return Some(text.to_owned());
    }
    match meant(text) {
        Some(Meant::Type(meant)) if is_type(&meant) => Some(meant),
        _ => None,
    }
}

/// A name as types and messages have it.
fn is_word(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A type that says how it is written, such as `timestamp(millis)`.
fn is_encoded(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    text.strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .is_some_and(|(name, way)| is_word(name) && is_word(way))
}

/// What a person meant who wrote another language's type.
enum Meant {
    Optional,
    Type(String),
}

fn meant(text: &str) -> Option<Meant> {
    let generic = |names: &[&str]| {
        let (name, inside) = text.split_once('<')?;
        (names.contains(&name)).then(|| inside.strip_suffix('>').map(|inside| inside.trim().to_owned())).flatten()
    };
    if text.ends_with('?') || generic(&["Option", "Optional"]).is_some() {
        return Some(Meant::Optional);
    }
    // SQL's `decimal(10, 2)` and `varchar(255)`.
    if let Some((name, digits)) = text.strip_suffix(')').and_then(|text| text.split_once('('))
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b','))
    {
        let name = name.trim().to_ascii_lowercase();
        return Some(Meant::Type(if name.contains("char") { "string".to_owned() } else { name }));
    }
    if let Some(item) = text.strip_suffix("[]") {
        return Some(Meant::Type(format!("[{item}]")));
    }
    if let Some(item) = generic(&["Vec", "List", "Array", "list", "array"]) {
        return Some(Meant::Type(format!("[{item}]")));
    }
    let map = generic(&["HashMap", "BTreeMap", "Map", "map", "Dict", "dict"])?;
    let (_, value) = map.split_once(',')?;
    Some(Meant::Type(format!("{{ string: {} }}", value.trim())))
}

/// Whether a value looks like the path of a file, as `schema:` takes it.
fn is_path(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text.contains(['/', '.']) && values::foreign(&scalar.text).is_none())
}

/// A name fit for a line of help.
fn short(name: &str) -> String {
    let quoted = quote(name);
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a person is told to write a type without its quotes where that is another one, or none.
    #[test]
    fn a_type_without_quotes_is_one() {
        for plain in ["string", "_a", "a | b", "a_b | c-d.e | 1", "[u32]", "{ string: u32 }", "timestamp(millis)"] {
            assert_eq!(plain_type(plain).as_deref(), Some(plain));
        }
        for none in ["", "-a", "a b", "a | ", "|", "a | b c", "{ name: u32 }", "{ string: a b }", "[a b]"] {
            assert_eq!(plain_type(none), None, "{none}");
        }
    }
}
