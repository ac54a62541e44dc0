//! Which field of a record stands twice in a JSON text? Most readers keep the last one and say nothing; the generated
//! types refuse both.

use std::{collections::BTreeSet, fmt, fmt::Write as _};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

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
    let Ok(json) = serde_json::from_slice::<&RawValue>(json) else { return Ok(()) };
    let mut path = String::new();
    named(model, name, json, &mut path).map_err(|message| ValueError { path, message })
}

// Below, an error leaves `path` where it happened; success puts it back. Values are read as far as the message names
// them: what stands below, such as a number that is too large for any field, is nobody's business here.

fn named(model: &Model, name: &str, json: &RawValue, path: &mut String) -> Result<(), String> {
    let (Some(message), Some(Entries(entries))) = (model.message(name), read(json)) else { return Ok(()) };
    match &message.shape {
        Shape::Enum(_) => Ok(()),
        Shape::Record(fields) => {
            let mut seen = BTreeSet::new();
            for (key, value) in &entries {
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
                tag = read::<String>(value);
            }
            match variants.iter().find(|(wire_tag, ..)| Some(wire_tag) == tag.as_ref()) {
                Some((.., message)) => named(model, message, json, path),
                None => Ok(()),
            }
        }
    }
}

fn once<'k>(seen: &mut BTreeSet<&'k str>, key: &'k str) -> Result<(), String> {
    if seen.insert(key) { Ok(()) } else { Err("stands twice".to_owned()) }
}

fn kind(model: &Model, kind: &Type, json: &RawValue, path: &mut String) -> Result<(), String> {
    match kind {
        Type::Scalar(_) => Ok(()),
        Type::Named(name) => named(model, name, json, path),
        Type::List(inner) => {
            for (index, item) in read::<Vec<&RawValue>>(json).unwrap_or_default().into_iter().enumerate() {
                let before = path.len();
                let _ = write!(path, "[{index}]");
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        Type::Map(inner) => {
            for (key, item) in read::<Entries<'_>>(json).unwrap_or_default().0 {
                let before = enter(path, &key);
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
    }
}

/// The value as a `T`; `None` for what does not fit, which has been refused in better words.
fn read<'j, T: Deserialize<'j>>(json: &'j RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

/// The entries of an object, with every key that was written.
#[derive(Debug, Default)]
struct Entries<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Deserialize<'j> for Entries<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Builder)
    }
}

struct Builder;

impl<'j> Visitor<'j> for Builder {
    type Value = Entries<'j>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut entries: A) -> Result<Entries<'j>, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Entries(all))
    }
}
