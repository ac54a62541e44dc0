//! Prints what happens for a person who watches, a line an event.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Event, Listener, Partition, Place, Short, Totals, excerpt};
use crate::Record;

/// Where the words of a line begin: behind `12:01:07.412` and two spaces.
const INDENT: &str = "              ";

/// More lines a second than this nobody reads; the rest is counted.
const DONE_LINES_A_SECOND: u64 = 100;

/// The widest place or controller that others are aligned to.
const WIDEST_COLUMN: usize = 40;

/// Prints events for a person: times of day, aligned columns, and what to do where something is wrong.
pub struct Development {
    clock: fn() -> (i64, String),
    paint: Paint,
    page: Mutex<Page>,
}

/// What was printed so far.
struct Page {
    out: Box<dyn Write + Send>,
    place_width: usize,
    controller_width: usize,
    second: i64,
    shown: u64,
    hidden: u64,
}

#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl fmt::Debug for Development {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Development").field("color", &self.paint.on).finish_non_exhaustive()
    }
}

impl Development {
    /// Prints to `out`, in colour if `color`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, color: bool) -> Self {
        Self::with_clock(out, color, || {
            let now = chrono::Local::now();
            (now.timestamp(), now.format("%H:%M:%S%.3f").to_string())
        })
    }

    pub(super) fn with_clock(out: Box<dyn Write + Send>, color: bool, clock: fn() -> (i64, String)) -> Self {
        let page = Page { out, place_width: 0, controller_width: 0, second: 0, shown: 0, hidden: 0 };
        Self { clock, paint: Paint { on: color }, page: Mutex::new(page) }
    }

    /// The words of an event, lines after the first not yet indented.
    fn words(&self, page: &mut Page, event: &Event<'_>) -> String {
        let paint = self.paint;
        match *event {
            // The start page says more of it.
            Event::Started { .. } => String::new(),
            Event::Assigned { partitions: [], .. } | Event::Revoked { partitions: [], .. } => String::new(),
            Event::Assigned { group, partitions } => format!("group {group} has {}", ranges(partitions)),
            Event::Revoked { group, partitions, to_repeat } => {
                format!("group {group} gave back {}{}", ranges(partitions), repeat_words(to_repeat))
            }
            Event::Lost { group, partitions, to_repeat } => {
                let words = format!("group {group} lost {}{}", ranges(partitions), repeat_words(to_repeat));
                paint.yellow(&words)
            }
            Event::Done { place, controller, duration, queue: Some(queue), .. } => {
                let enqueued = paint.green("enqueued");
                format!("{}{enqueued} in {}  → {queue}", page.head(place, controller), Short(duration))
            }
            Event::Done { place, controller, duration, emitted, queue: None } => {
                let head = page.head(place, controller);
                let mut words = format!("{head}{} in {}", paint.green("done"), Short(duration));
                for (index, place) in emitted.iter().enumerate() {
                    words.push_str(if index == 0 { "  → " } else { ", " });
                    let _ = write!(words, "{place}");
                }
                words
            }
            Event::Skipped { place, controller, reason } => {
                format!("{}skipped: {reason}", page.head(place, controller))
            }
            Event::TombstoneSkipped { place, controller } => {
                format!("{}skipped: no value (`tombstones: skip`)", page.head(place, controller))
            }
            Event::Deferred { place, controller, wait } => {
                format!("{}deferred, asked again in {}", page.head(place, controller), Short(wait))
            }
            Event::Failed { place, controller, attempt, error, next } => {
                let head = page.head(place, controller);
                let failed = paint.red(&format!("failed (attempt {attempt})"));
                format!("{head}{failed}: {}\nagain in {}", error.chain(), Short(next))
            }
            Event::Panicked { place, controller, attempt, message, next } => {
                let head = page.head(place, controller);
                let panicked = paint.red(&format!("panicked (attempt {attempt})"));
                format!("{head}{panicked}: {message}\nagain in {}", Short(next))
            }
            Event::Unparseable { record, topic, message, error, dead_letter, .. } => {
                let words = paint.red(&format!("cannot be parsed as {message}"));
                let report = poison(record, topic, &format!("{words}: {}", error.chain()), dead_letter);
                let help = unparseable_help(&error.chain(), message);
                match dead_letter {
                    Some(_) => format!("{report}\nhelp: in karafka.yml, {help}"),
                    None => {
                        format!(
                            "{report}\nhelp: in karafka.yml, add `dead_letter: {topic}.dead` to `{topic}`, or {help}"
                        )
                    }
                }
            }
            Event::DeadLettered { place, controller, attempts, error, topic } => {
                let head = page.head(place, controller);
                let gave_up = paint.red(&format!("gave up after {}", attempt_words(attempts)));
                format!("{head}{gave_up}: {}\ngoes to {topic}", error.chain())
            }
            Event::NotRepeated { place, controller, what, error } => {
                let head = page.head(place, controller);
                let what = paint.red(what);
                format!("{head}{what}: {}\nnot repeated: delivery is at_most_once", error.chain())
            }
            Event::TombstoneRefused { record, topic, dead_letter, .. } => {
                let report = poison(record, topic, &paint.red("has no value (a tombstone)"), dead_letter);
                format!(
                    "{report}\nhelp: say at `{topic}` in karafka.yml what that means: `tombstones: skip`, or \
                     `tombstones: deliver` and a `perform_tombstone`"
                )
            }
            Event::Stuck { place, controller, age } => {
                let Place { topic, partition, .. } = place;
                let words = format!("unfinished for {}; {topic}/{partition} is not fetched further", Short(age));
                format!("{}{}", page.head(place, controller), paint.yellow(&words))
            }
            Event::Blocking { place, controller, running } => {
                let words = format!("has kept its thread for {}; others wait for that thread", Short(running));
                let help =
                    "help: `.await` what takes time; hand what counts or blocks to `tokio::task::spawn_blocking`";
                format!("{}{}\n{help}", page.head(place, controller), paint.yellow(&words))
            }
            Event::PollStalled { group, stalled } => {
                paint.red(&format!("group {group} has not polled Kafka for {}", Short(stalled)))
            }
            Event::CommitFailed { group, reason } => {
                paint.yellow(&format!("group {group} could not commit: {reason}; it is tried again"))
            }
            Event::Disconnected { group, reason } => {
                paint.yellow(&format!("group {group} reaches no broker: {reason}; it goes on trying"))
            }
            Event::Reconnected { group } => format!("group {group} reaches its brokers again"),
            Event::Positioned { group, partition, from: Some(from), to, passed } => paint.yellow(&format!(
                "group {group} has lost its position in {partition}: offset {from} is gone, it goes on at {to} ({passed} passed over)"
            )),
            Event::Positioned { group, partition, from: None, to, passed } => {
                format!("group {group} begins {partition} at offset {to} ({passed} passed over)")
            }
            Event::Warning { group, message } => paint.yellow(&format!("group {group}: {message}")),
            Event::BrokerDropped { partition, count } => {
                let records = if count == 1 { "record" } else { "records" };
                let words =
                    format!("the embedded broker dropped the oldest {count} {records} of {partition}, read or not");
                let words = paint.red(&words);
                format!(
                    "{words}\nit keeps 5 MiB or 100,000 batches a partition\nhelp: send less at once, or set KARAFKA_BROKERS to a real broker"
                )
            }
            Event::Fatal { group, reason } => paint.red(&format!("group {group} cannot go on: {reason}")),
            Event::ProducerFatal { reason } => paint.red(&format!("the producer cannot go on: {reason}")),
            Event::RedisAway { reason } => {
                paint.yellow(&format!("Redis refuses, or does not answer: {reason}\njobs wait, and it is asked again"))
            }
            Event::RedisBack => "Redis answers again".to_owned(),
            Event::JobDone { job, duration } => {
                format!("{}{} in {}", page.head(job, job.class), paint.green("done"), Short(duration))
            }
            Event::JobFailed { job, attempt, error, next } => {
                let failed = paint.red(&format!("failed (attempt {attempt})"));
                format!("{}{failed}: {error}\nagain in {}", page.head(job, job.class), Short(next))
            }
            Event::JobGaveUp { job, attempts, error, is_kept } => {
                let gave_up = paint.red(&format!("gave up after {}", attempt_words(attempts)));
                let place = if is_kept { "stands in `dead`" } else { "dropped: it was pushed with `retry: false` or `dead: false`" };
                format!("{}{gave_up}: {error}\n{place}", page.head(job, job.class))
            }
            Event::JobsRecovered { process, jobs, dead } => {
                let also = if dead == 0 { String::new() } else { format!(", {dead} put into `dead`") };
                paint.yellow(&format!("{process} has died: {jobs} of its jobs put back{also}"))
            }
            Event::Quieted => {
                paint.yellow("quiet: nothing new is begun, and partitions are kept\nSIGCONT (`fg`) goes on, SIGTERM stops")
            }
            Event::Resumed => "going on".to_owned(),
            Event::RedisUnanswered | Event::Stopping { .. } | Event::Stopped(_) => String::new(),
        }
    }

    fn print(&self, page: &mut Page, event: &Event<'_>) -> std::io::Result<()> {
        let (second, time) = (self.clock)();
        let is_done = matches!(event, Event::Done { .. } | Event::JobDone { .. });
        if is_done && second == page.second && page.shown >= DONE_LINES_A_SECOND {
            page.hidden += 1;
            return Ok(());
        }
        if page.hidden > 0 {
            let words = format!("… and {} more done", page.hidden);
            writeln!(page.out, "{INDENT}{}", self.paint.dim(&words))?;
            page.hidden = 0;
        }
        if second != page.second {
            (page.second, page.shown) = (second, 0);
        }
        page.shown += u64::from(is_done);
        match event {
            Event::Stopping { budget } => {
                writeln!(page.out, "{}", status("stopping", &stopping_words(*budget)))?;
            }
            Event::Stopped(totals) => {
                writeln!(page.out, "{}", status("stopped", &stopped_words(totals)))?;
            }
            _ => {
                let words = self.words(page, event);
                if words.is_empty() {
                    return Ok(());
                }
                let words = words.replace('\n', &format!("\n{INDENT}"));
                writeln!(page.out, "{}  {words}", self.paint.dim(&time))?;
            }
        }
        page.out.flush()
    }
}

impl Listener for Development {
    fn wants_done(&self) -> bool {
        true
    }

    fn on(&self, event: &Event<'_>) {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed pipe must not stop the app.
        let _ = self.print(&mut page, event);
    }
}

impl Page {
    /// Place and controller in columns that grow with what they hold.
    fn head(&mut self, place: impl fmt::Display, controller: &str) -> String {
        let place = place.to_string();
        self.place_width = self.place_width.max(place.len()).min(WIDEST_COLUMN);
        self.controller_width = self.controller_width.max(controller.len()).min(WIDEST_COLUMN);
        let (place_width, controller_width) = (self.place_width, self.controller_width);
        format!("{place:place_width$}  {controller:controller_width$}  ")
    }
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
}

/// `    stopping  words`: a word for what the app does, and what belongs to it.
#[must_use]
pub(crate) fn status(word: &str, words: &str) -> String {
    format!("{word:>12}  {words}")
}

fn stopping_words(budget: Duration) -> String {
    format!("no new records; what was begun has {} to end", Short(budget))
}

pub(super) fn stopped_words(totals: &Totals<'_>) -> String {
    format!("{} handled, {} failed, {} to repeat", totals.handled, totals.failed, totals.to_repeat)
}

fn attempt_words(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

fn repeat_words(to_repeat: u64) -> String {
    if to_repeat == 0 { String::new() } else { format!(", {to_repeat} to repeat") }
}

/// A record that stopped its partition: where it is, what it holds, what waits.
fn poison(record: &Record, key_in_manifest: &str, words: &str, dead_letter: Option<&str>) -> String {
    let place = Place::from(record);
    let key = excerpt::key(record.key());
    let value = match record.value() {
        None => "no value".to_owned(),
        Some(bytes) => format!("{}: {}", excerpt::size(bytes.len()), excerpt::excerpt(bytes)),
    };
    let (topic, partition) = (place.topic, place.partition);
    let next = dead_letter.map_or_else(
        || {
            format!(
                "partition {topic}/{partition} waits here until the app starts again: no dead_letter is configured for \
                 `{key_in_manifest}`; others go on"
            )
        },
        |dead_letter| format!("goes to {dead_letter}"),
    );
    format!("{place}  {words}\n{key}, {value}\n{next}")
}

/// What mends a record that cannot be parsed.
pub(super) fn unparseable_help(error: &str, message: &str) -> String {
    let missing = error.split_once("missing field `").and_then(|(_, rest)| rest.split_once('`'));
    match (missing, message) {
        (Some((field, _)), _) => {
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

/// `orders/0-3, clicks/1`.
pub(super) fn ranges(partitions: &[Partition]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for Partition { topic, partition } in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let mut text = String::new();
    for (topic, mut numbers) in topics {
        numbers.sort_unstable();
        let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        for run in runs {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = match run {
                [first, .., last] => write!(text, "{separator}{topic}/{first}-{last}"),
                [only] => write!(text, "{separator}{topic}/{only}"),
                [] => Ok(()),
            };
        }
    }
    text
}
