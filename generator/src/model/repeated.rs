//! Which field of a record stands twice in a JSON text? Most readers keep the last one and say nothing; the generated
//! types refuse both.

use std::{collections::BTreeSet, fmt, fmt::Write as _};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::{
    Model, Payload, Shape, Type,
    value::{ValueError, enter},
};

/// Checks that each field of each record stands once in `json`, which must fit `payload` otherwise.
///
/// What no record names may stand twice, as a key of a map may: the generated types take the last one.
///
/// # Errors
///
/// [`ValueError`] with the path of the first field that stands twice.
pub fn check_repeated(model: &Model, payload: &Payload, json: &[u8]) -> Result<(), ValueError> {
    let Payload::Message(name) = payload else { return Ok(()) };
    // What is no JSON has been refused in better words.
    let Ok(tree) = serde_json::from_slice::<Tree>(json) else { return Ok(()) };
    let mut path = String::new();
    named(model, name, &tree, &mut path).map_err(|message| ValueError { path, message })
}

/// A JSON value with every key that was written.
#[derive(Debug)]
enum Tree {
    Object(Vec<(String, Tree)>),
    List(Vec<Tree>),
    Text(String),
    Other,
}

// Below, an error leaves `path` where it happened; success puts it back.

fn named(model: &Model, name: &str, tree: &Tree, path: &mut String) -> Result<(), String> {
    let (Some(message), Tree::Object(entries)) = (model.message(name), tree) else { return Ok(()) };
    match &message.shape {
        Shape::Enum(_) => Ok(()),
        Shape::Record(fields) => {
            let mut seen = BTreeSet::new();
            for (key, value) in entries {
                let Some(field) = fields.iter().find(|field| field.wire_name == *key) else { continue };
                let before = enter(path, key);
                once(&mut seen, key)?;
                kind(model, &field.kind, value, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        Shape::OneOf { by, variants } => {
            let mut seen = BTreeSet::new();
            let mut tag = None;
            for (key, value) in entries.iter().filter(|(key, _)| key == by) {
                let before = enter(path, key);
                once(&mut seen, key)?;
                path.truncate(before);
                tag = Some(value);
            }
            let Some(Tree::Text(tag)) = tag else { return Ok(()) };
            match variants.iter().find(|(wire_tag, ..)| wire_tag == tag) {
                Some((.., message)) => named(model, message, tree, path),
                None => Ok(()),
            }
        }
    }
}

fn once<'k>(seen: &mut BTreeSet<&'k str>, key: &'k str) -> Result<(), String> {
    if seen.insert(key) { Ok(()) } else { Err("stands twice".to_owned()) }
}

fn kind(model: &Model, kind: &Type, tree: &Tree, path: &mut String) -> Result<(), String> {
    match (kind, tree) {
        (Type::Named(name), _) => named(model, name, tree, path),
        (Type::List(inner), Tree::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                let before = path.len();
                let _ = write!(path, "[{index}]");
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        (Type::Map(inner), Tree::Object(entries)) => {
            for (key, item) in entries {
                let before = enter(path, key);
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        (Type::Scalar(_) | Type::List(_) | Type::Map(_), _) => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Tree::Object(object))
    }
}
