//! Waits of consumers that a stop of the app does not wait for.

use std::time::Duration;

use karafka::settings::parse;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Consumer, Text},
    model::{jobs, report::Report},
};

/// How long a stop takes at most, where nobody says otherwise.
pub(super) const STOP: Duration = Duration::from_secs(30);

/// Warns of each batch's wait, timeout and backoff that is longer than a stop; `${…}` are not known yet.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let manifest = facts.manifest;
    for batch in manifest.topics.iter().flat_map(|topic| &topic.consumers).filter_map(|one| one.batch.as_ref()) {
        if let Some(text) = &batch.wait
            && parse::duration(&text.value).is_ok_and(|wait| wait > STOP)
        {
            let words =
                format!("a record may wait {} for its batch to fill, and a stop does not wait so long", text.value);
            let help = "what has not begun when the app stops is handled after the start: write `30s` or less to give it \
                        a chance before";
            warn(text, words, help, report);
        }
    }
    let consumers = || manifest.topics.iter().flat_map(|topic| &topic.consumers);
    // A job that waits for its next attempt waits in Redis, and no stop for it.
    let on_redis = |consumer: &&Consumer| jobs::on_redis(&consumer.settings, manifest);
    let with_default = || consumers().filter(|consumer| consumer.settings.backoff.is_none());
    let default_is_for_jobs = with_default().next().is_some() && with_default().all(|consumer| on_redis(&consumer));
    let own = consumers().map(|consumer| (&consumer.settings, on_redis(&consumer)));
    for (settings, is_for_jobs) in own.chain([(&manifest.defaults, default_is_for_jobs)]) {
        if let Some(text) = &settings.timeout
            && parse::duration(&text.value).is_ok_and(|timeout| timeout > STOP)
        {
            let words = format!("an attempt may take {}, and a stop waits 30s for it", text.value);
            let help = "what has not ended by then is dropped and done again after the start: write `30s` or less, or \
                        give a stop more time with `KARAFKA_SHUTDOWN_TIMEOUT`";
            warn(text, words, help, report);
        }
        if let Some(text) = settings.backoff.as_ref().filter(|_| !is_for_jobs)
            && let Ok(backoff) = parse::backoff(&text.value)
            && backoff.max > STOP
        {
            let longest = text.value.rsplit("..").next().unwrap_or_default();
            let words = format!("a record may wait {longest} for its next attempt, and a stop does not wait so long");
            let help = "a record that waits when the app stops is tried again after the start: end the range with \
                        `30s` or less to give it an attempt before";
            warn(text, words, help, report);
        }
    }
}

fn warn(text: &Text, words: String, help: &str, report: &mut Report<'_>) {
    report.add(Diagnostic::warning(codes::LONGER_THAN_A_STOP, text.span, words).help(help));
}
