//! What says something of jobs on Redis where none are, and what cannot stand beside those that are there.

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{ConsumerSettings, Redis, Text, literal},
    model::{
        controllers::Handled,
        jobs::{backend, is_redis},
        report::Report,
    },
    source::Span,
};

/// Reports queues, an address of Redis and interchangers where no jobs run on Redis, and batches where they do.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let (manifest, handled) = (facts.manifest, &facts.consumers.handled);
    check_files_of_tls(&manifest.redis, report);
    for (consumer, written, _) in handled {
        let own = &written.settings;
        let backend = backend(own, manifest);
        // One that cannot be read is reported as such.
        let in_process = backend.is_none_or(|backend| backend.value == "in_process");
        if let Some(queue) = own.queue.as_ref().filter(|_| in_process) {
            report.add(queue_in_process(queue, &consumer.topic, own, backend, report));
        }
        if let Some(interchanger) = own.interchanger.as_ref().filter(|_| in_process) {
            report.add(unused_interchanger(interchanger, &consumer.topic));
        }
        if let (Some(batch), Some(backend)) = (&written.batch, backend.filter(|backend| is_redis(backend))) {
            let words = "a job on Redis is a single message, and `batch` hands over several at once";
            let help = match own.jobs {
                Some(_) => "take `batch` out, or write `jobs: in_process`",
                None => "add `jobs: in_process` beside it, or take it out",
            };
            let diagnostic = Diagnostic::error(codes::JOBS_IN_BATCHES, batch.span, words);
            report.add(diagnostic.related(backend.span, "jobs run on Redis").help(help));
        }
    }
    // What stands there for consumers to come says nothing wrong yet.
    let somewhere_else = |(_, written, _): &Handled<'_>| {
        backend(&written.settings, manifest).is_none_or(|backend| backend.value == "in_process")
    };
    if facts.consumers.broken || handled.is_empty() || !handled.iter().all(somewhere_else) {
        return;
    }
    let unused = |text: &Text, words: &str, help: String| {
        Diagnostic::error(codes::JOBS_IN_PROCESS, text.span, words.to_owned()).help(help)
    };
    if let Some(queue) = &manifest.defaults.queue {
        let words = "`queue` names a queue on Redis, and all jobs run in the server's process";
        let help = match &manifest.defaults.jobs {
            Some(_) => "write `jobs: redis` beside it, or take `queue` out",
            None => "add `jobs: redis` beside it, or take `queue` out",
        };
        report.add(unused(queue, words, help.to_owned()));
    }
    if let Some(interchanger) = &manifest.defaults.interchanger {
        report.add(unused_interchanger(interchanger, "any topic"));
    }
    if let Some((name, text)) = manifest.redis.written().next() {
        let words = format!("`{name}` says how to reach Redis, and all jobs run in the server's process");
        let help = match &manifest.defaults.jobs {
            Some(_) => {
                "write `jobs: redis` under `defaults`, or at the consumers whose jobs run there, or take `redis` out"
            }
            None => {
                "write `defaults: { jobs: redis }`, or `jobs: redis` at the consumers whose jobs run there, or take `redis` out"
            }
        };
        report.add(unused(text, &words, help.to_owned()));
    }
}

/// Files that say by which certificates Redis is reached, where they do not go with what stands beside them.
fn check_files_of_tls(redis: &Redis, report: &mut Report<'_>) {
    let Some((first, text)) = redis.written().find(|(name, _)| *name != "url") else { return };
    let is_plain =
        |url: &&Text| literal(&url.value).is_some_and(|url| !karafka::settings::Redis::at(url.trim()).is_over_tls());
    if let Some(url) = redis.url.as_ref().filter(is_plain) {
        let words = format!("`{first}` is for Redis over TLS, and `url` is not");
        let diagnostic =
            Diagnostic::error(codes::INVALID_URL, text.span, words).related(url.span, "this is not encrypted");
        report.add(diagnostic.help("write `url: rediss://…`, or take the files out"));
        return;
    }
    let (text, own, other) = match (&redis.certificate_file, &redis.key_file) {
        (Some(certificate), None) => (certificate, "certificate_file", "key_file"),
        (None, Some(key)) => (key, "key_file", "certificate_file"),
        _ => return,
    };
    let words = format!("`{own}` stands without `{other}`, and a certificate is of no use without its key");
    let help = format!("write `{other}: …` beside it, or take `{own}` out");
    report.add(Diagnostic::error(codes::MISSING_KEY, text.span, words).help(help));
}

/// An interchanger that no job needs, as none leaves the process; the routing tables of Ruby name one all the same.
fn unused_interchanger(interchanger: &Text, topic: &str) -> Diagnostic {
    let topic = if topic == "any topic" { topic.to_owned() } else { format!("`{topic}`") };
    let words = format!("no job of {topic} leaves the process, so its interchanger is not used");
    Diagnostic::note(codes::UNUSED_INTERCHANGER, interchanger.span, words).help("it is used with `jobs: redis`")
}

/// A consumer that names a queue, and whose jobs stand in none.
fn queue_in_process(
    queue: &Text,
    topic: &str,
    own: &ConsumerSettings,
    backend: Option<&Text>,
    report: &Report<'_>,
) -> Diagnostic {
    let words = format!("`queue` names a queue on Redis, and the jobs of `{topic}` run in the server's process");
    let diagnostic = Diagnostic::error(codes::JOBS_IN_PROCESS, queue.span, words);
    if let Some(own) = &own.jobs {
        let help = "write `jobs: redis`, or take `queue` out";
        return diagnostic.related(own.span, "they run here").help(help).suggest(own.span, "redis");
    }
    let diagnostic = match backend {
        Some(backend) => diagnostic.related(backend.span, "they run here"),
        None => diagnostic,
    };
    // The new line goes above `queue: …`, if that one has a line of its own.
    let help = "add `jobs: redis` beside it, or take `queue` out";
    let (before, start) = report.before(queue.span);
    let indent = &before[..before.len() - before.trim_start_matches(' ').len()];
    match before[indent.len()..].starts_with("queue:") {
        true => diagnostic.help(format!("{help}:")).suggest(Span::new(start, start), format!("{indent}jobs: redis\n")),
        false => diagnostic.help(help),
    }
}
