//! Parses `incoming_messages`.

use crate::{frames, generated::prelude::*};

/// Turns the frames of a record into JSON.
#[derive(Debug, Default)]
pub struct BinaryToJson;

impl Parser<Json> for BinaryToJson {
    fn parse(&self, value: &[u8], _record: &Record) -> Result<Json> {
        frames::read(value)
    }
}
