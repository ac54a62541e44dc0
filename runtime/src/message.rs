//! A parsed message and the record that it came from.

use std::ops::Deref;

use crate::Record;

/// A message of type `T`; it dereferences to its [`Record`] for key, headers, offset and the rest.
#[derive(Debug)]
pub struct Message<T> {
    /// What the parser made of the record's value.
    pub payload: T,
    pub(crate) record: Record,
}

impl<T> Message<T> {
    /// A message as the engine would hand it over; for tests of a controller on its own.
    pub fn new(payload: T, record: impl Into<Record>) -> Self {
        Self { payload, record: record.into() }
    }
}

impl<T> Deref for Message<T> {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}
