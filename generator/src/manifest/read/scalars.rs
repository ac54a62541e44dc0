//! Values that are one text, checked by what their key takes.

use std::ops::RangeInclusive;

use karafka::settings::redacted_url;

use super::{
    super::{
        keys::{Key, Takes, Word, nearest},
        types::Text,
        values::{self, BackoffError, Variables},
        yaml::{Entry, Node, Scalar, Value},
    },
    Reader, kind_of, list,
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::Span,
};

impl Reader<'_> {
    /// The text of a key whose value is one, if it is what the key takes.
    pub(super) fn value(&mut self, key: &'static Key, entry: &Entry) -> Option<Text> {
        let text = match &entry.value.value {
            Value::Sequence { items, .. } if key.takes == Takes::Brokers => {
                self.joined(key, items, entry.value.span)?
            }
            _ => self.scalar(key, &entry.value)?,
        };
        let fits = match &key.takes {
            Takes::Name | Takes::Field => self.is_literal(key, &text, &entry.value) && self.check_ascii(&text),
            Takes::Constant(words) => {
                self.is_literal(key, &text, &entry.value)
                    && self.check_ascii(&text)
                    && self.is_constant(key, words, &text)
            }
            Takes::Choice(words) => self.is_literal(key, &text, &entry.value) && self.is_one_of(key, words, &text),
            Takes::TopicName => match self.known(key, &text, &entry.value)? {
                Some(known) => self.is_topic_name(&known),
                None => self.is_topic_part(&text),
            },
            Takes::DeadLetter => self.is_dead_letter(key, &text, &entry.value),
            Takes::Brokers
            | Takes::Id
            | Takes::Number(_)
            | Takes::Duration
            | Takes::DurationWithin(_)
            | Takes::Start
            | Takes::Backoff
            | Takes::Size
            | Takes::File => match self.known(key, &text, &entry.value)? {
                Some(known) => self.is_setting(key, &known),
                None => true,
            },
            Takes::RedisUrl => {
                let known = self.known(key, &text, &entry.value)?.is_some_and(|known| known == text);
                self.is_redis_url(key, &text, known)
            }
            Takes::Queue => self.is_literal(key, &text, &entry.value) && self.is_queue(key, &text),
            Takes::Topics
            | Takes::Options
            | Takes::Keys(_)
            | Takes::Named(_)
            | Takes::List(_)
            | Takes::Fields
            | Takes::Variants
            | Takes::Later => false,
        };
        fits.then_some(text)
    }

    /// As [`Reader::value`], and what stands there where that is refused, so that nobody is said to have none. What is
    /// said of it later, at the same place, is dropped.
    pub(super) fn value_as_written(&mut self, key: &'static Key, entry: &Entry) -> Text {
        self.value(key, entry).unwrap_or_else(|| as_written(&entry.value))
    }

    /// Whether a text without variables is what its key takes.
    fn is_setting(&mut self, key: &'static Key, text: &Text) -> bool {
        match &key.takes {
            Takes::Brokers => self.are_brokers(key, text),
            Takes::Id => self.is_id(text),
            Takes::Number(range) => self.is_number(key, range, text),
            Takes::Duration => self.is_duration(key, text),
            Takes::DurationWithin(range) => self.is_duration(key, text) && self.is_within(key, range, text),
            Takes::Start => self.is_start(key, text),
            Takes::Backoff => self.is_backoff(key, text),
            Takes::Size => self.is_size(key, text),
            Takes::File => self.is_file(key, text),
            _ => false,
        }
    }

    /// A setting as far as it is known before the app starts: without variables, or as its defaults make it. Nothing
    /// within, if a variable decides; nothing at all, if the text is refused.
    fn known(&mut self, key: &Key, text: &Text, node: &Node) -> Option<Option<Text>> {
        // An address of Redis may have any character in its password.
        let is_part = |part: Span| key.takes != Takes::RedisUrl || part == Span::new(0, text.value.len());
        if let Some(part) = values::bare_variable(&text.value).filter(|part| is_part(*part)) {
            self.bare_variable(text, node, part);
            return None;
        }
        if !self.variables(text, node)? {
            return Some(Some(text.clone()));
        }
        let Some(known) = values::with_defaults(&text.value) else { return Some(None) };
        if !known.is_empty() {
            return Some(Some(Text::new(known, text.span)));
        }
        let message = format!("`{}` is empty where the variable is not set", key.name);
        let help = match values::first_variable(&text.value) {
            Some(name) if key.takes == Takes::TopicName => {
                format!("a topic needs a name: write `${{{name}}}`, or a default, `${{{name}:-{}}}`", self.example(key))
            }
            Some(name) => format!(
                "write `${{{name}?}}` to leave `{}` out then, or a default: `${{{name}:-{}}}`",
                key.name,
                self.example(key)
            ),
            None => format!("write `{}: {}`, or take it out", key.name, key.example),
        };
        self.report(Diagnostic::error(codes::EMPTY_VALUE, text.span, message).help(help));
        None
    }

    /// An example of a key's value that can be a default within `${…}`.
    fn example(&self, key: &Key) -> &'static str {
        if key.example.contains("${") { "…" } else { key.example }
    }

    /// A variable as a shell reads it.
    pub(super) fn bare_variable(&mut self, text: &Text, node: &Node, part: Span) {
        let (before, variable) = (&text.value[..part.start], &text.value[part.start..part.end]);
        let (name, after) = (&variable[1..], &text.value[part.end..]);
        let written = format!("{before}${{{name}}}{after}");
        let place = self.part(text, node, part);
        let message = format!("`{variable}` is not a variable without braces");
        let diagnostic = Diagnostic::error(codes::INVALID_VARIABLE, place, message);
        let diagnostic = diagnostic.help(format!("write `${{{name}}}`"));
        // Braces need quotes within others, and do no harm elsewhere.
        self.report(match written.contains(['"', '\\', '\n']) {
            true => diagnostic,
            false => diagnostic.suggest(node.span, format!("\"{written}\"")),
        });
    }

    /// An entry of a list of texts; anything else is reported.
    pub(super) fn entry_of(&mut self, key: &Key, item: &Node) -> Option<Text> {
        if !matches!(item.value, Value::Scalar(_)) {
            let message = format!("an entry of `{}` is a text, not {}", key.name, kind_of(item));
            self.wrong_kind_in_words(key, item, message);
            return None;
        }
        self.scalar(key, item)
    }

    /// A text that is not empty; anything else is reported.
    pub(super) fn scalar(&mut self, key: &Key, node: &Node) -> Option<Text> {
        let Value::Scalar(Scalar { text, .. }) = &node.value else {
            self.wrong_kind(key, node);
            return None;
        };
        if node.is_null() || text.is_empty() {
            let what = if node.is_null() { "has no value" } else { "is empty" };
            self.report(
                Diagnostic::error(codes::EMPTY_VALUE, node.span, format!("`{}` {what}", key.name))
                    .help(format!("write `{}: {}`, or take it out", key.name, key.example)),
            );
            return None;
        }
        Some(Text::new(text.clone(), node.span))
    }

    fn joined(&mut self, key: &Key, items: &[Node], span: Span) -> Option<Text> {
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            texts.push(self.entry_of(key, item)?.value);
        }
        if texts.is_empty() {
            self.report(Diagnostic::error(codes::EMPTY_VALUE, span, format!("`{}` is an empty list", key.name)));
            return None;
        }
        Some(Text::new(texts.join(","), span))
    }

    /// Whether a text of a setting holds `${…}`; nothing if one of them is malformed, which is reported.
    pub(super) fn variables(&mut self, text: &Text, node: &Node) -> Option<bool> {
        match values::variables(&text.value) {
            Variables::None => Some(false),
            Variables::Some => Some(true),
            Variables::Malformed(part) => {
                let span = self.part(text, node, part);
                let written = &text.value[part.start..part.end];
                self.report(
                    Diagnostic::error(codes::INVALID_VARIABLE, span, format!("{} is not a variable", quote(written)))
                        .help("write `${NAME}`, `${NAME:-default}`, or `${NAME?}` for a setting that is left out when the variable is not set"),
                );
                None
            }
        }
    }

    /// Whether a text is free of `${…}`, where it has to be.
    pub(super) fn is_literal(&mut self, key: &Key, text: &Text, node: &Node) -> bool {
        let part = match text.value.find("${") {
            None => return true,
            Some(start) => {
                let end = text.value[start..].find('}').map_or(text.value.len(), |end| start + end + 1);
                Span::new(start, end)
            }
        };
        let span = self.part(text, node, part);
        let help = match key.name {
            "message" | "controller" | "worker" | "parser" | "interchanger" | "emits" | "key" => {
                "write a plain name: routes and types are the same in every environment"
            }
            "app" => "write a plain name: it becomes the package's",
            _ => "write a plain word",
        };
        self.report(
            Diagnostic::error(
                codes::VARIABLE_NOT_ALLOWED,
                span,
                format!("`{}` is read when the app is generated, and `${{…}}` when it starts", key.name),
            )
            .help(help),
        );
        false
    }

    fn is_constant(&mut self, key: &Key, words: &[&str], text: &Text) -> bool {
        // Only small words are ours to know; the rest is for those who know names.
        let small = text.value.starts_with(|c: char| c.is_ascii_lowercase());
        if words.is_empty() || !small || words.contains(&text.value.as_str()) {
            return true;
        }
        let message = format!("{} is no {} that comes with the runtime", quote(&text.value), key.name);
        let diagnostic = Diagnostic::error(codes::UNKNOWN_VALUE, text.span, message);
        self.report(match nearest(&text.value, words.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(text.span, near),
            None => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                diagnostic.help(format!(
                    "it is one of {}, or a constant of your own such as `Videos::Mine`",
                    list(&words, "and")
                ))
            }
        });
        false
    }

    fn is_one_of(&mut self, key: &Key, words: &[Word], text: &Text) -> bool {
        if let Some(word) = words.iter().find(|word| word.text == text.value) {
            if let Some(instead) = word.not_yet {
                self.not_supported(&format!("{}: {}", key.name, word.text), text.span, instead);
            }
            return word.not_yet.is_none();
        }
        let message = format!("{} is not a value of `{}`", quote(&text.value), key.name);
        let diagnostic = Diagnostic::error(codes::UNKNOWN_VALUE, text.span, message);
        let ready = || words.iter().filter(|word| word.not_yet.is_none()).map(|word| word.text);
        self.report(match nearest(&text.value, ready()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(text.span, near),
            None => {
                let words: Vec<_> = ready().map(|word| format!("`{word}`")).collect();
                diagnostic.help(format!("it takes {}", list(&words, "or")))
            }
        });
        false
    }

    fn is_number(&mut self, key: &Key, range: &RangeInclusive<u64>, text: &Text) -> bool {
        if values::number(&text.value).is_some_and(|number| range.contains(&number)) {
            return true;
        }
        let message = format!("{} is not a whole number from {} to {}", quote(&text.value), range.start(), range.end());
        self.invalid(codes::INVALID_NUMBER, key, text, message);
        false
    }

    fn is_duration(&mut self, key: &Key, text: &Text) -> bool {
        let shown = quote(&text.value);
        let message = match values::duration(&text.value) {
            Some(0) => format!("{shown} is no time at all"),
            Some(_) => return true,
            None => format!("{shown} is not a duration up to a day"),
        };
        self.report(
            Diagnostic::error(codes::INVALID_DURATION, text.span, message)
                .help(format!("write `{}: {}`; units are `ms`, `s`, `m` and `h`", key.name, key.example)),
        );
        false
    }

    fn is_within(&mut self, key: &Key, range: &RangeInclusive<u64>, text: &Text) -> bool {
        if values::duration(&text.value).is_some_and(|milliseconds| range.contains(&milliseconds)) {
            return true;
        }
        let (least, most) = (values::shown(*range.start()), values::shown(*range.end()));
        let message = format!("{} is not a duration from {least} to {most}", quote(&text.value));
        self.invalid(codes::INVALID_DURATION, key, text, message);
        false
    }

    fn is_start(&mut self, key: &Key, text: &Text) -> bool {
        let Err(expected) = karafka::settings::parse::start(&text.value) else { return true };
        let message = format!("{} is not a value of `{}`", quote(&text.value), key.name);
        let diagnostic = Diagnostic::error(codes::UNKNOWN_VALUE, text.span, message);
        self.report(match nearest(&text.value, ["earliest", "latest"]) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).suggest(text.span, near),
            None => diagnostic.help(format!("it takes {expected}")),
        });
        false
    }

    fn is_backoff(&mut self, key: &Key, text: &Text) -> bool {
        let Err(error) = values::backoff(&text.value) else {
            return true;
        };
        let shown = quote(&text.value);
        let diagnostic = |message: String| Diagnostic::error(codes::INVALID_DURATION, text.span, message);
        self.report(match error {
            BackoffError::NotDurations => diagnostic(format!("{shown} is not a range of durations up to a day"))
                .help(format!("write `{}: {}`; units are `ms`, `s`, `m` and `h`", key.name, key.example)),
            BackoffError::Backwards => {
                let turned = text.value.split_once("..").map(|(first, longest)| format!("{longest}..{first}"));
                let turned = turned.unwrap_or_else(|| key.example.to_owned());
                diagnostic(format!("{shown} begins with the longer wait"))
                    .help(format!("write `{turned}`"))
                    .suggest(text.span, turned)
            }
            BackoffError::Zero => diagnostic(format!("{shown} begins with no wait at all"))
                .help("a failing record would be tried again at full speed: write `100ms` or more"),
        });
        false
    }

    fn is_size(&mut self, key: &Key, text: &Text) -> bool {
        if values::size(&text.value).is_some_and(|bytes| bytes > 0) {
            return true;
        }
        let diagnostic = Diagnostic::error(
            codes::INVALID_SIZE,
            text.span,
            format!("{} is not a size from 1MiB to 1024GiB", quote(&text.value)),
        );
        self.report(match values::likely_size(&text.value) {
            Some(likely) if likely != text.value => {
                diagnostic.help(format!("did you mean `{likely}`?")).suggest(text.span, likely)
            }
            _ => diagnostic.help(format!("write `{}: {}`; units are `KiB`, `MiB` and `GiB`", key.name, key.example)),
        });
        false
    }

    fn are_brokers(&mut self, key: &Key, text: &Text) -> bool {
        let Some(broken) = values::broken_broker(&text.value) else {
            self.warn_of_port(text);
            return true;
        };
        // A password may hold a comma, and then what is broken is a piece of it.
        let broken = if text.value.contains('@') && !broken.contains('@') { &*text.value } else { broken };
        let help = match broken.contains('@') {
            true => "write `host:port`, and the user as `sasl.username` under `kafka.options`, with `sasl.password: ${KAFKA_PASSWORD}`".to_owned(),
            false => format!("write `{}: {}`, or several with commas between them", key.name, key.example),
        };
        let shown = quote(&redacted_url(broken));
        let message = format!("{shown} is not the address of a broker");
        self.report(Diagnostic::error(codes::INVALID_BROKER, text.span, message).help(help));
        false
    }

    fn warn_of_port(&mut self, text: &Text) {
        let Some(broker) = values::broker_without_port(&text.value) else { return };
        let message = format!("{} has no port, and 9092 is taken", quote(broker));
        self.report(
            Diagnostic::warning(codes::MISSING_PORT, text.span, message).help(format!("write `{broker}:9092`")),
        );
    }

    fn is_id(&mut self, text: &Text) -> bool {
        if !self.check_ascii(text) {
            return false;
        }
        let Some(reason) = values::id_error(&text.value) else {
            return true;
        };
        self.report(
            Diagnostic::error(codes::INVALID_NAME, text.span, format!("{} {reason}", quote(&text.value)))
                .help("write at most 255 characters, without blanks around them"),
        );
        false
    }

    /// Whether Kafka takes a literal text for a topic.
    pub(super) fn is_topic_name(&mut self, text: &Text) -> bool {
        if !self.check_ascii(text) {
            return false;
        }
        let Some(reason) = values::topic_name_error(&text.value) else {
            return true;
        };
        self.report(
            Diagnostic::error(
                codes::INVALID_TOPIC_NAME,
                text.span,
                format!("{} {reason}: Kafka does not take it as a topic's name", quote(&text.value)),
            )
            .help("a name has at most 249 of `A-Z a-z 0-9 . _ -`, and is not `.` or `..`"),
        );
        false
    }

    /// Whether the literal part of a topic's name with `${…}` can be one; what the variables hold is known at the start.
    fn is_topic_part(&mut self, text: &Text) -> bool {
        let literal = Text::new(values::without_variables(&text.value), text.span);
        matches!(literal.value.as_str(), "" | "." | "..") || self.is_topic_name(&literal)
    }

    /// A name in Kafka in which `{topic}` may stand for the source's; the whole of it is known when that is filled in.
    fn is_dead_letter(&mut self, key: &Key, text: &Text, node: &Node) -> bool {
        let Some(known) = self.known(key, text, node) else { return false };
        let variable = known.is_none_or(|known| known != *text);
        let literal = Text::new(values::without_variables(&text.value).replace("{topic}", ""), text.span);
        if literal.value.contains(['{', '}']) {
            let message = format!("{} holds a brace that stands for nothing", quote(&text.value));
            self.report(
                Diagnostic::error(codes::INVALID_TOPIC_NAME, text.span, message)
                    .help("only `{topic}` is filled in, with the topic's name in Kafka: write `\"{topic}.dead\"`"),
            );
            return false;
        }
        let part = variable || literal.value.len() < text.value.len();
        part && matches!(literal.value.as_str(), "" | "." | "..") || self.is_topic_name(&literal)
    }

    fn invalid(&mut self, code: &'static str, key: &Key, text: &Text, message: String) {
        self.report(Diagnostic::error(code, text.span, message).help(format!("write `{}: {}`", key.name, key.example)));
    }

    /// The place of a part of a text, or of the whole text if YAML wrote it differently.
    pub(super) fn part(&self, text: &Text, node: &Node, part: Span) -> Span {
        match self.beginning(&text.value, node) {
            Some(start) => Span::new(start + part.start, start + part.end),
            None => node.span,
        }
    }

    /// Where the text of a scalar begins, unless YAML wrote it differently: in several lines, or with escapes.
    pub(super) fn beginning(&self, text: &str, node: &Node) -> Option<usize> {
        let written = &self.source.text[node.span.start..node.span.end];
        written.find(text).map(|offset| node.span.start + offset)
    }
}

/// What stands there, right or wrong; nothing where that is no text.
pub(super) fn as_written(node: &Node) -> Text {
    match &node.value {
        Value::Scalar(scalar) => Text::new(scalar.text.clone(), node.span),
        _ => Text::new(String::new(), node.span),
    }
}
