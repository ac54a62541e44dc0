//! Places in a JSON value: `order["lines"][0]`, `/lines/0`.

use std::ops;

use super::Json;

/// What a [`Json`] is indexed with: the name of a field, or a place in a list.
pub trait JsonIndex: sealed::Sealed {
    #[doc(hidden)]
    fn find_in<'j>(&self, value: &'j Json) -> Option<&'j Json>;

    #[doc(hidden)]
    fn find_mut<'j>(&self, value: &'j mut Json) -> Option<&'j mut Json>;

    #[doc(hidden)]
    fn find_or_make<'j>(&self, value: &'j mut Json) -> &'j mut Json;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for str {}
    impl Sealed for String {}
    impl<T: Sealed + ?Sized> Sealed for &T {}
}

/// What indexing yields where there is nothing.
static NULL: Json = Json::Null;

impl Json {
    /// The value of a field, or of a place in a list.
    #[must_use]
    pub fn get(&self, index: impl JsonIndex) -> Option<&Self> {
        index.find_in(self)
    }

    /// The value of a field, or of a place in a list, to be changed.
    pub fn get_mut(&mut self, index: impl JsonIndex) -> Option<&mut Self> {
        index.find_mut(self)
    }

    /// The value that an RFC 6901 pointer leads to, such as `/lines/0/price`.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        steps(pointer)?.try_fold(self, |value, step| match value {
            Self::Object(fields) => fields.get(&step),
            Self::Array(items) => items.get(place(&step)?),
            _ => None,
        })
    }

    /// The value that an RFC 6901 pointer leads to, to be changed.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        steps(pointer)?.try_fold(self, |value, step| match value {
            Self::Object(fields) => fields.get_mut(&step),
            Self::Array(items) => items.get_mut(place(&step)?),
            _ => None,
        })
    }
}

fn steps(pointer: &str) -> Option<impl Iterator<Item = String>> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return None;
    }
    Some(pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")))
}

fn place(step: &str) -> Option<usize> {
    let is_plain = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_plain)
}

impl<I: JsonIndex> ops::Index<I> for Json {
    type Output = Self;

    /// The value at `index`; `null` where there is none.
    fn index(&self, index: I) -> &Self {
        index.find_in(self).unwrap_or(&NULL)
    }
}

impl<I: JsonIndex> ops::IndexMut<I> for Json {
    /// The value at `index`. A field that is not there begins as `null`, and so does an object in the place of a `null`.
    ///
    /// # Panics
    ///
    /// When a field is asked of what is neither object nor `null`, or a place of what has no such place.
    fn index_mut(&mut self, index: I) -> &mut Self {
        index.find_or_make(self)
    }
}

impl JsonIndex for str {
    fn find_in<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        value.as_object()?.get(self)
    }

    fn find_mut<'j>(&self, value: &'j mut Json) -> Option<&'j mut Json> {
        value.as_object_mut()?.get_mut(self)
    }

    fn find_or_make<'j>(&self, value: &'j mut Json) -> &'j mut Json {
        if value.is_null() {
            *value = Json::Object(super::JsonObject::new());
        }
        match value {
            Json::Object(fields) => fields.or_null(self),
            other => panic!("there is no field {self:?} in {other}"),
        }
    }
}

impl JsonIndex for usize {
    fn find_in<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        value.as_array()?.get(*self)
    }

    fn find_mut<'j>(&self, value: &'j mut Json) -> Option<&'j mut Json> {
        value.as_array_mut()?.get_mut(*self)
    }

    fn find_or_make<'j>(&self, value: &'j mut Json) -> &'j mut Json {
        match value.get_mut(*self) {
            Some(found) => found,
            None => panic!("it is no list with a place {self}"),
        }
    }
}

impl JsonIndex for String {
    fn find_in<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        self.as_str().find_in(value)
    }

    fn find_mut<'j>(&self, value: &'j mut Json) -> Option<&'j mut Json> {
        self.as_str().find_mut(value)
    }

    fn find_or_make<'j>(&self, value: &'j mut Json) -> &'j mut Json {
        self.as_str().find_or_make(value)
    }
}

impl<T: JsonIndex + ?Sized> JsonIndex for &T {
    fn find_in<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        (**self).find_in(value)
    }

    fn find_mut<'j>(&self, value: &'j mut Json) -> Option<&'j mut Json> {
        (**self).find_mut(value)
    }

    fn find_or_make<'j>(&self, value: &'j mut Json) -> &'j mut Json {
        (**self).find_or_make(value)
    }
}
