//! `src/generated/messages.rs`: the manifest's messages as serde types.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    escape::{code, literal},
    templates::Templates,
};
use crate::model::{Field, Message, Model, Scalar, Shape, Type};

#[derive(Serialize)]
struct View<'m> {
    types: Option<String>,
    messages: Vec<MessageView<'m>>,
}

/// A message, whose lines are written here: there are many more of them than of anything else.
#[derive(Serialize)]
struct MessageView<'m> {
    about: String,
    derive: String,
    /// The field that tells the types of a `one_of` apart.
    tag: Option<String>,
    /// The lines that say which tag belongs to which type of it.
    tags: String,
    kind: &'static str,
    name: &'m str,
    body: String,
}

/// How the types are written that the manifest does not name: by their paths where one of its messages has their name.
struct Known<'m>(BTreeSet<&'m str>);

impl<'m> Known<'m> {
    fn beside(messages: &'m [Message]) -> Self {
        let is_known = |name: &&str| path(name).is_some();
        Self(messages.iter().map(|message| message.name.as_str()).filter(is_known).collect())
    }

    fn write(&self, name: &'static str) -> &'static str {
        if self.0.contains(name) { path(name).unwrap_or(name) } else { name }
    }
}

/// Where a type is that has its name in `messages.rs`, by Rust's prelude or by a `use`.
fn path(name: &str) -> Option<&'static str> {
    Some(match name {
        "String" => "::std::string::String",
        "Option" => "::std::option::Option",
        "Vec" => "::std::vec::Vec",
        "Box" => "::std::boxed::Box",
        "Decimal" => "::karafka::types::Decimal",
        "Bytes" => "::karafka::types::Bytes",
        "Uuid" => "::karafka::types::Uuid",
        "Timestamp" => "::karafka::types::Timestamp",
        "Date" => "::karafka::types::Date",
        "Time" => "::karafka::types::Time",
        "Json" => "::karafka::types::Json",
        _ => return None,
    })
}

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    let inexact = with_floats(&model.messages);
    let known = Known::beside(&model.messages);
    let one = |message| view(message, &known, !inexact.contains(message.name.as_str()));
    let messages = model.messages.iter().map(one).collect();
    let view = View { types: imports(model, &known), messages };
    templates.fill("src/generated/messages.rs", &view)
}

fn view<'m>(message: &'m Message, known: &Known<'_>, eq: bool) -> MessageView<'m> {
    let eq = if eq { ", Eq" } else { "" };
    let mut body = String::with_capacity(512);
    body.push('\n');
    let mut tags = String::new();
    let (derive, tag) = match &message.shape {
        Shape::Record(fields) => {
            for one in fields {
                field(&mut body, one, known);
            }
            (format!("Debug, Clone, PartialEq{eq}"), None)
        }
        Shape::Enum(words) => {
            for (wire, rust) in words {
                rename(&mut body, (wire != rust).then_some(wire));
                append(&mut body, &["    ", rust, ",\n"]);
            }
            ("Debug, Clone, Copy, PartialEq, Eq, Hash".to_owned(), None)
        }
        Shape::OneOf { by, variants } => {
            for (tag, rust, message) in variants {
                rename(&mut body, (tag != rust).then_some(tag));
                append(&mut body, &["    ", rust, "(", message, "),\n"]);
                append(&mut tags, &["    ", &literal(tag), " => ", rust, ",\n"]);
            }
            (format!("Debug, Clone, PartialEq{eq}"), Some(literal(by)))
        }
    };
    MessageView {
        about: if message.path == message.name {
            format!("The message {}.", code(&message.name))
        } else {
            format!("What {} holds.", code(&message.path))
        },
        derive,
        tag,
        tags,
        kind: if matches!(message.shape, Shape::Record(_)) { "struct" } else { "enum" },
        name: &message.name,
        body: if body == "\n" { String::new() } else { body },
    }
}

/// The lines of a record's field.
fn field(out: &mut String, field: &Field, known: &Known<'_>) {
    // serde takes `r#type` for `type` by itself.
    let renamed = field.rust_name.trim_start_matches("r#") != field.wire_name;
    rename(out, renamed.then_some(&field.wire_name));
    let encoding = innermost(&field.kind).ok().and_then(encoding);
    let with = encoding.map(|encoding| format!("with = \"::karafka::codegen::with::{encoding}\""));
    let option = known.write("Option");
    let optional = field.optional.then(|| format!("default, skip_serializing_if = \"{option}::is_none\""));
    match (optional, with) {
        (None, None) => {}
        (Some(one), None) | (None, Some(one)) => append(out, &["    #[serde(", &one, ")]\n"]),
        // As rustfmt breaks what is longer than a line.
        (Some(optional), Some(with)) => {
            let (default, skip) = optional.split_once(", ").unwrap_or((&optional, ""));
            append(out, &["    #[serde(\n        ", default, ",\n        ", skip, ",\n        ", &with, "\n    )]\n"]);
        }
    }
    append(out, &["    pub ", &field.rust_name, ": "]);
    if field.optional {
        append(out, &[option, "<"]);
    }
    if field.boxed {
        append(out, &[known.write("Box"), "<"]);
    }
    rust_type(out, &field.kind, known);
    out.push_str(if field.boxed { ">" } else { "" });
    out.push_str(if field.optional { ">,\n" } else { ",\n" });
}

/// What stands above a field, a word or a variant that is called otherwise on the wire.
fn rename(out: &mut String, wire: Option<&String>) {
    if let Some(wire) = wire {
        append(out, &["    #[serde(rename = ", &literal(wire), ")]\n"]);
    }
}

fn append(out: &mut String, texts: &[&str]) {
    for text in texts {
        out.push_str(text);
    }
}

fn rust_type(out: &mut String, kind: &Type, known: &Known<'_>) {
    let inner = match kind {
        Type::Scalar(scalar) => return out.push_str(known.write(scalar_type(*scalar))),
        Type::Named(name) => return out.push_str(name),
        Type::List(inner) => {
            append(out, &[known.write("Vec"), "<"]);
            inner
        }
        Type::Map(inner) => {
            append(out, &["::std::collections::BTreeMap<", known.write("String"), ", "]);
            inner
        }
    };
    rust_type(out, inner, known);
    out.push('>');
}

fn scalar_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "String",
        Scalar::Bool => "bool",
        Scalar::I8 => "i8",
        Scalar::I16 => "i16",
        Scalar::I32 => "i32",
        Scalar::I64 => "i64",
        Scalar::U8 => "u8",
        Scalar::U16 => "u16",
        Scalar::U32 => "u32",
        Scalar::U64 => "u64",
        Scalar::F32 => "f32",
        Scalar::F64 => "f64",
        Scalar::Decimal | Scalar::DecimalNumber => "Decimal",
        Scalar::Bytes => "Bytes",
        Scalar::Uuid => "Uuid",
        Scalar::Timestamp | Scalar::TimestampMillis | Scalar::TimestampSeconds => "Timestamp",
        Scalar::Date => "Date",
        Scalar::Time => "Time",
        Scalar::Json => "Json",
    }
}

/// The type of the runtime that says how a scalar is written, where its own type does not.
pub(super) fn encoding(scalar: Scalar) -> Option<&'static str> {
    Some(match scalar {
        Scalar::Decimal => "DecimalText",
        Scalar::DecimalNumber => "DecimalNumber",
        Scalar::TimestampMillis => "TimestampMillis",
        Scalar::TimestampSeconds => "TimestampSeconds",
        _ => return None,
    })
}

/// What to import from `karafka::types`, as the end of a `use`.
fn imports(model: &Model, known: &Known<'_>) -> Option<String> {
    let mut names = BTreeSet::new();
    for field in model.messages.iter().flat_map(fields) {
        if let Some(scalar) = innermost(&field.kind).ok().filter(|scalar| *scalar >= Scalar::Decimal) {
            let name = scalar_type(scalar);
            if known.write(name) == name {
                names.insert(name);
            }
        }
    }
    let names: Vec<_> = names.into_iter().collect();
    match names.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        many => Some(format!("{{{}}}", many.join(", "))),
    }
}

fn fields(message: &Message) -> &[Field] {
    match &message.shape {
        Shape::Record(fields) => fields,
        Shape::Enum(_) | Shape::OneOf { .. } => &[],
    }
}

/// The scalar, or the name of the message, inside of lists and maps.
fn innermost(kind: &Type) -> Result<Scalar, &str> {
    match kind {
        Type::Scalar(scalar) => Ok(*scalar),
        Type::Named(name) => Err(name),
        Type::List(inner) | Type::Map(inner) => innermost(inner),
    }
}

/// The messages that hold an `f32` or `f64` somewhere below, which is only `PartialEq`.
fn with_floats(messages: &[Message]) -> BTreeSet<&str> {
    let mut inexact = BTreeSet::new();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for message in messages {
        let name = message.name.as_str();
        for field in fields(message) {
            match innermost(&field.kind) {
                Ok(Scalar::F32 | Scalar::F64) => drop(inexact.insert(name)),
                Ok(_) => {}
                Err(used) => users.entry(used).or_default().push(name),
            }
        }
        if let Shape::OneOf { variants, .. } = &message.shape {
            for (.., used) in variants {
                users.entry(used).or_default().push(name);
            }
        }
    }
    let mut open: Vec<&str> = inexact.iter().copied().collect();
    while let Some(name) = open.pop() {
        for user in users.get(name).into_iter().flatten().copied() {
            if inexact.insert(user) {
                open.push(user);
            }
        }
    }
    inexact
}
