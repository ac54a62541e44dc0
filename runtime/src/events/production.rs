//! Writes what happens as `tracing` events, for machines that collect logs.

use std::{collections::BTreeMap, time::Duration};

use tracing::{debug, error, info, warn};
use tracing_subscriber::{
    fmt,
    layer::SubscriberExt as _,
    registry,
    util::{SubscriberInitExt as _, TryInitError},
};

use super::{
    Event, JobName, Listener, NAMED, Obstacle, PanicSite, RevocationCause, Severity, Summary, Summed,
    TopicPartitionOffset, Totals, filter,
    position::{Lost, Positioned, Waits},
    repeated,
    words::{self, places},
};
use crate::{
    Error,
    foreign::{self, LogForm, LogWriter},
    partition::ranges,
};

/// What filters such as `KARAFKA_LOG=karafka=debug` call the events.
const TARGET: &str = "karafka";

/// Writes events through `tracing`; what happens to a single record that went well is written at `debug`.
///
/// Bytes of keys and values are left out: they are often about people, and logs travel far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Production;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// One JSON object a line, on standard output.
    Json,
    /// Words for a person, on standard error.
    Text {
        /// Whether in colour.
        color: bool,
    },
}

/// Sends everything that goes through `tracing` and `log` to the process's output, filtered by `KARAFKA_LOG`, else
/// `RUST_LOG`, else `info` and above. Characters that a terminal acts on are written out, whoever wrote them. What the client
/// reports comes as events too, so its wrapper's own lines are left out;
/// and so are the spans of attempts, because looking for a trace in each record is not free: `karafka::perform=info` has
/// them, with trace, record and attempt on each line that a handler writes.
///
/// # Errors
///
/// If a subscriber was set before; that one stays.
pub fn log_to(format: LogFormat, variables: &BTreeMap<String, String>) -> Result<(), TryInitError> {
    let (filter, complaints) = filter::of(variables);
    match format {
        LogFormat::Json => {
            let writer = || LogWriter { inner: std::io::stdout(), form: LogForm::Json };
            let lines = fmt::layer().json().flatten_event(true).with_writer(writer);
            registry().with(lines).with(filter).try_init()?;
        }
        LogFormat::Text { color } => {
            let writer = move || LogWriter { inner: std::io::stderr(), form: LogForm::Text { colors: color } };
            let lines = fmt::layer().compact().with_ansi(color).with_writer(writer);
            registry().with(lines).with(filter).try_init()?;
        }
    }
    complaints.iter().for_each(|complaint| warn!(target: TARGET, "{}", foreign::cut(complaint)));
    Ok(())
}

/// Writes one event about one record, with its place in fields of their own.
macro_rules! about {
    ($level:ident, $place:expr, $controller:expr, $($rest:tt)*) => {{
        let TopicPartitionOffset { topic, partition, offset } = $place;
        $level!(target: TARGET, topic, partition, offset, controller = $controller, $($rest)*);
    }};
}

/// Writes one event about one job, with its name in fields of their own.
macro_rules! of_job {
    ($level:ident, $job:expr, $($rest:tt)*) => {{
        let JobName { queue, class, jid } = $job;
        $level!(target: TARGET, queue, class, jid, $($rest)*);
    }};
}

impl Listener for Production {
    fn wants_done(&self) -> bool {
        tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
    }

    fn on(&self, event: &Event<'_>) {
        let (consequence, help) = (words::consequence(event), words::help(event));
        let (consequence, help) = (consequence.as_deref(), help.as_deref());
        match *event {
            Event::Started { group } => info!(target: TARGET, group, "started"),
            // Of each rebalance that changes nothing for this member.
            Event::Assigned { group, partitions: [] } => debug!(target: TARGET, group, "given no partitions"),
            Event::Revoked { group, partitions: [], .. } => debug!(target: TARGET, group, "no partitions given back"),
            Event::Assigned { group, partitions } => {
                info!(target: TARGET, group, partitions = ranges(partitions), "assigned");
            }
            Event::Revoked { group, partitions, to_repeat } => {
                info!(target: TARGET, group, partitions = ranges(partitions), to_repeat, "revoked");
            }
            Event::Lost { group, partitions, to_repeat } => {
                warn!(target: TARGET, group, partitions = ranges(partitions), to_repeat, "lost");
            }
            Event::Done { place, controller, duration, emitted, job: None, batch } => {
                let (duration_ms, count) = (milliseconds(duration), emitted.len());
                let batch = (batch > 1).then_some(batch);
                let emitted_to = (!emitted.is_empty()).then(|| places(emitted));
                about!(debug, place, controller, duration_ms, batch, emitted = count, emitted_to, "done");
            }
            Event::Done { place, controller, duration, job: Some(job), .. } => {
                let (duration_ms, queue, jid) = (milliseconds(duration), job.queue, job.jid);
                about!(debug, place, controller, duration_ms, queue, class = job.class, jid, "enqueued");
            }
            Event::Skipped { place, controller, reason } => {
                about!(info, place, controller, reason = &*foreign::cut(reason), "skipped");
            }
            Event::TombstoneSkipped { place, controller } => {
                about!(debug, place, controller, reason = "no value (`tombstones: skip`)", "tombstone skipped");
            }
            Event::Deferred { place, controller, wait } => {
                about!(info, place, controller, wait_ms = milliseconds(wait), "deferred");
            }
            Event::Failed { place, controller, attempt, error, next } => {
                let (error_type, next_ms) = (error.type_name(), milliseconds(next));
                about!(warn, place, controller, attempt, error = words(error), error_type, next_ms, "failed");
            }
            Event::Panicked { place, controller, attempt, message, site, next } => {
                let (location, backtrace) = location(site);
                let (error, next_ms) = (&*foreign::cut(message), milliseconds(next));
                about!(error, place, controller, attempt, error, location, backtrace, next_ms, "panicked");
            }
            Event::Unparseable { record, topic: topic_key, controller, message, error, dead_letter, .. } => {
                let bytes = record.value().map_or(0, <[u8]>::len);
                let (location, backtrace) = location(error.panic_site());
                about!(
                    error,
                    TopicPartitionOffset::from(record),
                    controller,
                    topic_key,
                    message_type = message,
                    error = words(error),
                    location,
                    backtrace,
                    bytes,
                    dead_letter,
                    consequence,
                    help,
                    "cannot be parsed"
                );
            }
            Event::Unwritable { record, topic: topic_key, controller, error, dead_letter, .. } => {
                let (location, backtrace) = location(error.panic_site());
                about!(
                    error,
                    TopicPartitionOffset::from(record),
                    controller,
                    topic_key,
                    error = words(error),
                    location,
                    backtrace,
                    dead_letter,
                    consequence,
                    help,
                    "cannot be written as a job"
                );
            }
            Event::DeadLettered { place, controller, attempts, error, topic } => {
                let (location, backtrace) = location(error.panic_site());
                about!(
                    error,
                    place,
                    controller,
                    attempts,
                    error = words(error),
                    location,
                    backtrace,
                    dead_letter = topic,
                    consequence,
                    "gave up; goes to the dead letter topic"
                );
            }
            Event::Refused { place, controller, topic, size, is_dead_letter, reason, failures } => {
                about!(
                    error,
                    place,
                    controller,
                    destination = &*foreign::cut(topic),
                    size,
                    is_dead_letter,
                    reason = &*foreign::cut(reason),
                    failures,
                    consequence,
                    "what it has sent is refused; sent again, and its offset waits"
                );
            }
            Event::SendFailed { place, controller, topic, reason } => {
                let (destination, reason) = (&*foreign::cut(topic), &*foreign::cut(reason));
                about!(warn, place, controller, destination, reason, "what it has sent is not taken; sent again");
            }
            Event::NotRepeated { place, controller, what, error } => {
                let (error_type, (location, backtrace)) = (error.type_name(), location(error.panic_site()));
                about!(
                    error,
                    place,
                    controller,
                    what,
                    error = words(error),
                    error_type,
                    location,
                    backtrace,
                    consequence,
                    "not repeated"
                );
            }
            Event::TombstoneRefused { record, topic: topic_key, controller, dead_letter, .. } => {
                let place = TopicPartitionOffset::from(record);
                about!(
                    error,
                    place,
                    controller,
                    topic_key,
                    dead_letter,
                    consequence,
                    help,
                    "has no value (a tombstone)"
                );
            }
            Event::Blocking { place, controller, running } => {
                let running_ms = milliseconds(running);
                about!(warn, place, controller, running_ms, consequence, help, "handler blocks its thread");
            }
            Event::Unfinished { place, controller, attempt, running, others, .. } => {
                let running_ms = milliseconds(running);
                about!(warn, place, controller, attempt, running_ms, others, help, "attempt does not end");
            }
            Event::RuntimeStalled { stalled, threads, blocked } => {
                let stalled_ms = milliseconds(stalled);
                let names: Vec<_> = blocked.iter().take(NAMED).map(|named| foreign::line(named)).collect();
                let (handlers, names) = (blocked.len(), names.join("; "));
                let names = &*foreign::cut(&names);
                error!(target: TARGET, stalled_ms, threads, handlers, names, consequence, help, "no thread is free: nothing runs");
            }
            Event::RuntimeRecovered { stalled } => {
                warn!(target: TARGET, stalled_ms = milliseconds(stalled), "a thread is free again");
            }
            Event::RunsOn { place, records, controller, running, why, again } => {
                let (running_ms, reason) = (milliseconds(running), taken(why));
                about!(
                    warn,
                    place,
                    controller,
                    records,
                    running_ms,
                    reason,
                    to_repeat = again,
                    consequence,
                    help,
                    "runs on without its partition"
                );
            }
            Event::Left { place, controller, error } => {
                let (location, backtrace) = location(error.panic_site());
                let error = words(error);
                about!(info, place, controller, error, location, backtrace, "left to whoever has its partition next");
            }
            Event::PollStalled { group, stalled } => {
                error!(target: TARGET, group, stalled_ms = milliseconds(stalled), "poll thread stands still");
            }
            Event::CommitFailed { group, reason } => {
                let reason = &*foreign::cut(reason);
                warn!(target: TARGET, group, reason, consequence, "commit failed");
            }
            Event::CommitRefused { group, reason } => {
                let reason = &*foreign::cut(reason);
                debug!(target: TARGET, group, reason, "commit refused in a rebalance, and made again");
            }
            Event::Obstructed { group, obstacle, lasting } => obstructed(group, obstacle, lasting, help),
            Event::Cleared { group, obstacle, lasted } => {
                let (kind, partitions, lasted_ms) = (obstacle.kind.name(), obstacle.place(), milliseconds(lasted));
                let (topic, broker) = (obstacle.topic.as_deref(), obstacle.broker.as_deref());
                let words = foreign::cut(&obstacle.words);
                info!(target: TARGET, group, kind, partitions, topic, broker, lasted_ms, "over: {words}");
            }
            Event::Positioned { group, partition, from, to, passed, log, cause } => {
                let words = Positioned { group, partition, from, to, passed, log, cause };
                let (first, end) = (log.map(|log| log.first), log.map(|log| log.end));
                let (topic, partition) = (&*partition.topic, partition.partition);
                let (cause, is_loss, why) = (cause.name(), cause.is_loss(), words.to_string());
                if is_loss {
                    warn!(target: TARGET, group, topic, partition, from, to, passed, first, end, cause, "{why}");
                } else {
                    info!(target: TARGET, group, topic, partition, from, to, passed, first, end, cause, "{why}");
                }
            }
            Event::PositionLost { group, partition, from, log, cause, moves, reason } => {
                let words = Waits { group, partition, lost: Lost { offset: from, log, cause }, moves };
                let lost = words.lost.count();
                let (words_of, cause) = (words.to_string(), cause.name());
                let (topic, partition) = (&*partition.topic, partition.partition);
                let (first, end) = (log.map(|log| log.first), log.map(|log| log.end));
                let reason = &*foreign::cut(reason);
                error!(target: TARGET, group, topic, partition, from, first, end, lost, cause, reason, help, "{words_of}");
            }
            Event::Warning { group, message } => warn!(target: TARGET, group, "{}", foreign::cut(message)),
            Event::BrokerDropped { partition, count } => {
                error!(target: TARGET,
                    topic = &*partition.topic,
                    partition = partition.partition,
                    count,
                    consequence,
                    help,
                    "the embedded broker dropped records"
                );
            }
            Event::Fatal { group, reason } => {
                error!(target: TARGET, group, reason = &*foreign::cut(reason), consequence, "cannot go on");
            }
            Event::ProducerFatal { reason } => {
                error!(target: TARGET, reason = &*foreign::cut(reason), consequence, "the producer cannot go on");
            }
            Event::RedisAway { reason } => {
                let reason = &*foreign::cut(reason);
                warn!(target: TARGET, reason, consequence, "Redis refuses, or does not answer");
            }
            Event::RedisBack => info!(target: TARGET, "Redis answers again"),
            Event::RedisUnanswered => debug!(target: TARGET, "Redis is not waited for any longer"),
            Event::JobDone { job, duration } => {
                of_job!(debug, job, duration_ms = milliseconds(duration), "done");
            }
            Event::JobFailed { job, attempt, error, site, next } => {
                let (error, next_ms, (location, backtrace)) = (foreign::cut(error), milliseconds(next), location(site));
                of_job!(warn, job, attempt, error = &*error, location, backtrace, next_ms, "failed");
            }
            Event::JobGaveUp { job, attempts, error, site, is_kept } => {
                let (error, (location, backtrace)) = (foreign::cut(error), location(site));
                let error = &*error;
                of_job!(error, job, attempts, error, location, backtrace, is_kept, consequence, "gave up");
            }
            Event::JobBlocking { job, running } => {
                of_job!(warn, job, running_ms = milliseconds(running), help, "handler blocks its thread");
            }
            Event::JobUnfinished { job, attempt, running } => {
                of_job!(warn, job, attempt, running_ms = milliseconds(running), help, "attempt does not end");
            }
            Event::JobsRecovered { process, jobs, dead } => {
                warn!(target: TARGET, process, jobs, dead, "took back the jobs of a dead process");
            }
            Event::JobsStay { key, reason } => {
                let (key, reason) = (&*foreign::cut(key), &*foreign::cut(reason));
                warn!(target: TARGET, key, reason, consequence, "Redis refuses jobs at this key");
            }
            Event::Summary(summary) => tell_summary(summary),
            Event::Quieted => info!(target: TARGET, consequence, "quiet: nothing new is begun"),
            Event::Resumed => info!(target: TARGET, "records are begun again"),
            Event::Stopping { budget } => {
                info!(target: TARGET, budget_ms = milliseconds(budget), consequence, "stopping");
            }
            Event::Stopped(totals) => tell_totals(&totals),
        }
    }
}

fn tell_totals(totals: &Totals<'_>) {
    for blocked in totals.blocked.iter().take(NAMED) {
        let (partition, running_ms) = (&blocked.partition, milliseconds(blocked.running));
        error!(target: TARGET,
            topic = &*partition.topic,
            partition = partition.partition,
            offset = blocked.offset,
            controller = blocked.controller,
            records = blocked.records,
            running_ms,
            "did not end in time"
        );
    }
    let (handled, failed, to_repeat) = (totals.handled, totals.failed, totals.to_repeat);
    if totals.is_clean() {
        info!(target: TARGET, handled, failed, to_repeat, "stopped");
        return;
    }
    let some = |names: Vec<String>| (!names.is_empty()).then(|| names.join("; "));
    let (partitions, blocked) = (repeated(totals.partitions), totals.blocked.len());
    let (unfinished, waiting) = (some(totals.unfinished()), some(totals.waiting()));
    warn!(target: TARGET, handled, failed, to_repeat, partitions, blocked, unfinished, waiting, "stopped");
}

fn tell_summary(summary: &Summary) {
    let words = foreign::cut(&summary.to_string()).into_owned();
    let Summary { summed, controller, count, first, period, partitions, last, reason, attempt, next } = summary;
    let (summary, controller, last) = (summed.name(), &*foreign::cut(controller), &*foreign::cut(last));
    let (period_ms, next_ms) = (milliseconds(*period), next.map(milliseconds));
    let reason = (!reason.is_empty()).then(|| foreign::cut(reason));
    let reason = reason.as_deref();
    macro_rules! sum {
        ($level:ident, $reason:ident) => {
            $level!(
                target: TARGET,
                summary,
                controller,
                count,
                first,
                period_ms,
                partitions,
                last,
                attempt,
                $reason = reason,
                next_ms,
                "{words}"
            )
        };
    }
    match summed {
        Summed::Failed | Summed::JobFailed => sum!(warn, error),
        Summed::Panicked => sum!(error, error),
        Summed::Skipped | Summed::Deferred => sum!(info, reason),
        Summed::TombstoneSkipped => sum!(debug, reason),
    }
}

/// The fields that say where a handler panicked.
fn location(site: Option<&PanicSite>) -> (Option<&str>, Option<&str>) {
    (site.map(|site| &*site.location), site.and_then(PanicSite::backtrace))
}

/// An error as a line of a log has it; [`LogWriter`] writes out what no terminal may get.
fn words(error: &Error) -> String {
    foreign::cut(&error.to_string()).into_owned()
}

/// A word for why a partition is gone.
fn taken(why: RevocationCause) -> &'static str {
    match why {
        RevocationCause::Revoked => "revoked",
        RevocationCause::Lost => "lost",
        RevocationCause::Recreated => "recreated",
    }
}

/// Something stands in the way: an error where it waits for a person, else a warning.
fn obstructed(group: Option<&str>, obstacle: &Obstacle, lasting: Duration, help: Option<&str>) {
    let (kind, partitions, lasting_ms) = (obstacle.kind.name(), obstacle.place(), milliseconds(lasting));
    let (topic, broker) = (obstacle.topic.as_deref(), obstacle.broker.as_deref());
    let words = foreign::cut(&obstacle.words);
    if obstacle.severity == Severity::Person {
        error!(target: TARGET, group, kind, partitions, topic, broker, lasting_ms, help, "{words}");
    } else {
        warn!(target: TARGET, group, kind, partitions, topic, broker, lasting_ms, help, "{words}");
    }
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
