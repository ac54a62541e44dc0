//! What plays along in the attempts of a simulation: scripts that fail them, and who has seen what became of a record.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::source::Source;
use crate::{
    Record,
    context::{simulated::Act, simulated::Attempts},
    dead_letter::header,
    events::{Event, Listener, ShortDuration, TopicPartitionOffset},
    sync::{Mutex, MutexGuard},
};

/// An attempt that a script decides on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Call {
    /// Which attempt at the record it is, from 1; attempts before a crash count, as far as a commit has told of them.
    pub attempt: u32,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
}

/// Decides on attempts.
pub(crate) struct Script {
    pub(crate) decide: Box<dyn FnMut(&Call) -> Act + Send>,
    /// How many attempts at each record it fails before it ends, where that is known.
    pub(crate) fails: Option<u32>,
}

/// A record, by its topic's name in Kafka.
pub(crate) type At = (String, i32, i64);

/// How far a group is with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// No attempt has begun.
    #[default]
    Waiting,
    /// An attempt is under way.
    AtWork,
    /// An attempt failed; another comes.
    Resting,
    /// Put off, which is not an attempt.
    PutOff,
    /// It waits for a person.
    Stuck,
    /// It is given up; its dead letter is on its way, or there.
    Dying,
    /// Performed or skipped, and what it sent is acknowledged.
    Finished,
}

/// What a group has done with a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) status: Status,
    /// Attempts that have begun and were not put off.
    pub(crate) attempts: u32,
    /// The number of the last one, as a script is told it.
    number: u32,
    /// What happened, in words, each with the time since the simulation began.
    pub(crate) lines: Vec<(Duration, String)>,
}

/// Scripts and histories of all groups, by the groups' ids.
pub(crate) struct Stage {
    source: Source,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    scripts: BTreeMap<(String, String), Script>,
    histories: BTreeMap<String, BTreeMap<At, History>>,
    /// A script has panicked: the test, not the attempt, has failed.
    panic: Option<Box<dyn Any + Send>>,
}

impl Stage {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, inner: Mutex::default() }
    }

    /// Has `script` decide on the attempts of a group at records of a topic; `None` ends that.
    pub(crate) fn script(&self, group: &str, topic: &str, script: Option<Script>) {
        let key = (group.to_owned(), topic.to_owned());
        let mut inner = self.lock();
        match script {
            Some(script) => inner.scripts.insert(key, script),
            None => inner.scripts.remove(&key),
        };
    }

    /// What a group has done with a record.
    pub(crate) fn history(&self, group: &str, at: &At) -> History {
        self.lock().histories.get(group).and_then(|histories| histories.get(at)).cloned().unwrap_or_default()
    }

    /// How many attempts a group has made at a record.
    pub(crate) fn attempts(&self, group: &str, at: &At) -> u32 {
        let inner = self.lock();
        inner.histories.get(group).and_then(|histories| histories.get(at)).map_or(0, |history| history.attempts)
    }

    /// Whether a script fails attempts at a record still, and is known to end.
    pub(crate) fn is_failed_for_a_while(&self, group: &str, at: &At) -> bool {
        let inner = self.lock();
        let script = inner.scripts.get(&(group.to_owned(), at.0.clone()));
        let number = inner.histories.get(group).and_then(|histories| histories.get(at)).map_or(0, |known| known.number);
        script.and_then(|script| script.fails).is_some_and(|fails| number <= fails)
    }

    /// How far a group is with a record.
    pub(crate) fn status(&self, group: &str, at: &At) -> Status {
        let histories = self.lock();
        let history = histories.histories.get(group).and_then(|histories| histories.get(at));
        history.map_or(Status::Waiting, |history| history.status)
    }

    /// Records whose dead letters the source has.
    pub(crate) fn buried(&self, group: &str) -> BTreeSet<At> {
        let letters = self.source.dead_letters();
        let letters = letters.into_iter().filter(|letter| text_of(letter, header::GROUP) == Some(group));
        letters.filter_map(|letter| source_of(&letter)).collect()
    }

    /// The first panic of a script, once.
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.lock().panic.take()
    }

    /// Nothing that was begun goes on.
    pub(crate) fn forget_what_was_begun(&self) {
        for history in self.lock().histories.values_mut().flat_map(BTreeMap::values_mut) {
            if !matches!(history.status, Status::Finished | Status::Dying) {
                history.status = Status::Waiting;
            }
        }
    }

    fn note(&self, group: &str, at: &At, status: Status, words: String) {
        let age = self.source.age();
        let mut inner = self.lock();
        let history = inner.history(group, at);
        if status == Status::PutOff {
            history.attempts = history.attempts.saturating_sub(1);
        }
        history.status = status;
        history.lines.push((age, words));
        drop(inner);
        self.source.touch_group(group);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl Attempts for Stage {
    fn begin(&self, group: &str, record: &Record, attempt: u32) -> Act {
        let call = Call {
            attempt,
            partition: record.partition(),
            offset: record.offset(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
        };
        let at = (record.topic().to_owned(), call.partition, call.offset);
        let mut inner = self.lock();
        let act = match inner.scripts.get_mut(&(group.to_owned(), at.0.clone())) {
            Some(script) => catch_unwind(AssertUnwindSafe(|| (script.decide)(&call))),
            None => Ok(Act::Perform),
        };
        let act = act.unwrap_or_else(|panic| {
            inner.panic.get_or_insert(panic);
            Act::Hang
        });
        let history = inner.history(group, &at);
        history.status = Status::AtWork;
        history.attempts += 1;
        history.number = attempt;
        drop(inner);
        self.source.touch_group(group);
        // A process that was killed does nothing more.
        if self.source.is_down() { Act::Hang } else { act }
    }
}

impl Inner {
    fn history(&mut self, group: &str, at: &At) -> &mut History {
        let histories = self.histories.entry(group.to_owned()).or_default();
        histories.entry(at.clone()).or_default()
    }
}

/// The record that a dead letter is of.
pub(crate) fn source_of(letter: &Record) -> Option<At> {
    let topic = text_of(letter, header::TOPIC)?.to_owned();
    let partition = text_of(letter, header::PARTITION)?.parse().ok()?;
    let offset = text_of(letter, header::OFFSET)?.parse().ok()?;
    Some((topic, partition, offset))
}

/// A header of a dead letter.
pub(crate) fn text_of<'r>(letter: &'r Record, name: &str) -> Option<&'r str> {
    letter.header(name).and_then(|text| std::str::from_utf8(text).ok())
}

/// Hears what the engine says of one group.
pub(crate) struct Ear {
    pub(crate) stage: Arc<Stage>,
    pub(crate) group: String,
}

impl Listener for Ear {
    fn wants_done(&self) -> bool {
        true
    }

    fn on(&self, event: &Event<'_>) {
        let note = |place: &TopicPartitionOffset<'_>, status, words| {
            let at = (place.topic.to_owned(), place.partition, place.offset);
            self.stage.note(&self.group, &at, status, words);
        };
        let refused = |record: &Record, dead_letter: Option<&str>, why: String| match dead_letter {
            Some(topic) => note(&record.into(), Status::Dying, format!("{why}; it goes to `{topic}`")),
            None => note(&record.into(), Status::Stuck, format!("{why}; it waits for a person")),
        };
        match event {
            Event::Done { place, .. } => note(place, Status::Finished, "done".to_owned()),
            Event::Skipped { place, reason, .. } => note(place, Status::Finished, format!("skipped: {reason}")),
            Event::TombstoneSkipped { place, .. } => note(place, Status::Finished, "a tombstone, skipped".to_owned()),
            Event::Deferred { place, wait, .. } => {
                note(place, Status::PutOff, format!("put off for {}", ShortDuration(*wait)));
            }
            Event::Failed { place, attempt, error, next, .. } => {
                let words = format!("attempt {attempt} failed: {error}; the next in {}", ShortDuration(*next));
                note(place, Status::Resting, words);
            }
            Event::Panicked { place, attempt, message, next, .. } => {
                let words = format!("attempt {attempt} panicked: {message}; the next in {}", ShortDuration(*next));
                note(place, Status::Resting, words);
            }
            Event::DeadLettered { place, attempts, error, topic, .. } => {
                let words = format!("attempt {attempts}, the last, failed: {error}; it goes to `{topic}`");
                note(place, Status::Dying, words);
            }
            Event::NotRepeated { place, what, error, .. } => {
                note(place, Status::Finished, format!("{what}, and is not repeated: {error}"));
            }
            Event::RunsOn { place, records, running, .. } => {
                let batch = if *records > 1 { format!(" with {records} records") } else { String::new() };
                let words = format!("it runs on after {}{batch}, and its partition is gone", ShortDuration(*running));
                note(place, Status::AtWork, words);
            }
            Event::Left { place, error, .. } => {
                note(place, Status::Waiting, format!("left to whoever has its partition next: {error}"));
            }
            Event::Unparseable { record, error, dead_letter, .. } => {
                refused(record, *dead_letter, format!("it cannot be parsed: {error}"));
            }
            Event::Unwritable { record, error, dead_letter, .. } => {
                refused(record, *dead_letter, format!("it cannot be written as a job: {error}"));
            }
            Event::TombstoneRefused { record, dead_letter, .. } => {
                refused(record, *dead_letter, "a tombstone, which the manifest does not expect".to_owned());
            }
            _ => {}
        }
    }
}
