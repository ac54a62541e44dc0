//! Edits of a manifest's text that leave everything else as it is, to the byte.
//!
//! An edit puts lines, or a few words between braces, at a place that the tree knows. Then the text is read again: it
//! must say what it said before and what was added, and nothing else. Where it does not, a person gets the lines to
//! add by hand.

mod layout;
mod tree;

use layout::{Change, Layout};
use thiserror::Error;
use tree::Plain;

use super::yaml::{self, Entry, Node, Value};
use crate::{
    diagnostic::Diagnostic,
    source::{Source, Span},
};

/// Why a manifest was not edited.
#[derive(Debug, Error)]
pub enum EditError {
    /// The text is no YAML, or its keys are not clear: each mistake.
    #[error("the manifest cannot be read, so it is not edited")]
    Unreadable(Vec<Diagnostic>),
    /// There is one of that name.
    #[error("`{section}` already has `{name}`")]
    Exists {
        /// `topics` or `messages`.
        section: &'static str,
        /// The name.
        name: String,
    },
    /// There is none of that name.
    #[error("the manifest has no topic `{0}`")]
    NoSuchTopic(String),
    /// The text is written in a way that an edit would not leave as it is.
    #[error("add this to the manifest by hand, {place}:\n{lines}")]
    ByHand {
        /// Where, in words.
        place: String,
        /// What, as it would stand in a block.
        lines: String,
    },
}

/// What an entry holds: YAML as it would stand in one line, such as `Videos::DetailsController` or `[a, b]`.
#[derive(Debug, Clone, Copy)]
enum Body<'a> {
    Value(&'a str),
    Entries(&'a [(&'a str, &'a str)]),
}

/// Adds a topic with these keys and values, each value written as YAML in one line (`[a, b]`).
///
/// # Errors
///
/// [`EditError`] if there is such a topic, or the text cannot be edited.
pub fn add_topic(text: &str, key: &str, entries: &[(&str, &str)]) -> Result<String, EditError> {
    add_to_section(text, "topics", key, entries)
}

/// Adds a message with these fields and types (`("tags?", "[string]")`).
///
/// # Errors
///
/// [`EditError`] if there is such a message, or the text cannot be edited.
pub fn add_message(text: &str, name: &str, fields: &[(&str, &str)]) -> Result<String, EditError> {
    add_to_section(text, "messages", name, fields)
}

/// Sets a topic's key to a value, written as YAML in one line.
///
/// # Errors
///
/// [`EditError`] if there is no such topic, or the text cannot be edited.
pub fn set_topic_key(text: &str, topic: &str, key: &str, value: &str) -> Result<String, EditError> {
    let root = read(text)?;
    let entry = find_topic(&root, topic)?;
    let layout = Layout::new(text);
    let change = match find(&entry.value, key) {
        Some(old) => layout.replace_value(old, value),
        None => layout.add_entry(entry, key, Body::Value(value)),
    };
    let wanted = Plain::of(&root).with(&["topics", topic, key], plain(Body::Value(value)));
    let by_hand = || by_hand(format!("under the topic `{topic}`"), key, Body::Value(value));
    finish(text, change, wanted.as_ref()).ok_or_else(by_hand)
}

/// Sets a key of one consumer to a value: in its entry of the topic's `consumers`, or else at the topic itself.
///
/// # Errors
///
/// [`EditError`] if there is no such topic, or the text cannot be edited.
pub fn set_consumer_key(
    text: &str,
    topic: &str,
    controller: &str,
    key: &str,
    value: &str,
) -> Result<String, EditError> {
    let root = read(text)?;
    let entry = find_topic(&root, topic)?;
    let Some((number, item)) = listed(entry, controller) else { return set_topic_key(text, topic, key, value) };
    let layout = Layout::new(text);
    let change = match find(item, key) {
        Some(old) => layout.replace_value(old, value),
        None => layout.add_to_item(item, key, value),
    };
    let wanted = Plain::of(&root).with(&["topics", topic, "consumers", &number, key], plain(Body::Value(value)));
    let by_hand = || by_hand(format!("to `{controller}` under the topic `{topic}`"), key, Body::Value(value));
    finish(text, change, wanted.as_ref()).ok_or_else(by_hand)
}

/// Whether a topic lists its consumers under `consumers`.
///
/// # Errors
///
/// [`EditError`] if there is no such topic, or the text cannot be read.
pub fn lists_consumers(text: &str, topic: &str) -> Result<bool, EditError> {
    Ok(find(&find_topic(&read(text)?, topic)?.value, "consumers").is_some())
}

/// Adds an entry to the topic's `consumers`, which must be a list already.
///
/// # Errors
///
/// [`EditError`] if there is no such topic, or the text cannot be edited.
pub fn add_consumer(text: &str, topic: &str, entries: &[(&str, &str)]) -> Result<String, EditError> {
    let root = read(text)?;
    let consumers = find(&find_topic(&root, topic)?.value, "consumers");
    let item = layout::item(entries);
    let by_hand = || EditError::ByHand {
        place: format!("to `consumers:` of the topic `{topic}`"),
        lines: format!("      - {item}"),
    };
    let list = consumers.map(|consumers| &consumers.value).ok_or_else(by_hand)?;
    let Value::Sequence { items, .. } = &list.value else { return Err(by_hand()) };
    let mut wanted: Vec<_> = items.iter().map(Plain::of).collect();
    wanted.push(plain(Body::Entries(entries)).ok_or_else(by_hand)?);
    let wanted = Plain::of(&root).with(&["topics", topic, "consumers"], Some(Plain::List(wanted)));
    finish(text, Layout::new(text).add_item(list, &item), wanted.as_ref()).ok_or_else(by_hand)
}

/// Adds a topic to the `emits` of one consumer of another one. Nothing changes if it is there.
///
/// # Errors
///
/// [`EditError`] if there is no such topic, or the text cannot be edited.
pub fn add_emits(text: &str, topic: &str, controller: &str, emitted: &str) -> Result<String, EditError> {
    let root = read(text)?;
    let entry = find_topic(&root, topic)?;
    let item = listed(entry, controller);
    let (consumer, path) = match &item {
        Some((number, item)) => (*item, vec!["topics", topic, "consumers", number, "emits"]),
        None => (&entry.value, vec!["topics", topic, "emits"]),
    };
    let Some(emits) = find(consumer, "emits").filter(|emits| !emits.value.is_null()) else {
        let list = format!("[{}]", layout::scalar(emitted));
        return set_consumer_key(text, topic, controller, "emits", &list);
    };
    let by_hand = || by_hand(format!("under the topic `{topic}`"), "emits", Body::Value("[…]"));
    let Value::Sequence { items, .. } = &emits.value.value else {
        return Err(by_hand());
    };
    let is_emitted = |item: &Node| matches!(&item.value, Value::Scalar(scalar) if scalar.text == emitted);
    if items.iter().any(is_emitted) {
        return Ok(text.to_owned());
    }
    let mut list: Vec<_> = items.iter().map(Plain::of).collect();
    list.push(Plain::Text(emitted.to_owned()));
    let wanted = Plain::of(&root).with(&path, Some(Plain::List(list)));
    let change = Layout::new(text).add_item(&emits.value, &layout::scalar(emitted));
    finish(text, change, wanted.as_ref()).ok_or_else(by_hand)
}

/// The entry of a topic's `consumers` with this controller, and its number, as a path of the tree has it.
fn listed<'n>(topic: &'n Entry, controller: &str) -> Option<(String, &'n Node)> {
    let Value::Sequence { items, .. } = &find(&topic.value, "consumers")?.value.value else { return None };
    let is_it = |item: &&Node| match find(item, "controller").map(|entry| &entry.value.value) {
        Some(Value::Scalar(scalar)) => scalar.text == controller,
        _ => false,
    };
    let number = items.iter().position(|item| is_it(&item))?;
    items.get(number).map(|item| (number.to_string(), item))
}

fn add_to_section(
    text: &str,
    section: &'static str,
    name: &str,
    entries: &[(&str, &str)],
) -> Result<String, EditError> {
    let root = read(text)?;
    let body = Body::Entries(entries);
    let layout = Layout::new(text);
    let change = match find(&root, section) {
        Some(entry) => {
            if find(&entry.value, name).is_some() {
                return Err(EditError::Exists { section, name: name.to_owned() });
            }
            layout.add_entry(entry, name, body)
        }
        None => layout.add_section(&root, section, name, body),
    };
    let wanted = Plain::of(&root).with(&[section, name], plain(body));
    finish(text, change, wanted.as_ref()).ok_or_else(|| by_hand(format!("under `{section}:`"), name, body))
}

/// The tree of a text without a mistake in its YAML.
fn read(text: &str) -> Result<Node, EditError> {
    match yaml::parse(&Source::new("karafka.yml", text)) {
        (Some(root), diagnostics) if diagnostics.is_empty() && root.entries().is_some() => Ok(root),
        (_, diagnostics) => Err(EditError::Unreadable(diagnostics)),
    }
}

fn find<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    node.entries()?.iter().find(|entry| entry.key.value.text == key)
}

fn find_topic<'n>(root: &'n Node, topic: &str) -> Result<&'n Entry, EditError> {
    find(root, "topics")
        .and_then(|topics| find(&topics.value, topic))
        .ok_or_else(|| EditError::NoSuchTopic(topic.to_owned()))
}

/// The changed text, if it says what was wanted.
fn finish(text: &str, change: Option<Change>, wanted: Option<&Plain>) -> Option<String> {
    let Change { at: Span { start, end }, with } = change?;
    let edited = format!("{}{with}{}", text.get(..start)?, text.get(end..)?);
    let root = read(&edited).ok()?;
    (Some(&Plain::of(&root)) == wanted).then_some(edited)
}

/// A body as the tree that it should become.
fn plain(body: Body<'_>) -> Option<Plain> {
    match body {
        Body::Value(value) => {
            read(&format!("x: {value}\n")).ok().and_then(|root| Some(Plain::of(&find(&root, "x")?.value)))
        }
        Body::Entries(entries) => entries
            .iter()
            .map(|(key, value)| Some(((*key).to_owned(), plain(Body::Value(value))?)))
            .collect::<Option<_>>()
            .map(Plain::Map),
    }
}

fn by_hand(place: String, name: &str, body: Body<'_>) -> EditError {
    EditError::ByHand { place, lines: layout::block(2, 2, name, body).join("\n") }
}

#[cfg(test)]
mod tests;
