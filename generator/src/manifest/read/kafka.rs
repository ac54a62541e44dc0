//! `kafka:`: brokers, and properties of librdkafka.

use karafka::settings::{
    OptionError, Side, check_option, is_secret, knows_option, one_spelling, option_names, refused, refused_of_some,
    shown, side,
};

use super::{
    super::{
        keys::{Key, Section, nearest},
        option_values,
        types::{Kafka, Text},
        values,
        yaml::{Entry, Node, Scalar, Value},
    },
    Reader, list, text_of,
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::Span,
};

impl Reader<'_> {
    pub(super) fn kafka(&mut self, key: &'static Key, entry: &Entry) -> Kafka {
        let mut kafka = Kafka::default();
        if !entry.value.is_null() && entry.value.entries().is_none() {
            self.wrong_kind(key, &entry.value);
            return kafka;
        }
        for (key, entry) in self.keys(Section::Kafka, &entry.value) {
            match key.name {
                "brokers" => kafka.brokers = self.value(key, entry),
                "options" => kafka.options = self.options(key, entry, Side::Both),
                "consumer" => kafka.consumer = self.options(key, entry, Side::Consumer),
                "producer" => kafka.producer = self.options(key, entry, Side::Producer),
                _ => {}
            }
        }
        kafka
    }

    /// Properties for clients of one side, or of both.
    pub(super) fn options(&mut self, key: &'static Key, entry: &Entry, wanted: Side) -> Vec<(Text, Text)> {
        let mut options: Vec<(Text, Text)> = Vec::new();
        let mut secret: Option<&Entry> = None;
        for entry in self.named(key, entry) {
            let name = text_of(entry);
            if let Some(before) = secret
                && entry.value.is_null()
                && !knows_option(&name.value)
            {
                // Its name is the rest of a password, and must not be repeated.
                let place = Span::new(before.value.span.start, name.span.end);
                self.diagnostics.retain(|known| known.code != codes::LITERAL_SECRET || known.span != before.value.span);
                let message = format!("the value of {} ends at its comma", quote(&before.key.value.text));
                self.report(
                    Diagnostic::error(codes::NEEDS_QUOTES, place, message).help("put the whole value in quotes"),
                );
                self.has_refused_options = true;
                continue;
            }
            if let Some((first, _)) = name.value.split_once(char::is_whitespace)
                && is_secret(first)
            {
                // What stands behind it is the secret, and must not be repeated.
                let message = format!("{} has no colon behind it", quote(first));
                let help = format!("write {}", quote(&format!("{first}: …")));
                self.report(Diagnostic::error(codes::EMPTY_VALUE, entry.value.span, message).help(help));
                self.has_refused_options = true;
                continue;
            }
            secret = is_secret(&name.value).then_some(entry);
            let Some(value) = self.option(wanted, &name, &entry.value) else {
                self.has_refused_options = true;
                continue;
            };
            if !self.is_of(wanted, &name) || self.is_another_name(&options, &name) {
                continue;
            }
            options.push((name, value));
        }
        options
    }

    /// Whether the clients that stand here have the property; if not, that is reported.
    fn is_of(&mut self, wanted: Side, name: &Text) -> bool {
        let (whose, place, instead) = match (wanted, side(&name.value)) {
            (Side::Consumer, Some(Side::Producer)) => (
                "producers",
                "consumers",
                "write it under `kafka.producer`: the app has one producer, whatever its groups",
            ),
            (Side::Producer, Some(Side::Consumer)) => {
                ("consumers", "producers", "write it under `kafka.consumer`, or under `kafka` of a group")
            }
            _ => return true,
        };
        let message = format!("{} is a property of {whose}, and {place} ignore it", quote(&name.value));
        self.report(Diagnostic::error(codes::MISPLACED_OPTION, name.span, message).help(instead));
        false
    }

    /// Whether a property stands there already under its other name, which is reported.
    fn is_another_name(&mut self, options: &[(Text, Text)], name: &Text) -> bool {
        let is_same = |(other, _): &&(Text, Text)| {
            other.value != name.value && one_spelling(&other.value) == one_spelling(&name.value)
        };
        let Some((first, _)) = options.iter().find(is_same) else { return false };
        let message = format!("{} and {} are one property", quote(&first.value), quote(&name.value));
        self.report(
            Diagnostic::error(codes::DUPLICATE_KEY, name.span, message)
                .related(first.span, "first here")
                .help("take one of them out"),
        );
        true
    }

    fn option(&mut self, wanted: Side, name: &Text, node: &Node) -> Option<Text> {
        let text = match &node.value {
            Value::Scalar(Scalar { text, .. }) if !node.is_null() => Text::new(text.clone(), node.span),
            Value::Scalar(_) => {
                self.report(
                    Diagnostic::error(codes::EMPTY_VALUE, node.span, format!("{} has no value", quote(&name.value)))
                        .help("write `\"\"` for an empty text, or take it out"),
                );
                return None;
            }
            Value::Mapping { entries, .. } => {
                let inner = entries.first().map_or("…", |entry| entry.key.value.text.as_str());
                self.report(
                    Diagnostic::error(
                        codes::WRONG_KIND,
                        name.span,
                        format!("{} takes a text, not keys and values", quote(&name.value)),
                    )
                    .help(format!("properties are written with dots: {}", quote(&format!("{}.{inner}", name.value)))),
                );
                return None;
            }
            Value::Sequence { .. } => {
                self.report(
                    Diagnostic::error(
                        codes::WRONG_KIND,
                        name.span,
                        format!("{} takes a text, not a list", quote(&name.value)),
                    )
                    .help("write the values as one text, with commas between them"),
                );
                return None;
            }
        };
        if !self.check_ascii(name) {
            return None;
        }
        let refused = if wanted == Side::Both { refused } else { refused_of_some };
        if let Some(instead) = refused(&name.value, &text.value) {
            self.report(
                Diagnostic::error(
                    codes::ENGINE_OPTION,
                    name.span,
                    format!("{} belongs to the engine", quote(&name.value)),
                )
                .help(instead),
            );
            return None;
        }
        // Elsewhere in a property a `$` may be what it is.
        let is_shells =
            |part: &Span| *part == Span::new(0, text.value.len()) && text.value == text.value.to_uppercase();
        // Of a secret it is not shown, and the warning below says what to write.
        let bare = values::bare_variable(&text.value).filter(|part| is_shells(part) && !is_secret(&name.value));
        if let Some(part) = bare {
            self.bare_variable(&text, node, part);
            return None;
        }
        let has_variables = self.variables(&text, node)?;
        let known = match has_variables {
            false => Some(values::without_variables(&text.value)),
            true => values::with_defaults(&text.value),
        };
        let verdict = match &known {
            Some(known) => check_option(&name.value, known),
            // What it will hold is not known before the app starts.
            None => knows_option(&name.value).then_some(()).ok_or(OptionError::Unknown { name: name.value.clone() }),
        };
        let known = known.unwrap_or_default();
        let which = if has_variables { "the default " } else { "" };
        match verdict {
            // What this command was built without, the app may have been built with: see `missing_features`.
            Ok(()) | Err(OptionError::NotCompiledIn { .. }) => {
                if is_secret(&name.value) && values::is_literal(&text.value) {
                    self.literal_secret(&name.value, &text);
                }
                Some(text)
            }
            Err(OptionError::Unknown { .. }) => {
                self.unknown_option(name);
                None
            }
            Err(OptionError::Unit { .. }) => {
                let (name, value) = (quote(&name.value), quote(&known));
                let message = format!("{name} is a number without a unit, and {which}{value} has one");
                let help =
                    "librdkafka would ignore what stands behind the number: write `10000` for ten seconds of a `….ms`";
                self.report(Diagnostic::error(codes::INVALID_OPTION, text.span, message).help(help));
                None
            }
            Err(OptionError::Invalid { .. }) if has_variables && known.is_empty() => {
                let message = format!("{} is empty where the variable is not set", quote(&name.value));
                let diagnostic = Diagnostic::error(codes::INVALID_OPTION, text.span, message);
                let variable = values::first_variable(&text.value).unwrap_or("NAME");
                let help = format!("write `${{{variable}?}}` to leave it out then, or a default: `${{{variable}:-…}}`");
                self.report(diagnostic.help(help));
                None
            }
            Err(error) => {
                if let Some(diagnostic) = self.other_value(name, &text, &known, which) {
                    self.report(diagnostic);
                    return None;
                }
                let reason = if let OptionError::Invalid { reason, .. } = error { reason } else { error.to_string() };
                let value = shown(&name.value, &known);
                let message = format!("{} does not take {which}{}", quote(&name.value), quote(&value));
                let diagnostic = Diagnostic::error(codes::INVALID_OPTION, text.span, message);
                self.report(diagnostic.help(format!("librdkafka says: {reason}")));
                None
            }
        }
    }

    /// A secret that goes into the app's program, and whoever has that has it, too.
    fn literal_secret(&mut self, name: &str, text: &Text) {
        let variable = match name {
            "sasl.password" => "KAFKA_PASSWORD".to_owned(),
            _ => format!("KAFKA_{}", name.to_ascii_uppercase().replace(['.', '-'], "_")),
        };
        let message = format!("{} is written out here, and is compiled into the app", quote(name));
        self.report(
            Diagnostic::warning(codes::LITERAL_SECRET, text.span, message)
                .help(format!("write `\"${{{variable}}}\"`, and set that variable where the app runs"))
                .suggest(text.span, format!("\"${{{variable}}}\"")),
        );
    }

    /// What is said of a value that is none of the few that its property takes; nothing of a property that takes others.
    fn other_value(&self, name: &Text, text: &Text, known: &str, which: &str) -> Option<Diagnostic> {
        // One of them that is refused all the same is refused for another reason.
        let values = option_values::of(&name.value).filter(|values| !values.contains(&known))?;
        let message = format!("{} does not take {which}{}", quote(&name.value), quote(known));
        let diagnostic = Diagnostic::error(codes::INVALID_OPTION, text.span, message);
        let near = option_values::meant(known, values);
        // Only of what stands there as it is can the whole be replaced.
        let is_plain = self.source.text.get(text.span.start..text.span.end) == Some(known);
        Some(match near {
            Some(near) if is_plain => diagnostic.help(format!("did you mean `{near}`?")).suggest(text.span, near),
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => {
                let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                diagnostic.help(format!("it takes {}", list(&values, "or")))
            }
        })
    }

    fn unknown_option(&mut self, name: &Text) {
        let message = format!("{} is not a property of librdkafka", quote(&name.value));
        let diagnostic = Diagnostic::error(codes::UNKNOWN_OPTION, name.span, message);
        let names = option_names();
        self.report(match nearest(&name.value, names.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(name.span, near),
            None => {
                diagnostic.help("all of them: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md")
            }
        });
    }
}
