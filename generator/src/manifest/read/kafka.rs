//! `kafka:`: brokers, and properties of librdkafka.

use super::{
    super::{
        keys::{Key, Section},
        options,
        types::{Kafka, Text},
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
        if let Some(instead) = options::refused(&name.value, &text.value) {
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
        self.variables(&text, node).map(|_| text)
    }
}
