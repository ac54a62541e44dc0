use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use super::*;
use crate::OwnedRecord;

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

fn place(topic: &str, partition: i32, offset: i64) -> Place<'_> {
    Place { topic, partition, offset }
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
    let done = |offset, micros, emitted, queue| {
        let place = place("orders", 2, offset);
        listener.on(&Event::Done { place, controller, duration: ms(micros), emitted, queue });
    };
    done(0, 212, &emitted[..1], None);
    listener.on(&Event::Done {
        place: place("clicks", 0, 41_234),
        controller: "Clicks::CountController",
        duration: ms(1_520_000),
        emitted: &[],
        queue: None,
    });
    done(1, 80_000, &emitted, None);
    done(6, 90, &[], Some("critical"));
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
        next,
    });
    let what = "timed out";
    listener.on(&Event::NotRepeated { place: place("orders", 2, 5), controller, what, error: &error });
    let job = JobName { queue: "critical", class: "OrdersWorker", jid: "b7f9a5771d734158b74866cc" };
    listener.on(&Event::JobDone { job, duration: ms(900) });
    listener.on(&Event::JobFailed { job, attempt: 1, error: "card declined: 402", next: Duration::from_secs(17) });
    listener.on(&Event::JobGaveUp { job, attempts: 3, error: "card declined: 402", is_kept: true });
    listener.on(&Event::JobGaveUp { job, attempts: 1, error: "card declined: 402", is_kept: false });
    listener.on(&Event::JobsRecovered { process: "host:71:5d0c", jobs: 2, dead: 1 });
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
        dead_letter: Some("orders.dead"),
    });
    let tombstone = Record::from(OwnedRecord { topic: "orders".into(), ..OwnedRecord::default() });
    listener.on(&Event::TombstoneRefused { record: &tombstone, topic, controller, dead_letter: None });
    let dead = Event::DeadLettered {
        place: place("orders", 2, 4),
        controller,
        attempts: 5,
        error: &wrong,
        topic: "orders.dead",
    };
    listener.on(&dead);
    listener.on(&Event::Stuck { place: place("orders", 2, 4), controller, age: Duration::from_secs(600) });
    let running = Duration::from_secs(2);
    listener.on(&Event::Blocking { place: place("orders", 2, 4), controller, running });
    listener.on(&Event::PollStalled { group, stalled: Duration::from_secs(30) });
    listener.on(&Event::CommitFailed { group, reason: "Coordinator load in progress" });
    listener.on(&Event::Disconnected { group, reason: "AllBrokersDown" });
    listener.on(&Event::Reconnected { group });
    listener.on(&Event::Positioned { group, partition: &four[0], from: None, to: 900, passed: 880 });
    listener.on(&Event::Positioned { group, partition: &four[1], from: Some(17), to: 400, passed: 383 });
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
        running: Duration::from_secs(31),
    }];
    listener.on(&Event::Stopped(Totals { handled: 5, failed: 1, to_repeat: 1, blocked: &blocked }));
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
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
        listener.on(&Event::Done { place, controller: "C", duration, emitted: &[], queue: None });
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
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        assert!(Production.wants_done());
        tell_everything(&Production);
    });
    snapshot("events_production", &paper.text());
}
