//! A value that is kept until it is known what to read it as.

use std::{borrow::Cow, iter, vec};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error as _, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, MapDeserializer},
    },
};

use super::{Tree, WANTED, lent, raw_name};
use crate::types::{Fault, scan};

/// A JSON value with all that was written: numbers as text, and fields that come twice.
#[derive(Debug)]
pub(super) enum Kept<'de> {
    Null,
    Bool(bool),
    Number(Cow<'de, str>),
    Text(Cow<'de, str>),
    List(Vec<Kept<'de>>),
    Object(Vec<(Cow<'de, str>, Kept<'de>)>),
    /// A text with half of a surrogate pair in it, which is nobody's trouble where nobody wants it.
    Broken(Fault),
}

impl<'de> Tree<'de> for Kept<'de> {
    type Fields = Vec<(Cow<'de, str>, Self)>;

    const NULL: Self = Self::Null;

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(text: Cow<'de, str>) -> Self {
        Self::Number(text)
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::Text(text)
    }

    fn list(items: Vec<Self>) -> Self {
        Self::List(items)
    }

    fn broken_text(fault: Fault) -> Result<Self, Fault> {
        Ok(Self::Broken(fault))
    }

    fn object(fields: Self::Fields) -> Self {
        Self::Object(fields)
    }

    fn put(fields: &mut Self::Fields, name: Cow<'de, str>, value: Self) {
        fields.push((name, value));
    }

    fn of(text: Cow<'de, str>) -> Result<Self, Fault> {
        match text {
            Cow::Borrowed(text) => scan(text),
            Cow::Owned(text) => Ok(scan::<Kept<'_>>(&text)?.into_owned()),
        }
    }
}

impl Kept<'_> {
    /// That it is not what was expected.
    fn is_not(&self, expected: &dyn Expected) -> Fault {
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Number(text) => match (text.parse(), text.parse()) {
                (Ok(number), _) => Unexpected::Unsigned(number),
                (_, Ok(number)) => Unexpected::Signed(number),
                _ => Unexpected::Float(text.parse().unwrap_or(f64::INFINITY)),
            },
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
            Self::Broken(fault) => return fault.clone(),
        };
        Fault::invalid_type(found, expected)
    }

    fn into_owned<'a>(self) -> Kept<'a> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Kept::Null,
            Self::Bool(value) => Kept::Bool(value),
            Self::Number(text) => Kept::Number(own(text)),
            Self::Text(text) => Kept::Text(own(text)),
            Self::List(items) => Kept::List(items.into_iter().map(Kept::into_owned).collect()),
            Self::Object(fields) => {
                Kept::Object(fields.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect())
            }
            Self::Broken(fault) => Kept::Broken(fault),
        }
    }
}

/// A number for a field that takes one by value: as serde_json reads it from text.
fn by_value<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    if let Ok(number) = text.parse() {
        return visitor.visit_u64(number);
    }
    match text.parse() {
        // An integer has no -0.
        Ok(number) if number != 0 => visitor.visit_i64(number),
        _ => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => Err(Fault::new("number out of range")),
        },
    }
}

/// Methods of a deserializer that refuse what serde_json refuses, though a visitor might take it.
macro_rules! only {
    ($kind:pat => $($method:ident)+) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            if matches!(self, $kind) { self.deserialize_any(visitor) } else { Err(self.is_not(&visitor)) }
        }
    )+ };
}

impl<'de> Deserializer<'de> for Kept<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(text) => by_value(&text, visitor),
            Self::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Self::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Self::List(items) => {
                let mut items = Items { items: items.into_iter(), index: 0 };
                let value = visitor.visit_seq(&mut items)?;
                match items.items.len() {
                    0 => Ok(value),
                    more => Err(Fault::invalid_length(items.index + more, &"fewer elements in array")),
                }
            }
            Self::Object(fields) => visitor.visit_map(Fields { fields: fields.into_iter(), value: None }),
            Self::Broken(fault) => Err(fault),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if matches!(self, Self::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Numbers go as text to who knows to ask for it; the object of a `one_of` gets its tag first, so that nothing in it
    /// has to be kept again.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match (self, raw_name(), name.strip_prefix(WANTED)) {
            (Self::Number(text), Some(raw), _) if name == raw => {
                visitor.visit_map(MapDeserializer::new(iter::once((raw, text))))
            }
            (Self::Object(mut fields), _, Some(by)) => {
                if let Some(place) = fields.iter().position(|(name, _)| name == by) {
                    let tag = fields.remove(place);
                    fields.insert(0, tag);
                }
                visitor.visit_newtype_struct(Self::Object(fields))
            }
            (other, ..) => visitor.visit_newtype_struct(other),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(text) => lent(text).deserialize_enum(name, variants, visitor),
            Self::Object(fields) if fields.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Fields { fields: fields.into_iter(), value: None }))
            }
            other => Err(other.is_not(&visitor)),
        }
    }

    /// From the text itself: by way of an `f64` it would be rounded twice, and infinite beyond the range of an `f32`.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self::Number(text) = &self else { return Err(self.is_not(&visitor)) };
        match text.parse::<f32>() {
            Ok(number) if number.is_finite() => visitor.visit_f32(number),
            _ => Err(Fault::new("number out of range")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    only! { Self::Null => deserialize_unit }
    only! { Self::Bool(_) => deserialize_bool }
    only! { Self::Number(_) => deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 }
    only! { Self::Number(_) => deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 }
    only! { Self::Number(_) => deserialize_f64 }
    only! { Self::Text(_) => deserialize_char deserialize_str deserialize_string deserialize_identifier }
    only! { Self::Text(_) | Self::List(_) => deserialize_bytes deserialize_byte_buf }
    only! { Self::List(_) => deserialize_seq }
    only! { Self::Object(_) => deserialize_map }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if matches!(self, Self::List(_)) { self.deserialize_seq(visitor) } else { self.deserialize_map(visitor) }
    }
}

struct Items<'de> {
    items: vec::IntoIter<Kept<'de>>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let value = seed.deserialize(item).map_err(|fault| fault.in_item(self.index))?;
        self.index += 1;
        Ok(Some(value))
    }
}

struct Fields<'de> {
    fields: vec::IntoIter<(Cow<'de, str>, Kept<'de>)>,
    /// The field whose name was taken last.
    value: Option<(Cow<'de, str>, Kept<'de>)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        self.value = Some((name.clone(), value));
        seed.deserialize(lent(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.value.take() else { return Err(Fault::new("a value is asked for twice")) };
        seed.deserialize(value).map_err(|fault| fault.in_field(&name))
    }
}
