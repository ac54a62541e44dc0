//! Properties of librdkafka as the layers write them, each under one spelling.

use std::collections::BTreeMap;

use super::{
    Layers, OPTIONS, Origin, SettingError, Value,
    options::{refused, refused_of_some},
    properties::{Properties, one_spelling},
};
use crate::manifest::Setting;

/// Where a group's own properties stand, behind `groups.NAME.`.
pub(super) const OF_GROUP: &str = "kafka.";

/// The variable that says a property.
pub(super) fn variable_of(name: &str) -> String {
    format!("{FROM_VARIABLE}{}", name.to_uppercase().replace('.', "_"))
}

/// What a variable begins with that says a property.
const FROM_VARIABLE: &str = "KARAFKA_OPTIONS_";

/// The properties that the environment says, as in `KARAFKA_OPTIONS_SECURITY_PROTOCOL`. They hold for every client, and win
/// over whatever the manifest says of the same property.
pub(super) struct FromVariables {
    /// Name and variable, by [`one_spelling`].
    names: BTreeMap<String, (String, String)>,
}

impl FromVariables {
    pub(super) fn of(variables: &BTreeMap<String, String>) -> Self {
        let mut names = BTreeMap::new();
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix(FROM_VARIABLE).filter(|_| !text.is_empty()) else { continue };
            let name = name.to_ascii_lowercase().replace('_', ".");
            names.insert(one_spelling(&name).to_owned(), (name, variable.clone()));
        }
        Self { names }
    }

    fn say(&self, name: &str) -> bool {
        self.names.contains_key(one_spelling(name))
    }

    /// What every client has: `kafka.options`, and what variables say.
    pub(super) fn and_options(&self, layers: &mut Layers<'_>, prefix: &str) -> Properties {
        let mut found = Found::default();
        for (name, variable) in self.names.values() {
            let key = format!("{prefix}{name}");
            let value = layers.process(&key, None, Some(variable));
            found.add(layers, name, value);
        }
        self.under(layers, prefix, found)
    }

    /// What the manifest says of one kind of client, where no variable does: `kafka.consumer` or `kafka.producer`.
    pub(super) fn or_section(&self, layers: &mut Layers<'_>, prefix: &str) -> Properties {
        self.under(layers, prefix, Found::default())
    }

    /// What the manifest says of one group's client, where no variable does.
    pub(super) fn or_group(&self, layers: &mut Layers<'_>, group: &str, settings: &[Setting]) -> Properties {
        let mut found = Found::default();
        for (written, _) in settings {
            let Some(name) = written.strip_prefix(OF_GROUP).filter(|name| !self.say(name)) else { continue };
            let value = layers.entry(&format!("groups.{group}.{written}"), settings, written);
            found.add(layers, name, value);
        }
        found.finish(layers)
    }

    fn under(&self, layers: &mut Layers<'_>, prefix: &str, mut found: Found) -> Properties {
        for name in layers.names_under(prefix).into_iter().filter(|name| !self.say(name)) {
            let value = layers.process(&format!("{prefix}{name}"), None, None);
            found.add(layers, name, value);
        }
        found.finish(layers)
    }
}

/// Values by [`one_spelling`].
#[derive(Default)]
struct Found(BTreeMap<String, Value>);

impl Found {
    /// Takes a value, unless it is refused, or the same property stands in a layer above under its other name.
    fn add(&mut self, layers: &mut Layers<'_>, name: &str, value: Option<Value>) {
        let rank = |value: &Value| match value.origin {
            Origin::Default | Origin::Manifest => 0,
            Origin::Environment(_) => 1,
            Origin::Variable(_) | Origin::Flag(_) => 2,
        };
        let Some(value) = value else { return };
        let [of_all, ..] = OPTIONS;
        let refused = if value.key.starts_with(of_all) { refused } else { refused_of_some };
        if let Some(instead) = refused(name, &value.text) {
            layers.errors.push(SettingError::Refused { key: value.key, origin: value.origin, instead });
            return;
        }
        let spelling = one_spelling(name);
        if self.0.get(spelling).is_none_or(|above| rank(above) <= rank(&value)) {
            self.0.insert(spelling.to_owned(), value);
        }
    }

    fn finish(self, layers: &mut Layers<'_>) -> Properties {
        let properties = self.0.iter().map(|(spelling, value)| (spelling.clone(), value.text.clone())).collect();
        layers.values.extend(self.0.into_values());
        Properties(properties)
    }
}
