//! Where jobs run: `jobs:` at the top and of a consumer, and their queues.

use karafka::settings::{redacted_url, redis_url};

use super::{
    super::{
        keys::{Key, Section},
        types::{Jobs, Text},
        values,
        yaml::{Entry, Value},
    },
    Reader, first_line,
    scalars::as_written,
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
            jobs.backend = Some(as_written(&entry.value));
            return jobs;
        }
        let before = self.diagnostics.len();
        for (key, entry) in self.keys(Section::Jobs, &entry.value) {
            match key.name {
                "backend" => jobs.backend = Some(self.value_as_written(key, entry)),
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
            return Some(self.value_as_written(key, entry));
        };
        let named = |name: &str| entries.iter().find(|entry| entry.key.value.text == name);
        let backend = named("backend").map(|entry| as_written(&entry.value));
        let is_named = backend.is_some();
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
        // Where it does not say, nothing follows from it.
        let known = if is_named { backend } else { "" };
        Some(Text::new(known.to_owned(), entry.value.span))
    }

    /// Whether a text is the address of a Redis, as far as that is known before its variables are. A password in it is
    /// not repeated.
    pub(super) fn is_redis_url(&mut self, key: &Key, text: &Text, known: bool) -> bool {
        let Err(expected) = redis_url(&text.value) else {
            self.warn_of_password(text);
            return true;
        };
        if text.value.trim().to_ascii_lowercase().starts_with("rediss:") {
            self.report(
                Diagnostic::error(codes::NOT_SUPPORTED, text.span, "TLS to Redis is not supported yet")
                    .help("write `redis://…`, by way of a network that you trust or of a tunnel"),
            );
            return false;
        }
        if known {
            let shown = quote(&redacted_url(&text.value));
            self.report(
                Diagnostic::error(codes::INVALID_URL, text.span, format!("{shown} is not an address of Redis"))
                    .help(format!("write `{}: {}`; it is {expected}", key.name, key.example)),
            );
        }
        if !known {
            self.warn_of_password(text);
        }
        !known
    }

    /// A password that goes into the app's program, be it as what holds where a variable is not set.
    fn warn_of_password(&mut self, text: &Text) {
        let written = values::without_variables(&text.value);
        if redacted_url(&written) == written {
            return;
        }
        let message = "a password is written out in this address, and is compiled into the app";
        self.report(
            Diagnostic::warning(codes::LITERAL_SECRET, text.span, message)
                .help("write `\"${REDIS_URL}\"`, and set that variable where the app runs")
                .suggest(text.span, "\"${REDIS_URL}\""),
        );
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
