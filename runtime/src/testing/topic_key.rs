//! How a test names a topic.

use crate::Topic;

/// A topic of the manifest: by its type, as `topics::Orders`, or by its key.
///
/// A test that names the type does not compile when the topic is renamed; one that names the key fails when it runs.
pub trait TopicKey: Copy {
    /// The key under `topics:` in the manifest.
    fn key(&self) -> &str;
}

impl<T: Topic> TopicKey for T {
    fn key(&self) -> &str {
        T::KEY
    }
}

impl TopicKey for &str {
    fn key(&self) -> &str {
        self
    }
}

impl TopicKey for &&str {
    fn key(&self) -> &str {
        self
    }
}

impl TopicKey for &String {
    fn key(&self) -> &str {
        self
    }
}
