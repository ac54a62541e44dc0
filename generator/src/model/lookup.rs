//! Finding parts of the model by name; every list is in alphabetical order.

use super::{Message, Model, Payload, Topic};

impl Model {
    /// The named type of this name.
    #[must_use]
    pub fn message(&self, name: &str) -> Option<&Message> {
        let at = self.messages.binary_search_by(|message| message.name.as_str().cmp(name)).ok()?;
        self.messages.get(at)
    }

    /// The topic of this key.
    #[must_use]
    pub fn topic(&self, key: &str) -> Option<&Topic> {
        let at = self.topics.binary_search_by(|topic| topic.key.as_str().cmp(key)).ok()?;
        self.topics.get(at)
    }
}

impl Payload {
    /// The message's name, or `json`, `bytes`, `text`: what `routes` shows.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Message(name) => name,
            Self::Json => "json",
            Self::Bytes => "bytes",
            Self::Text => "text",
        }
    }
}
