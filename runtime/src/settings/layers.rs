//! Which layer says what: flags over variables over the manifest's environment over the manifest.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use super::{ExpandError, REDACTED, SettingError, error::through, expand, is_secret, shown};
use crate::manifest::{Manifest, Setting};

/// Where a value came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The manifest.
    Manifest,
    /// The manifest, under `environments:` at this name.
    Environment(String),
    /// A variable of the process's environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nobody says it: karafka's own value.
    #[default]
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("karafka.yml"),
            Self::Environment(name) => write!(f, "karafka.yml (environments.{name})"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Flag(flag) => write!(f, "the flag {flag}"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A setting as it was found, for `info`. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value {
    /// Its dotted key, such as `kafka.options.security.protocol` or `groups.audit.concurrency`.
    pub key: String,
    /// Its text, variables filled in. It may be a secret: show [`Value::shown`].
    pub text: String,
    /// Which layer said it.
    pub origin: Origin,
    /// The variables that its text in the manifest names.
    pub through: Vec<String>,
    /// Those of them that are not set, so that the text has what the manifest writes in their place.
    pub by_default: Vec<String>,
}

/// What the manifest leaves out, as it writes `${NAME?}` and nobody sets that variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The setting's dotted key.
    pub key: String,
    /// Where it is written.
    pub origin: Origin,
    /// The variables for want of which it is left out.
    pub variables: Vec<String>,
}

impl LeftOut {
    /// Where it is written, in words, with the variables that are not set.
    #[must_use]
    pub fn source(&self) -> String {
        let through = through(&self.variables, |_| " (not set)");
        format!("{}{through}", self.origin)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, text: _, origin, through, by_default } = self;
        let (key, text) = (key, self.shown());
        f.debug_struct("Value")
            .field("key", key)
            .field("text", &text)
            .field("origin", origin)
            .field("through", through)
            .field("by_default", by_default)
            .finish()
    }
}

impl Value {
    /// The text as it may be shown, as [`shown`] has it.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        shown(&self.key, &self.text)
    }

    /// Where it came from, in words, with the variables that it went through.
    #[must_use]
    pub fn source(&self) -> String {
        let words = through(&self.through, |name| {
            if self.by_default.iter().any(|absent| absent == name) { " (not set: its default)" } else { "" }
        });
        format!("{}{words}", self.origin)
    }
}

/// One layer's word for a key.
struct Written<'a> {
    text: &'a str,
    origin: Origin,
}

/// All layers at once, and what was found wrong in them.
pub(super) struct Layers<'a> {
    manifest: &'a Manifest,
    environment: &'a str,
    variables: &'a BTreeMap<String, String>,
    pub(super) values: Vec<Value>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) errors: Vec<SettingError>,
}

impl<'a> Layers<'a> {
    pub(super) fn new(manifest: &'a Manifest, environment: &'a str, variables: &'a BTreeMap<String, String>) -> Self {
        Self { manifest, environment, variables, values: Vec::new(), left_out: Vec::new(), errors: Vec::new() }
    }

    /// A setting of the process: a flag, else a variable, else what the manifest says.
    pub(super) fn process(
        &mut self,
        key: &str,
        flag: Option<(&'static str, &str)>,
        variable: Option<&str>,
    ) -> Option<Value> {
        if let Some(value) = self.outside(key, flag, variable) {
            return Some(value);
        }
        let environment = self.environment_settings().iter().filter(|(name, _)| *name == key);
        let overlaid =
            environment.map(|(_, text)| Written { text, origin: Origin::Environment(self.environment.to_owned()) });
        let base = self.manifest.settings.iter().filter(|(name, _)| *name == key);
        let written: Vec<_> =
            overlaid.chain(base.map(|(_, text)| Written { text, origin: Origin::Manifest })).collect();
        self.first(key, written)
    }

    /// What a flag or a variable says of a key.
    pub(super) fn outside(
        &self,
        key: &str,
        flag: Option<(&'static str, &str)>,
        variable: Option<&str>,
    ) -> Option<Value> {
        let value =
            |text: &str, origin| Value { key: key.to_owned(), text: text.to_owned(), origin, ..Value::default() };
        if let Some((flag, text)) = flag {
            return Some(value(text, Origin::Flag(flag)));
        }
        let name = variable?;
        let text = self.variables.get(name).filter(|text| !text.is_empty())?;
        Some(value(text, Origin::Variable(name.to_owned())))
    }

    /// A setting of a group, topic or consumer, which only the manifest names.
    pub(super) fn entry(&mut self, key: &str, settings: &[Setting], name: &str) -> Option<Value> {
        let written = settings.iter().filter(|(written, _)| *written == name);
        let written = written.map(|(_, text)| Written { text, origin: Origin::Manifest }).collect();
        self.first(key, written)
    }

    /// A text that always stands in the manifest.
    pub(super) fn text(&mut self, key: &str, text: &str) -> Option<Value> {
        self.first(key, vec![Written { text, origin: Origin::Manifest }])
    }

    /// The keys under `prefix` that any layer of the manifest names, without the prefix.
    pub(super) fn names_under(&self, prefix: &str) -> Vec<&'static str> {
        let settings = self.manifest.settings.iter().chain(self.environment_settings());
        let mut names: Vec<_> = settings.filter_map(|(key, _)| key.strip_prefix(prefix)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reads a value, or the default where there is none or a wrong one; a wrong one is remembered.
    pub(super) fn read<T>(
        &mut self,
        value: Option<Value>,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
        default: T,
    ) -> T {
        self.read_optional(value, parse).unwrap_or(default)
    }

    /// Reads a value, or nothing where there is none or a wrong one; a wrong one is remembered.
    pub(super) fn read_optional<T>(
        &mut self,
        value: Option<Value>,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let value = value?;
        match parse(&value.text) {
            Ok(parsed) => {
                self.values.push(value);
                Some(parsed)
            }
            Err(expected) => {
                self.errors.push(SettingError::Wrong {
                    value: shown(&value.key, &value.text).into_owned(),
                    key: value.key,
                    origin: value.origin,
                    through: value.through,
                    expected: expected.to_owned(),
                });
                None
            }
        }
    }

    /// Remembers what holds where nobody says anything.
    pub(super) fn note_default(&mut self, key: &str, text: &str) {
        if !self.values.iter().any(|value| value.key == key) {
            self.values.push(Value { key: key.to_owned(), text: text.to_owned(), ..Value::default() });
        }
    }

    fn environment_settings(&self) -> &'static [Setting] {
        let found = self.manifest.environments.iter().find(|(name, _)| *name == self.environment);
        found.map_or(&[], |(_, settings)| settings)
    }

    /// The first that is not left out. What a higher layer hides is not read, so that its variables need not be set.
    fn first(&mut self, key: &str, written: Vec<Written<'_>>) -> Option<Value> {
        for Written { text, origin } in written {
            match expand::expand(text, self.variables) {
                Ok(expanded) => {
                    let (key, absent) = (key.to_owned(), expanded.absent);
                    let Some(text) = expanded.text else {
                        let left_out = LeftOut { key, origin, variables: absent };
                        if !self.left_out.contains(&left_out) {
                            self.left_out.push(left_out);
                        }
                        continue;
                    };
                    return Some(Value { key, text, origin, through: expanded.variables, by_default: absent });
                }
                Err(error) => {
                    let error = match error {
                        // What is inside may be, or have as its default, what nobody may see.
                        ExpandError::Malformed { inside } if is_secret(key) || shown(key, &inside) != inside => {
                            ExpandError::Malformed { inside: REDACTED.to_owned() }
                        }
                        error => error,
                    };
                    self.errors.push(SettingError::Expand { key: key.to_owned(), origin, error });
                    return None;
                }
            }
        }
        None
    }
}
