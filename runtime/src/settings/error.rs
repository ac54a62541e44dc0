//! What keeps an app from starting, before it has talked to anything.

use std::{fmt, path::PathBuf};

use super::{ExpandError, Group, OptionError, Origin, Value, conflicts::Conflict, written_options::variable_of};
use crate::foreign;

/// Everything that is wrong with the settings, at least one thing; a line or several for each.
///
/// `Debug` says what `Display` does: it is what a `main` that returns the error prints.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingErrors(pub Vec<SettingError>);

impl std::error::Error for SettingErrors {}

impl fmt::Debug for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// One thing that is wrong with the settings. Its text names the key, where the value came from, and what to write;
/// lines after the first are indented by two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// No layer says where Kafka is, and this is not development.
    #[error(
        "no brokers are configured\n  set KARAFKA_BROKERS, or `kafka.brokers` in karafka.yml (environment: {environment})\n  {}",
        if *consumes {
            "(in development an app that is a program of its own starts an embedded broker: KARAFKA_ENV=development)"
        } else {
            "(what only sends starts none anywhere: `karafka broker` runs one for development)"
        }
    )]
    NoBrokers {
        /// The environment.
        environment: String,
        /// Whether the app consumes something: one that only sends starts no broker in development.
        consumes: bool,
    },
    /// No layer says where Redis is, jobs run there, and this is not development.
    #[error(
        "no Redis is configured, and jobs of this app run on Redis\n  \
         set REDIS_URL, or `redis: {{ url: … }}` in karafka.yml (environment: {environment})\n  \
         (in development it would have been {}: KARAFKA_ENV=development)",
        super::DEVELOPMENT_REDIS
    )]
    NoRedis {
        /// The environment.
        environment: String,
    },
    /// Jobs of the app run on Redis, and the cargo feature `jobs` of `karafka` is not compiled in.
    #[error("`jobs: redis` of {} needs the feature `jobs` of karafka, which is not compiled in\n  {}", topics.join(", "), super::feature_help("jobs"))]
    JobsNotCompiledIn {
        /// The topics of these consumers.
        topics: Vec<String>,
    },
    /// A `${…}` of the manifest cannot be read.
    #[error("`{key}` in {origin}: {error}{}", expand_help(key, error))]
    Expand {
        /// The setting's dotted key.
        key: String,
        /// Where its text stands.
        origin: Origin,
        /// What is wrong with it.
        error: ExpandError,
    },
    /// A value is not what it must be.
    #[error("`{key}` is {}, from {origin}{}\n  it must be {expected}", quoted(value), through_words(through))]
    Wrong {
        /// The setting's dotted key.
        key: String,
        /// Its value, as [`super::shown`] has it.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// The variables that its text names.
        through: Vec<String>,
        /// What it must be.
        expected: String,
    },
    /// A property that the manifest may not set.
    #[error("`{key}` in {origin} belongs to the engine\n  {instead}")]
    Refused {
        /// The setting's dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What to do instead.
        instead: &'static str,
    },
    /// A property that librdkafka does not take.
    #[error("`{key}` in {origin}: {error}{}", option_help(error, origin))]
    Option {
        /// The setting's dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What librdkafka has against it.
        error: OptionError,
    },
    /// A file that a client is to read is not there, or cannot be read.
    #[error("`{key}`, from {source_of}: {reason}: `{}`", foreign::path(path))]
    File {
        /// The setting's dotted key.
        key: String,
        /// Where its text came from, in words.
        source_of: String,
        /// The file, from the root on.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Properties of librdkafka that do not fit together, or do not fit their group.
    #[error(
        "`{key}` in {origin}{}: {words}{}{}\n  {help}",
        through_words(through),
        group.as_ref().map(|group| format!(", in the group `{}`", foreign::line(group))).unwrap_or_default(),
        other.as_ref().map(|(key, source)| format!("; the other one is `{key}`, from {source}")).unwrap_or_default()
    )]
    Conflict {
        /// The setting's dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The variables that its text names.
        through: Vec<String>,
        /// What is wrong.
        words: String,
        /// The other setting's dotted key, if it is written, and where it comes from.
        other: Option<(String, String)>,
        /// The group whose client it is; `None`: the producer.
        group: Option<String>,
        /// What to write instead.
        help: String,
    },
    /// A key that this version of the runtime does not have.
    #[error(
        "`{key}` is not a setting of this version of karafka\n  \
         the app was generated by another version: run `karafka generate`, or update `karafka` in Cargo.toml"
    )]
    UnknownKey {
        /// The setting's dotted key.
        key: String,
    },
    /// Two or more groups, or topics, have one name in Kafka.
    #[error(
        "{what} {} `{}` in Kafka{}\n  give {} another `{setting}`",
        are_all(written),
        foreign::line(name),
        through_words(through),
        if written.len() > 2 { "all but one of them" } else { "one of them" }
    )]
    SameName {
        /// `groups` or `topics`.
        what: &'static str,
        /// `id` or `name`: the setting that says it.
        setting: &'static str,
        /// As the manifest writes them, in its order.
        written: Vec<String>,
        /// What they become.
        name: String,
        /// The variables that it went through.
        through: Vec<String>,
    },
    /// A topic is its own dead letter topic.
    #[error("the dead letter topic of `{topic}` is the topic itself, `{name}` in Kafka\n  name another one")]
    OwnDeadLetter {
        /// The topic's key.
        topic: String,
        /// Its name in Kafka.
        name: String,
    },
    /// A flag names a group or topic that is not there.
    #[error(
        "`{flag}`: there is no {what} `{}` that this app consumes{}\n  there is {known}",
        foreign::line(name),
        instead.as_ref().map(|words| format!("\n  {words}")).unwrap_or_default()
    )]
    UnknownName {
        /// The flag.
        flag: &'static str,
        /// `group` or `topic`.
        what: &'static str,
        /// What it says.
        name: String,
        /// What it could say.
        known: String,
        /// What it was probably meant to say.
        instead: Option<String>,
    },
    /// The flags leave nothing to consume.
    #[error("`--groups`, `--topics` and `--exclude-topics` together leave nothing to consume\n  see `routes`")]
    NothingSelected,
}

impl SettingError {
    /// The value that it is about, if one stands there, without its text.
    pub(super) fn unread(&self) -> Option<Value> {
        match self {
            Self::Expand { key, origin, .. } | Self::Wrong { key, origin, .. } | Self::Refused { key, origin, .. } => {
                let (key, origin) = (key.clone(), origin.clone());
                Some(Value { key, origin, ..Value::default() })
            }
            _ => None,
        }
    }

    /// A conflict in the client of a group, or in the producer.
    pub(super) fn conflict(conflict: &Conflict<&Value>, group: Option<&Group>, help: String) -> Self {
        let Value { key, origin, through, .. } = conflict.property.place;
        let other = conflict.other.as_ref().map(|other| (other.place.key.clone(), other.place.source()));
        let help = match origin {
            Origin::Variable(variable) => format!("unset {variable}, or {help}"),
            _ => help,
        };
        Self::Conflict {
            key: key.clone(),
            origin: origin.clone(),
            through: through.clone(),
            words: conflict.words(),
            other,
            group: group.map(|group| group.name.clone()),
            help,
        }
    }

    /// Whether two conflicts are one, in whichever client.
    pub(super) fn is_same_conflict(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Conflict { key: a, words: b, .. }, Self::Conflict { key: c, words: d, .. }) => (a, b) == (c, d),
            _ => false,
        }
    }

    /// Whether the command line alone is to blame.
    #[cfg(feature = "consumer")]
    pub(crate) fn is_of_call(&self) -> bool {
        match self {
            Self::UnknownName { .. } | Self::NothingSelected => true,
            Self::Expand { origin, .. }
            | Self::Wrong { origin, .. }
            | Self::Refused { origin, .. }
            | Self::Conflict { origin, .. }
            | Self::Option { origin, .. } => matches!(origin, Origin::Flag(_)),
            Self::NoBrokers { .. }
            | Self::NoRedis { .. }
            | Self::JobsNotCompiledIn { .. }
            | Self::UnknownKey { .. }
            | Self::SameName { .. }
            | Self::File { .. }
            | Self::OwnDeadLetter { .. } => false,
        }
    }
}

/// A value in backquotes, unless there is only a word for it.
fn quoted(value: &str) -> String {
    match value {
        "" => "empty".to_owned(),
        super::REDACTED => value.to_owned(),
        _ => format!("`{}`", foreign::line(value)),
    }
}

/// `a` and `b` are both; `a`, `b` and `c` are all.
fn are_all(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", foreign::line(name))).collect();
    let all = if names.len() > 2 { "all" } else { "both" };
    match quoted.split_last() {
        Some((last, before)) => format!("{} and {last} are {all}", before.join(", ")),
        None => String::new(),
    }
}

/// Which variables a value went through.
fn through_words(variables: &[String]) -> String {
    through(variables, |_| "")
}

/// The same, with some words behind each.
pub(super) fn through(variables: &[String], note: impl Fn(&str) -> &'static str) -> String {
    if variables.is_empty() {
        return String::new();
    }
    let names: Vec<String> = variables.iter().map(|name| format!("${{{name}}}{}", note(name))).collect();
    format!(" through {}", names.join(", "))
}

fn expand_help(key: &str, error: &ExpandError) -> String {
    match error {
        ExpandError::Unset { variable } => {
            let mut help =
                format!("\n  set {variable}, or write `${{{variable}:-…}}` with what it is when nobody sets it");
            if key.starts_with("kafka.") || key.contains(".kafka.") || key == super::REDIS {
                help.push_str(&format!(", or `${{{variable}?}}` to leave `{key}` out then"));
            }
            help
        }
        ExpandError::Unclosed => "\n  write `$${` for a text that begins with `${` and is no variable".to_owned(),
        ExpandError::Malformed { .. } => String::new(),
    }
}

fn option_help(error: &OptionError, origin: &Origin) -> String {
    match error {
        OptionError::Unknown { name } => {
            let all = "all of them: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md";
            let meant = super::options::nearest_option(name).map(|meant| match origin {
                Origin::Variable(_) => format!("did you mean `{}`?", variable_of(&meant)),
                _ => format!("did you mean `{meant}`?"),
            });
            format!("\n  {}{all}", meant.map(|words| format!("{words}\n  ")).unwrap_or_default())
        }
        OptionError::NotCompiledIn { feature, .. } => {
            format!("\n  {}", super::feature_help(feature))
        }
        OptionError::Unit { .. } => {
            "\n  write the number alone, such as `10000` for ten seconds of a `….ms`".to_owned()
        }
        OptionError::Invalid { .. } => String::new(),
    }
}
