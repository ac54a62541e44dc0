//! The page for people that lists every key, written from the key table.

use std::fmt::Write;

use super::{
    bounds::{BOUNDS, Bound},
    keys::{Key, SECTIONS, Section, Takes, Word},
    values,
};

/// The text of `docs/src/manifest.md`.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# Every key of the manifest\n\n\
         Written from the table that `karafka` itself reads by: `UPDATE_PAGE=1 cargo test -p karafka-cli page`. Editors have the \
         same in [`karafka.schema.json`](https://github.com/karafka-rs/karafka/blob/main/schemas/karafka.schema.json).\n\n\
         Types of fields: `string` `bool` `i8`…`i64` `u8`…`u64` `f32` `f64` `decimal` `decimal(number)` `bytes` `uuid` `timestamp` \
         `timestamp(millis)` `timestamp(seconds)` `date` `time` `json`; `[T]` is a list, `{ string: T }` a map, `a | b` an enum, `{ name: T }` a record of its own, and any other word \
         another message. `name?` may be missing. `json` is any value, its numbers kept to the digit; a `decimal` is read from a text or a \
         number, to the digit, and written as a text, `\"1.10\"`, or as `decimal(number)`, `1.10`. A `timestamp` is a text with an \
         offset (RFC 3339), or a number since 1970 in the unit that it names. Values with `${…}` are read from the environment when the app starts.\n",
    );
    for &section in SECTIONS {
        let keys: Vec<&Key> = section.keys().filter(|key| key.not_yet.is_none()).collect();
        if keys.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {}\n\n| key | what it is for | takes | example |\n| --- | --- | --- | --- |\n",
            heading(section)
        );
        for key in keys {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | `{}` |",
                key.name,
                cell(key.doc),
                cell(&takes(&key.takes)),
                cell(&format!("{}: {}", key.name, key.example)),
            );
        }
    }
    out.push_str("\n## How much a manifest may hold\n\nMore is refused with its place. A file has at most 16 MiB.\n\n| at most | of | why |\n| --- | --- | --- |\n");
    for Bound { of, most, why } in BOUNDS {
        let _ = writeln!(out, "| {most} | {of} | {why} |");
    }
    out.push_str("\n## Not supported yet\n\nThese are refused, never ignored, with what to do instead.\n\n| key | where | without it |\n| --- | --- | --- |\n");
    for key in super::keys::KEYS {
        let Some(instead) = key.not_yet else { continue };
        let sections: Vec<_> = key.sections.iter().map(|section| section.title()).collect();
        let _ = writeln!(out, "| `{}` | {} | {} |", key.name, sections.join(", "), cell(instead));
    }
    out
}

fn heading(section: Section) -> &'static str {
    match section {
        Section::Root => "At the top",
        Section::Kafka => "Under `kafka`",
        Section::Environment => "An entry of `environments`",
        Section::Redis => "Under `redis`",
        Section::Defaults => "Under `defaults`",
        Section::Message => "An entry of `messages`, where it is not simply a list of fields",
        Section::Group => "An entry of `groups`",
        Section::Topic => "An entry of `topics`",
        Section::Consumer => "An entry of a topic's `consumers`",
        Section::Retry => "Under `retry`",
        Section::Batch => "Under `batch`",
    }
}

fn takes(takes: &Takes) -> String {
    match takes {
        Takes::Name => "a name, without `${…}`".to_owned(),
        Takes::Constant([]) => "a constant".to_owned(),
        Takes::Constant(words) => format!("a constant, or {}", listed(words.iter().copied())),
        Takes::Choice(words) => listed(words.iter().filter(|word| word.not_yet.is_none()).map(|word: &Word| word.text)),
        Takes::Brokers => "an address, or a list of them".to_owned(),
        Takes::TopicName => "a topic's name in Kafka".to_owned(),
        Takes::Id => "an id".to_owned(),
        Takes::Number(range) => format!("a whole number, {} to {}", range.start(), range.end()),
        Takes::DeadLetter => "a topic's key, or a name in Kafka; `{topic}` is the topic's name".to_owned(),
        Takes::Duration => "a duration".to_owned(),
        Takes::DurationWithin(range) => {
            format!("a duration, {} to {}", values::shown(*range.start()), values::shown(*range.end()))
        }
        Takes::Start => "`earliest`, `latest`, an age such as `24h ago`, or a moment (RFC 3339)".to_owned(),
        Takes::Backoff => "a duration, or a range of them".to_owned(),
        Takes::Size => "a size in KiB, MiB or GiB".to_owned(),
        Takes::RedisUrl => {
            "an address of Redis, `redis://…`, `rediss://…`, `redis+sentinel://…` or `unix:///…`".to_owned()
        }
        Takes::File => "the name of a file".to_owned(),
        Takes::Queue => "a name, 1 to 100 of `A-Z a-z 0-9 _ . -`".to_owned(),
        Takes::Topics => "a list of topics' keys".to_owned(),
        Takes::Options => "librdkafka properties".to_owned(),
        Takes::Field => "a field of the message".to_owned(),
        Takes::Keys(section) => format!("the keys below: {}", heading(*section)),
        Takes::Named(section) => format!("names, each with the keys below: {}", heading(*section)),
        Takes::List(section) => format!("a list; the keys below: {}", heading(*section)),
        Takes::Fields => "fields and their types".to_owned(),
        Takes::Variants => "tags, each with a message".to_owned(),
        Takes::Later => "nothing yet".to_owned(),
    }
}

fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// A text in a table: a bar would end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/manifest.md");

    /// If this fails, people read of another language than the command knows.
    #[test]
    fn the_page_is_fresh() {
        let text = page();
        if std::env::var_os("UPDATE_PAGE").is_some() {
            std::fs::write(FILE, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(FILE).is_ok_and(|file| file.replace("\r\n", "\n") == text),
            "docs/src/manifest.md is out of step; `UPDATE_PAGE=1 cargo test -p karafka-cli page` rewrites it",
        );
    }
}
