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

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    let inexact = with_floats(&model.messages);
    let messages = model.messages.iter().map(|message| view(message, !inexact.contains(message.name.as_str())));
    let view = View { types: imports(model), messages: messages.collect() };
    templates.fill("src/generated/messages.rs", &view)
}

fn view(message: &Message, eq: bool) -> MessageView<'_> {
    let eq = if eq { ", Eq" } else { "" };
    let mut body = String::with_capacity(512);
    body.push('\n');
    let mut tags = String::new();
    let (derive, tag) = match &message.shape {
        Shape::Record(fields) => {
            for one in fields {
                field(&mut body, one);
            }
            (format!("Debug, Clone, PartialEq{eq}"), None)
        }
        Shape::Enum(words) => {
            for (wire, rust) in words {
                above(&mut body, &[&code(wire)], (wire != rust).then_some(wire));
                append(&mut body, &["    ", rust, ",\n"]);
            }
            ("Debug, Clone, Copy, PartialEq, Eq, Hash".to_owned(), None)
        }
        Shape::OneOf { by, variants } => {
            for (tag, rust, message) in variants {
                let about = [&code(message), " with ", &code(by), " ", &code(tag)];
                above(&mut body, &about, (tag != rust).then_some(tag));
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
fn field(out: &mut String, field: &Field) {
    let optional = if field.optional { ", optional" } else { "" };
    // serde takes `r#type` for `type` by itself.
    let renamed = field.rust_name.trim_start_matches("r#") != field.wire_name;
    above(out, &[&code(&field.wire_name), optional], renamed.then_some(&field.wire_name));
    let encoding = innermost(&field.kind).ok().and_then(encoding);
    let with = encoding.map(|encoding| format!("with = \"karafka::types::As::<karafka::types::{encoding}>\""));
    let optional = field.optional.then(|| "default, skip_serializing_if = \"Option::is_none\"".to_owned());
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
    out.push_str(if field.optional { "Option<" } else { "" });
    out.push_str(if field.boxed { "Box<" } else { "" });
    rust_type(out, &field.kind);
    out.push_str(if field.boxed { ">" } else { "" });
    out.push_str(if field.optional { ">,\n" } else { ",\n" });
}

/// What stands above a field, a word or a variant.
fn above(out: &mut String, about: &[&str], rename: Option<&String>) {
    out.push_str("    /// ");
    append(out, about);
    out.push_str(".\n");
    if let Some(wire) = rename {
        append(out, &["    #[serde(rename = ", &literal(wire), ")]\n"]);
    }
}

fn append(out: &mut String, texts: &[&str]) {
    for text in texts {
        out.push_str(text);
    }
}

fn rust_type(out: &mut String, kind: &Type) {
    let inner = match kind {
        Type::Scalar(scalar) => return out.push_str(scalar_type(*scalar)),
        Type::Named(name) => return out.push_str(name),
        Type::List(inner) => {
            out.push_str("Vec<");
            inner
        }
        Type::Map(inner) => {
            out.push_str("std::collections::BTreeMap<String, ");
            inner
        }
    };
    rust_type(out, inner);
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

/// The type in `karafka::types` that says how a scalar is written, where its own type does not.
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
fn imports(model: &Model) -> Option<String> {
    let mut names = BTreeSet::new();
    for field in model.messages.iter().flat_map(fields) {
        if let Some(scalar) = innermost(&field.kind).ok().filter(|scalar| *scalar >= Scalar::Decimal) {
            names.insert(scalar_type(scalar));
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
