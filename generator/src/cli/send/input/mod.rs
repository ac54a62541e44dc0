//! What is to be sent, checked against the topic's type.

use std::fmt::Write as _;

use anyhow::bail;
use karafka::{
    foreign,
    types::{Json, Timestamp},
};
use karafka_generator::model::{Model, Payload, Topic, check_repeated, sample, value};

/// The most mistakes that are shown one by one.
const SHOWN: usize = 20;

/// A topic and what its messages must be.
pub(super) struct Checked<'a> {
    pub(super) model: &'a Model,
    pub(super) topic: &'a Topic,
    /// `--key`; without it the topic's own.
    pub(super) key: Option<&'a str>,
}

/// A message that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
}

/// Lines that may not be sent, by their numbers from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    lines: Vec<(usize, String)>,
    of: usize,
}

impl Checked<'_> {
    /// Messages made from the type, others at each moment.
    pub(super) fn samples(&self, count: u64, now: Timestamp) -> anyhow::Result<Vec<Message>> {
        // A million seeds a second, so that no call repeats the ids of the one before.
        let first = u64::try_from(now.timestamp_micros()).unwrap_or(0);
        let messages = (0..count).map(|index| {
            let value = Json::from(sample::sample_at(self.model, &self.topic.payload, first.wrapping_add(index), now));
            let key = match (&self.topic.payload, self.key.or(self.topic.key_field.as_deref())) {
                (Payload::Message(_) | Payload::Json, Some(field)) => self.key_of(&value, field),
                _ => Ok(None),
            };
            let value = match (&self.topic.payload, value) {
                (Payload::Text | Payload::Bytes, Json::String(text)) => text.into_bytes(),
                (_, value) => value.to_string().into_bytes(),
            };
            match key {
                Ok(key) => Ok(Message { key, value }),
                Err(reason) => bail!("{reason}"),
            }
        });
        messages.collect()
    }

    /// A message a line. Blank lines are no messages, unless the topic carries text or bytes.
    pub(super) fn lines(&self, text: &[u8]) -> Result<Vec<Message>, Wrong> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let is_raw = matches!(self.topic.payload, Payload::Text | Payload::Bytes);
        let mut messages = Vec::new();
        let mut wrong = Wrong { lines: Vec::new(), of: 0 };
        let lines = if text.is_empty() { Vec::new() } else { text.split(|byte| *byte == b'\n').collect() };
        for (index, line) in lines.into_iter().enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !is_raw && line.trim_ascii().is_empty() {
                continue;
            }
            wrong.of += 1;
            match self.line(line) {
                Ok(message) => messages.push(message),
                Err(reason) => wrong.lines.push((index + 1, reason)),
            }
        }
        if wrong.lines.is_empty() { Ok(messages) } else { Err(wrong) }
    }

    fn line(&self, line: &[u8]) -> Result<Message, String> {
        match self.topic.payload {
            Payload::Bytes => return Ok(Message { key: None, value: line.to_vec() }),
            Payload::Text => {
                let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
                return Ok(Message { key: None, value: text.as_bytes().to_vec() });
            }
            Payload::Json | Payload::Message(_) => {}
        }
        let message: Json = serde_json::from_slice(line).map_err(|error| format!("not JSON: {}", place_in(&error)))?;
        value::check(self.model, &self.topic.payload, &message).map_err(|error| error.to_string())?;
        check_repeated(self.model, &self.topic.payload, line).map_err(|error| error.to_string())?;
        let key = match self.key.or(self.topic.key_field.as_deref()) {
            Some(field) => self.key_of(&message, field)?,
            None => None,
        };
        // As it was written: numbers keep their digits and objects their order.
        Ok(Message { key, value: line.trim_ascii().to_vec() })
    }

    /// The key as the app itself would write it; an absent one is an error only if it was asked for.
    fn key_of(&self, message: &Json, field: &str) -> Result<Option<Vec<u8>>, String> {
        match value::field(self.model, &self.topic.payload, message, field) {
            Some(value) => Ok(karafka::codegen::key_bytes(&value)),
            None if self.key.is_some() => Err(format!("`--key {field}`: the message has no field `{field}`")),
            None => Ok(None),
        }
    }
}

/// serde_json's words with the column only: each message is a line of its own.
fn place_in(error: &serde_json::Error) -> String {
    let words = error.to_string();
    match words.split_once(" at line ") {
        Some((words, _)) => format!("{words} at column {}", error.column()),
        None => words,
    }
}

impl Wrong {
    /// What is shown to the person who sent them.
    pub(super) fn report(&self, topic: &str, color: bool) -> String {
        let mark = if color { "\x1b[1;31merror\x1b[0m" } else { "error" };
        let mut text = String::new();
        for (line, reason) in self.lines.iter().take(SHOWN) {
            let _ = writeln!(text, "{mark}: line {line}: {}", foreign::line(reason));
        }
        if self.lines.len() > SHOWN {
            let _ = writeln!(text, "… and {} more lines", self.lines.len() - SHOWN);
        }
        let (wrong, of) = (self.lines.len(), self.of);
        let noun = if of == 1 { "message" } else { "messages" };
        let verb = if wrong == 1 { "does" } else { "do" };
        let _ = writeln!(text, "\n{wrong} of {of} {noun} {verb} not fit `{topic}`; nothing was sent");
        text
    }
}

#[cfg(test)]
mod tests;
