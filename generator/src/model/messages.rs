//! Messages: every record, nested record and enum gets its name, every field its Rust name and its type.

use std::collections::HashMap;

use super::{Field, Message, Scalar, Shape, Type, circles, report::Report};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, MessageBody, Text},
    names::{self, NameError, case::camel},
    source::{Span, Spanned},
};

/// All named types.
#[derive(Debug, Default)]
pub(super) struct Messages<'a> {
    /// In the order of the file, nested ones behind the message that holds them.
    pub(super) types: Vec<Message>,
    /// Names under `messages:`, with their places.
    pub(super) declared: HashMap<&'a str, Span>,
    /// The same names in the order of the file.
    names: Vec<&'a str>,
    /// Where each type stands in `types`.
    pub(super) index: HashMap<String, usize>,
    /// Where each type is written.
    pub(super) spans: Vec<Span>,
    /// Where the fields of each type are written.
    pub(super) field_spans: Vec<Vec<Span>>,
    /// Types and those of their fields that are there and were refused.
    refused: HashMap<String, Vec<String>>,
}

impl Messages<'_> {
    /// The type of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Message> {
        self.index.get(name).map(|&at| &self.types[at])
    }

    /// Whether a type may have a field of this name that was refused, as its type may be wrong.
    pub(super) fn has_refused(&self, name: &str, field: &str) -> bool {
        self.refused(name).any(|refused| refused == field)
    }

    /// The fields of a type that were refused, in the order of the file.
    pub(super) fn refused(&self, name: &str) -> impl Iterator<Item = &str> {
        self.refused.get(name).into_iter().flatten().map(String::as_str)
    }
}

/// Resolves `messages:`.
pub(super) fn resolve<'a>(written: &'a [manifest::Message], report: &mut Report<'_>) -> Messages<'a> {
    let names: Vec<&str> = written.iter().map(|message| message.name.value.as_str()).collect();
    let declared = written.iter().map(|message| (message.name.value.as_str(), message.name.span)).collect();
    let mut resolver = Resolver { messages: Messages { declared, names, ..Messages::default() }, report };
    for message in written {
        if let Err(error) = names::message_name(&message.name.value) {
            resolver.report.refuse(codes::INVALID_MESSAGE_NAME, &message.name, &error);
        }
    }
    for message in written {
        let name = &message.name.value;
        match &message.body {
            MessageBody::Fields(fields) => resolver.record(name, name, message.name.span, fields),
            MessageBody::OneOf { variants, by } => resolver.one_of(&message.name, variants, by),
            // Nothing is known but its name, so nothing is said of what it holds.
            MessageBody::Unread => {}
        }
    }
    let mut messages = resolver.messages;
    circles::close(&mut messages.types, &messages.index);
    messages
}

struct Resolver<'r, 'a, 's> {
    messages: Messages<'a>,
    report: &'r mut Report<'s>,
}

impl Resolver<'_, '_, '_> {
    fn add(&mut self, name: &str, path: &str, span: Span, shape: Shape, field_spans: Vec<Span>) {
        if let Some(&first) = self.messages.index.get(name) {
            let (first_path, first_span) = (&self.messages.types[first].path, self.messages.spans[first]);
            self.report.add(meeting(name, (path, span), (first_path, first_span)));
            return;
        }
        // A nested type that meets a message further down in the file is reported here, once.
        if path.contains('.')
            && let Some(&message) = self.messages.declared.get(name)
        {
            self.report.add(meeting(name, (path, span), (name, message)));
            return;
        }
        self.messages.index.insert(name.to_owned(), self.messages.types.len());
        self.messages.types.push(Message { name: name.to_owned(), path: path.to_owned(), shape });
        self.messages.spans.push(span);
        self.messages.field_spans.push(field_spans);
    }

    fn record(&mut self, name: &str, path: &str, span: Span, written: &[manifest::Field]) {
        let mut fields = Vec::with_capacity(written.len());
        let mut spans = Vec::with_capacity(written.len());
        let mut seen: HashMap<String, &Text> = HashMap::with_capacity(written.len());
        let mut nested = Vec::new();
        for field in written {
            let wire_name = &field.name;
            let rust_name = match names::field_name(&wire_name.value) {
                Ok(rust_name) => rust_name,
                Err(error) => {
                    self.refuse_part("field", wire_name, &error);
                    self.refused(name, wire_name);
                    continue;
                }
            };
            if let Some(first) = seen.insert(rust_name.clone(), wire_name) {
                let message =
                    format!("the fields `{}` and `{}` are both `{rust_name}` in Rust", first.value, wire_name.value);
                let diagnostic = Diagnostic::error(codes::NAME_COLLISION, wire_name.span, message)
                    .related(first.span, "first here")
                    .help("keep one of them: fields that a message does not name are tolerated when it is read");
                self.report.add(diagnostic);
                continue;
            }
            let type_name = || format!("{name}{}", camel(&wire_name.value));
            let kind = self.kind(&type_name, &field.kind, &mut |shape| nested.push((shape, wire_name)));
            let Some(kind) = kind else {
                self.refused(name, wire_name);
                continue;
            };
            spans.push(wire_name.span);
            let wire_name = wire_name.value.clone();
            fields.push(Field { wire_name, rust_name, optional: field.optional, kind, boxed: false });
        }
        self.add(name, path, span, Shape::Record(fields), spans);
        for (shape, wire_name) in nested {
            let type_name = format!("{name}{}", camel(&wire_name.value));
            let path = format!("{path}.{}", wire_name.value);
            self.nested(&type_name, &path, wire_name.span, shape);
        }
    }

    /// The type of a field; a record or an enum inside it goes to `nested`, under the name that `type_name` gives.
    fn kind<'m>(
        &mut self,
        type_name: &dyn Fn() -> String,
        written: &'m Spanned<manifest::Type>,
        nested: &mut dyn FnMut(&'m manifest::Type),
    ) -> Option<Type> {
        Some(match &written.value {
            manifest::Type::Name(name) => match Scalar::from_name(name) {
                Some(scalar) => Type::Scalar(scalar),
                None if self.messages.declared.contains_key(name.as_str()) => Type::Named(name.clone()),
                None => {
                    self.unknown_type(name, written.span);
                    return None;
                }
            },
            manifest::Type::List(inner) => Type::List(Box::new(self.kind(type_name, inner, nested)?)),
            manifest::Type::Map(inner) => Type::Map(Box::new(self.kind(type_name, inner, nested)?)),
            shape @ (manifest::Type::Enum(_) | manifest::Type::Record(_)) => {
                nested(shape);
                Type::Named(type_name())
            }
            manifest::Type::Unread => return None,
        })
    }

    fn nested(&mut self, name: &str, path: &str, span: Span, shape: &manifest::Type) {
        match shape {
            manifest::Type::Record(fields) => self.record(name, path, span, fields),
            manifest::Type::Enum(values) => {
                self.choice_of_types(values);
                let values = self.variants("value", values);
                self.add(name, path, span, Shape::Enum(values), Vec::new());
            }
            manifest::Type::Name(_) | manifest::Type::List(_) | manifest::Type::Map(_) | manifest::Type::Unread => {}
        }
    }

    /// Refuses an enum whose texts are all names of types, at least one of them the manifest's own: a person means a choice
    /// of types, and would get an enum of their names. `long | short` are words of other languages, and may well be texts; so
    /// may the names of messages.
    fn choice_of_types(&mut self, values: &[Text]) {
        let is_ours = |word: &str| Scalar::from_name(word).is_some() || word.contains(['[', '{']);
        let is_type =
            |word: &str| is_ours(word) || Scalar::meant_by(word).is_some() || self.messages.declared.contains_key(word);
        let words = || values.iter().map(|value| value.value.as_str());
        let [first, .., last] = values else { return };
        if !words().all(is_type) || !words().any(is_ours) {
            return;
        }
        let quoted: Vec<String> = words().map(|word| format!("`{word}`")).collect();
        let Some((tail, head)) = quoted.split_last() else { return };
        let message = format!("{} and {tail} are types, and `|` stands between the texts of an enum", head.join(", "));
        let help = "a field has one type: write `json` for any value, or `string` if these are the very texts";
        let span = Span::new(first.span.start, last.span.end.max(first.span.end));
        self.report.add(Diagnostic::error(codes::CHOICE_OF_TYPES, span, message).help(help));
    }

    /// Wire names and Rust names of an enum's values or of tags.
    fn variants<'t>(&mut self, what: &str, written: impl IntoIterator<Item = &'t Text>) -> Vec<(String, String)> {
        let mut variants = Vec::new();
        let mut seen: HashMap<String, &Text> = HashMap::new();
        for wire_name in written {
            let rust_name = match names::variant_name(&wire_name.value) {
                Ok(rust_name) => rust_name,
                Err(error) => {
                    self.refuse_part(what, wire_name, &error);
                    continue;
                }
            };
            if let Some(first) = seen.insert(rust_name.clone(), wire_name) {
                let message =
                    format!("the {what}s `{}` and `{}` are both `{rust_name}` in Rust", first.value, wire_name.value);
                let help = match what {
                    "value" => "rename one of them, or make the field a `string`",
                    _ => "rename one of them",
                };
                let diagnostic = Diagnostic::error(codes::NAME_COLLISION, wire_name.span, message);
                self.report.add(diagnostic.related(first.span, "first here").help(help));
                continue;
            }
            variants.push((wire_name.value.clone(), rust_name));
        }
        variants
    }

    fn one_of(&mut self, name: &Text, written: &[(Text, Text)], by: &Text) {
        let tags = self.variants("tag", written.iter().map(|(tag, _)| tag));
        let rust_names: HashMap<String, String> = tags.into_iter().collect();
        let mut variants = Vec::new();
        for (tag, message) in written {
            if !self.messages.declared.contains_key(message.value.as_str()) {
                unknown_message(&self.messages, message, NamedBy::Choice, self.report);
            } else if let Some(rust_name) = rust_names.get(&tag.value) {
                variants.push((tag.value.clone(), rust_name.clone(), message.value.clone()));
            }
        }
        let shape = Shape::OneOf { by: by.value.clone(), variants };
        self.add(&name.value, &name.value, name.span, shape, Vec::new());
    }

    /// Notes that a type has this field, of which no more is known.
    fn refused(&mut self, name: &str, field: &Text) {
        self.messages.refused.entry(name.to_owned()).or_default().push(field.value.clone());
    }

    fn refuse_part(&mut self, what: &str, name: &Text, error: &NameError) {
        let help = match what {
            "field" => "leave it out: fields that a message does not name are tolerated when it is read",
            "value" => "rename it, or make the field a `string`",
            _ => "rename it",
        };
        let message = format!("the {what} {error}");
        self.report.add(Diagnostic::error(codes::INVALID_FIELD_NAME, name.span, message).help(help));
    }

    fn unknown_type(&mut self, name: &str, span: Span) {
        let mut diagnostic =
            Diagnostic::error(codes::UNKNOWN_TYPE, span, format!("`{name}` is neither a type nor one of `messages`"));
        let near = Scalar::meant_by(name)
            .map(Scalar::name)
            .or_else(|| self.report.nearest(name, Scalar::ALL.map(Scalar::name)))
            .or_else(|| self.report.nearest(name, self.messages.names.iter().copied()));
        diagnostic = match near {
            Some(near) => {
                let place = self.messages.declared.get(near).map(|span| format!(" ({})", self.report.line(*span)));
                let help = format!("did you mean `{near}`{}?", place.unwrap_or_default());
                diagnostic.help(help).suggest(span, near)
            }
            None if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                diagnostic.help(format!("add it under `messages`: `{name}: {{ … }}`"))
            }
            None => diagnostic.help(format!("types are {}", Scalar::ALL.map(Scalar::name).join(" "))),
        };
        self.report.add(diagnostic);
    }
}

/// What names a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// `message` of a topic that is consumed here.
    Consumed,
    /// `message` of a topic that the app only sends to: nothing here has a parser.
    Sent,
    /// `one_of`.
    Choice,
}

impl NamedBy {
    /// What to write where a parser's name stands for a message's, if it is one.
    fn instead_of_parser(self, wanted: &str) -> Option<String> {
        let help = match (self, wanted) {
            (Self::Choice, "json" | "bytes" | "text") => {
                let kind = if wanted == "text" { "string" } else { wanted };
                format!("a choice is between messages: name one that holds it, such as `Raw: {{ value: {kind} }}`")
            }
            (_, "json") => "leave `message` out: any JSON value is the default".to_owned(),
            (Self::Consumed, "bytes" | "text") => format!("write `parser: {wanted}` instead of `message`"),
            (Self::Sent, "bytes" | "text") => {
                "leave `message` out: a parser is for what is consumed, and the topic is any JSON value then. What is no JSON, a \
                 program sends with `ProducerRecord::to(…).value(…)`"
                    .to_owned()
            }
            _ => return None,
        };
        Some(help)
    }
}

/// Reports a message that is named and is not under `messages:`.
pub(super) fn unknown_message(messages: &Messages<'_>, name: &Text, by: NamedBy, report: &mut Report<'_>) {
    let wanted = &name.value;
    let who = if by == NamedBy::Choice { "one_of" } else { "message" };
    let message = format!("`{who}` names `{wanted}`, which is not under `messages`");
    let diagnostic = Diagnostic::error(codes::UNKNOWN_MESSAGE, name.span, message);
    let diagnostic = if let Some(nested) = messages.get(wanted) {
        let help = format!("`{wanted}` is the type of `{}`; give it an entry of its own under `messages`", nested.path);
        diagnostic.help(help)
    } else if let Some(help) = by.instead_of_parser(wanted) {
        diagnostic.help(help)
    } else if let Some(near) = report.nearest(wanted, messages.names.iter().copied()) {
        let line = report.line(messages.declared[near]);
        diagnostic.help(format!("did you mean `{near}` ({line})?")).suggest(name.span, near)
    } else {
        diagnostic.help(format!("add it under `messages`: `{wanted}: {{ id: uuid, … }}`"))
    };
    report.add(diagnostic);
}

fn meeting(name: &str, (path, span): (&str, Span), (first_path, first_span): (&str, Span)) -> Diagnostic {
    let what = |path: &str| match path.contains('.') {
        true => format!("the type of `{path}`"),
        false => format!("the message `{path}`"),
    };
    let message = format!("{} and {} are both called `{name}`", what(first_path), what(path));
    Diagnostic::error(codes::NAME_COLLISION, span, message).related(first_span, "the other one").help(
        "rename one, or give the field a message of its own: a nested type is named after its message and its field",
    )
}
