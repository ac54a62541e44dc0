//! `src/generated/topics.rs`: the manifest's topics as types.

use serde::Serialize;

use super::{escape::code, messages::encoding, templates::Templates, type_in_generated};
use crate::model::{Field, Model, Payload, Scalar, Shape, Topic, Type};

#[derive(Serialize)]
struct View<'m> {
    consumes: bool,
    topics: Vec<TopicView<'m>>,
}

#[derive(Serialize)]
struct TopicView<'m> {
    name: &'m str,
    key: &'m str,
    about: String,
    message: String,
    encode: &'static str,
    key_of: Option<String>,
}

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    let topics = model.topics.iter().map(|topic| view(model, topic)).collect();
    templates.fill("src/generated/topics.rs", &View { consumes: model.consumes(), topics })
}

fn view<'m>(model: &Model, topic: &'m Topic) -> TopicView<'m> {
    let in_kafka = if topic.name == topic.key { String::new() } else { format!(", {} in Kafka", code(&topic.name)) };
    TopicView {
        name: &topic.rust_name,
        key: &topic.key,
        about: format!("The topic {}{in_kafka}.", code(&topic.key)),
        message: type_in_generated(&topic.payload),
        encode: match topic.payload {
            Payload::Message(_) | Payload::Json => "encode_json",
            Payload::Bytes => "encode_bytes",
            Payload::Text => "encode_text",
        },
        key_of: topic.key_field.as_deref().and_then(|field| key_of(model, topic, field)),
    }
}

/// The body of `key`, indented.
fn key_of(model: &Model, topic: &Topic, wire_name: &str) -> Option<String> {
    let Payload::Message(name) = &topic.payload else { return None };
    match shape(model, name)? {
        Shape::Record(_) => Some(format!("        {}", key_bytes(model, name, wire_name)?)),
        Shape::OneOf { variants, .. } => {
            let mut arms = String::new();
            for (_, variant, inner) in variants {
                let bytes = key_bytes(model, inner, wire_name)?;
                arms.push_str(&format!("            Self::Message::{variant}(message) => {bytes},\n"));
            }
            Some(format!("        match message {{\n{arms}        }}"))
        }
        Shape::Enum(_) => None,
    }
}

/// A field of `message` as a key: as it is on the wire.
fn key_bytes(model: &Model, message: &str, wire_name: &str) -> Option<String> {
    let Shape::Record(fields) = shape(model, message)? else { return None };
    let Field { rust_name, optional, kind, .. } = fields.iter().find(|field| field.wire_name == wire_name)?;
    let encoding = match kind {
        // A decimal's key is its digits, in whatever way it is written.
        Type::Scalar(scalar @ (Scalar::TimestampMillis | Scalar::TimestampSeconds)) => encoding(*scalar),
        _ => None,
    };
    let encoded = encoding.map(|encoding| format!("::karafka::codegen::Encoded::<::karafka::codegen::{encoding}>"));
    let field = match encoded {
        None => format!("message.{rust_name}"),
        Some(encoded) if *optional => format!("message.{rust_name}.map({encoded})"),
        Some(encoded) => format!("{encoded}(message.{rust_name})"),
    };
    Some(format!("::karafka::codegen::key_bytes(&{field})"))
}

fn shape<'m>(model: &'m Model, name: &str) -> Option<&'m Shape> {
    let at = model.messages.binary_search_by(|message| message.name.as_str().cmp(name)).ok()?;
    model.messages.get(at).map(|message| &message.shape)
}
