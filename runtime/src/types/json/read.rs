//! JSON through serde's deserializers.
//!
//! serde hands numbers over by value. For text, serde_json has a way around that: it gives the text of a value to who
//! asks for its `RawValue`, at any depth. Other deserializers do not know that name, and hand over what they have.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{Fault, Json, JsonNumber, JsonObject, Tree, raw_name, scan};

/// Reads a value, by its text where the deserializer has one.
pub(crate) fn read<'de, T: Tree<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    match raw_name() {
        Some(name) => deserializer.deserialize_newtype_struct(name, Reader { by_text: true, tree: PhantomData }),
        None => deserializer.deserialize_any(Reader { by_text: false, tree: PhantomData }),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for JsonNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match read(deserializer)? {
            Json::Number(number) => Ok(number),
            other => Err(D::Error::custom(format_args!("{other} is no number"))),
        }
    }
}

impl<'t> Tree<'t> for Json {
    type Fields = JsonObject;

    const NULL: Self = Self::Null;

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(text: Cow<'t, str>) -> Self {
        Self::Number(JsonNumber::of(text))
    }

    fn text(text: Cow<'t, str>) -> Self {
        Self::String(text.into_owned())
    }

    fn list(items: Vec<Self>) -> Self {
        Self::Array(items)
    }

    fn object(fields: JsonObject) -> Self {
        Self::Object(fields)
    }

    fn put(fields: &mut JsonObject, name: Cow<'t, str>, value: Self) {
        fields.insert(name, value);
    }

    fn of(text: Cow<'t, str>) -> Result<Self, Fault> {
        scan(&text)
    }
}

/// Takes a value in whatever way it comes.
struct Reader<T> {
    /// Whether it can come as an object of one field that holds its text: the answer to the name that was asked for.
    by_text: bool,
    tree: PhantomData<T>,
}

struct Seed<T>(PhantomData<T>);

impl<'de, T: Tree<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        read(deserializer)
    }
}

impl<'de, T: Tree<'de>> Visitor<'de> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    /// The deserializer does not know the name, so it has no text: an object with a field of that name is only an object.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(Self { by_text: false, tree: PhantomData })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut fields = T::Fields::default();
        let mut next = entries.next_key_seed(Str)?;
        if self.by_text && next.is_some() && next.as_deref() == raw_name() {
            let text = entries.next_value_seed(Str)?;
            return T::of(text).map_err(A::Error::custom);
        }
        while let Some(name) = next {
            let value = entries.next_value_seed(Seed(PhantomData))?;
            T::put(&mut fields, name, value);
            next = entries.next_key_seed(Str)?;
        }
        Ok(T::object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Seed(PhantomData))? {
            list.push(item);
        }
        Ok(T::list(list))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::NULL)
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::NULL)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        read(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::number(value.to_string().into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<T, E> {
        Ok(T::number(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::number(value.to_string().into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<T, E> {
        Ok(T::number(value.to_string().into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        let number = JsonNumber::try_from(value).map_err(E::custom)?;
        Ok(T::number(number.as_str().to_owned().into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text)))
    }
}

/// A text, lent where the deserializer can.
pub(crate) struct Str;

impl<'de> DeserializeSeed<'de> for Str {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Str {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text))
    }
}
