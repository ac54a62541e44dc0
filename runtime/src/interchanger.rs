//! How a message travels through the job queue.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};

use crate::Result;

/// Turns a message into text that a job can carry, and back.
///
/// Ruby's interchangers exist because a job's arguments are JSON and not every message is. With jobs in the process
/// (the default) a message never leaves memory, and its interchanger is not called.
///
/// **Invariant:** `decode(encode(m))` is `m`.
pub trait Interchanger<T>: Send + Sync + 'static {
    /// The message as text.
    ///
    /// # Errors
    ///
    /// Why the message cannot be written.
    fn encode(&self, message: &T) -> Result<String>;

    /// The message that `text` was made from.
    ///
    /// # Errors
    ///
    /// Why the text is not such a message.
    fn decode(&self, text: &str) -> Result<T>;
}

/// JSON; `interchanger: json`, the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Interchanger<T> for Json {
    fn encode(&self, message: &T) -> Result<String> {
        Ok(serde_json::to_string(message)?)
    }

    fn decode(&self, text: &str) -> Result<T> {
        Ok(serde_json::from_str(text)?)
    }
}

/// JSON in base64 (RFC 4648, padded), for queues whose readers must not look inside; `interchanger: binary`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Binary;

impl<T: Serialize + DeserializeOwned> Interchanger<T> for Binary {
    fn encode(&self, message: &T) -> Result<String> {
        Ok(STANDARD.encode(serde_json::to_vec(message)?))
    }

    fn decode(&self, text: &str) -> Result<T> {
        Ok(serde_json::from_slice(&STANDARD.decode(text)?)?)
    }
}
