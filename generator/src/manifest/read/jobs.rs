//! Where jobs run: `jobs:` at the top and of a consumer, and their queues.

use super::{
    super::{
        keys::{Key, Section},
        types::{Jobs, Text},
        yaml::{Entry, Node, Value},
    },
    Reader, first_line,
};
use crate::diagnostic::{Diagnostic, codes, quote};

impl Reader<'_> {
    /// `jobs: { backend: redis, url: … }` at the top.
    pub(super) fn jobs(&mut self, key: &'static Key, entry: &Entry) -> Jobs {
        let mut jobs = Jobs::default();
        if let Value::Scalar(scalar) = &entry.value.value
            && !entry.value.is_null()
        {
            let written = match scalar.text.as_str() {
                backend @ ("in_process" | "redis") => format!("{{ backend: {backend} }}"),
                _ => key.example.to_owned(),
            };
            self.report(
                Diagnostic::error(codes::WRONG_KIND, entry.value.span, "`jobs` takes keys and values here, not a text")
                    .help(format!("write `jobs: {written}`"))
                    .suggest(entry.value.span, written),
            );
            jobs.backend = as_written(&entry.value);
            return jobs;
        }
        let before = self.diagnostics.len();
        for (key, entry) in self.keys(Section::Jobs, &entry.value) {
            match key.name {
                "backend" => jobs.backend = self.value(key, entry).or_else(|| as_written(&entry.value)),
                "url" => jobs.url = self.value(key, entry),
                _ => {}
            }
        }
        if jobs.backend.is_none() && self.diagnostics.len() > before {
            // The key that was refused may be this one.
            jobs.backend = Some(Text::new(String::new(), entry.value.span));
        }
        jobs
    }

    /// `jobs: redis` of a consumer; and the form of the top, which is no consumer's.
    pub(super) fn consumer_jobs(&mut self, key: &'static Key, entry: &Entry) -> Option<Text> {
        let Some(entries) = entry.value.entries() else {
            return self.value(key, entry).or_else(|| as_written(&entry.value));
        };
        let named = |name: &str| entries.iter().find(|entry| entry.key.value.text == name);
        let backend = named("backend").and_then(|entry| as_written(&entry.value));
        let backend = match backend.as_ref().map(|text| text.value.as_str()) {
            Some("in_process") => "in_process",
            _ => "redis",
        };
        let mut help = format!("write `jobs: {backend}`");
        if named("url").is_some() {
            help.push_str("; where Redis is stands at the top, `jobs: { url: … }`, for all consumers");
        }
        let place = first_line(self.source, entry.value.span);
        self.report(
            Diagnostic::error(codes::WRONG_KIND, place, "`jobs` takes a word here, not keys and values")
                .help(help)
                .suggest(entry.value.span, backend),
        );
        Some(Text::new(backend.to_owned(), entry.value.span))
    }

    /// Whether a text is the address of a Redis, as far as that is known before its variables are. A password in it is
    /// not repeated.
    pub(super) fn is_redis_url(&mut self, key: &Key, text: &Text, known: bool) -> bool {
        let Err(expected) = karafka::settings::redis_url(&text.value) else { return true };
        if text.value.trim().to_ascii_lowercase().starts_with("rediss:") {
            self.report(
                Diagnostic::error(codes::NOT_SUPPORTED, text.span, "TLS to Redis is not supported yet")
                    .help("write `redis://…`, by way of a network that you trust or of a tunnel"),
            );
            return false;
        }
        if known {
            let shown = quote(&karafka::settings::redacted_url(&text.value));
            self.report(
                Diagnostic::error(codes::INVALID_URL, text.span, format!("{shown} is not an address of Redis"))
                    .help(format!("write `{}: {}`; it is {expected}", key.name, key.example)),
            );
        }
        !known
    }

    pub(super) fn is_queue(&mut self, key: &Key, text: &Text) -> bool {
        if !self.check_ascii(text) {
            return false;
        }
        if karafka::settings::parse::queue(&text.value).is_ok() {
            return true;
        }
        // The weight that Sidekiq's lists of queues have.
        let help = match text.value.split_once(',') {
            Some((name, _)) if karafka::settings::parse::queue(name).is_ok() => format!(
                "write `{0}: {name}`; a weight is given to the worker, `karafka worker -- --queues {1}`",
                key.name, text.value
            ),
            _ => format!("write 1 to 100 of `A-Z a-z 0-9 _ . -`, such as `{}: {}`", key.name, key.example),
        };
        let message = format!("{} is not the name of a queue", quote(&text.value));
        self.report(Diagnostic::error(codes::INVALID_NAME, text.span, message).help(help));
        false
    }
}

/// What stands there, right or wrong, if it is a text.
fn as_written(node: &Node) -> Option<Text> {
    match &node.value {
        Value::Scalar(scalar) => Some(Text::new(scalar.text.clone(), node.span)),
        _ => None,
    }
}
