//! JSON through serde's serializers, and as text.

use std::{any::type_name, fmt, io, sync::OnceLock};

use serde::{
    Deserialize as _, Deserializer, Serialize, Serializer,
    de::Visitor,
    forward_to_deserialize_any,
    ser::{Error as _, SerializeStruct as _},
};
use serde_json::value::RawValue;

use super::{Json, JsonNumber, JsonObject};

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl Serialize for JsonNumber {
    /// As its text by serde_json, and by value elsewhere: the nearest `f64`, if it is no whole number of 64 bits.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(name) = raw_name().filter(|_| is_of_serde_json::<S>()) {
            let mut raw = serializer.serialize_struct(name, 1)?;
            raw.serialize_field(name, self.as_str())?;
            return raw.end();
        }
        if let Some(number) = self.as_u64() {
            return serializer.serialize_u64(number);
        }
        if let Some(number) = self.as_i64() {
            return serializer.serialize_i64(number);
        }
        match self.as_f64() {
            Some(number) => serializer.serialize_f64(number),
            None => Err(S::Error::custom(format_args!("{self} is beyond what a number of 64 bits holds"))),
        }
    }
}

/// Whether a serializer is serde_json's, or passes on to one of its.
///
/// Only those know a `RawValue`; to others it would be a struct with a strange name. Nothing in serde's interface tells,
/// but all of them, and all that wrap them, have serde_json's error.
fn is_of_serde_json<S: Serializer>() -> bool {
    type_name::<S::Error>() == type_name::<serde_json::Error>()
}

/// The name by which serde_json knows its `RawValue`, when it is read and when it is written: the way to hand numbers
/// over as text.
///
/// It is no part of serde_json's interface, so serde_json is asked for it. `None` if there is no such name any more;
/// then numbers are handed over by value, and tests say so.
pub(crate) fn raw_name() -> Option<&'static str> {
    static NAME: OnceLock<Option<&'static str>> = OnceLock::new();
    *NAME.get_or_init(|| {
        let mut name = None;
        // It always fails: the name is all that it is asked for.
        let _ = Box::<RawValue>::deserialize(NameOf(&mut name));
        name
    })
}

/// A deserializer that has nothing, but notes what it is asked for.
struct NameOf<'a>(&'a mut Option<&'static str>);

impl<'de> Deserializer<'de> for NameOf<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("there is nothing here"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(name);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl fmt::Display for Json {
    /// The value as JSON: on one line, or with `{:#}` on a line for each value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_pretty = f.alternate();
        let out = Out(f);
        let written =
            if is_pretty { serde_json::to_writer_pretty(out, self) } else { serde_json::to_writer(out, self) };
        written.map_err(|_| fmt::Error)
    }
}

/// A formatter that takes what serde_json writes: whole pieces of text.
struct Out<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl io::Write for Out<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
