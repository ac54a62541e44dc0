//! JSON from Rust's values, from texts, from `serde_json::Value`, and back.

use std::{borrow::Cow, collections::BTreeMap, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{super::Decimal, Json, JsonNumber, JsonObject};
use crate::{Error, Result};

impl Json {
    /// What serde writes of `value` as JSON.
    ///
    /// # Errors
    ///
    /// Why it cannot be written, such as a map whose keys are not text.
    pub fn from_message<T: Serialize>(value: &T) -> Result<Self> {
        serde_json::to_string(value)?.parse()
    }

    /// The value as a type that serde can read.
    ///
    /// # Errors
    ///
    /// Why it is no `T`.
    pub fn to_message<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&serde_json::to_string(self)?)?)
    }
}

impl FromStr for Json {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number((&number).into()),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Into::into).collect()),
            Value::Object(fields) => Self::Object(fields.into_iter().collect()),
        }
    }
}

impl TryFrom<Json> for Value {
    type Error = Error;

    /// The value with its numbers as `serde_json` holds them, which can round them; an error for one beyond the range of
    /// an `f64`.
    fn try_from(value: Json) -> Result<Self> {
        Ok(serde_json::to_value(value)?)
    }
}

macro_rules! from_numbers {
    ($($number:ty)*) => { $(
        impl From<$number> for Json {
            fn from(number: $number) -> Self {
                Self::Number(number.into())
            }
        }
    )* };
}

from_numbers! { JsonNumber i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize Decimal }

impl From<f64> for Json {
    /// The number; `null` for what is not finite, which JSON has no number for.
    fn from(number: f64) -> Self {
        JsonNumber::try_from(number).map_or(Self::Null, Self::Number)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<()> for Json {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Cow<'_, str>> for Json {
    fn from(text: Cow<'_, str>) -> Self {
        Self::String(text.into_owned())
    }
}

impl From<JsonObject> for Json {
    fn from(fields: JsonObject) -> Self {
        Self::Object(fields)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<BTreeMap<String, T>> for Json {
    fn from(fields: BTreeMap<String, T>) -> Self {
        fields.into_iter().collect()
    }
}

impl<T: Into<Self>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<N: Into<String>, V: Into<Self>> FromIterator<(N, V)> for Json {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self::Object(fields.into_iter().collect())
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<String> for Json {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<bool> for Json {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

/// By value: `1.10` is `1.1_f64`.
macro_rules! equal_by_value {
    ($($number:ty: $read:ident)*) => { $(
        impl PartialEq<$number> for Json {
            fn eq(&self, other: &$number) -> bool {
                self.$read() == Some((*other).into())
            }
        }
    )* };
}

equal_by_value! { i8: as_i64 i16: as_i64 i32: as_i64 i64: as_i64 u8: as_u64 u16: as_u64 u32: as_u64 u64: as_u64 f64: as_f64 }
