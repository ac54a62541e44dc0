use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    OwnedRecord,
    foreign::{LogForm, LogWriter},
};

mod alike;
mod hostile;

/// Output that a test can read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn place(topic: &str, partition: i32, offset: i64) -> TopicPartitionOffset<'_> {
    TopicPartitionOffset { topic, partition, offset }
}

fn partitions(of: &[(&str, i32)]) -> Vec<Partition> {
    of.iter().map(|(topic, partition)| Partition { topic: (*topic).into(), partition: *partition }).collect()
}

/// Tells a listener one event of each kind.
fn tell_everything(listener: &dyn Listener) {
    let ms = Duration::from_micros;
    let error = Error::new("card declined: 402");
    let group = "myapp";
    let controller = "OrdersController";
    let four = partitions(&[("orders", 0), ("orders", 1), ("orders", 3), ("clicks", 2)]);
    listener.on(&Event::Started { group });
    listener.on(&Event::Assigned { group, partitions: &four });
    listener.on(&Event::Assigned { group, partitions: &[] });
    let emitted = [place("order_confirmed", 1, 0), place("audit", 0, 7)];
    let job = JobName { queue: "critical", class: "OrdersWorker", jid: "b7f9a5771d734158b74866cc" };
    let done = |offset, micros, emitted, job, batch| {
        let place = place("orders", 2, offset);
        listener.on(&Event::Done { place, controller, duration: ms(micros), emitted, job, batch });
    };
    done(0, 212, &emitted[..1], None, 1);
    listener.on(&Event::Done {
        place: place("clicks", 0, 41_234),
        controller: "Clicks::CountController",
        duration: ms(1_520_000),
        emitted: &[],
        job: None,
        batch: 1,
    });
    done(1, 80_000, &emitted, None, 1);
    done(6, 90, &[], Some(job), 1);
    done(7, 80_000, &emitted, None, 3);
    listener.on(&Event::Skipped { place: place("orders", 2, 2), controller, reason: "a test order" });
    listener.on(&Event::TombstoneSkipped { place: place("orders", 2, 3), controller });
    listener.on(&Event::Deferred { place: place("orders", 2, 4), controller, wait: Duration::from_secs(5) });
    let next = Duration::from_millis(1_300);
    listener.on(&Event::Failed { place: place("orders", 2, 4), controller, attempt: 2, error: &error, next });
    listener.on(&Event::Panicked {
        place: place("orders", 2, 4),
        controller,
        attempt: 3,
        message: "index out of bounds",
        site: Some(&PanicSite { location: "src/controllers/orders_controller.rs:12:9".to_owned(), backtrace: None }),
        next,
    });
    let what = "timed out";
    let reason = "receipts has not acknowledged the record: Local: Message timed out";
    listener.on(&Event::SendFailed { place: place("orders", 2, 5), controller, topic: "receipts", reason });
    listener.on(&Event::NotRepeated { place: place("orders", 2, 5), controller, what, error: &error });
    listener.on(&Event::JobDone { job, duration: ms(900) });
    listener.on(&Event::JobFailed {
        job,
        attempt: 1,
        error: "card declined: 402",
        site: None,
        next: Duration::from_secs(17),
    });
    listener.on(&Event::JobGaveUp { job, attempts: 3, error: "card declined: 402", site: None, is_kept: true });
    listener.on(&Event::JobGaveUp { job, attempts: 1, error: "card declined: 402", site: None, is_kept: false });
    listener.on(&Event::JobsRecovered { process: "host:71:5d0c", jobs: 2, dead: 1 });
    listener.on(&Event::JobsStay { key: "queue:theirs", reason: "NOPERM this user has no permissions" });
    listener.on(&Event::Summary(&Summary {
        summed: Summed::Failed,
        controller: controller.to_owned(),
        count: 1_240,
        first: 0,
        period: Duration::from_secs(10),
        partitions: 12,
        last: "orders/3@4711".to_owned(),
        reason: "card declined: 402".to_owned(),
        attempt: Some(5),
        next: Some(Duration::from_secs(8)),
    }));
    listener.on(&Event::RedisAway { reason: "Connection refused" });
    listener.on(&Event::RedisBack);
    listener.on(&Event::RedisUnanswered);
    listener.on(&Event::Quieted);
    listener.on(&Event::Resumed);
    let record = Record::from(OwnedRecord {
        topic: "orders".into(),
        partition: 1,
        offset: 4711,
        key: Some(b"c-1993".to_vec()),
        value: Some(br#"{"id":"0f9c","customer":"c-1993","lines":[]}"#.to_vec()),
        ..OwnedRecord::default()
    });
    let missing = Error::new("missing field `total` at line 1 column 87");
    let topic = "orders";
    listener.on(&Event::Unparseable {
        record: &record,
        topic,
        controller,
        message: "Order",
        error: &missing,
        ordering: Ordering::Partition,
        dead_letter: None,
    });
    let foreign =
        Record::from(OwnedRecord { topic: "orders".into(), value: Some(vec![0, 0xff, 27]), ..OwnedRecord::default() });
    let wrong = Error::new("expected value at line 1 column 1");
    listener.on(&Event::Unparseable {
        record: &foreign,
        topic,
        controller,
        message: "json",
        error: &wrong,
        ordering: Ordering::Partition,
        dead_letter: Some("orders.dead"),
    });
    let tombstone = Record::from(OwnedRecord { topic: "orders".into(), ..OwnedRecord::default() });
    for ordering in [Ordering::Partition, Ordering::Key, Ordering::None] {
        listener.on(&Event::TombstoneRefused { record: &tombstone, topic, controller, ordering, dead_letter: None });
    }
    let dead = Event::DeadLettered {
        place: place("orders", 2, 4),
        controller,
        attempts: 5,
        error: &wrong,
        topic: "orders.dead",
    };
    listener.on(&dead);
    let running = Duration::from_secs(600);
    let unfinished = |attempt, others, is_enqueue| {
        let place = place("orders", 2, 4);
        Event::Unfinished { place, controller, attempt, running, others, is_enqueue }
    };
    listener.on(&unfinished(3, 0, false));
    listener.on(&unfinished(1, 2, true));
    let running = Duration::from_secs(2);
    listener.on(&Event::Blocking { place: place("orders", 2, 4), controller, running });
    for (records, why, again) in [
        (1, RevocationCause::Revoked, true),
        (20, RevocationCause::Revoked, true),
        (1, RevocationCause::Lost, false),
        (1, RevocationCause::Recreated, false),
    ] {
        let (place, running) = (place("orders", 2, 4), Duration::from_secs(12));
        listener.on(&Event::RunsOn { place, records, controller, running, why, again });
    }
    listener.on(&Event::Left { place: place("orders", 2, 4), controller, error: &error });
    let blocked =
        ["OrdersController on orders/2@4 for 5 s".to_owned(), "OrdersController on orders/3@1 for 6 s".to_owned()];
    let stalled = Duration::from_secs(5);
    listener.on(&Event::RuntimeStalled { stalled, threads: 2, blocked: &blocked });
    listener.on(&Event::RuntimeStalled { stalled, threads: 2, blocked: &[] });
    listener.on(&Event::RuntimeRecovered { stalled });
    listener.on(&Event::JobBlocking { job, running });
    listener.on(&Event::JobUnfinished { job, attempt: 1, running: Duration::from_secs(600) });
    listener.on(&Event::PollStalled { group, stalled: Duration::from_secs(30) });
    listener.on(&Event::CommitFailed { group, reason: "Coordinator load in progress" });
    listener.on(&Event::CommitRefused { group, reason: "Specified group generation id is not valid" });
    let words = "reaches no broker: 127.0.0.1:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection refused";
    let obstacle = Obstacle::new(ObstacleKind::Disconnected, Severity::Passes, words, "nothing listens there");
    let of = |group, obstacle: &Obstacle, lasting| listener.on(&Event::Obstructed { group, obstacle, lasting });
    of(Some(group), &obstacle, Duration::ZERO);
    of(Some(group), &obstacle, Duration::from_secs(60));
    listener.on(&Event::Cleared { group: Some(group), obstacle: &obstacle, lasted: Duration::from_secs(75) });
    let words = "its records are compressed with zstd, which this program was built without";
    let obstacle = Obstacle::new(ObstacleKind::Unreadable, Severity::Person, words, "build it with the feature `zstd`");
    of(Some(group), &Obstacle { partitions: four.to_vec(), ..obstacle.clone() }, Duration::ZERO);
    of(Some(group), &Obstacle { partitions: four[..1].to_vec(), offset: Some(4711), ..obstacle }, Duration::ZERO);
    let words = "what was sent to `receipts` is not acknowledged";
    of(None, &Obstacle::new(ObstacleKind::Unacknowledged, Severity::Passes, words, "look"), Duration::ZERO);
    let log = Some(Log { first: 20, end: 1_000 });
    let positioned = |from, to, passed, log, cause| {
        listener.on(&Event::Positioned { group, partition: &four[0], from, to, passed, log, cause });
    };
    positioned(None, 900, 880, log, Cause::NewGroup);
    positioned(None, 20, 0, log, Cause::NewPartition);
    positioned(None, 20, 0, log, Cause::NoOffset { in_topic: 3, elsewhere: 0 });
    positioned(None, 1_000, 980, log, Cause::NoOffset { in_topic: 0, elsewhere: 2 });
    positioned(Some(57), 20, -37, log, Cause::OffsetGone);
    positioned(Some(17), 400, 383, None, Cause::Unknown);
    positioned(Some(17), 20, 3, log, Cause::Retention);
    positioned(Some(1_200), 1_000, -200, log, Cause::Truncated);
    positioned(Some(1_200), 20, -1_180, log, Cause::Recreated);
    let reason = "fetch failed due to requested offset not available on the broker: Broker: Offset out of range";
    let lost = |from, cause, moves| {
        listener.on(&Event::PositionLost { group, partition: &four[1], from, log, cause, moves, reason });
    };
    lost(3, Cause::Retention, false);
    lost(3, Cause::BeforeLog, false);
    lost(1_002, Cause::BeyondEnd, true);
    listener.on(&Event::Warning { group, message: "the topic `clicks` does not exist yet" });
    listener.on(&Event::Revoked { group, partitions: &four[..1], to_repeat: 0 });
    listener.on(&Event::Lost { group, partitions: &four[1..3], to_repeat: 7 });
    listener.on(&Event::BrokerDropped { partition: &four[0], count: 1_204 });
    listener.on(&Event::Fatal { group, reason: "Group authorization failed" });
    listener.on(&Event::ProducerFatal { reason: "Cluster authorization failed" });
    listener.on(&Event::Stopping { budget: Duration::from_secs(30) });
    let blocked = [Blocked {
        controller: "OrdersController".to_owned(),
        partition: four[0].clone(),
        offset: 12,
        records: 1,
        running: Duration::from_secs(31),
    }];
    let again =
        |partition: &Partition, records| ToRepeat { group: group.to_owned(), partition: partition.clone(), records };
    let partitions = [again(&four[0], 1), again(&four[3], 4)];
    listener.on(&Event::Stopped(Totals {
        handled: 5,
        failed: 1,
        to_repeat: 5,
        partitions: &partitions,
        blocked: &blocked,
        left_waiting: &[LeftWaiting {
            partition: four[1].clone(),
            offset: Some(4_711),
            what: "1 record cannot be handled, and no dead_letter is configured".to_owned(),
            lag: Some(204),
        }],
        unsettled: &[],
    }));
    let unsettled = ["OrdersWorker on critical/b7f9a5771d734158b74866cc, begun 31 s ago".to_owned()];
    listener.on(&Event::Stopped(Totals { handled: 5, to_repeat: 1, unsettled: &unsettled, ..Totals::default() }));
    listener.on(&Event::Stopped(Totals { handled: 5, ..Totals::default() }));
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

fn noon() -> (i64, String) {
    (0, "12:01:07.412".to_owned())
}

/// If this fails, what a person sees in the first minutes is not what it should be.
#[test]
fn development_prints_for_a_person() {
    let paper = Paper::default();
    tell_everything(&Development::with_clock(Box::new(paper.clone()), false, noon));
    snapshot("events_development", &paper.text());
}

/// If this fails, a terminal shows escape codes of nobody's choosing, or no colour at all.
#[test]
fn development_paints_only_when_asked() {
    let (plain, painted) = (Paper::default(), Paper::default());
    tell_everything(&Development::with_clock(Box::new(plain.clone()), false, noon));
    tell_everything(&Development::with_clock(Box::new(painted.clone()), true, noon));
    assert!(!plain.text().contains('\x1b'));
    let mut text = painted.text();
    for code in ["0", "2", "31", "32", "33"] {
        assert!(text.contains(&format!("\x1b[{code}m")), "{code}");
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(text, plain.text());
}

/// If this fails, a burst of records buries the terminal, or records go by uncounted.
#[test]
fn development_counts_what_nobody_could_read() {
    let paper = Paper::default();
    let listener = Development::with_clock(Box::new(paper.clone()), false, noon);
    for offset in 0..1_000 {
        let (place, duration) = (place("orders", 0, offset), Duration::ZERO);
        listener.on(&Event::Done { place, controller: "C", duration, emitted: &[], job: None, batch: 1 });
    }
    listener.on(&Event::Stopped(Totals { handled: 1_000, ..Totals::default() }));
    let text = paper.text();
    assert_eq!(text.lines().count(), 102);
    assert!(
        text.ends_with("              … and 900 more done\n     stopped  1000 handled, 0 failed, 0 to repeat\n"),
        "{text}"
    );
}

/// If this fails, log collectors find other fields than those that dashboards and alerts were built on.
#[test]
fn production_writes_json_lines() {
    let paper = Paper::default();
    let writer = paper.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .without_time()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || LogWriter { inner: writer.clone(), form: LogForm::Json })
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        assert!(Production.wants_done());
        tell_everything(&Production);
    });
    snapshot("events_production", &paper.text());
}
