//! Properties of librdkafka by what it says of them itself: whose they are, and which are one under two names.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    ops::{Deref, DerefMut},
    sync::OnceLock,
};

use super::shown_all;
use crate::native::property_table;

/// Whose property it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Side {
    /// Consumers': a producer ignores it.
    Consumer,
    /// Producers': a consumer ignores it.
    Producer,
    /// Every client's.
    Both,
}

/// Properties of a client by [`one_spelling`] of their names. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<String, String>);

impl Deref for Properties {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Properties {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown_all(self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))).fmt(f)
    }
}

/// Whose property it is, if librdkafka lists it.
#[must_use]
pub fn side(name: &str) -> Option<Side> {
    table().sides.get(name).copied()
}

/// The name under which a property counts: librdkafka has two for some, such as `linger.ms` and `queue.buffering.max.ms`,
/// and which of them it reads last would decide.
#[must_use]
pub fn one_spelling(name: &str) -> &str {
    table().aliases.get(name).map_or(name, String::as_str)
}

/// The names that librdkafka's table has, without what it hides, and what only code can say.
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    table().sides.keys().map(String::as_str).filter(|name| !name.ends_with("_cb"))
}

/// Whether it is a number.
pub(super) fn is_number(name: &str) -> bool {
    table().numbers.contains(name)
}

struct Table {
    sides: HashMap<String, Side>,
    numbers: HashSet<String>,
    /// From the name that librdkafka calls the property's own to the other one, which is Kafka's own in most cases.
    aliases: HashMap<String, String>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(&property_table()))
}

/// Reads rows such as `linger.ms | P | 0 .. 900000 | 5 | high | Alias for …`.
fn read(text: &str) -> Table {
    let mut table = Table { sides: HashMap::new(), numbers: HashSet::new(), aliases: HashMap::new() };
    for line in text.lines() {
        let mut cells = line.split('|').map(str::trim);
        let (Some(name), Some(side)) = (cells.next(), cells.next()) else { continue };
        let side = match side {
            "C" => Side::Consumer,
            "P" => Side::Producer,
            "*" => Side::Both,
            _ => continue,
        };
        // A name stands twice where topics have it too; what is set goes to the first.
        if table.sides.contains_key(name) {
            continue;
        }
        table.sides.insert(name.to_owned(), side);
        if line.ends_with("*Type: integer*") || line.ends_with("*Type: float*") {
            table.numbers.insert(name.to_owned());
        }
        let own = line.split_once("Alias for `").and_then(|(_, rest)| rest.split_once('`'));
        if let Some((own, _)) = own {
            table.aliases.entry(own.to_owned()).or_insert_with(|| name.to_owned());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{knows_option, option_names};

    /// If this fails, a property stands where librdkafka ignores it, and nobody is told.
    #[test]
    fn librdkafka_says_whose_a_property_is() {
        for (name, wanted) in [
            ("session.timeout.ms", Some(Side::Consumer)),
            ("max.partition.fetch.bytes", Some(Side::Consumer)),
            ("linger.ms", Some(Side::Producer)),
            ("delivery.timeout.ms", Some(Side::Producer)),
            ("compression.type", Some(Side::Producer)),
            ("socket.timeout.ms", Some(Side::Both)),
            ("sasl.password", Some(Side::Both)),
            ("session.timeout", None),
        ] {
            assert_eq!(side(name), wanted, "{name}");
        }
        let unlisted: Vec<_> = option_names().into_iter().filter(|name| side(name).is_none()).collect();
        // What is only made in code, and what librdkafka hides.
        let hidden =
            ["client.software.name", "enable.sparse.connections", "enable_sasl_queue", "metadata.request.timeout.ms"];
        let is_internal = |name: &String| {
            name.ends_with("_cb") || name == "opaque" || name.starts_with("test.") || hidden.contains(&name.as_str())
        };
        assert!(unlisted.iter().all(is_internal), "{unlisted:?}");
        assert!(table().sides.keys().all(|name| knows_option(name)));
    }

    /// If this fails, a property that is written in two ways has the value of whichever comes last by chance.
    #[test]
    fn a_property_of_two_names_has_one_spelling() {
        for names in [
            ["queue.buffering.max.ms", "linger.ms"],
            ["fetch.message.max.bytes", "max.partition.fetch.bytes"],
            ["message.timeout.ms", "delivery.timeout.ms"],
            ["message.send.max.retries", "retries"],
            ["compression.codec", "compression.type"],
            ["sasl.mechanisms", "sasl.mechanism"],
            ["max.in.flight.requests.per.connection", "max.in.flight"],
            ["request.required.acks", "acks"],
            ["metadata.broker.list", "bootstrap.servers"],
        ] {
            assert_eq!(names.map(one_spelling), [names[1]; 2]);
        }
        assert_eq!(one_spelling("fetch.min.bytes"), "fetch.min.bytes");
        assert!(table().aliases.values().all(|alias| one_spelling(alias) == alias), "no alias is one of another");
    }

    /// If this fails, a log or a panic shows a password.
    #[test]
    fn debug_shows_no_secret() {
        let properties = [("sasl.password", "hunter2"), ("fetch.min.bytes", "1")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = format!("{:?}", Properties(properties.into()));
        assert!(!text.contains("hunter2") && text.contains("\"fetch.min.bytes\": \"1\""), "{text}");
    }
}
