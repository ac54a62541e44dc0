//! What was sent, read back into the type that its topic carries.

use std::any::Any;

use serde::de::DeserializeOwned;

use crate::{Message, Parser as _, Record, Topic, parser, types::Bytes};

/// A record that was sent to `T`, as the message that it was.
///
/// The reverse of [`Topic::encode`]: bytes and texts as they are, anything else from JSON.
///
/// # Panics
///
/// When it is a tombstone, or is no such message.
#[track_caller]
pub(super) fn message<T: Topic>(record: Record) -> Message<T::Message>
where
    T::Message: DeserializeOwned,
{
    let topic = T::KEY;
    let Some(value) = record.value() else {
        panic!("a tombstone was sent to `{topic}`, which has a key and no message: look at it with `emitted`");
    };
    let bytes = || parser::RawBytes.parse(value, &record).map(|bytes| Box::new(bytes) as Box<dyn Any>);
    let text = || parser::Text.parse(value, &record).map(|text| Box::new(text) as Box<dyn Any>);
    let json = || parser::Json.parse(value, &record).map(|message: T::Message| Box::new(message) as Box<dyn Any>);
    let read = if is::<T::Message, Bytes>() {
        bytes()
    } else if is::<T::Message, String>() {
        text()
    } else {
        json()
    };
    match read.map(|message| message.downcast::<T::Message>()) {
        Ok(Ok(payload)) => Message::new(*payload, record),
        Ok(Err(_)) => unreachable!("it was read as the type that it is"),
        Err(error) => panic!("what was sent to `{topic}` is no message of its own: {error}"),
    }
}

fn is<M: 'static, Other: 'static>() -> bool {
    std::any::TypeId::of::<M>() == std::any::TypeId::of::<Other>()
}
