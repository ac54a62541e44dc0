//! Where jobs run: `jobs:` of a consumer, their queues, and where Redis is.

use karafka::settings::{redacted_url, redis_url};

use super::{
    super::{
        keys::{Key, Section},
        types::{Manifest, Redis, Text},
        values,
        yaml::{Entry, Node},
    },
    Reader, first_line,
    scalars::as_written,
};
use crate::diagnostic::{Diagnostic, codes, quote};

impl Reader<'_> {
    /// How to reach Redis.
    pub(super) fn redis(&mut self, entry: &Entry) -> Redis {
        let mut redis = Redis::default();
        for (key, entry) in self.keys(Section::Redis, &entry.value) {
            match key.name {
                "url" => redis.url = self.value(key, entry),
                "ca_file" => redis.ca_file = self.value(key, entry),
                // One that is refused is there all the same: the other is not alone.
                "certificate_file" => redis.certificate_file = Some(self.value_as_written(key, entry)),
                "key_file" => redis.key_file = Some(self.value_as_written(key, entry)),
                _ => {}
            }
        }
        redis
    }

    /// What `jobs` at the top once said for all consumers: it is answered with what says it now, and read as that.
    pub(super) fn former_jobs(&mut self, entry: &Entry, manifest: &mut Manifest) {
        let Some(Former { backend, url }) = former(entry) else { return };
        let word = match backend.map(as_written) {
            Some(backend) if backend.value == "in_process" => "in_process",
            _ => "redis",
        };
        let written = format!("defaults: {{ jobs: {word} }}");
        let message = "where jobs run is said under `defaults`, for all consumers, and where Redis is under `redis`";
        let diagnostic = Diagnostic::error(codes::UNKNOWN_KEY, entry.key.span, message);
        self.report(match url {
            None => diagnostic.help(format!("write `{written}`")),
            // An address may hold a password.
            Some(_) => diagnostic.help(format!("write `{written}` and `redis: {{ url: … }}`")),
        });
        // What does not say where they run says nothing of consumers that have no `jobs` of their own.
        let read = Text::new(if backend.is_some() { word.to_owned() } else { String::new() }, entry.value.span);
        manifest.defaults.jobs.get_or_insert(read);
        if let Some(url) = url {
            manifest.redis.url.get_or_insert(as_written(url));
        }
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
            help.push_str("; where Redis is stands at the top, `redis: { url: … }`, for all consumers");
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

    /// The name of a file of the machine that the app runs on, which may not be this one.
    pub(super) fn is_file(&mut self, key: &Key, text: &Text) -> bool {
        let is_named = !text.value.trim().is_empty();
        if !is_named {
            let message = format!("`{}` is empty", key.name);
            let help = format!("write `{}: {}`, or take it out", key.name, key.example);
            self.report(Diagnostic::error(codes::EMPTY_VALUE, text.span, message).help(help));
        }
        is_named
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

/// What `jobs` at the top said before jobs had names.
struct Former<'n> {
    backend: Option<&'n Node>,
    url: Option<&'n Node>,
}

/// `jobs: redis`, or `jobs: { backend: redis, url: … }`. No job has the name of either key, as those are constants.
fn former(entry: &Entry) -> Option<Former<'_>> {
    let value = &entry.value;
    let Some(entries) = value.entries() else {
        return value.word().map(|_| Former { backend: Some(value), url: None });
    };
    let named = |name: &str| entries.iter().find(|entry| entry.key.value.text == name).map(|entry| &entry.value);
    let former = Former { backend: named("backend"), url: named("url") };
    (former.backend.is_some() || former.url.is_some()).then_some(former)
}

/// Whether an entry of the top is that.
pub(super) fn is_former(entry: &Entry) -> bool {
    entry.key.value.text == "jobs" && former(entry).is_some()
}
