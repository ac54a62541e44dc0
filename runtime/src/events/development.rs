//! Prints what happens for a person who watches, a line an event.

use std::{
    fmt::{self, Write as _},
    io::Write,
    time::Duration,
};

use super::{
    Event, Listener, NAMED, Obstacle, PanicSite, Severity, ShortDuration, TopicPartitionOffset, Totals, excerpt,
    position::{Lost, Positioned, Waits},
    repeated,
    words::{consequence, help, places, taken_words},
};
use crate::{Error, Record, foreign, partition::ranges, sync::Mutex};

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

    /// All words of an event, lines after the first not yet indented: what has happened, what follows, what mends it.
    fn words(&self, page: &mut Page, event: &Event<'_>) -> String {
        let mut words = self.what(page, event);
        if !words.is_empty() {
            if let Some(consequence) = consequence(event) {
                let _ = write!(words, "\n{consequence}");
            }
            if let Some(help) = help(event) {
                let _ = write!(words, "\nhelp: {help}");
            }
        }
        words
    }

    /// What has happened.
    fn what(&self, page: &mut Page, event: &Event<'_>) -> String {
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
            Event::Done { place, controller, duration, job: Some(job), .. } => {
                let enqueued = paint.green("enqueued");
                let job = job.to_string();
                format!(
                    "{}{enqueued} in {}  → {}",
                    page.head(place, controller),
                    ShortDuration(duration),
                    foreign::line(&job)
                )
            }
            Event::Done { place, controller, duration, emitted, job: None, batch } => {
                let head = page.head(place, controller);
                let mut words = format!("{head}{} in {}", paint.green("done"), ShortDuration(duration));
                if batch > 1 {
                    let _ = write!(words, " in a batch of {batch}");
                }
                if !emitted.is_empty() {
                    let _ = write!(words, "  → {}", places(emitted));
                }
                words
            }
            Event::Skipped { place, controller, reason } => {
                format!("{}skipped: {}", page.head(place, controller), foreign::paragraph(reason))
            }
            Event::TombstoneSkipped { place, controller } => {
                format!("{}skipped: no value (`tombstones: skip`)", page.head(place, controller))
            }
            Event::Deferred { place, controller, wait } => {
                format!("{}deferred, asked again in {}", page.head(place, controller), ShortDuration(wait))
            }
            Event::Failed { place, controller, attempt, error, next } => {
                let head = page.head(place, controller);
                let failed = paint.red(&format!("failed (attempt {attempt})"));
                format!("{head}{failed}: {}\nagain in {}", foreign::paragraph(&error.to_string()), ShortDuration(next))
            }
            Event::Panicked { place, controller, attempt, message, site, next } => {
                let head = page.head(place, controller);
                let panicked = paint.red(&format!("panicked (attempt {attempt})"));
                let message = foreign::paragraph(message);
                format!("{head}{panicked}{}: {message}{}\nagain in {}", at(site), calls(site), ShortDuration(next))
            }
            Event::Unparseable { record, controller, message, error, .. } => {
                let words = paint.red(&format!("cannot be parsed as {}", foreign::line(message)));
                poison(record, controller, &format!("{words}: {}", with_site(error)))
            }
            Event::Unwritable { record, controller, error, .. } => {
                let words = paint.red("cannot be written as a job");
                poison(record, controller, &format!("{words}: {}", with_site(error)))
            }
            Event::DeadLettered { place, controller, attempts, error, .. } => {
                let head = page.head(place, controller);
                let gave_up = paint.red(&format!("gave up after {}", attempt_words(attempts)));
                format!("{head}{gave_up}: {}", with_site(error))
            }
            Event::Refused { place, controller, topic, size, is_dead_letter, reason, failures } => {
                let what = if is_dead_letter { "its dead letter is refused" } else { "what it has sent is refused" };
                let what = paint.red(&format!("{what} ({})", times(failures)));
                let (topic, reason) = (foreign::line(topic), foreign::paragraph(reason));
                format!("{}{what}: {reason}\n{size} bytes to {topic}", page.head(place, controller))
            }
            Event::SendFailed { place, controller, reason, .. } => {
                let words = format!("what it has sent is sent again: {}", foreign::paragraph(reason));
                format!("{}{}", page.head(place, controller), paint.yellow(&words))
            }
            Event::NotRepeated { place, controller, what, error } => {
                let head = page.head(place, controller);
                let what = paint.red(what);
                format!("{head}{what}: {}", with_site(error))
            }
            Event::TombstoneRefused { record, controller, .. } => {
                poison(record, controller, &paint.red("has no value (a tombstone)"))
            }
            Event::Blocking { place, controller, running } => {
                let words = paint.yellow(&format!("has kept its thread for {}", ShortDuration(running)));
                format!("{}{words}", page.head(place, controller))
            }
            Event::Unfinished { place, controller, attempt, running, others, .. } => {
                let words = paint.yellow(&unfinished_words(attempt, running, others));
                format!("{}{words}", page.head(place, controller))
            }
            Event::RuntimeStalled { stalled, threads, blocked } => {
                let words =
                    format!("nothing runs: no thread of {threads} has been free for {}", ShortDuration(stalled));
                let mut words = paint.red(&words);
                for named in blocked.iter().take(NAMED) {
                    let _ = write!(words, "\n{}", foreign::line(named));
                }
                if blocked.len() > NAMED {
                    let _ = write!(words, "\nand {} more", blocked.len() - NAMED);
                }
                words
            }
            Event::RuntimeRecovered { stalled } => {
                format!("a thread is free again, after {}", ShortDuration(stalled))
            }
            Event::RunsOn { place, records, controller, running, why, .. } => {
                let more = if records > 1 { format!(" with {records} records of a batch") } else { String::new() };
                let words = format!("runs on{more}, for {} by now, and {}", ShortDuration(running), taken_words(why).0);
                format!("{}{}", page.head(place, controller), paint.yellow(&words))
            }
            Event::Left { place, controller, error } => {
                let error = with_site(error);
                format!("{}left to whoever has its partition next: {error}", page.head(place, controller))
            }
            Event::PollStalled { group, stalled } => {
                paint.red(&format!("group {group} has not polled Kafka for {}", ShortDuration(stalled)))
            }
            Event::CommitFailed { group, reason } => {
                paint.yellow(&format!("group {group} could not commit: {}", foreign::line(reason)))
            }
            // No fault, and so without a colour.
            Event::CommitRefused { group, reason } => {
                format!("group {group} rebalances: a commit is made again ({})", foreign::line(reason))
            }
            Event::Obstructed { group, obstacle, lasting } => {
                let since =
                    if lasting.is_zero() { String::new() } else { format!(" (for {})", ShortDuration(lasting)) };
                let words = format!("{}{since}", obstacle_words(group, obstacle));
                if obstacle.severity == Severity::Person { paint.red(&words) } else { paint.yellow(&words) }
            }
            Event::Cleared { group, obstacle, lasted } => {
                format!("over after {}: {}", ShortDuration(lasted), obstacle_words(group, obstacle))
            }
            Event::Positioned { group, partition, from, to, passed, log, cause } => {
                let words = Positioned { group, partition, from, to, passed, log, cause }.to_string();
                if cause.is_loss() { paint.yellow(&words) } else { words }
            }
            Event::PositionLost { group, partition, from, log, cause, moves, reason } => {
                let words = Waits { group, partition, lost: Lost { offset: from, log, cause }, moves };
                let words = paint.red(&format!("group {group}: {words}"));
                format!("{words}\nlibrdkafka says: {}", foreign::line(reason))
            }
            Event::Warning { group, message } => {
                paint.yellow(&format!("group {group}: {}", foreign::paragraph(message)))
            }
            Event::BrokerDropped { partition, count } => {
                let records = if count == 1 { "record" } else { "records" };
                let words =
                    format!("the embedded broker dropped the oldest {count} {records} of {partition}, read or not");
                paint.red(&words)
            }
            Event::Fatal { group, reason } => {
                paint.red(&format!("group {group} cannot go on: {}", foreign::paragraph(reason)))
            }
            Event::ProducerFatal { reason } => {
                paint.red(&format!("the producer cannot go on: {}", foreign::paragraph(reason)))
            }
            Event::RedisAway { reason } => {
                let reason = foreign::paragraph(reason);
                paint.yellow(&format!("Redis refuses, or does not answer: {reason}"))
            }
            Event::RedisBack => "Redis answers again".to_owned(),
            Event::JobDone { job, duration } => {
                format!("{}{} in {}", page.head(job, job.class), paint.green("done"), ShortDuration(duration))
            }
            Event::JobFailed { job, attempt, error, site, next } => {
                let failed = paint.red(&format!("failed (attempt {attempt}){}", at(site)));
                let (head, error) = (page.head(job, job.class), foreign::paragraph(error));
                format!("{head}{failed}: {error}{}\nagain in {}", calls(site), ShortDuration(next))
            }
            Event::JobGaveUp { job, attempts, error, site, .. } => {
                let gave_up = paint.red(&format!("gave up after {}{}", attempt_words(attempts), at(site)));
                let (head, error) = (page.head(job, job.class), foreign::paragraph(error));
                format!("{head}{gave_up}: {error}{}", calls(site))
            }
            Event::JobBlocking { job, running } => {
                let words = paint.yellow(&format!("has kept its thread for {}", ShortDuration(running)));
                format!("{}{words}", page.head(job, job.class))
            }
            Event::JobUnfinished { job, attempt, running } => {
                let words = paint.yellow(&unfinished_words(attempt, running, 0));
                format!("{}{words}", page.head(job, job.class))
            }
            Event::JobsRecovered { process, jobs, dead } => {
                let also = if dead == 0 { String::new() } else { format!(", {dead} put into `dead`") };
                let process = foreign::line(process);
                paint.yellow(&format!("{process} has died: {jobs} of its jobs put back{also}"))
            }
            Event::JobsStay { key, reason } => {
                let (key, reason) = (foreign::line(key), foreign::line(reason));
                paint.yellow(&format!("Redis refuses jobs at {key}: {reason}"))
            }
            Event::Summary(summary) => {
                let words = paint.yellow(&foreign::line(&summary.to_string()));
                match &*summary.reason {
                    "" => words,
                    reason => format!("{words}: {}", foreign::paragraph(reason)),
                }
            }
            Event::Quieted => paint.yellow("quiet: nothing new is begun"),
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
            Event::Stopping { .. } => {
                writeln!(page.out, "{}", status("stopping", &consequence(event).unwrap_or_default()))?;
            }
            Event::Stopped(totals) => {
                writeln!(page.out, "{}", status("stopped", &stopped_words(totals)))?;
                for words in totals.unfinished() {
                    writeln!(page.out, "{INDENT}did not end in time: {words}")?;
                }
                for words in totals.waiting() {
                    writeln!(page.out, "{INDENT}waits for a person: {words}")?;
                }
            }
            _ => {
                let words = self.words(page, event);
                if words.is_empty() {
                    return Ok(());
                }
                // Whatever an event brings: a terminal gets colours and lines, and each line stands behind a time.
                let words = foreign::page(&words, self.paint.on).replace('\n', &format!("\n{INDENT}"));
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
        let mut page = self.page.lock();
        // A closed pipe must not stop the app.
        let _ = self.print(&mut page, event);
    }
}

impl Page {
    /// TopicPartitionOffset and controller in columns that grow with what they hold.
    fn head(&mut self, place: impl fmt::Display, controller: &str) -> String {
        let place = place.to_string();
        // A job's names come from Redis.
        let (place, controller) = (foreign::line(&place), foreign::line(controller));
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

fn stopped_words(totals: &Totals<'_>) -> String {
    let mut words = format!("{} handled, {} failed, {} to repeat", totals.handled, totals.failed, totals.to_repeat);
    if !totals.partitions.is_empty() {
        let _ = write!(words, " ({})", repeated(totals.partitions));
    }
    words
}

/// ` at src/orders.rs:12:5`.
fn at(site: Option<&PanicSite>) -> String {
    site.map(|site| format!(" at {}", foreign::line(&site.location))).unwrap_or_default()
}

/// The calls that led to a panic, on lines of their own.
fn calls(site: Option<&PanicSite>) -> String {
    let backtrace = site.and_then(|site| site.backtrace.as_deref());
    backtrace.map(|calls| format!("\n{}", foreign::page(calls.trim_end(), false))).unwrap_or_default()
}

/// Why, and where it panicked, if it did.
fn with_site(error: &Error) -> String {
    let words = error.to_string();
    let words = foreign::paragraph(&words);
    match error.panic_site() {
        None => words.into_owned(),
        site => format!("{words} (panicked{}){}", at(site), calls(site)),
    }
}

/// What an obstacle stands in the way of, where, and what it is.
fn obstacle_words(group: Option<&str>, obstacle: &Obstacle) -> String {
    let whose = group.map_or_else(|| "sending".to_owned(), |group| format!("group {}", foreign::line(group)));
    let place = obstacle.place().map(|place| format!("{}: ", foreign::line(&place))).unwrap_or_default();
    format!("{whose}: {place}{}", foreign::paragraph(&obstacle.words))
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn attempt_words(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

fn unfinished_words(attempt: u32, running: Duration, others: usize) -> String {
    let others = match others {
        0 => String::new(),
        1 => ", nor has 1 other here".to_owned(),
        others => format!(", nor have {others} others here"),
    };
    format!("has not ended for {} (attempt {attempt}){others}", ShortDuration(running))
}

fn repeat_words(to_repeat: u64) -> String {
    if to_repeat == 0 { String::new() } else { format!(", {to_repeat} to repeat") }
}

/// A record that nobody can handle: where it is and what it holds.
fn poison(record: &Record, controller: &str, words: &str) -> String {
    let place = TopicPartitionOffset::from(record);
    let key = excerpt::key(record.key());
    let value = match record.value() {
        None => "no value".to_owned(),
        Some(bytes) => format!("{}: {}", excerpt::size(bytes.len()), excerpt::excerpt(bytes)),
    };
    format!("{place}  {}  {words}\n{key}, {value}", foreign::line(controller))
}
