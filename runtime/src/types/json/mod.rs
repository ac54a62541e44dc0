//! Any JSON value, its numbers to the digit.

mod fault;
mod index;
mod make;
mod number;
mod object;
mod read;
mod scan;
mod write;

pub(crate) use fault::Fault;
pub use index::JsonIndex;
pub use number::{JsonNumber, NotANumber};
pub use object::{Entries, EntriesMut, IntoEntries, JsonObject};
pub(crate) use read::Str;
pub(crate) use read::read;
pub(crate) use scan::{Tree, scan};
pub(crate) use write::raw_name;

/// Any JSON value; `json` in the manifest, and the message of a topic that names none.
///
/// Numbers keep the text that they came with, whatever their size and precision, through a parser, `perform`, an emit
/// and a job:
///
/// ```
/// use karafka::types::Json;
///
/// let text = r#"{"id":12345678901234567890123,"total":1.10,"far":[1e400,-0.0]}"#;
/// let order: Json = text.parse()?;
/// assert_eq!(order.to_string(), text);
/// assert_eq!(order["total"].as_f64(), Some(1.1));
/// assert_eq!(order["id"].as_u64(), None, "it is too large for a u64");
/// assert_eq!(order["far"][0].as_number().map(|number| number.as_str()), Some("1e400"));
/// # Ok::<(), karafka::Error>(())
/// ```
///
/// It is used as `serde_json::Value` is, and made from one, from Rust's own values, or from a text:
///
/// ```
/// # use karafka::types::Json;
/// let mut order: Json = [("id", Json::from(7)), ("tags", ["new", "paid"].into_iter().collect())].into_iter().collect();
/// order["note"] = "ring twice".into();
/// assert_eq!(order.to_string(), r#"{"id":7,"tags":["new","paid"],"note":"ring twice"}"#);
/// assert_eq!(order.pointer("/tags/1"), Some(&Json::from("paid")));
/// assert_eq!(order, Json::from(serde_json::json!({ "note": "ring twice", "tags": ["new", "paid"], "id": 7 })));
/// ```
///
/// Two numbers are equal when their texts are: `1.10` is not `1.1`. To compare by value, compare with a Rust number, or
/// what [`as_f64`](Json::as_f64) and its neighbours return. Fields of an object keep their order, which equality
/// ignores. Of fields with one name the last one counts, in the place of the first. Values are nested 127 deep at most
/// when they are read.
///
/// The digits are those of JSON texts. Where serde hands a number over by value, be it that the format is not JSON or
/// that a type buffers what it reads (`#[serde(untagged)]`, `#[serde(flatten)]`, `#[serde(tag)]`), it is as exact as
/// that value; a `one_of` of the manifest does not buffer numbers so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, by its text.
    Number(JsonNumber),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object, its fields in the order in which they came.
    Object(JsonObject),
}

impl Json {
    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is `true` or `false`.
    #[must_use]
    pub fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    /// Whether it is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The `true` or `false` that it is.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number that it is, as it was written.
    #[must_use]
    pub fn as_number(&self) -> Option<&JsonNumber> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The whole number that it is, if it is written as one and an `i64` holds it.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The whole number that it is, if it is written as one and a `u64` holds it.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The `f64` nearest to the number that it is; `None` beyond the range of an `f64`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The text that it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The list that it is.
    #[must_use]
    pub fn as_array(&self) -> Option<&Vec<Self>> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The list that it is, to be changed.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Self>> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The object that it is.
    #[must_use]
    pub fn as_object(&self) -> Option<&JsonObject> {
        if let Self::Object(fields) = self { Some(fields) } else { None }
    }

    /// The object that it is, to be changed.
    pub fn as_object_mut(&mut self) -> Option<&mut JsonObject> {
        if let Self::Object(fields) = self { Some(fields) } else { None }
    }

    /// The value, leaving `null` in its place.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests;
