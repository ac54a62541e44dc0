//! What a manifest says, without places and without the order of its keys.

use std::collections::BTreeMap;

use super::super::yaml::{Node, Value};

/// A tree to compare with another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Nothing,
    Text(String),
    List(Vec<Plain>),
    Map(BTreeMap<String, Plain>),
}

impl Plain {
    pub(super) fn of(node: &Node) -> Self {
        match &node.value {
            _ if node.is_null() => Self::Nothing,
            Value::Scalar(scalar) => Self::Text(scalar.text.clone()),
            Value::Sequence { items, .. } => Self::List(items.iter().map(Self::of).collect()),
            Value::Mapping { entries, .. } => {
                Self::Map(entries.iter().map(|entry| (entry.key.value.text.clone(), Self::of(&entry.value))).collect())
            }
        }
    }

    /// This tree with `value` at a path of keys, or numbers in lists; what is not there on the way is made.
    pub(super) fn with(mut self, path: &[&str], value: Option<Self>) -> Option<Self> {
        let mut place = &mut self;
        for key in path {
            if *place == Self::Nothing {
                *place = Self::Map(BTreeMap::new());
            }
            place = match place {
                Self::Map(entries) => entries.entry((*key).to_owned()).or_insert(Self::Nothing),
                Self::List(items) => items.get_mut(key.parse::<usize>().ok()?)?,
                Self::Nothing | Self::Text(_) => return None,
            };
        }
        *place = value?;
        Some(self)
    }
}
