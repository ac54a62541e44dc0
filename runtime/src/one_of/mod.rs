//! Messages of several types, told apart by a field: `one_of` in the manifest.
//!
//! serde reads such an enum by keeping all fields until it knows the tag, numbers by value. Here the fields of the
//! type are read from the wire itself as soon as the tag is known, and it comes first in what we write. Fields that come
//! before it are kept with the texts of their numbers.

mod kept;

use std::{borrow::Cow, fmt, marker::PhantomData, vec};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor,
        value::{CowStrDeserializer, MapAccessDeserializer},
    },
};

use crate::types::{Str, Tree, raw_name};
use kept::Kept;

#[doc(hidden)]
pub use serde as __serde;

/// A message of several types, told apart by a field. [`one_of!`](crate::one_of!) implements it.
pub trait OneOf: Sized {
    /// The field that holds the tag.
    const BY: &'static str;

    /// The tags.
    const TAGS: &'static [&'static str];

    /// [`WANTED`] and the field that holds the tag: how what was [`Kept`] hears which field is wanted first.
    #[doc(hidden)]
    const ASKED: &'static str;

    /// Reads the type that belongs to this tag from all other fields.
    ///
    /// # Errors
    ///
    /// Why the fields are not of that type, or that the tag is none of [`TAGS`](OneOf::TAGS).
    fn of_tag<'de, D: Deserializer<'de>>(tag: &str, fields: D) -> Result<Self, D::Error>;
}

/// Makes serde read an enum by the field that tells its variants apart, numbers of [`Json`](crate::types::Json) in it to
/// the digit.
///
/// It stands in the place of `#[derive(serde::Deserialize)]`; for writing, `#[serde(tag = "…")]` is the right thing.
///
/// ```
/// use karafka::types::Json;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Created { extra: Json }
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Cancelled {}
///
/// #[derive(serde::Serialize)]
/// #[serde(tag = "type")]
/// enum OrderEvent {
///     #[serde(rename = "created")]
///     Created(Created),
///     #[serde(rename = "cancelled")]
///     Cancelled(Cancelled),
/// }
///
/// karafka::one_of!(OrderEvent, "type", { "created" => Created, "cancelled" => Cancelled });
///
/// let event: OrderEvent = serde_json::from_str(r#"{"extra":1.10,"type":"created"}"#)?;
/// assert_eq!(serde_json::to_string(&event)?, r#"{"type":"created","extra":1.10}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! one_of {
    ($name:ident, $by:literal, { $($tag:literal => $variant:ident),+ $(,)? }) => {
        impl $crate::one_of::OneOf for $name {
            const BY: &'static str = $by;
            const TAGS: &'static [&'static str] = &[$($tag),+];
            const ASKED: &'static str = ::core::concat!("karafka::one_of by ", $by);

            fn of_tag<'de, Fields: $crate::one_of::__serde::Deserializer<'de>>(
                tag: &str,
                fields: Fields,
            ) -> ::core::result::Result<Self, Fields::Error> {
                match tag {
                    $($tag => ::core::result::Result::map(
                        $crate::one_of::__serde::Deserialize::deserialize(fields),
                        Self::$variant,
                    ),)+
                    unknown => ::core::result::Result::Err($crate::one_of::__serde::de::Error::unknown_variant(
                        unknown,
                        <Self as $crate::one_of::OneOf>::TAGS,
                    )),
                }
            }
        }

        impl<'de> $crate::one_of::__serde::Deserialize<'de> for $name {
            fn deserialize<Source: $crate::one_of::__serde::Deserializer<'de>>(
                source: Source,
            ) -> ::core::result::Result<Self, Source::Error> {
                $crate::one_of::read(source)
            }
        }
    };
}

/// What the name begins with by which what was kept is asked for an object with a certain field first.
const WANTED: &str = "karafka::one_of by ";

/// Reads a message of several types.
///
/// # Errors
///
/// A tag that is missing, unknown or there twice, and what is wrong with the type that belongs to it.
pub fn read<'de, T: OneOf, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(T::ASKED, Reader(PhantomData))
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: OneOf> Visitor<'de> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field `{}`", T::BY)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut kept = Vec::new();
        while let Some(name) = entries.next_key_seed(Str)? {
            if name != T::BY {
                kept.push((name, entries.next_value_seed(KeptSeed)?));
                continue;
            }
            let tag = entries.next_value_seed(Tag(T::TAGS))?;
            let fields = Fields { by: T::BY, kept: kept.into_iter(), value: None, rest: entries };
            return T::of_tag(&tag, Object(fields));
        }
        Err(A::Error::missing_field(T::BY))
    }
}

/// One of these tags.
struct Tag(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Tag {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        let tag = Str.deserialize(deserializer)?;
        if self.0.contains(&&*tag) { Ok(tag) } else { Err(D::Error::unknown_variant(&tag, self.0)) }
    }
}

struct KeptSeed;

impl<'de> DeserializeSeed<'de> for KeptSeed {
    type Value = Kept<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kept<'de>, D::Error> {
        crate::types::read(deserializer)
    }
}

/// All fields but the tag: those that came before it, and then the rest as it comes.
struct Fields<'de, A> {
    by: &'static str,
    kept: vec::IntoIter<(Cow<'de, str>, Kept<'de>)>,
    /// The value of the kept field whose name was taken last.
    value: Option<(Cow<'de, str>, Kept<'de>)>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let name = match self.kept.next() {
            Some((name, value)) => {
                self.value = Some((name.clone(), value));
                name
            }
            None => match self.rest.next_key_seed(Str)? {
                Some(name) if name == self.by => return Err(A::Error::duplicate_field(self.by)),
                Some(name) => name,
                None => return Ok(None),
            },
        };
        seed.deserialize(lent(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.value.take() {
            Some((name, value)) => seed.deserialize(value).map_err(|fault| A::Error::custom(fault.in_field(&name))),
            None => self.rest.next_value_seed(seed),
        }
    }
}

/// An object that says so to whoever asks for a newtype. serde's own deserializer of a map hands it over as the answer to
/// the newtype's name, and a foreign field of that name would be taken for the text of a value.
struct Object<A>(A);

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Object<A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        MapAccessDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// A text for a seed; serde's own deserializer of a `Cow` does not lend it.
enum Lent<'de, E> {
    Borrowed(serde::de::value::BorrowedStrDeserializer<'de, E>),
    Owned(CowStrDeserializer<'de, E>),
}

fn lent<'de, E: Error>(text: Cow<'de, str>) -> Lent<'de, E> {
    match text {
        Cow::Borrowed(text) => Lent::Borrowed(serde::de::value::BorrowedStrDeserializer::new(text)),
        Cow::Owned(_) => Lent::Owned(text.into_deserializer()),
    }
}

impl<'de, E: Error> Deserializer<'de> for Lent<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self {
            Self::Borrowed(text) => text.deserialize_any(visitor),
            Self::Owned(text) => text.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        match self {
            Self::Borrowed(text) => text.deserialize_enum(name, variants, visitor),
            Self::Owned(text) => text.deserialize_enum(name, variants, visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

// They read through a parser.
#[cfg(all(test, feature = "consumer"))]
mod tests;
