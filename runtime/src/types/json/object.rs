//! The fields of a JSON object.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use indexmap::{IndexMap, map};

use super::Json;

/// The fields of an object, in the order in which they came; equal to one with the same fields in another order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct JsonObject(IndexMap<String, Json>);

impl JsonObject {
    /// An object without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// The value of a field, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        self.0.get_mut(name)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets a field and returns the value that it had before; a new one comes last.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Json>) -> Option<Json> {
        self.0.insert(name.into(), value.into())
    }

    /// Takes a field out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        self.0.shift_remove(name)
    }

    /// The fields' names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// The fields' values, in order.
    pub fn values(&self) -> impl Iterator<Item = &Json> {
        self.0.values()
    }

    /// The fields, in order.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        Entries(self.0.iter())
    }

    /// The fields, in order, to be changed.
    pub fn iter_mut(&mut self) -> EntriesMut<'_> {
        EntriesMut(self.0.iter_mut())
    }

    /// The value of a field, which is `null` if it was not there.
    pub(super) fn or_null(&mut self, name: &str) -> &mut Json {
        self.0.entry(name.to_owned()).or_default()
    }
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Hash for JsonObject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal objects can have their fields in two orders.
        let mut fields: Vec<_> = self.iter().collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        fields.hash(state);
    }
}

impl<N: Into<String>, V: Into<Json>> FromIterator<(N, V)> for JsonObject {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<N: Into<String>, V: Into<Json>> Extend<(N, V)> for JsonObject {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        self.0.extend(fields.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
}

/// An iterator over the fields of a [`JsonObject`].
macro_rules! entries {
    ($(#[$about:meta])* $name:ident $(<$life:lifetime>)?, $inner:ty, $item:ty) => {
        $(#[$about])*
        #[derive(Debug)]
        pub struct $name $(<$life>)? ($inner);

        impl $(<$life>)? Iterator for $name $(<$life>)? {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                self.0.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl $(<$life>)? DoubleEndedIterator for $name $(<$life>)? {
            fn next_back(&mut self) -> Option<$item> {
                self.0.next_back()
            }
        }

        impl $(<$life>)? ExactSizeIterator for $name $(<$life>)? {}
    };
}

entries! {
    /// The fields of a [`JsonObject`], in order.
    Entries<'a>, map::Iter<'a, String, Json>, (&'a String, &'a Json)
}

entries! {
    /// The fields of a [`JsonObject`], in order, their values to be changed.
    EntriesMut<'a>, map::IterMut<'a, String, Json>, (&'a String, &'a mut Json)
}

entries! {
    /// The fields that a [`JsonObject`] had, in order.
    IntoEntries, map::IntoIter<String, Json>, (String, Json)
}

impl IntoIterator for JsonObject {
    type Item = (String, Json);
    type IntoIter = IntoEntries;

    fn into_iter(self) -> IntoEntries {
        IntoEntries(self.0.into_iter())
    }
}

impl<'a> IntoIterator for &'a JsonObject {
    type Item = (&'a String, &'a Json);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut JsonObject {
    type Item = (&'a String, &'a mut Json);
    type IntoIter = EntriesMut<'a>;

    fn into_iter(self) -> EntriesMut<'a> {
        self.iter_mut()
    }
}
