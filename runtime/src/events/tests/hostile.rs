//! Every event with the worst texts that its fields can bring, at every place where events come out.

use std::collections::BTreeSet;

use super::*;
use crate::foreign::{
    LONGEST,
    tests::{HOSTILE, hostile},
};

/// Calls `hear` with every kind of event, `words` in each of its texts.
fn every_event(words: &str, hear: &mut dyn FnMut(&Event<'_>)) {
    let error = &Error::new(words);
    let record = &Record::from(OwnedRecord {
        topic: words.into(),
        key: Some(words.as_bytes().to_vec()),
        value: Some(words.as_bytes().to_vec()),
        headers: vec![(words.as_bytes().to_vec(), Some(words.as_bytes().to_vec()))],
        ..OwnedRecord::default()
    });
    let partition = &Partition { topic: words.into(), partition: 3 };
    let partitions = std::slice::from_ref(partition);
    let place = TopicPartitionOffset { topic: words, partition: 3, offset: 17 };
    let emitted = &[place];
    let job = JobName { queue: words, class: words, jid: words };
    let blocked = &[Blocked {
        controller: words.to_owned(),
        partition: partition.clone(),
        offset: 17,
        records: 1,
        running: Duration::ZERO,
    }];
    let to_repeat = &[ToRepeat { group: words.to_owned(), partition: partition.clone(), records: 3 }];
    let (group, controller, message, topic, what, reason, process) = (words, words, words, words, words, words, words);
    let (duration, wait, next, age) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let dead_letter = Some(words);
    let obstacle = &Obstacle {
        partitions: partitions.to_vec(),
        topic: Some(words.to_owned()),
        broker: Some(words.to_owned()),
        ..Obstacle::new(ObstacleKind::FetchFails, Severity::Passes, words, words)
    };
    let log = Some(Log { first: 1, end: 2 });
    let site = Some(&PanicSite { location: words.to_owned(), backtrace: Some(words.to_owned()) });
    let ordering = Ordering::Partition;
    let summary = &Summary {
        summed: Summed::Failed,
        controller: words.to_owned(),
        count: 1,
        first: 1,
        period: age,
        partitions: 1,
        last: words.to_owned(),
        reason: words.to_owned(),
        attempt: Some(2),
        next: Some(age),
    };
    let left_waiting =
        &[LeftWaiting { partition: partition.clone(), offset: Some(17), what: words.to_owned(), lag: Some(1) }];
    let unsettled = &[words.to_owned()];
    let mut kinds = BTreeSet::new();
    for event in [
        Event::Started { group },
        Event::Assigned { group, partitions },
        Event::Revoked { group, partitions, to_repeat: 1 },
        Event::Lost { group, partitions, to_repeat: 1 },
        Event::Done { place, controller, duration, emitted, job: None, batch: 1 },
        Event::Done { place, controller, duration, emitted, job: None, batch: 3 },
        Event::Done { place, controller, duration, emitted, job: Some(job), batch: 1 },
        Event::Skipped { place, controller, reason },
        Event::TombstoneSkipped { place, controller },
        Event::Deferred { place, controller, wait },
        Event::Failed { place, controller, attempt: 1, error, next },
        Event::Panicked { place, controller, attempt: 1, message, site, next },
        Event::Unparseable { record, topic, controller, message, error, ordering, dead_letter },
        Event::Unparseable { record, topic, controller, message, error, ordering, dead_letter: None },
        Event::Unwritable { record, topic, controller, error, ordering, dead_letter },
        Event::Unwritable { record, topic, controller, error, ordering, dead_letter: None },
        Event::DeadLettered { place, controller, attempts: 1, error, topic },
        Event::Refused { place, controller, topic, size: 1, is_dead_letter: true, reason, failures: 1 },
        Event::SendFailed { place, controller, topic, reason },
        Event::NotRepeated { place, controller, what, error },
        Event::TombstoneRefused { record, topic, controller, ordering, dead_letter },
        Event::TombstoneRefused { record, topic, controller, ordering: Ordering::Key, dead_letter: None },
        Event::Unfinished { place, controller, attempt: 1, running: age, others: 2, is_enqueue: false },
        Event::Unfinished { place, controller, attempt: 1, running: age, others: 0, is_enqueue: true },
        Event::RuntimeStalled { stalled: age, threads: 2, blocked: &[words.to_owned(), words.to_owned()] },
        Event::RuntimeRecovered { stalled: age },
        Event::JobBlocking { job, running: age },
        Event::JobUnfinished { job, attempt: 1, running: age },
        Event::Blocking { place, controller, running: age },
        Event::RunsOn { place, records: 1, controller, running: age, why: RevocationCause::Revoked, again: true },
        Event::RunsOn { place, records: 3, controller, running: age, why: RevocationCause::Lost, again: false },
        Event::RunsOn { place, records: 3, controller, running: age, why: RevocationCause::Recreated, again: false },
        Event::Left { place, controller, error },
        Event::PollStalled { group, stalled: age },
        Event::CommitFailed { group, reason },
        Event::CommitRefused { group, reason },
        Event::Obstructed { group: Some(group), obstacle, lasting: age },
        Event::Obstructed {
            group: None,
            obstacle: &Obstacle { severity: Severity::Person, ..obstacle.clone() },
            lasting: age,
        },
        Event::Cleared { group: Some(group), obstacle, lasted: age },
        Event::Positioned { group, partition, from: None, to: 1, passed: 1, log, cause: Cause::NewGroup },
        Event::Positioned { group, partition, from: Some(0), to: 1, passed: 1, log: None, cause: Cause::Unknown },
        Event::PositionLost { group, partition, from: 0, log, cause: Cause::Retention, moves: false, reason },
        Event::Warning { group, message },
        Event::BrokerDropped { partition, count: 1 },
        Event::Fatal { group, reason },
        Event::ProducerFatal { reason },
        Event::RedisAway { reason },
        Event::RedisBack,
        Event::RedisUnanswered,
        Event::JobDone { job, duration },
        Event::JobFailed { job, attempt: 1, error: words, site, next },
        Event::JobGaveUp { job, attempts: 1, error: words, site, is_kept: true },
        Event::JobsRecovered { process, jobs: 1, dead: 1 },
        Event::JobsStay { key: words, reason },
        Event::Quieted,
        Event::Resumed,
        Event::Stopping { budget: age },
        Event::Summary(summary),
        Event::Stopped(Totals {
            to_repeat: 3,
            partitions: to_repeat,
            blocked,
            left_waiting,
            unsettled,
            ..Totals::default()
        }),
    ] {
        kinds.insert(number(&event));
        hear(&event);
    }
    assert_eq!(kinds, (0..KINDS).collect(), "an event that stands in `number` and not in the list above");
}

/// How many kinds of events there are.
pub(super) const KINDS: usize = 49;

/// The kind of an event. Whoever adds one finds this, and adds it above too.
pub(super) fn number(event: &Event<'_>) -> usize {
    match event {
        Event::Started { .. } => 0,
        Event::Assigned { .. } => 1,
        Event::Revoked { .. } => 2,
        Event::Lost { .. } => 3,
        Event::Done { .. } => 4,
        Event::Skipped { .. } => 5,
        Event::TombstoneSkipped { .. } => 6,
        Event::Deferred { .. } => 7,
        Event::Failed { .. } => 8,
        Event::Panicked { .. } => 9,
        Event::Unparseable { .. } => 10,
        Event::DeadLettered { .. } => 11,
        Event::NotRepeated { .. } => 12,
        Event::TombstoneRefused { .. } => 13,
        Event::Unfinished { .. } => 14,
        Event::Blocking { .. } => 15,
        Event::PollStalled { .. } => 16,
        Event::CommitFailed { .. } => 17,
        Event::Obstructed { .. } => 18,
        Event::Cleared { .. } => 19,
        Event::Positioned { .. } => 20,
        Event::Warning { .. } => 21,
        Event::BrokerDropped { .. } => 22,
        Event::Fatal { .. } => 23,
        Event::ProducerFatal { .. } => 24,
        Event::RedisAway { .. } => 25,
        Event::RedisBack => 26,
        Event::RedisUnanswered => 27,
        Event::JobDone { .. } => 28,
        Event::JobFailed { .. } => 29,
        Event::JobGaveUp { .. } => 30,
        Event::JobsRecovered { .. } => 31,
        Event::Quieted => 32,
        Event::Resumed => 33,
        Event::Stopping { .. } => 34,
        Event::Stopped(_) => 35,
        Event::JobsStay { .. } => 36,
        Event::Refused { .. } => 37,
        Event::RunsOn { .. } => 38,
        Event::Left { .. } => 39,
        Event::CommitRefused { .. } => 40,
        Event::PositionLost { .. } => 41,
        Event::RuntimeStalled { .. } => 42,
        Event::RuntimeRecovered { .. } => 43,
        Event::JobBlocking { .. } => 44,
        Event::JobUnfinished { .. } => 45,
        Event::SendFailed { .. } => 46,
        Event::Summary(_) => 47,
        Event::Unwritable { .. } => 48,
    }
}

/// What one event looks like on a terminal.
pub(super) fn developed(event: &Event<'_>, color: bool) -> String {
    let paper = Paper::default();
    Development::with_clock(Box::new(paper.clone()), color, noon).on(event);
    paper.text()
}

/// What one event looks like in a log, as an app sets it up.
pub(super) fn logged(event: &Event<'_>, form: LogForm) -> String {
    let paper = Paper::default();
    let writer = paper.clone();
    let writer = move || LogWriter { inner: writer.clone(), form };
    let lines = tracing_subscriber::fmt().without_time().with_max_level(tracing::Level::DEBUG).with_writer(writer);
    let hear = || Production.on(event);
    match form {
        LogForm::Json => tracing::subscriber::with_default(lines.json().flatten_event(true).finish(), hear),
        LogForm::Text { colors } => tracing::subscriber::with_default(lines.compact().with_ansi(colors).finish(), hear),
    }
    paper.text()
}

/// If this fails, a record's words clear the terminal of the person who looks at an app, turn its lines around, or write
/// lines of log that no app has written.
#[test]
fn no_event_brings_a_hostile_character_out() {
    // Each in its middle, as the ends of texts are often cut; and with a line of log that is none.
    let words = format!("a{HOSTILE}b\n12:01:07.412  orders/0@1  forged\nerror: forged");
    every_event(&words, &mut |event| {
        let plain = developed(event, false);
        assert_eq!(hostile(&plain, &[]), None, "{plain}");
        let coloured = developed(event, true);
        for painted in ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            assert_eq!(hostile(&coloured.replace(painted, ""), &['\x1b']), None, "{coloured}");
        }
        let lines = plain.lines().skip(1);
        assert!(lines.into_iter().all(|line| line.starts_with("  ")), "a line that looks like an event:\n{plain}");

        let json = logged(event, LogForm::Json);
        assert_eq!(hostile(&json, &[]), None, "{json}");
        for line in json.lines() {
            serde_json::from_str::<serde_json::Value>(line).expect("an object of JSON a line");
        }
        for colors in [false, true] {
            let text = logged(event, LogForm::Text { colors });
            assert_eq!(hostile(&text, if colors { &['\x1b'] } else { &[] }), None, "{text}");
            assert!(!text.contains("\nerror: forged") && !text.contains("\n12:01"), "{text}");
        }
    });
}

/// If this fails, one record with a long error fills a terminal, a log or a disk.
#[test]
fn a_long_error_is_a_bounded_line() {
    const LENGTH: usize = 600_000;
    let words = "x".repeat(LENGTH);
    let error = &Error::new(&words);
    let (place, controller, next) = (place("orders", 0, 1), "C", Duration::ZERO);
    let obstacle = &Obstacle::new(ObstacleKind::FetchFails, Severity::Passes, &*words, "look");
    let job = JobName { queue: "q", class: "W", jid: "1" };
    let record = &Record::from(OwnedRecord { value: Some(words.clone().into_bytes()), ..OwnedRecord::default() });
    for event in [
        Event::Skipped { place, controller, reason: &words },
        Event::Failed { place, controller, attempt: 1, error, next },
        Event::Panicked { place, controller, attempt: 1, message: &words, site: None, next },
        Event::Unparseable {
            record,
            topic: "orders",
            controller,
            message: "Order",
            error,
            ordering: Ordering::None,
            dead_letter: None,
        },
        Event::DeadLettered { place, controller, attempts: 1, error, topic: "dead" },
        Event::NotRepeated { place, controller, what: "failed", error },
        Event::Left { place, controller, error },
        Event::CommitFailed { group: "g", reason: &words },
        Event::CommitRefused { group: "g", reason: &words },
        Event::Obstructed { group: Some("g"), obstacle, lasting: next },
        Event::Cleared { group: Some("g"), obstacle, lasted: next },
        Event::Warning { group: "g", message: &words },
        Event::Fatal { group: "g", reason: &words },
        Event::ProducerFatal { reason: &words },
        Event::PositionLost {
            group: "g",
            partition: &Partition { topic: "orders".into(), partition: 3 },
            from: 0,
            log: None,
            cause: Cause::Unknown,
            moves: false,
            reason: &words,
        },
        Event::RedisAway { reason: &words },
        Event::JobFailed { job, attempt: 1, error: &words, site: None, next },
        Event::JobGaveUp { job, attempts: 1, error: &words, site: None, is_kept: true },
    ] {
        for shown in [developed(&event, false), logged(&event, LogForm::Json)] {
            assert!(shown.len() < LONGEST + 1_000, "{} bytes", shown.len());
            assert!(shown.contains("… (600,000 bytes)"), "{shown}");
        }
    }
}

/// If this fails, an error of several lines, as a database has them, is a riddle to the person who has to mend it.
#[test]
fn an_error_of_several_lines_stays_readable() {
    let error = &Error::new("relation does not exist\n  SELECT *\n  ^ here");
    let event =
        Event::Failed { place: place("orders", 2, 4), controller: "C", attempt: 1, error, next: Duration::ZERO };
    assert_eq!(
        developed(&event, false),
        "12:01:07.412  orders/2@4  C  failed (attempt 1): relation does not exist\n              │   SELECT *\n              \
         │   ^ here\n              again in 0.0 ms\n"
    );
}
