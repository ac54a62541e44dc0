//! Does a JSON value fit a message? By the rules of the generated types, with the path of what does not.

use std::fmt::Write as _;

use karafka::types::{self, Encoded, Json, JsonObject};
use serde::{Serialize, de::DeserializeOwned};

use super::{Field, Model, Payload, Scalar, Shape, Type};
use crate::manifest::keys::nearest;

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// Such as `lines[2].price`; empty for the value as a whole.
    pub path: String,
    /// Such as `expected a uuid as text, found a number`.
    pub message: String,
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

/// Checks that `value` is a `payload`: fields that nobody knows are tolerated, as topics evolve; optional ones may be
/// absent or null.
///
/// # Errors
///
/// [`ValueError`] with the first thing that does not fit, in the order of the message's fields.
pub fn check(model: &Model, payload: &Payload, value: &Json) -> Result<(), ValueError> {
    let mut path = String::new();
    let checked = match payload {
        Payload::Message(name) => named(model, name, value, &mut path),
        Payload::Json => Ok(()),
        Payload::Bytes | Payload::Text if value.is_string() => Ok(()),
        Payload::Bytes | Payload::Text => Err(mismatch("a text", value)),
    };
    checked.map_err(|message| ValueError { path, message })
}

/// A field of `value`, which must be a `payload`, as the app writes it when it has read it: a uuid in lower case, a
/// number as its type has it. `None` if `value` has no such field.
#[must_use]
pub fn field(model: &Model, payload: &Payload, value: &Json, name: &str) -> Option<Json> {
    let found = value.get(name)?;
    let fields = |message: &str| match model.message(message).map(|message| &message.shape) {
        Some(Shape::Record(fields)) => fields.as_slice(),
        _ => &[],
    };
    let fields = match payload {
        Payload::Message(message) => match model.message(message).map(|message| &message.shape) {
            Some(Shape::OneOf { by, variants }) => {
                let variant = variants.iter().find(|(tag, ..)| value[by.as_str()] == *tag);
                variant.map_or(&[][..], |(.., message)| fields(message))
            }
            _ => fields(message),
        },
        Payload::Json | Payload::Bytes | Payload::Text => &[],
    };
    let known = fields.iter().find(|field| field.wire_name == name);
    Some(match known.map(|field| &field.kind) {
        Some(Type::Scalar(scalar)) => written(*scalar, found).unwrap_or_else(|| found.clone()),
        _ => found.clone(),
    })
}

// Below, an error leaves `path` where it happened; success puts it back.

fn named(model: &Model, name: &str, value: &Json, path: &mut String) -> Result<(), String> {
    let Some(message) = model.message(name) else { return Err(format!("the manifest has no message `{name}`")) };
    match &message.shape {
        Shape::Record(fields) => record(model, fields, object(value)?, path),
        Shape::Enum(values) => one_word(values.iter().map(|(wire_name, _)| wire_name.as_str()), value).map(drop),
        Shape::OneOf { by, variants } => {
            let fields = object(value)?;
            let before = enter(path, by);
            let tags = || variants.iter().map(|(tag, ..)| tag.as_str());
            let Some(tag) = fields.get(by) else { return Err(format!("missing, expected {}", words(tags()))) };
            let tag = one_word(tags(), tag)?;
            path.truncate(before);
            match variants.iter().find(|(wire_tag, ..)| wire_tag == tag) {
                Some((.., message)) => named(model, message, value, path),
                None => Ok(()),
            }
        }
    }
}

fn record(model: &Model, fields: &[Field], value: &JsonObject, path: &mut String) -> Result<(), String> {
    for field in fields {
        let before = enter(path, &field.wire_name);
        match value.get(&field.wire_name) {
            None | Some(Json::Null) if field.optional => {}
            Some(value) => kind(model, &field.kind, value, path)?,
            None => {
                let mut message = format!("missing, expected {}", expectation(model, &field.kind));
                let unknown = value.keys().filter(|key| !fields.iter().any(|field| field.wire_name == **key));
                if let Some(near) = nearest(&field.wire_name, unknown.map(String::as_str)) {
                    let _ = write!(message, "; is it `{near}`?");
                }
                return Err(message);
            }
        }
        path.truncate(before);
    }
    Ok(())
}

fn kind(model: &Model, kind: &Type, value: &Json, path: &mut String) -> Result<(), String> {
    match (kind, value) {
        (Type::Scalar(expected), _) => scalar(*expected, value),
        (Type::Named(name), _) => named(model, name, value, path),
        (Type::List(inner), Json::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let before = path.len();
                let _ = write!(path, "[{index}]");
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        (Type::Map(inner), Json::Object(entries)) => {
            for (key, item) in entries {
                let before = enter(path, key);
                self::kind(model, inner, item, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        (Type::List(_) | Type::Map(_), _) => Err(mismatch(&expectation(model, kind), value)),
    }
}

fn scalar(scalar: Scalar, value: &Json) -> Result<(), String> {
    let fits = written(scalar, value).is_some();
    match scalar {
        _ if fits => Ok(()),
        Scalar::F32 | Scalar::F64 if value.is_number() => {
            Err(mismatch(&format!("a number within the range of an `{}`", scalar.name()), value))
        }
        _ => Err(mismatch(&scalar_expectation(scalar), value)),
    }
}

/// The value as a field of this type is written when it has been read; `None` if it does not fit. Asks the runtime's own
/// types, so that the two can never differ.
fn written(scalar: Scalar, value: &Json) -> Option<Json> {
    fn through<T: DeserializeOwned + Serialize>(value: &Json) -> Option<Json> {
        Json::from_message(&value.to_message::<T>().ok()?).ok()
    }
    match scalar {
        Scalar::String => through::<String>(value),
        Scalar::Bool => through::<bool>(value),
        Scalar::I8 => through::<i8>(value),
        Scalar::I16 => through::<i16>(value),
        Scalar::I32 => through::<i32>(value),
        Scalar::I64 => through::<i64>(value),
        Scalar::U8 => through::<u8>(value),
        Scalar::U16 => through::<u16>(value),
        Scalar::U32 => through::<u32>(value),
        Scalar::U64 => through::<u64>(value),
        Scalar::F32 => through::<f32>(value),
        Scalar::F64 => through::<f64>(value),
        Scalar::Decimal => through::<Encoded<types::DecimalText>>(value),
        Scalar::DecimalNumber => through::<Encoded<types::DecimalNumber>>(value),
        Scalar::Bytes => through::<types::Bytes>(value),
        Scalar::Uuid => through::<types::Uuid>(value),
        Scalar::Timestamp => through::<types::Timestamp>(value),
        Scalar::TimestampMillis => through::<Encoded<types::TimestampMillis>>(value),
        Scalar::TimestampSeconds => through::<Encoded<types::TimestampSeconds>>(value),
        Scalar::Date => through::<types::Date>(value),
        Scalar::Time => through::<types::Time>(value),
        Scalar::Json => Some(value.clone()),
    }
}

fn object(value: &Json) -> Result<&JsonObject, String> {
    value.as_object().ok_or_else(|| mismatch("an object", value))
}

fn one_word<'v>(allowed: impl Iterator<Item = &'v str> + Clone, value: &'v Json) -> Result<&'v str, String> {
    let found = value.as_str().filter(|found| allowed.clone().any(|word| word == *found));
    found.ok_or_else(|| mismatch(&words(allowed), value))
}

fn mismatch(expected: &str, found: &Json) -> String {
    format!("expected {expected}, found {}", describe(expected, found))
}

/// The value itself where its kind is right and it is short, else its kind.
fn describe(expected: &str, found: &Json) -> String {
    const LONGEST: usize = 40;
    let wants_text = expected.contains("text") || expected.starts_with('`');
    let whole = found.to_string();
    let is_short = whole.chars().count() <= LONGEST;
    match found {
        Json::Null => "null".to_owned(),
        Json::Bool(_) => format!("`{found}`"),
        Json::Number(_) if !wants_text && is_short => whole,
        Json::Number(_) => "a number".to_owned(),
        Json::String(_) if wants_text && is_short => whole,
        Json::String(_) => "a text".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

fn expectation(model: &Model, kind: &Type) -> String {
    match kind {
        Type::Scalar(scalar) => scalar_expectation(*scalar),
        Type::List(_) => "a list".to_owned(),
        Type::Map(_) => "an object".to_owned(),
        Type::Named(name) => match model.message(name).map(|message| &message.shape) {
            Some(Shape::Enum(values)) => words(values.iter().map(|(wire_name, _)| wire_name.as_str())),
            _ => "an object".to_owned(),
        },
    }
}

fn scalar_expectation(scalar: Scalar) -> String {
    let whole = |least: i128, most: i128| format!("a whole number from {least} to {most}");
    match scalar {
        Scalar::String => "a text".to_owned(),
        Scalar::Bool => "`true` or `false`".to_owned(),
        Scalar::I8 => whole(i8::MIN.into(), i8::MAX.into()),
        Scalar::I16 => whole(i16::MIN.into(), i16::MAX.into()),
        Scalar::I32 => whole(i32::MIN.into(), i32::MAX.into()),
        Scalar::I64 => whole(i64::MIN.into(), i64::MAX.into()),
        Scalar::U8 => whole(0, u8::MAX.into()),
        Scalar::U16 => whole(0, u16::MAX.into()),
        Scalar::U32 => whole(0, u32::MAX.into()),
        Scalar::U64 => whole(0, u64::MAX.into()),
        Scalar::F32 | Scalar::F64 => "a number".to_owned(),
        Scalar::Decimal | Scalar::DecimalNumber => "a decimal as text or as a number, such as \"1.10\"".to_owned(),
        Scalar::Bytes => "bytes in base64 as text".to_owned(),
        Scalar::Uuid => "a uuid as text".to_owned(),
        Scalar::Timestamp => "a timestamp as text, such as \"2026-11-22T12:01:07Z\"".to_owned(),
        Scalar::TimestampMillis => "milliseconds since 1970, such as 1795348867000".to_owned(),
        Scalar::TimestampSeconds => "seconds since 1970, such as 1795348867".to_owned(),
        Scalar::Date => "a date as text, such as \"2026-11-22\"".to_owned(),
        Scalar::Time => "a time as text, such as \"12:01:07\"".to_owned(),
        Scalar::Json => "any value".to_owned(),
    }
}

/// `a`, `b` or `c`.
fn words<'w>(allowed: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = allowed.map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Goes down to a field, and gives the length that leads back.
pub(super) fn enter(path: &mut String, field: &str) -> usize {
    let before = path.len();
    let plain = !field.is_empty() && field.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let written = match (plain, before) {
        (true, 0) => path.write_str(field),
        (true, _) => write!(path, ".{field}"),
        (false, _) => write!(path, "[{field:?}]"),
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    before
}
