//! Every event in development and in production: what a person reads in one stands in the other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    hostile::{KINDS, developed, logged, number},
    *,
};
use crate::{
    events::words::{consequence, help},
    panics::HandlerPanic,
};

/// One thing that an event says: how development writes it, and production.
type Fact = (&'static str, &'static str);

const PLACE: Fact = ("orders/71@4711", r#""topic":"orders","partition":71,"offset":4711"#);
const CONTROLLER: Fact = ("ShopController", r#""controller":"ShopController""#);
const GROUP: Fact = ("group myapp", r#""group":"myapp""#);
const REASON: Fact = ("card declined: 402", "card declined: 402");
const RUNNING: Fact = ("for 41 s", r#""running_ms":41000.0"#);
const NEXT: Fact = ("again in 43 s", r#""next_ms":43000.0"#);
const ATTEMPT: Fact = ("attempt 5)", r#""attempt":5"#);
const SITE: Fact = (" at src/shop.rs:12:9", r#""location":"src/shop.rs:12:9""#);
const CALLS: Fact = ("3: shop::perform", r#""backtrace":"3: shop::perform""#);
const DONE: Fact = (" in 41 s", r#""duration_ms":41000.0"#);
const JOB: Fact = ("critical/b7f9", r#""queue":"critical","class":"ShopWorker","jid":"b7f9""#);
const PARTITION: Fact = ("orders/71", r#""topic":"orders","partition":71"#);

/// Calls `hear` with every kind of event, and with what it says: what a person needs in order to know what, where and why.
fn every_event(hear: &mut dyn FnMut(&Event<'_>, &[Fact])) {
    let seconds = Duration::from_secs;
    let site = Some(&PanicSite { location: "src/shop.rs:12:9".into(), backtrace: Some("3: shop::perform".into()) });
    let error = &Error::new("card declined: 402");
    let panic = &Error::from(HandlerPanic::at("card declined: 402", site.cloned()));
    let record = &Record::from(OwnedRecord {
        topic: "orders".into(),
        partition: 71,
        offset: 4_711,
        key: Some(b"secret key".to_vec()),
        value: Some(b"secret value".to_vec()),
        ..OwnedRecord::default()
    });
    let partition = &Partition { topic: "orders".into(), partition: 71 };
    let partitions = std::slice::from_ref(partition);
    let (place, controller, group, reason) =
        (TopicPartitionOffset::from(record), "ShopController", "myapp", "card declined: 402");
    let (running, next, duration) = (seconds(41), seconds(43), seconds(41));
    let job = JobName { queue: "critical", class: "ShopWorker", jid: "b7f9" };
    let emitted = &[TopicPartitionOffset { topic: "audit", partition: 3, offset: 99 }];
    let (topic, message, dead_letter) = ("orders_key", "ShopOrder", Some("orders.dead"));
    let of_record = [PLACE, CONTROLLER];
    let with = |facts: &[Fact]| [&of_record, facts].concat();
    for ordering in [Ordering::Partition, Ordering::Key, Ordering::None] {
        for dead_letter in [None, dead_letter] {
            let event = Event::Unparseable { record, topic, controller, message, error, ordering, dead_letter };
            hear(
                &event,
                &with(&[REASON, ("as ShopOrder", r#""message_type":"ShopOrder""#), ("12 bytes", r#""bytes":12"#)]),
            );
            let event = Event::Unwritable { record, topic, controller, error, ordering, dead_letter };
            hear(&event, &with(&[REASON, ("cannot be written as a job", "cannot be written as a job")]));
            let event = Event::TombstoneRefused { record, topic, controller, ordering, dead_letter };
            hear(&event, &with(&[("has no value", "has no value")]));
        }
    }
    let event =
        Event::Unparseable { record, topic, controller, message, error: panic, ordering: Ordering::Key, dead_letter };
    hear(&event, &with(&[SITE, CALLS]));
    hear(&Event::Started { group }, &[]);
    hear(&Event::Assigned { group, partitions }, &[GROUP, ("orders/71", "orders/71")]);
    let to_repeat = ("77 to repeat", r#""to_repeat":77"#);
    hear(&Event::Revoked { group, partitions, to_repeat: 77 }, &[GROUP, ("orders/71", "orders/71"), to_repeat]);
    hear(&Event::Lost { group, partitions, to_repeat: 77 }, &[GROUP, ("orders/71", "orders/71"), to_repeat]);
    hear(
        &Event::Done { place, controller, duration, emitted, job: None, batch: 73 },
        &with(&[DONE, ("audit/3@99", r#""emitted_to":"audit/3@99""#), ("batch of 73", r#""batch":73"#)]),
    );
    hear(&Event::Done { place, controller, duration, emitted: &[], job: Some(job), batch: 1 }, &with(&[DONE, JOB]));
    hear(&Event::Skipped { place, controller, reason }, &with(&[REASON]));
    let policy = ("no value (`tombstones: skip`)", "no value (`tombstones: skip`)");
    hear(&Event::TombstoneSkipped { place, controller }, &with(&[policy]));
    hear(&Event::Deferred { place, controller, wait: running }, &with(&[("in 41 s", r#""wait_ms":41000.0"#)]));
    hear(&Event::Failed { place, controller, attempt: 5, error, next }, &with(&[REASON, NEXT, ATTEMPT]));
    let panicked = Event::Panicked { place, controller, attempt: 5, message: reason, site, next };
    hear(&panicked, &with(&[REASON, NEXT, ATTEMPT, SITE, CALLS]));
    let attempts = ("after 5 attempts", r#""attempts":5"#);
    let dead = Event::DeadLettered { place, controller, attempts: 5, error: panic, topic: "orders.dead" };
    hear(&dead, &with(&[REASON, attempts, SITE, CALLS, ("orders.dead", r#""dead_letter":"orders.dead""#)]));
    let failures = 7;
    for is_dead_letter in [false, true] {
        let refused = Event::Refused { place, controller, topic: "audit", size: 991, is_dead_letter, reason, failures };
        let size = ("991 bytes to audit", r#""destination":"audit","size":991"#);
        hear(&refused, &with(&[REASON, size, ("7 times", r#""failures":7"#)]));
    }
    let what = ("panicked", r#""what":"panicked""#);
    let passed_over = Event::NotRepeated { place, controller, what: "panicked", error: panic };
    hear(&passed_over, &with(&[REASON, what, SITE, CALLS]));
    hear(&Event::Blocking { place, controller, running }, &with(&[RUNNING]));
    for is_enqueue in [false, true] {
        let unfinished = Event::Unfinished { place, controller, attempt: 5, running, others: 77, is_enqueue };
        hear(&unfinished, &with(&[RUNNING, ATTEMPT, ("77 others", r#""others":77"#)]));
    }
    for (why, again) in
        [(RevocationCause::Revoked, true), (RevocationCause::Lost, false), (RevocationCause::Recreated, false)]
    {
        let runs_on = Event::RunsOn { place, records: 77, controller, running, why, again };
        hear(&runs_on, &with(&[RUNNING, ("77 records", r#""records":77"#)]));
    }
    hear(&Event::Left { place, controller, error: panic }, &with(&[REASON, SITE, CALLS]));
    let blocked = &["ShopController on orders/71@4711 for 5 s".to_owned()];
    for blocked in [&blocked[..], &[]] {
        let facts = [("for 41 s", r#""stalled_ms":41000.0"#), ("of 77", r#""threads":77"#)];
        let named: Vec<Fact> = blocked.iter().map(|_| ("orders/71@4711 for 5 s", "orders/71@4711 for 5 s")).collect();
        hear(&Event::RuntimeStalled { stalled: running, threads: 77, blocked }, &[&facts[..], &named].concat());
    }
    let stalled = ("41 s", r#""stalled_ms":41000.0"#);
    hear(&Event::RuntimeRecovered { stalled: running }, &[stalled]);
    hear(&Event::PollStalled { group, stalled: running }, &[GROUP, stalled]);
    hear(&Event::CommitFailed { group, reason }, &[GROUP, REASON]);
    hear(&Event::CommitRefused { group, reason }, &[GROUP, REASON]);
    let obstacle = Obstacle::new(ObstacleKind::Unreadable, Severity::Person, reason, "build it with zstd");
    let obstacle = &Obstacle { partitions: partitions.to_vec(), offset: Some(4_711), ..obstacle };
    let place = ("orders/71@4711", r#""partitions":"orders/71@4711""#);
    let lasting = ("for 41 s", r#""lasting_ms":41000.0"#);
    hear(&Event::Obstructed { group: Some(group), obstacle, lasting: running }, &[GROUP, REASON, place, lasting]);
    hear(&Event::Obstructed { group: None, obstacle, lasting: running }, &[REASON, place, lasting]);
    let lasted = ("over after 41 s", r#""lasted_ms":41000.0"#);
    hear(&Event::Cleared { group: Some(group), obstacle, lasted: running }, &[GROUP, REASON, place, lasted]);
    hear(
        &Event::SendFailed { place: TopicPartitionOffset::from(record), controller, topic: "audit", reason },
        &with(&[REASON]),
    );
    let log = Some(Log { first: 20, end: 1_000 });
    let (cause, from) = (Cause::Retention, 3);
    let sentence = ("offset 3 is gone, the log has 20 to 1000", "offset 3 is gone, the log has 20 to 1000");
    let positioned = Event::Positioned { group, partition, from: Some(from), to: 20, passed: 17, log, cause };
    hear(&positioned, &[GROUP, PARTITION, sentence]);
    for moves in [false, true] {
        let lost = Event::PositionLost { group, partition, from, log, cause, moves, reason };
        hear(&lost, &[GROUP, PARTITION, REASON, sentence]);
    }
    hear(&Event::Warning { group, message: reason }, &[GROUP, REASON]);
    hear(&Event::BrokerDropped { partition, count: 77 }, &[PARTITION, ("77 records", r#""count":77"#)]);
    hear(&Event::Fatal { group, reason }, &[GROUP, REASON]);
    hear(&Event::ProducerFatal { reason }, &[REASON]);
    hear(&Event::RedisAway { reason }, &[REASON]);
    hear(&Event::RedisBack, &[]);
    hear(&Event::RedisUnanswered, &[]);
    hear(&Event::JobDone { job, duration }, &[JOB, DONE]);
    let failed = Event::JobFailed { job, attempt: 5, error: reason, site, next };
    hear(&failed, &[JOB, REASON, NEXT, ATTEMPT, SITE, CALLS]);
    for is_kept in [false, true] {
        let gave_up = Event::JobGaveUp { job, attempts: 5, error: reason, site, is_kept };
        hear(&gave_up, &[JOB, REASON, attempts, SITE, CALLS]);
    }
    hear(&Event::JobBlocking { job, running }, &[JOB, RUNNING]);
    hear(&Event::JobUnfinished { job, attempt: 5, running }, &[JOB, RUNNING, ATTEMPT]);
    let dead = ("78 put into", r#""dead":78"#);
    let recovered = Event::JobsRecovered { process: "host:71", jobs: 77, dead: 78 };
    hear(&recovered, &[("host:71", "host:71"), ("77 of its jobs", r#""jobs":77"#), dead]);
    hear(&Event::JobsStay { key: "queue:theirs", reason }, &[("queue:theirs", r#""key":"queue:theirs""#), REASON]);
    for summed in [
        Summed::Failed,
        Summed::Panicked,
        Summed::Skipped,
        Summed::TombstoneSkipped,
        Summed::Deferred,
        Summed::JobFailed,
    ] {
        let summary = &Summary {
            summed,
            controller: controller.to_owned(),
            count: 1_240,
            first: 7,
            period: running,
            partitions: 12,
            last: "orders/71@4711".to_owned(),
            reason: reason.to_owned(),
            attempt: Some(5),
            next: Some(next),
        };
        let facts = [
            ("1,240 more", r#""count":1240"#),
            ("of ShopController", CONTROLLER.1),
            ("in the last 41 s", r#""period_ms":41000.0"#),
            ("12 ", r#""partitions":12"#),
            ("7 for the first time", r#""first":7"#),
            ("the last: orders/71@4711, attempt 5", r#""last":"orders/71@4711","attempt":5"#),
            NEXT,
            REASON,
        ];
        hear(&Event::Summary(summary), &facts);
    }
    hear(&Event::Quieted, &[("nothing new is begun", "nothing new is begun")]);
    hear(&Event::Resumed, &[]);
    hear(&Event::Stopping { budget: running }, &[("41 s", r#""budget_ms":41000.0"#)]);
    let (partition, controller) = (partition.clone(), controller.to_owned());
    let totals = Totals {
        handled: 1_001,
        failed: 1_002,
        to_repeat: 1_003,
        partitions: &[ToRepeat { group: group.to_owned(), partition: partition.clone(), records: 1_003 }],
        blocked: &[Blocked { controller, partition: partition.clone(), offset: 4_711, records: 7, running }],
        unsettled: &["ShopWorker on critical/b7f9, begun 41 s ago".to_owned()],
        left_waiting: &[LeftWaiting {
            partition,
            offset: Some(4_712),
            what: "cannot be handled".into(),
            lag: Some(204),
        }],
    };
    let same = |words: &'static str| (words, words);
    hear(
        &Event::Stopped(totals),
        &[
            ("1001 handled, 1002 failed, 1003 to repeat", r#""handled":1001,"failed":1002,"to_repeat":1003"#),
            same("orders/71: 1003"),
            same("ShopController on orders/71@4711 and 6 more of a batch, running for 41 s"),
            same("ShopWorker on critical/b7f9, begun 41 s ago"),
            same("orders/71@4712: cannot be handled, lag 204"),
        ],
    );
}

/// If this fails, whoever is woken at night does not read in the log what development would have told them: what is wrong,
/// where, what follows, and what to do; or a developer is not told what production's log says.
#[test]
fn production_says_what_development_says() {
    let mut kinds = BTreeSet::new();
    every_event(&mut |event, facts| {
        kinds.insert(number(event));
        let plain = developed(event, false).replace(&format!("\n{}", " ".repeat(14)), "\n");
        let json = logged(event, LogForm::Json);
        for (in_development, in_production) in facts {
            assert!(plain.contains(in_development), "development does not say {in_development}:\n{plain}");
            assert!(json.contains(in_production), "production does not say {in_production}:\n{json}");
        }
        let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
        for (name, words) in [("consequence", consequence(event)), ("help", help(event))] {
            assert_eq!(last.get(name).and_then(Value::as_str), words.as_deref(), "{name} of {json}");
            if let Some(words) = words {
                let line = if name == "help" { format!("help: {words}") } else { words.into_owned() };
                assert!(plain.lines().any(|plain| plain.ends_with(&line)), "development does not say {line}:\n{plain}");
            }
        }
        assert!(!json.contains("secret"), "a key or a value stands in the log: {json}");
    });
    assert_eq!(kinds, (0..KINDS).collect(), "an event that is not compared");
}

/// If this fails, a rebalance that changes nothing for a member looks as if it had been given something.
#[test]
fn no_partitions_are_no_line() {
    let group = "myapp";
    for event in [Event::Assigned { group, partitions: &[] }, Event::Revoked { group, partitions: &[], to_repeat: 0 }] {
        assert_eq!(developed(&event, false), "");
        let json = logged(&event, LogForm::Json);
        assert!(json.starts_with(r#"{"level":"DEBUG","#) && !json.contains("partitions\":"), "{json}");
    }
}
