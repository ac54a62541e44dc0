//! Keys that are none of their place: what was meant, and where it belongs.

use karafka::settings::{Side, is_secret, knows_option, option_names, refused, refused_of_some, side};

use super::{
    super::{
        keys::{KEYS, Key, Section, Takes, nearest},
        ruby::{self, Instead},
        values,
        yaml::Entry,
    },
    Reader, list, names, takes_text,
};
use crate::diagnostic::{Diagnostic, codes, quote};

/// What the machine that runs the app says, and no manifest: the variable, and a value that it takes.
const VARIABLES: &[(&[&str], &str, &str)] = &[
    (&["health", "health_address", "health_port"], "KARAFKA_HEALTH", "127.0.0.1:9394"),
    (&["shutdown_timeout", "shutdown-timeout", "stop_timeout"], "KARAFKA_SHUTDOWN_TIMEOUT", "30s"),
    (&["log", "log_level", "logging", "logger"], "KARAFKA_LOG", "debug"),
    (&["env", "environment"], "KARAFKA_ENV", "production"),
];

/// The property of librdkafka that was meant by a key with dots in it, which no key of a manifest has.
fn property_meant(word: &str) -> Option<String> {
    let names = word.contains('.').then(option_names)?;
    nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
}

impl Reader<'_> {
    /// Reports a key that is none of its section's, and gives the one that it is read as: what is meant is known, so
    /// that nothing else is said to be missing. `beside` are the section's entries.
    pub(super) fn unknown_key(&mut self, section: Section, entry: &Entry, beside: &[Entry]) -> Option<&'static Key> {
        let (word, span) = (&entry.key.value.text, entry.key.span);
        let message = format!("{} is not a key of {}", quote(word), section.title());
        let diagnostic = Diagnostic::error(codes::UNKNOWN_KEY, span, message);
        if let Some(foreign) = values::foreign(word) {
            let diagnostic = diagnostic.label(foreign.words);
            let key = foreign.mended.and_then(|mended| section.key(&mended));
            self.report(match key {
                Some(key) => diagnostic.help(format!("write `{}`", key.name)).suggest(span, key.name),
                None => diagnostic,
            });
            return key.filter(|key| key.not_yet.is_none());
        }
        let (diagnostic, key) = match ruby::instead(section, word, &entry.value) {
            Some(Instead::Key(key)) => {
                let help = format!("Ruby's `{word}` is `{key}` here");
                (diagnostic.help(help).suggest(span, key), section.key(key))
            }
            Some(Instead::Words(words)) => (diagnostic.help(words), None),
            None => self.near_or_elsewhere(diagnostic, section, entry, beside),
        };
        self.report(diagnostic);
        // Written twice, the right one counts.
        key.filter(|key| key.not_yet.is_none() && !beside.iter().any(|entry| entry.key.value.text == key.name))
    }

    fn near_or_elsewhere(
        &self,
        diagnostic: Diagnostic,
        section: Section,
        entry: &Entry,
        beside: &[Entry],
    ) -> (Diagnostic, Option<&'static Key>) {
        let (word, span) = (entry.key.value.text.as_str(), entry.key.span);
        if let Some((_, variable, example)) = VARIABLES.iter().find(|(words, ..)| words.contains(&word)) {
            let value = entry.value.word().and_then(|word| value_of(variable, word));
            let value = value.unwrap_or_else(|| (*example).to_owned());
            let help = format!("the machine that runs the app says it: set `{variable}={value}` there");
            return (diagnostic.help(help), None);
        }
        if word.contains('.') && knows_option(word) {
            let value = if is_secret(word) { "…" } else { entry.value.word().unwrap_or("…") };
            if let Some(instead) = refused(word, value) {
                return (diagnostic.help(format!("the property belongs to the engine: {instead}")), None);
            }
            let property = format!("{word}: {value}");
            let part = if side(word) == Some(Side::Producer) { "producer" } else { "options" };
            let written = match section {
                Section::Kafka => format!("{part}: {{ {property} }}"),
                _ if part == "producer" => format!("kafka: {{ producer: {{ {property} }} }}"),
                Section::Group if refused_of_some(word, value).is_none() => format!("kafka: {{ {property} }}"),
                Section::Topic | Section::Consumer | Section::Defaults => {
                    format!("groups: {{ {}: {{ kafka: {{ {property} }} }} }}", self.group_of(beside))
                }
                _ => format!("kafka: {{ options: {{ {property} }} }}"),
            };
            return (diagnostic.help(format!("it is a property of librdkafka: write `{written}`")), None);
        }
        if let Some(near) = property_meant(word) {
            // Where it belongs is said of it once it is called right.
            return (
                diagnostic.help(format!("did you mean `{near}`, a property of librdkafka?")).suggest(span, near),
                None,
            );
        }
        let near = nearest(word, section.keys().map(|key| key.name)).and_then(|near| section.key(near));
        match (near, elsewhere(section, word)) {
            (Some(key), _) if key.not_yet.is_some() => {
                (diagnostic.help(format!("did you mean `{}`? It is not supported yet", key.name)), None)
            }
            (Some(key), _) => {
                (diagnostic.help(format!("did you mean `{}`?", key.name)).suggest(span, key.name), Some(key))
            }
            (None, Some(Key { name: "groups", .. })) if section == Section::Environment => {
                let help = "groups are the same in every environment, and their settings can be read from it: \
                            `id: \"${GROUP:-audit}\"`";
                (diagnostic.help(help), None)
            }
            (None, Some(key)) if section == Section::Environment && !key.sections.contains(&Section::Kafka) => {
                let help = "environments differ in settings only, `kafka` and `concurrency`: routes and types are the same \
                            everywhere";
                (diagnostic.help(help), None)
            }
            (None, Some(elsewhere)) => {
                let sections = KEYS.iter().filter(|key| key.name == word).flat_map(|key| key.sections);
                let mut titles: Vec<_> = sections.map(|section| section.title()).collect();
                titles.dedup();
                let mut help = format!("it is a key of {}", list(&titles, "and"));
                if let Some(written) = self.written_elsewhere(section, elsewhere, entry, beside) {
                    help.push_str(&format!(": write `{written}`"));
                }
                (diagnostic.help(help), None)
            }
            (None, None) => (diagnostic.help(format!("{} takes {}", section.title(), names(section))), None),
        }
    }

    /// A key where it belongs, with the value that it was given.
    fn written_elsewhere(&self, here: Section, key: &Key, entry: &Entry, beside: &[Entry]) -> Option<String> {
        let value = match key.takes {
            // An address may hold a password.
            Takes::RedisUrl | Takes::Brokers | Takes::Options => key.example,
            _ if entry.value.entries().is_some_and(|entries| !entries.is_empty()) => "{ … }",
            _ => entry.value.word().filter(|word| takes_text(&key.takes, word)).unwrap_or(key.example),
        };
        let written = format!("{}: {value}", key.name);
        let group = || self.group_of(beside);
        // A consumer's group is nearer to it than the process is.
        if matches!(here, Section::Topic | Section::Consumer | Section::Defaults)
            && key.sections.contains(&Section::Group)
        {
            return Some(format!("groups: {{ {}: {{ {written} }} }}", group()));
        }
        Some(match key.sections.first()? {
            Section::Root => written,
            Section::Kafka => format!("kafka: {{ {written} }}"),
            Section::Redis => format!("redis: {{ {written} }}"),
            Section::Group => format!("groups: {{ {}: {{ {written} }} }}", group()),
            Section::Topic if key.sections.contains(&Section::Defaults) && here != Section::Group => {
                format!("defaults: {{ {written} }}")
            }
            Section::Topic => format!("topics: {{ orders: {{ {written} }} }}"),
            Section::Retry => format!("retry: {{ {written} }}"),
            Section::Batch => format!("batch: {{ {written} }}"),
            Section::Message | Section::Environment | Section::Defaults | Section::Consumer => return None,
        })
    }

    /// The group of a consumer whose keys these are.
    fn group_of(&self, beside: &[Entry]) -> String {
        let own = beside.iter().find(|entry| entry.key.value.text == "group").and_then(|entry| entry.value.word());
        own.or(self.app.as_deref()).unwrap_or("orders").to_owned()
    }
}

/// The key of this name that is nearest to a place: a consumer's group is, and a group's consumers are.
fn elsewhere(here: Section, word: &str) -> Option<&'static Key> {
    let keys = || KEYS.iter().filter(|key| key.name == word);
    let near = match here {
        Section::Topic | Section::Consumer | Section::Defaults => Section::Group,
        Section::Group => Section::Topic,
        _ => return keys().next(),
    };
    keys().find(|key| key.sections.contains(&near)).or_else(|| keys().next())
}

/// A word as the value of a variable, if it can be one.
fn value_of(variable: &str, word: &str) -> Option<String> {
    let is_word = |known: &[&str]| known.contains(&word).then(|| word.to_owned());
    match variable {
        // A port alone is one of this machine.
        "KARAFKA_HEALTH" => match word.parse::<u16>() {
            Ok(port) if port > 0 => Some(format!("127.0.0.1:{port}")),
            _ => karafka::settings::parse::health(word).is_ok().then(|| word.to_owned()),
        },
        // Ruby counts milliseconds.
        "KARAFKA_SHUTDOWN_TIMEOUT" => match values::number(word) {
            Some(milliseconds) => Some(format!("{milliseconds}ms")),
            None => values::duration(word).map(|_| word.to_owned()),
        },
        "KARAFKA_LOG" => is_word(&["trace", "debug", "info", "warn", "error", "off"]),
        _ => Some(word.to_owned()),
    }
}
