//! Writes what happens as `tracing` events, for machines that collect logs.

use std::collections::BTreeMap;

use tracing::{debug, error, info, warn};
use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};

use super::{Event, Listener, Place, development::ranges};

/// What filters such as `KARAFKA_LOG=karafka=debug` call the events.
const TARGET: &str = "karafka";

/// Writes events through `tracing`; what happens to a single record that went well is written at `debug`.
///
/// Bytes of keys and values are left out: they are often about people, and logs travel far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Production;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
/// `RUST_LOG`, else `info` and above. What the client reports comes as events too, so its wrapper's own lines are left out;
/// and so are the spans of attempts, because looking for a trace in each record is not free: `karafka::perform=info` has
/// them, with trace, record and attempt on each line that a handler writes.
///
/// # Errors
///
/// If a subscriber was set before; that one stays.
pub fn log_to(format: LogFormat, variables: &BTreeMap<String, String>) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let said = ["KARAFKA_LOG", "RUST_LOG"].iter().find_map(|name| variables.get(*name).filter(|text| !text.is_empty()));
    let filter = said.map_or("info,karafka::perform=off,rdkafka=off,librdkafka=error", String::as_str);
    let filter = EnvFilter::builder().parse_lossy(filter);
    match format {
        LogFormat::Json => fmt().json().flatten_event(true).with_env_filter(filter).finish().try_init(),
        LogFormat::Text { color } => {
            let writer = std::io::stderr;
            fmt().compact().with_ansi(color).with_writer(writer).with_env_filter(filter).finish().try_init()
        }
    }
}

/// Writes one event about one record, with its place in fields of their own.
macro_rules! about {
    ($level:ident, $place:expr, $controller:expr, $($rest:tt)*) => {{
        let Place { topic, partition, offset } = $place;
        $level!(target: TARGET, topic, partition, offset, controller = $controller, $($rest)*);
    }};
}

impl Listener for Production {
    fn wants_done(&self) -> bool {
        tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
    }

    fn on(&self, event: &Event<'_>) {
        match *event {
            Event::Started { group } => info!(target: TARGET, group, "started"),
            Event::Assigned { group, partitions } => {
                info!(target: TARGET, group, partitions = ranges(partitions), "assigned");
            }
            Event::Revoked { group, partitions, to_repeat } => {
                info!(target: TARGET, group, partitions = ranges(partitions), to_repeat, "revoked");
            }
            Event::Lost { group, partitions, to_repeat } => {
                warn!(target: TARGET, group, partitions = ranges(partitions), to_repeat, "lost");
            }
            Event::Done { place, controller, duration, emitted, queue: None } => {
                let duration_ms = milliseconds(duration);
                about!(debug, place, controller, duration_ms, emitted = emitted.len(), "done");
            }
            Event::Done { place, controller, duration, queue: Some(queue), .. } => {
                about!(debug, place, controller, duration_ms = milliseconds(duration), queue, "enqueued");
            }
            Event::Skipped { place, controller, reason } => about!(info, place, controller, reason, "skipped"),
            Event::TombstoneSkipped { place, controller } => about!(debug, place, controller, "tombstone skipped"),
            Event::Deferred { place, controller, wait } => {
                about!(info, place, controller, wait_ms = milliseconds(wait), "deferred");
            }
            Event::Failed { place, controller, attempt, error, next } => {
                let (error_type, next_ms) = (error.type_name(), milliseconds(next));
                about!(warn, place, controller, attempt, error = error.chain(), error_type, next_ms, "failed");
            }
            Event::Panicked { place, controller, attempt, message, next } => {
                about!(error, place, controller, attempt, error = message, next_ms = milliseconds(next), "panicked");
            }
            Event::Unparseable { record, controller, message, error, dead_letter, .. } => {
                let bytes = record.value().map_or(0, <[u8]>::len);
                let place = Place::from(record);
                about!(
                    error,
                    place,
                    controller,
                    message_type = message,
                    error = error.chain(),
                    bytes,
                    dead_letter,
                    "cannot be parsed"
                );
            }
            Event::DeadLettered { place, controller, attempts, error, topic } => {
                about!(
                    error,
                    place,
                    controller,
                    attempts,
                    error = error.chain(),
                    dead_letter = topic,
                    "gave up; goes to the dead letter topic"
                );
            }
            Event::NotRepeated { place, controller, what, error } => {
                let error_type = error.type_name();
                about!(
                    error,
                    place,
                    controller,
                    what,
                    error = error.chain(),
                    error_type,
                    "not repeated: delivery is at_most_once"
                );
            }
            Event::TombstoneRefused { record, controller, dead_letter, .. } => {
                about!(error, Place::from(record), controller, dead_letter, "has no value");
            }
            Event::Stuck { place, controller, age } => {
                about!(
                    warn,
                    place,
                    controller,
                    age_ms = milliseconds(age),
                    "unfinished; its partition is not fetched further"
                );
            }
            Event::Blocking { place, controller, running } => {
                about!(warn, place, controller, running_ms = milliseconds(running), "handler blocks its thread");
            }
            Event::PollStalled { group, stalled } => {
                error!(target: TARGET, group, stalled_ms = milliseconds(stalled), "poll thread stands still");
            }
            Event::CommitFailed { group, reason } => warn!(target: TARGET, group, reason, "commit failed"),
            Event::Disconnected { group, reason } => warn!(target: TARGET, group, reason, "no broker answers"),
            Event::Reconnected { group } => info!(target: TARGET, group, "brokers answer again"),
            Event::Positioned { group, partition, from: Some(from), to, passed } => {
                warn!(target: TARGET,
                    group,
                    topic = &*partition.topic,
                    partition = partition.partition,
                    from,
                    to,
                    passed,
                    "the group's offset is gone; it goes on elsewhere, as `lost_position` says"
                );
            }
            Event::Positioned { group, partition, from: None, to, passed } => {
                info!(target: TARGET,
                    group,
                    topic = &*partition.topic,
                    partition = partition.partition,
                    to,
                    passed,
                    "the group has no offset; it begins as `start` says"
                );
            }
            Event::Warning { group, message } => warn!(target: TARGET, group, "{message}"),
            Event::BrokerDropped { partition, count } => {
                error!(target: TARGET,
                    topic = &*partition.topic,
                    partition = partition.partition,
                    count,
                    "the embedded broker dropped records"
                );
            }
            Event::Fatal { group, reason } => error!(target: TARGET, group, reason, "cannot go on"),
            Event::ProducerFatal { reason } => error!(target: TARGET, reason, "the producer cannot go on"),
            Event::RedisAway { reason } => warn!(target: TARGET, reason, "Redis refuses, or does not answer"),
            Event::RedisBack => info!(target: TARGET, "Redis answers again"),
            Event::RedisUnanswered => debug!(target: TARGET, "Redis is not waited for any longer"),
            Event::JobDone { job, duration } => {
                debug!(target: TARGET, queue = job.queue, class = job.class, jid = job.jid, duration_ms = milliseconds(duration), "done");
            }
            Event::JobFailed { job, attempt, error, next } => {
                let next_ms = milliseconds(next);
                warn!(target: TARGET, queue = job.queue, class = job.class, jid = job.jid, attempt, error, next_ms, "failed");
            }
            Event::JobGaveUp { job, attempts, error, is_kept } => {
                error!(target: TARGET, queue = job.queue, class = job.class, jid = job.jid, attempts, error, is_kept, "gave up");
            }
            Event::JobsRecovered { process, jobs, dead } => {
                warn!(target: TARGET, process, jobs, dead, "took back the jobs of a dead process");
            }
            Event::Quieted => info!(target: TARGET, "quiet: nothing new is begun until SIGCONT"),
            Event::Resumed => info!(target: TARGET, "records are begun again"),
            Event::Stopping { budget } => {
                info!(target: TARGET, budget_ms = milliseconds(budget), "stopping");
            }
            Event::Stopped(totals) => {
                for blocked in totals.blocked {
                    error!(target: TARGET, blocked = %blocked, "did not end in time");
                }
                let (handled, failed, to_repeat) = (totals.handled, totals.failed, totals.to_repeat);
                info!(target: TARGET, handled, failed, to_repeat, "stopped");
            }
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
