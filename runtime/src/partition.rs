//! A partition of a topic, and how several are named together.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::Arc,
};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic's name in Kafka.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// `orders/0-3, clicks/1`.
pub(crate) fn ranges(partitions: &[Partition]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for Partition { topic, partition } in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let mut text = String::new();
    for (topic, mut numbers) in topics {
        numbers.sort_unstable();
        let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        for run in runs {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = match run {
                [first, .., last] => write!(text, "{separator}{topic}/{first}-{last}"),
                [only] => write!(text, "{separator}{topic}/{only}"),
                [] => Ok(()),
            };
        }
    }
    text
}
