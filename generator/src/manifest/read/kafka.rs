//! `kafka:`: brokers, and properties of librdkafka.

use karafka::settings::{OptionError, check_option, knows_option, option_names, refused};

use super::{
    super::{
        keys::{Key, Section, nearest},
        types::{Kafka, Text},
        values,
        yaml::{Entry, Node, Scalar, Value},
    },
    Reader, text_of,
};
use crate::diagnostic::{Diagnostic, codes, quote};

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
                "options" => kafka.options = self.options(key, entry),
                "consumer" => kafka.consumer = self.options(key, entry),
                "producer" => kafka.producer = self.options(key, entry),
                _ => {}
            }
        }
        kafka
    }

    fn options(&mut self, key: &'static Key, entry: &Entry) -> Vec<(Text, Text)> {
        let mut options = Vec::new();
        for entry in self.named(key, entry) {
            let name = text_of(entry);
            if let Some(value) = self.option(&name, &entry.value) {
                options.push((name, value));
            }
        }
        options
    }

    fn option(&mut self, name: &Text, node: &Node) -> Option<Text> {
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
        let has_variables = self.variables(&text, node)?;
        let verdict = if has_variables {
            // What it will hold is not known before the app starts.
            knows_option(&name.value).then_some(()).ok_or(OptionError::Unknown { name: name.value.clone() })
        } else {
            check_option(&name.value, &values::without_variables(&text.value))
        };
        match verdict {
            // What this command was built without, the app may have been built with: see `missing_features`.
            Ok(()) | Err(OptionError::NotCompiledIn { .. }) => Some(text),
            Err(OptionError::Unknown { .. }) => {
                self.unknown_option(name);
                None
            }
            Err(OptionError::Invalid { reason, .. }) => {
                let message = format!("{} does not take {}", quote(&name.value), quote(&text.value));
                let diagnostic = Diagnostic::error(codes::INVALID_OPTION, text.span, message);
                self.report(diagnostic.help(format!("librdkafka says: {reason}")));
                None
            }
        }
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
