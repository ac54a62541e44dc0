//! What a person should know of an event beside what has happened: what follows from it, and what mends it.
//!
//! [`Development`](super::Development) prints it on lines of its own, [`Production`](super::Production) writes it as the
//! fields `consequence` and `help`; both have it from here, so that neither says less than the other.

use std::{borrow::Cow, fmt, time::Duration};

use super::{
    Event, RevocationCause, TopicPartitionOffset,
    position::{Lost, Waits},
};
use crate::{foreign, settings::Ordering};

/// What mends a handler that keeps its thread.
pub(crate) const BLOCKING_HELP: &str =
    "`.await` what takes time; hand what counts or blocks to `tokio::task::spawn_blocking`";

/// What mends an attempt that does not end.
pub(crate) const UNFINISHED_HELP: &str = "give what it waits for a limit; `timeout: 1m` at its topic in karafka.yml ends such an \
     attempt as failed, and a longer one, such as `timeout: 2h`, says that it may take that long";

/// What mends an attempt to hand over a job that does not end.
pub(crate) const UNADMITTED_HELP: &str = "give what `before_enqueue` waits for a limit";

/// What follows from an event, in a sentence.
pub(super) fn consequence(event: &Event<'_>) -> Option<Cow<'static, str>> {
    let words: Cow<'static, str> = match *event {
        Event::Unparseable { record, topic, ordering, dead_letter, .. }
        | Event::Unwritable { record, topic, ordering, dead_letter, .. }
        | Event::TombstoneRefused { record, topic, ordering, dead_letter, .. } => match dead_letter {
            Some(dead_letter) => format!("goes to {}", foreign::line(dead_letter)).into(),
            None => waits_for_a_person(record.into(), topic, ordering).into(),
        },
        Event::DeadLettered { topic, .. } => format!("goes to {}", foreign::line(topic)).into(),
        Event::Refused { .. } => "sent again by itself; the offset waits".into(),
        Event::NotRepeated { .. } => "not repeated: delivery is at_most_once".into(),
        Event::Blocking { place: TopicPartitionOffset { topic, partition, .. }, .. } => {
            format!("other records of {}/{partition} wait for it", foreign::line(topic)).into()
        }
        Event::RuntimeStalled { blocked: [], .. } => {
            "no handler keeps one: what the app has spawned itself does".into()
        }
        Event::RunsOn { records, why, again, .. } => match (why, again) {
            (RevocationCause::Recreated, _) => "it changes nothing in the new one",
            (_, true) if records > 1 => "another member may begin them too",
            (_, true) => "another member may begin it too",
            (_, false) => "it was committed before, and is not begun again",
        }
        .into(),
        Event::CommitFailed { .. } => "it is tried again".into(),
        Event::BrokerDropped { .. } => "it keeps 5 MiB or 100,000 batches a partition".into(),
        Event::Fatal { .. } | Event::ProducerFatal { .. } => "the process ends".into(),
        Event::RedisAway { .. } => "jobs wait, and it is asked again".into(),
        Event::JobGaveUp { is_kept, .. } => match is_kept {
            true => "stands in `dead`",
            false => "dropped: it was pushed with `retry: false` or `dead: false`",
        }
        .into(),
        Event::JobsStay { .. } => "they stay where they are, and others go on".into(),
        Event::Quieted => "partitions are kept; SIGCONT (`fg`) goes on, SIGTERM stops".into(),
        Event::Stopping { budget } => {
            format!("no new records; what was begun has {} to end", ShortDuration(budget)).into()
        }
        _ => return None,
    };
    Some(words)
}

/// What a person can do about an event.
pub(super) fn help(event: &Event<'_>) -> Option<Cow<'static, str>> {
    let words: Cow<'static, str> = match *event {
        Event::Unparseable { topic, message, error, dead_letter, .. } => {
            let help = unparseable_help(&error.to_string(), message);
            match dead_letter {
                Some(_) => format!("in karafka.yml, {help}").into(),
                None => {
                    let topic = foreign::line(topic);
                    format!("in karafka.yml, add `dead_letter: {topic}.dead` to `{topic}`, or {help}").into()
                }
            }
        }
        Event::Unwritable { topic, dead_letter, .. } => {
            let help = "mend the interchanger, build, and start again";
            match dead_letter {
                Some(_) => help.into(),
                None => {
                    let topic = foreign::line(topic);
                    format!("in karafka.yml, add `dead_letter: {topic}.dead` to `{topic}`, or {help}").into()
                }
            }
        }
        Event::TombstoneRefused { topic, .. } => format!(
            "say at `{}` in karafka.yml what that means: `tombstones: skip`, or `tombstones: deliver` and a \
             `perform_tombstone`",
            foreign::line(topic)
        )
        .into(),
        Event::Obstructed { obstacle, .. } => foreign::cut(&obstacle.help).into_owned().into(),
        Event::Blocking { .. } | Event::JobBlocking { .. } | Event::RuntimeStalled { .. } => BLOCKING_HELP.into(),
        Event::Unfinished { is_enqueue: true, .. } => UNADMITTED_HELP.into(),
        Event::Unfinished { .. } | Event::JobUnfinished { .. } => UNFINISHED_HELP.into(),
        Event::RunsOn { why, .. } => taken_words(why).1.into(),
        Event::PositionLost { group, partition, from, log, cause, moves, .. } => {
            let lost = Lost { offset: from, log, cause };
            foreign::line(&Waits { group, partition, lost, moves }.help()).into_owned().into()
        }
        Event::BrokerDropped { .. } => "send less at once, or set KARAFKA_BROKERS to a real broker".into(),
        _ => return None,
    };
    Some(words)
}

/// What stands still behind a record that nobody can handle, and why.
fn waits_for_a_person(place: TopicPartitionOffset<'_>, key_in_manifest: &str, ordering: Ordering) -> String {
    let (topic, partition) = (foreign::line(place.topic), place.partition);
    let what = match ordering {
        Ordering::Partition => format!("partition {topic}/{partition} waits here for a person,"),
        Ordering::Key => {
            format!("its key in {topic}/{partition} waits here for a person, and the partition's offset with it,")
        }
        Ordering::None => format!("it waits for a person, and the offset of {topic}/{partition} with it,"),
    };
    format!(
        "{what} until the app starts again: no dead_letter is configured for `{}`; others go on",
        foreign::line(key_in_manifest)
    )
}

/// What mends a record that cannot be parsed.
pub(super) fn unparseable_help(error: &str, message: &str) -> String {
    let missing = error.split_once("missing field `").and_then(|(_, rest)| rest.split_once('`'));
    let message = foreign::line(message);
    match (missing, &*message) {
        (Some((field, _)), _) => {
            let field = foreign::line(field);
            format!("write `{field}?:` if the field may be missing; then `karafka generate`, and start again")
        }
        (None, "json") => {
            "name the parser that fits what is not JSON: `parser: bytes`, `text`, or one of your own".to_owned()
        }
        (None, _) => {
            format!("mend `{message}`, or name a parser of your own; then `karafka generate`, and start again")
        }
    }
}

/// Why a partition is gone while an attempt runs on, and what to do.
pub(super) fn taken_words(why: RevocationCause) -> (&'static str, &'static str) {
    match why {
        RevocationCause::Revoked => (
            "its partition is given back",
            "end it when `ctx.revoked()` is ready, or give it more time: `drain` of its group in karafka.yml",
        ),
        RevocationCause::Lost => ("its partition is lost", "end it when `ctx.revoked()` is ready"),
        RevocationCause::Recreated => ("its topic was deleted and recreated", "end it when `ctx.revoked()` is ready"),
    }
}

/// The most places that a line names of what a record or a batch has emitted.
const PLACES: usize = 20;

/// `order_confirmed/1@0, audit/0@7`, and how many more.
pub(super) fn places(emitted: &[TopicPartitionOffset<'_>]) -> String {
    let mut named: Vec<_> = emitted.iter().take(PLACES).map(ToString::to_string).collect();
    if emitted.len() > PLACES {
        named.push(format!("and {} more", emitted.len() - PLACES));
    }
    named.join(", ")
}

/// A time as a person says it: `0.2 ms`, `1.5 s`, `2 min`.
#[derive(Debug, Clone, Copy)]
pub struct ShortDuration(pub Duration);

impl fmt::Display for ShortDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.1 {
            write!(f, "{:.1} ms", seconds * 1_000.0)
        } else if seconds < 1.0 {
            write!(f, "{:.0} ms", seconds * 1_000.0)
        } else if seconds < 120.0 {
            let text = format!("{seconds:.1}");
            write!(f, "{} s", text.strip_suffix(".0").unwrap_or(&text))
        } else {
            write!(f, "{:.0} min", seconds / 60.0)
        }
    }
}
