//! The app's `MANIFEST` as Rust: what [`compiled_in`] holds, entry by entry.
//!
//! Only what differs from the runtime's `NEW` is written, and each entry ends in it: a field that a later runtime adds
//! breaks no file that is committed. Every entry is taken apart field by field, so that none can be forgotten here.

use std::fmt::Write;

use karafka::manifest::{ConsumerEntry, GroupEntry, Manifest, Setting, TopicEntry};

use super::escape::literal;
use crate::{compiled::compiled_in, model::Model};

/// The fields of `MANIFEST`, indented.
pub(super) fn manifest(model: &Model) -> String {
    // Version and folder are those of the app, and known when it is compiled.
    let Manifest { app, version: _, root: _, settings, environments, groups, topics, consumers } =
        compiled_in(model, "", "");
    let mut out = String::with_capacity(1024 + 256 * consumers.len() + 96 * topics.len());
    let environments =
        environments.iter().map(|(name, settings)| format!("({}, {})", literal(name), pairs(settings, 8)));
    let fields = [
        ("settings", pairs(settings, 4)),
        ("environments", list(environments, 4)),
        ("groups", entries(groups.iter().map(group))),
        ("topics", entries(topics.iter().map(topic))),
        ("consumers", entries(consumers.iter().map(consumer))),
    ];
    let _ = writeln!(out, "    app: {},", literal(app));
    out.push_str("    version: ::std::env!(\"CARGO_PKG_VERSION\"),\n    root: ::std::env!(\"CARGO_MANIFEST_DIR\"),\n");
    for (name, value) in fields.iter().filter(|(_, value)| value != EMPTY) {
        let _ = writeln!(out, "    {name}: {value},");
    }
    out.push_str("    ..codegen::Manifest::NEW\n");
    out
}

fn group(entry: &GroupEntry) -> String {
    let GroupEntry { name, settings } = entry;
    let new = &GroupEntry::NEW;
    let fields =
        [("name", literal(name), *name == new.name), ("settings", pairs(settings, 8), *settings == new.settings)];
    on_a_line("GroupEntry", &fields)
}

fn topic(entry: &TopicEntry) -> String {
    let TopicEntry { key, message, settings } = entry;
    let new = &TopicEntry::NEW;
    let fields = [
        ("key", literal(key), *key == new.key),
        ("message", literal(message), *message == new.message),
        ("settings", pairs(settings, 8), *settings == new.settings),
    ];
    on_a_line("TopicEntry", &fields)
}

fn consumer(entry: &ConsumerEntry) -> String {
    let ConsumerEntry { topic, group, controller, worker, parser, interchanger, emits, settings } = entry;
    let new = &ConsumerEntry::NEW;
    let fields = [
        ("topic", literal(topic), *topic == new.topic),
        ("group", literal(group), *group == new.group),
        ("controller", literal(controller), *controller == new.controller),
        ("worker", literal(worker), *worker == new.worker),
        ("parser", literal(parser), *parser == new.parser),
        ("interchanger", literal(interchanger), *interchanger == new.interchanger),
        ("emits", list(emits.iter().map(|topic| literal(topic)), 12), *emits == new.emits),
        ("settings", pairs(settings, 12), *settings == new.settings),
    ];
    let mut out = String::from("codegen::ConsumerEntry {\n");
    for (name, value, _) in fields.iter().filter(|(.., is_new)| !is_new) {
        let _ = writeln!(out, "            {name}: {value},");
    }
    out.push_str("            ..codegen::ConsumerEntry::NEW\n        }");
    out
}

/// An entry on one line, but for a long list in it: its fields with their values, and whether each is that of `NEW`.
fn on_a_line(kind: &str, fields: &[(&str, String, bool)]) -> String {
    let mut out = format!("codegen::{kind} {{ ");
    for (name, value, _) in fields.iter().filter(|(.., is_new)| !is_new) {
        let _ = write!(out, "{name}: {value}, ");
    }
    let _ = write!(out, "..codegen::{kind}::NEW }}");
    out
}

const EMPTY: &str = "&[]";

fn entries(entries: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for entry in entries {
        let _ = writeln!(out, "        {entry},");
    }
    if out.is_empty() { EMPTY.to_owned() } else { format!("&[\n{out}    ]") }
}

fn pairs(settings: &[Setting], indent: usize) -> String {
    list(settings.iter().map(|(key, value)| format!("({}, {})", literal(key), literal(value))), indent)
}

/// A slice: short ones on one line, long ones with an item a line. Only inside of `#[rustfmt::skip]`.
fn list(items: impl Iterator<Item = String>, indent: usize) -> String {
    let items: Vec<_> = items.collect();
    let line = format!("&[{}]", items.join(", "));
    if items.len() <= 1 && !line.contains('\n') || line.len() <= 60 {
        return line;
    }
    let indent = " ".repeat(indent);
    let items: String = items.iter().map(|item| format!("{indent}    {item},\n")).collect();
    format!("&[\n{items}{indent}]")
}
