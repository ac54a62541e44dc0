//! From text to the manifest: every mistake at once, in file order.

mod jobs;
mod kafka;
mod messages;
mod scalars;
mod topics;
mod unknown_key;

use karafka::settings::Side;

use super::{
    keys::{Key, Section, Takes},
    types::{Environment, Group, Manifest, Text},
    values::{self, Variables},
    yaml::{self, Entry, Node, Value},
};
use crate::{
    diagnostic::{Diagnostic, codes, quote},
    source::{Source, Span},
};

/// Reads a manifest.
///
/// No manifest only if the text as a whole cannot be read. What is wrong is left out of it, except names that others
/// refer to, so that one mistake is one diagnostic.
#[must_use]
pub fn read(source: &Source) -> (Option<Manifest>, Vec<Diagnostic>) {
    let (root, diagnostics) = yaml::parse(source);
    let mut reader = Reader { source, diagnostics, app: None, has_refused_options: false, misspelt: Vec::new() };
    let manifest = root.and_then(|root| reader.manifest(&root));
    (manifest, in_file_order(reader.diagnostics))
}

/// Sorts by place; a mistake in something that an alias repeats counts once.
fn in_file_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    diagnostics.dedup();
    diagnostics
}

/// Collects what is wrong while the manifest is put together.
struct Reader<'s> {
    source: &'s Source,
    diagnostics: Vec<Diagnostic>,
    /// The app's name, for words about what has its name by default.
    app: Option<String>,
    has_refused_options: bool,
    misspelt: Vec<Span>,
}

impl Reader<'_> {
    fn manifest(&mut self, root: &Node) -> Option<Manifest> {
        if root.entries().is_none() {
            self.report(
                Diagnostic::error(
                    codes::WRONG_KIND,
                    first_line(self.source, root.span),
                    format!("a manifest is keys and values, not {}", kind_of(root)),
                )
                .help("begin with `app: myapp`"),
            );
            return None;
        }
        let mut manifest = Manifest::default();
        self.app = app_of(root);
        let mut former_jobs = None;
        let keys = self.keys(Section::Root, root);
        for &(key, entry) in &keys {
            let is_section = matches!(key.takes, Takes::Keys(_) | Takes::Named(_));
            manifest.is_partial |= is_section && !entry.value.is_null() && entry.value.entries().is_none();
            match key.name {
                "app" => manifest.app = self.value(key, entry),
                "kafka" => manifest.kafka = self.kafka(key, entry),
                "environments" => manifest.environments = self.environments(key, entry),
                "concurrency" => manifest.concurrency = self.value(key, entry),
                "redis" => manifest.redis = self.redis(entry),
                "jobs" => former_jobs = Some(entry),
                "defaults" => manifest.defaults = self.defaults(key, entry),
                "messages" => manifest.messages = self.messages(key, entry),
                "groups" => manifest.groups = self.groups(key, entry),
                "topics" => manifest.topics = self.topics(key, entry),
                _ => {}
            }
        }
        if let Some(entry) = former_jobs {
            self.former_jobs(entry, &mut manifest);
        }
        if !keys.iter().any(|(key, _)| key.name == "app") {
            self.missing_app(root);
        }
        manifest.has_refused_options = self.has_refused_options;
        manifest.misspelt = std::mem::take(&mut self.misspelt);
        manifest.misspelt.sort();
        Some(manifest)
    }

    fn missing_app(&mut self, root: &Node) {
        let place = Span::new(root.span.start, root.span.start);
        let diagnostic = Diagnostic::error(codes::MISSING_KEY, place, "the manifest does not name its app");
        let flow = matches!(root.value, Value::Mapping { flow: true, .. });
        self.report(if flow {
            diagnostic.help("add `app: myapp`")
        } else {
            diagnostic.help("add the app's name").suggest(place, "app: myapp\n")
        });
    }

    fn environments(&mut self, key: &'static Key, entry: &Entry) -> Vec<Environment> {
        let mut environments = Vec::new();
        for entry in self.named(key, entry) {
            let name = self.name_of("an environment", entry);
            let mut environment = Environment { name, kafka: super::types::Kafka::default(), concurrency: None };
            for (key, entry) in self.keys(Section::Environment, &entry.value) {
                match key.name {
                    "kafka" => environment.kafka = self.kafka(key, entry),
                    "concurrency" => environment.concurrency = self.value(key, entry),
                    _ => {}
                }
            }
            environments.push(environment);
        }
        environments
    }

    fn groups(&mut self, key: &'static Key, entry: &Entry) -> Vec<Group> {
        let mut groups = Vec::new();
        for entry in self.named(key, entry) {
            let name = self.name_of("a group", entry);
            let (mut settings, mut refused, mut kafka) = (Vec::new(), Vec::new(), Vec::new());
            for (key, entry) in self.keys(Section::Group, &entry.value) {
                if key.takes == Takes::Options {
                    kafka = self.options(key, entry, Side::Consumer);
                    continue;
                }
                match self.value(key, entry) {
                    // Under the name that was meant, if it is misspelt.
                    Some(value) => settings.push((Text::new(key.name.to_owned(), entry.key.span), value)),
                    None => refused.push(key.name),
                }
            }
            groups.push(Group { name, settings, refused, kafka });
        }
        groups
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The entries of a mapping whose keys are those of a section: the known ones that this version can do.
    /// Others are reported, and read as what they were meant for where that is plain. Nothing at all counts as no keys.
    fn keys<'n>(&mut self, section: Section, node: &'n Node) -> Vec<(&'static Key, &'n Entry)> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.entries() else {
            self.not_keys(section, node);
            return Vec::new();
        };
        let mut known = Vec::with_capacity(entries.len());
        for entry in entries {
            match section.key(&entry.key.value.text) {
                Some(key) if section == Section::Root && jobs::is_former(entry) => known.push((key, entry)),
                Some(Key { name, not_yet: Some(instead), .. }) => self.not_supported(name, entry.key.span, instead),
                Some(key) => known.push((key, entry)),
                None => {
                    if let Some(key) = self.unknown_key(section, entry, entries) {
                        if entry.value.entries().is_none() {
                            let end = entry.value.span.end.max(entry.key.span.end);
                            self.misspelt.push(Span::new(entry.key.span.start, end));
                        }
                        known.push((key, entry));
                    }
                }
            }
        }
        known
    }

    fn not_supported(&mut self, what: &str, span: Span, instead: &str) {
        self.report(
            Diagnostic::error(codes::NOT_SUPPORTED, span, format!("`{what}` is not supported yet")).help(instead),
        );
    }

    fn not_keys(&mut self, section: Section, node: &Node) {
        let message = format!("{} takes keys and values, not {}", section.title(), kind_of(node));
        let diagnostic = Diagnostic::error(codes::WRONG_KIND, first_line(self.source, node.span), message);
        self.report(match keys_with(section, node) {
            Some(written) => diagnostic.help(format!("write {}", quote(&written))).suggest(node.span, written),
            None => match section.keys().find(|key| key.not_yet.is_none()) {
                Some(key) => diagnostic.help(format!("write `{{ {}: {} }}`", key.name, key.example)),
                None => diagnostic,
            },
        });
    }

    /// The entries of a mapping whose keys are names.
    fn named<'n>(&mut self, key: &'static Key, entry: &'n Entry) -> &'n [Entry] {
        if entry.value.is_null() {
            return &[];
        }
        entry.value.entries().unwrap_or_else(|| {
            self.wrong_kind(key, &entry.value);
            &[]
        })
    }

    /// A key that names something of the app's own. It is kept even if it is wrong, because others refer to it.
    fn name_of(&mut self, what: &str, entry: &Entry) -> Text {
        let name = text_of(entry);
        if name.value.is_empty() || (name.value == "~" && name.span.start == name.span.end) {
            self.report(Diagnostic::error(codes::EMPTY_VALUE, name.span, format!("{what} needs a name")));
        } else if values::variables(&name.value) != Variables::None {
            self.report(
                Diagnostic::error(
                    codes::VARIABLE_NOT_ALLOWED,
                    name.span,
                    format!(
                        "the name of {what} is made when the app is generated, and `${{…}}` is read when it starts"
                    ),
                )
                .help(match what {
                    "a group" => format!(
                        "give it a plain key that consumers name, as in `group: audit`, and write in it `id: \"{}\"`",
                        name.value
                    ),
                    _ => "write a plain name".to_owned(),
                }),
            );
        } else {
            self.check_ascii(&name);
        }
        name
    }

    fn check_ascii(&mut self, name: &Text) -> bool {
        let Some(foreign) = values::foreign(&name.value) else {
            return true;
        };
        let diagnostic =
            Diagnostic::error(codes::INVALID_NAME, name.span, format!("{} {}", quote(&name.value), foreign.words));
        self.report(match foreign.mended {
            Some(mended) => diagnostic.help(format!("write {}", quote(&mended))).suggest(name.span, mended),
            None if name.value.contains(['\n', '\r']) => diagnostic.help("write it on one line"),
            None => diagnostic.help("names become Rust code, files and topics, and are written in printable ASCII"),
        });
        false
    }

    fn wrong_kind(&mut self, key: &Key, node: &Node) {
        let message = format!("`{}` takes {}, not {}", key.name, wanted(&key.takes), kind_of(node));
        self.wrong_kind_in_words(key, node, message);
    }

    fn wrong_kind_in_words(&mut self, key: &Key, node: &Node, message: String) {
        let diagnostic = Diagnostic::error(codes::WRONG_KIND, first_line(self.source, node.span), message);
        let written = match key.takes {
            Takes::Keys(section) => keys_with(section, node),
            Takes::List(section) => keys_with(section, node).map(|keys| format!("[{keys}]")),
            _ => None,
        };
        self.report(match written {
            Some(written) => diagnostic.help(format!("write `{}: {written}`", key.name)).suggest(node.span, written),
            None => diagnostic.help(format!("write `{}: {}`", key.name, key.example)),
        });
    }
}

/// Whether a word may be what a key takes, as far as the word alone says it.
fn takes_text(takes: &Takes, text: &str) -> bool {
    match takes {
        Takes::Number(range) => values::number(text).is_some_and(|number| range.contains(&number)),
        Takes::Duration | Takes::DurationWithin(_) => {
            values::duration(text).is_some_and(|milliseconds| milliseconds > 0)
        }
        Takes::Backoff => values::backoff(text).is_ok(),
        Takes::Size => values::size(text).is_some(),
        Takes::Choice(words) => words.iter().any(|word| word.text == text && word.not_yet.is_none()),
        Takes::Constant(_) => text.starts_with(|c: char| c.is_ascii_uppercase()),
        Takes::Brokers => text.contains(':') && values::broken_broker(text).is_none(),
        Takes::Name
        | Takes::Id
        | Takes::TopicName
        | Takes::DeadLetter
        | Takes::Queue
        | Takes::Field
        | Takes::Start
        | Takes::File => true,
        _ => false,
    }
}

/// The keys of a section with a text at the key that takes it: `5` for `retry` is its `attempts`.
fn keys_with(section: Section, node: &Node) -> Option<String> {
    let text = node.word()?;
    let is_distinct = |takes: &Takes| {
        !matches!(
            takes,
            Takes::Name | Takes::Id | Takes::TopicName | Takes::DeadLetter | Takes::Queue | Takes::Field | Takes::Start
        )
    };
    let takes = |key: &&Key| is_distinct(&key.takes) && takes_text(&key.takes, text);
    let key = section.keys().find(takes)?;
    Some(format!("{{ {}: {text} }}", key.name))
}

/// The app's name as it is written.
fn app_of(root: &Node) -> Option<String> {
    let app = root.entries()?.iter().find(|entry| entry.key.value.text == "app")?;
    match &app.value.value {
        Value::Scalar(scalar) if values::foreign(&scalar.text).is_none() => Some(scalar.text.clone()),
        _ => None,
    }
}

/// A key as a text with its place.
fn text_of(entry: &Entry) -> Text {
    Text::new(entry.key.value.text.clone(), entry.key.span)
}

/// What a person calls a node.
fn kind_of(node: &Node) -> &'static str {
    match &node.value {
        _ if node.is_null() => "nothing",
        Value::Scalar(_) => "a text",
        Value::Sequence { .. } => "a list",
        Value::Mapping { .. } => "keys and values",
    }
}

/// What a key takes, in a word or two.
fn wanted(takes: &Takes) -> &'static str {
    match takes {
        Takes::Topics | Takes::List(_) => "a list",
        Takes::Keys(_) | Takes::Named(_) | Takes::Options | Takes::Fields | Takes::Variants => "keys and values",
        Takes::Brokers => "a text or a list",
        Takes::Number(_) => "a number",
        _ => "a text",
    }
}

/// The part of a span on its first line.
fn first_line(source: &Source, span: Span) -> Span {
    let text = &source.text[span.start..span.end];
    Span::new(span.start, span.start + text.lines().next().unwrap_or(text).trim_end().len())
}

/// `a`, `b` or `c`, each as it is given.
fn list(words: &[impl AsRef<str>], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}

/// The keys of a section that this version can do.
fn names(section: Section) -> String {
    let names: Vec<_> =
        section.keys().filter(|key| key.not_yet.is_none()).map(|key| format!("`{}`", key.name)).collect();
    list(&names, "and")
}

#[cfg(test)]
mod tests;
