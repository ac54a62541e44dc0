//! The binary format of `incoming_messages`: named texts, one after the other.
//!
//! A frame is the length of a text in bytes (two bytes, the high one first) and the text in UTF-8. A message is frames in pairs, a name and
//! its value:
//!
//! ```text
//! 00 02 'i' 'd'   00 03 'v' '-' '1'   00 05 't' 'i' 't' 'l' 'e'   00 00
//! ```
//!
//! That is `{"id": "v-1", "title": ""}`. A name comes once; there is nothing between frames, and nothing after them.

use karafka::{Error, Result, types::Json};

/// Reads a message.
///
/// # Errors
///
/// When the bytes end inside a frame, a text is not UTF-8, a name has no value, or a name comes twice.
pub fn read(mut bytes: &[u8]) -> Result<Json> {
    let mut fields = Json::Object(Default::default());
    while !bytes.is_empty() {
        let name = take(&mut bytes)?;
        if bytes.is_empty() {
            return Err(Error::new(format_args!("`{name}` has no value")));
        }
        if fields.get(name).is_some() {
            return Err(Error::new(format_args!("`{name}` comes twice")));
        }
        fields[name] = take(&mut bytes)?.into();
    }
    Ok(fields)
}

/// Takes one frame off the beginning.
fn take<'b>(bytes: &mut &'b [u8]) -> Result<&'b str> {
    let cut = || Error::new("the record ends inside a frame");
    let (length, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
    let (text, rest) = rest
        .split_at_checked(u16::from_be_bytes(*length).into())
        .ok_or_else(cut)?;
    *bytes = rest;
    Ok(std::str::from_utf8(text)?)
}

/// Writes a message, its fields in their order.
///
/// # Errors
///
/// When the message is no object of texts, or a text is longer than 65,535 bytes.
pub fn write(message: &Json) -> Result<Vec<u8>> {
    let fields = message
        .as_object()
        .ok_or_else(|| Error::new("only objects have frames"))?;
    let mut bytes = Vec::new();
    for (name, value) in fields {
        let value = value
            .as_str()
            .ok_or_else(|| Error::new(format_args!("`{name}` is not a text")))?;
        for text in [name, value] {
            let length = u16::try_from(text.len())
                .map_err(|_| Error::new(format_args!("`{name}` is too long for a frame")))?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(text.bytes());
        }
    }
    Ok(bytes)
}
