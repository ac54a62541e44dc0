use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    OwnedRecord, Record, foreign,
    jobs::{
        job::{Coordinates, Job, NewJob, Retry, new_jid},
        verdict::{Failed, Next, RECOVERIES, after_death, after_failure, seconds},
    },
    settings::Backoff,
};

const NOW: i64 = 1_795_396_682_339;

/// A whole second.
const NOW_WHOLE: i64 = 1_795_878_428_000;

fn record() -> OwnedRecord {
    OwnedRecord {
        topic: "signals".into(),
        partition: 3,
        offset: 12,
        timestamp_ms: Some(1_700_000_000_000),
        key: Some(vec![0xff, 0]),
        value: None,
        headers: vec![(b"a".to_vec(), Some("ü".into())), (b"a".to_vec(), None), (vec![0xfe], Some(Vec::new()))],
    }
}

fn pushed(text: Option<&str>, record: OwnedRecord) -> String {
    let record = Record::from(record);
    let job = NewJob {
        class: "Orders::CreateWorker",
        args: ("signals", text.map(str::to_owned), Coordinates::of(&record)),
        queue: "critical",
        jid: new_jid(),
        retry: Retry::of(Some(3)),
        created_at: seconds(NOW),
        enqueued_at: seconds(NOW),
    };
    serde_json::to_string(&job).expect("it can be written")
}

fn failed(text: &str, is_last: bool, backoff: Option<Backoff>) -> (Next, Value) {
    let job = Job::read(text).expect("a job");
    let failed = Failed { class: "io::Error", message: "closed", is_last, asked: None };
    let next = after_failure(job, failed, backoff, NOW, 0.5);
    let value = match &next {
        Next::Retry { job, .. } | Next::Dead { job } | Next::Queue { job, .. } => {
            serde_json::from_str(job).expect("JSON")
        }
        Next::Dropped => Value::Null,
    };
    (next, value)
}

/// If this fails, a record comes out of the queue as another one, or null and empty are one.
#[test]
fn a_record_goes_through_the_queue_unchanged() {
    for text in [Some("{\"id\":1}"), Some(""), None] {
        for key in [Some(vec![0xff, 0]), Some(Vec::new()), None] {
            let record = OwnedRecord { key, ..record() };
            let pushed = pushed(text, record.clone());
            let job = Job::read(&pushed).expect("a job");
            assert_eq!((job.class.as_str(), job.queue.as_str()), ("Orders::CreateWorker", "critical"));
            assert_eq!((job.retry.attempts(), job.attempt(), job.jid.len()), (3, 1, 24));
            let arguments = job.arguments().expect("arguments");
            assert_eq!((arguments.topic.as_str(), arguments.text.as_deref()), ("signals", text));
            assert_eq!(arguments.record, record);
        }
    }
}

/// If this fails, Ruby does not understand what is pushed, or its page shows nonsense.
#[test]
fn it_is_sidekiqs_format() {
    let plain = OwnedRecord { key: Some(b"c-1".to_vec()), headers: Vec::new(), ..record() };
    let mut job: Value = serde_json::from_str(&pushed(Some("{}"), plain)).expect("JSON");
    job["jid"] = "j".into();
    assert_eq!(
        job,
        json!({
            "class": "Orders::CreateWorker",
            "args": ["signals", "{}", { "partition": 3, "offset": 12, "timestamp": 1_700_000_000_000_i64, "key": "c-1" }],
            "queue": "critical",
            "jid": "j",
            "retry": 2,
            "created_at": 1_795_396_682.339,
            "enqueued_at": 1_795_396_682.339,
        })
    );
}

/// A time of a job in milliseconds, as Sidekiq 8 reads it: the type in JSON says which form it is.
fn milliseconds(time: &Value) -> i64 {
    time.as_i64().unwrap_or_else(|| {
        let seconds = time.as_f64().expect("a number");
        format!("{:.0}", seconds * 1_000.0).parse().expect("milliseconds")
    })
}

proptest! {
    /// If this fails, Sidekiq's page shows a wrong age, or one Sidekiq reads a job of a whole second as one of 1970.
    #[test]
    fn each_sidekiq_reads_the_times_of_a_job(second in 0..=4_102_444_800_i64, ms in prop_oneof![Just(0), 0..1_000_i64]) {
        let now = second * 1_000 + ms;
        let new = NewJob {
            class: "W",
            args: ("t", None, Coordinates::default()),
            queue: "default",
            jid: new_jid(),
            retry: Retry::of(None),
            created_at: seconds(now),
            enqueued_at: seconds(now),
        };
        let mut text = serde_json::to_string(&new).expect("it can be written");
        let failed = Failed { class: "E", message: "no", is_last: false, asked: None };
        for _ in 0..2 {
            let next = after_failure(Job::read(&text).expect("a job"), failed, None, now, 0.0);
            let Next::Retry { job, .. } = next else { panic!("{next:?}") };
            text = job;
        }
        for _ in 0..=RECOVERIES {
            let (Next::Queue { job, .. } | Next::Dead { job }) = after_death(&text, now) else { panic!("it is kept") };
            text = job;
        }
        let job: Value = serde_json::from_str(&text).expect("JSON");
        for key in ["created_at", "enqueued_at", "failed_at", "retried_at"] {
            prop_assert!(job[key].is_f64(), "{} in {}", key, text);
            prop_assert_eq!(milliseconds(&job[key]), now, "{} in {}", key, text);
        }
    }
}

/// If this fails, a job of another Sidekiq comes back with a time that is not its own.
#[test]
fn a_time_of_either_form_is_kept_as_it_came() {
    for (time, ms) in [("1795878428.0", NOW_WHOLE), ("1795878428", 1_795_878_428), ("1795878428000", NOW_WHOLE)] {
        let text = format!(r#"{{"class":"W","args":[],"created_at":{time},"enqueued_at":{time}}}"#);
        let (next, value) = failed(&text, false, None);
        let Next::Retry { job, .. } = next else { panic!("{next:?}") };
        assert!(job.contains(&format!(r#""created_at":{time},"enqueued_at":{time},"#)), "{job}");
        assert_eq!(milliseconds(&value["created_at"]), ms);
    }
}

/// If this fails, a job from Ruby is refused, or loses what only Ruby knows.
#[test]
fn a_job_from_elsewhere_is_read_and_kept() {
    let text = r#"{"retry":true,"queue":"low","class":"W","args":["signals",{"id":12345678901234567890123}],"jid":"x",
        "created_at":1700000000.25,"tags":["a"],"cattr":{"user":7}}"#;
    let job = Job::read(text).expect("a job");
    assert_eq!([job.retry, Retry::Whether(false), Retry::Times(3)].map(Retry::attempts), [26, 1, 4]);
    let arguments = job.arguments().expect("arguments");
    assert_eq!(arguments.text.as_deref(), Some(r#"{"id":12345678901234567890123}"#));
    assert_eq!((arguments.record.partition, arguments.record.offset), (-1, -1));

    let (next, value) = failed(text, false, None);
    let Next::Retry { job, at } = next else { panic!("{next:?}") };
    assert!(job.contains("12345678901234567890123"), "{job}");
    // Sidekiq's first wait: 15 s, and up to 10 more.
    assert!((at - 1_795_396_682.339 - 20.0).abs() < 0.001, "{at}");
    assert_eq!((&value["tags"], &value["cattr"]["user"]), (&json!(["a"]), &json!(7)));
    assert_eq!((&value["retry_count"], &value["failed_at"]), (&json!(0), &json!(seconds(NOW))));
    assert_eq!((&value["error_class"], &value["error_message"]), (&json!("io::Error"), &json!("closed")));
    assert_eq!(value.get("retried_at"), None);
    // The fourth one: 3⁴ s, 15 s, and up to 40 more.
    let (next, _) = failed(&text.replace(r#""retry":true"#, r#""retry":true,"retry_count":2"#), false, None);
    let Next::Retry { at, .. } = next else { panic!("{next:?}") };
    assert!((at - 1_795_396_682.339 - 116.0).abs() < 0.001, "{at}");
}

/// If this fails, a job is tried more or less often than the manifest says.
#[test]
fn attempts_are_counted_across_processes() {
    let backoff = Some(Backoff { min: Duration::from_secs(8), max: Duration::from_secs(60) });
    let mut text = pushed(Some("{}"), record());
    for (attempt, wait) in [(1, 6.0), (2, 12.0)] {
        assert_eq!(Job::read(&text).expect("a job").attempt(), attempt);
        let (next, value) = failed(&text, false, backoff);
        let Next::Retry { job, at } = next else { panic!("{next:?}") };
        assert!((at - 1_795_396_682.339 - wait).abs() < 0.001, "{at}");
        assert_eq!(value["retry_count"], attempt - 1);
        text = job;
    }
    let (next, value) = failed(&text, true, backoff);
    assert!(matches!(next, Next::Dead { .. }));
    assert_eq!((&value["retry_count"], &value["retried_at"]), (&json!(2), &json!(seconds(NOW))));
}

/// If this fails, a job is kept that nobody wants kept, or one is dropped that somebody does.
#[test]
fn who_pushes_says_what_is_kept() {
    let job = |more: &str| format!(r#"{{"class":"W","args":[],"jid":"x",{more}}}"#);
    assert_eq!(failed(&job(r#""retry":false"#), true, None).0, Next::Dropped);
    assert_eq!(failed(&job(r#""retry":0,"dead":false"#), true, None).0, Next::Dropped);
    assert!(matches!(failed(&job(r#""retry":0"#), true, None).0, Next::Dead { .. }));
    let (_, value) = failed(&job(r#""retry":5,"retry_queue":"low""#), false, None);
    assert_eq!(value["queue"], "low");
}

/// If this fails, a job that kills its process kills one after another for ever.
#[test]
fn a_job_that_kills_is_buried() {
    let mut text = pushed(Some("{}"), record());
    for _ in 0..RECOVERIES {
        let Next::Queue { queue, job } = after_death(&text, NOW) else { panic!("it goes back") };
        assert_eq!(queue, "critical");
        text = job;
    }
    let Next::Dead { job } = after_death(&text, NOW) else { panic!("it is buried") };
    assert!(job.contains("karafka::WorkerDied"), "{job}");
    let value: Value = serde_json::from_str(&job).expect("JSON");
    assert_eq!(value["failed_at"], json!(seconds(NOW)));
}

/// If this fails, a job whose service says when to come back is performed too early, or its attempt does not count.
#[test]
fn a_job_waits_as_its_error_asks() {
    let backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(2) };
    for backoff in [None, Some(backoff)] {
        let asked = Some(Duration::from_secs(40));
        let failed = Failed { class: "E", message: "429", is_last: false, asked };
        let text = pushed(None, record());
        let next = after_failure(Job::read(&text).expect("a job"), failed, backoff, NOW, 0.9);
        let Next::Retry { job, at } = next else { panic!("it is tried again") };
        assert_eq!(at, seconds(NOW) + 40.0);
        assert_eq!(Job::read(&job).expect("a job").attempt(), 2);
    }
}

/// If this fails, garbage in a queue is lost, or stops a worker.
#[test]
fn garbage_is_named_and_kept() {
    for text in ["", "{", "7", "[]", "{}", r#"{"class":7}"#, r#"{"class":"W","retry":"often"}"#] {
        assert!(Job::read(text).is_err(), "{text}");
        assert_eq!(after_death(text, NOW), Next::Dead { job: text.to_owned() });
    }
    for args in ["7", "[]", r#"["signals"]"#, r#"[7,"x"]"#, r#"["t","x",7]"#, r#"["t","x",{},1]"#] {
        let text = format!(r#"{{"class":"W","args":{args}}}"#);
        let job = Job::read(&text).expect("a job");
        assert!(job.arguments().is_err(), "{args}");
    }
}

/// If this fails, a long error of a handler fills Redis, or is cut amid a letter, which is a panic.
#[test]
fn a_long_error_is_cut_between_letters() {
    let text = pushed(None, record());
    let mut job = Job::read(&text).expect("a job");
    job.set_error("E", &"ü".repeat(6_000));
    let value: Value = serde_json::from_str(&job.write()).expect("JSON");
    let message = value["error_message"].as_str().expect("text");
    assert!(message.starts_with("üüü") && message.ends_with("… (12,000 bytes)"), "{message}");
    assert!(message.len() <= foreign::LONGEST, "{}", message.len());
}
