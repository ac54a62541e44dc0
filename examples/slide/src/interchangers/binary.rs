//! Carries `incoming_messages` through the job queue.

use std::fmt::Write;

use crate::{frames, generated::prelude::*};

/// Frames in hexadecimal: a job holds text, and frames are bytes.
#[derive(Debug, Default)]
pub struct Binary;

impl Interchanger<Json> for Binary {
    fn encode(&self, message: &Json) -> Result<String> {
        let mut text = String::new();
        for byte in frames::write(message)? {
            write!(text, "{byte:02x}")?;
        }
        Ok(text)
    }

    fn decode(&self, text: &str) -> Result<Json> {
        let digits = text.as_bytes().chunks(2);
        let bytes: Result<Vec<u8>> = digits
            .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
            .collect();
        frames::read(&bytes?)
    }
}
