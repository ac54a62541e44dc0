use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    engine::{
        counts::Counted,
        obstacles::ObstacleView,
        watch::{
            ConsumerView, ConsumerWatch, GroupView, JobView, JobsPhase, JobsView, LaneView, Phase, ThreadsView, View,
        },
    },
    events::{Obstacle, ObstacleKind, Partition, Severity},
    foreign::tests::{HOSTILE, hostile},
    histogram::Histogram,
    manifest::Manifest,
    producer::{flights::Sent, watch::SendsView},
};

static SHOP: Manifest = Manifest {
    app: "shop",
    version: "0.3.1",
    root: "",
    settings: &[],
    environments: &[],
    groups: &[],
    topics: &[],
    consumers: &[],
};

fn lane(partition: i32) -> LaneView {
    LaneView {
        partition: Partition { topic: "orders".into(), partition },
        controller: "OrdersController",
        timeout: None,
        next: Some(4_711),
        committed: Some(4_700),
        low: Some(4_000),
        high: Some(5_000),
        prefetched: 250,
        waiting: 12,
        in_flight: 2,
        oldest: Some((4_711, 3, Duration::from_millis(1_500))),
        blocked: None,
        unfinished: None,
        stuck: 0,
        halted: false,
        left_out: 0,
        refused: None,
    }
}

fn group(name: &str) -> GroupView {
    let durations = Histogram::default();
    durations.observe(Duration::from_micros(700));
    durations.observe(Duration::from_secs(3));
    let durations = Some(Arc::new(durations));
    let watch = ConsumerWatch { controller: "OrdersController", timeout: None, durations, enqueues: false };
    let counted = Counted { done: 40, failed: 3, retried: 2, dead: 1, ..Counted::default() };
    GroupView {
        group: name.into(),
        key: None,
        phase: Phase::Assigned,
        quiet: false,
        poll_age: Duration::from_millis(40),
        commit_age: Duration::from_millis(150),
        concurrency: 32,
        waiting_bytes: (2_048, 1 << 20),
        consumers: BTreeMap::from([("orders".to_owned(), ConsumerView { watch, counted })]),
        lanes: vec![lane(0), LaneView { next: None, high: None, committed: None, oldest: None, ..lane(1) }],
        obstacles: vec![unreadable()],
    }
}

fn unreadable() -> ObstacleView {
    let obstacle = Obstacle::new(ObstacleKind::Unreadable, Severity::Person, "compressed", "build it");
    let partitions = (0..2).map(|partition| Partition { topic: "orders".into(), partition }).collect();
    ObstacleView { obstacle: Obstacle { partitions, ..obstacle }, since: Instant::now() }
}

/// If this fails, a partition of which nothing was ever taken has no lag, and no alert sees that it stands still.
#[test]
fn what_was_never_taken_is_all_behind() {
    let lag = |next, low| LaneView { next, low, ..lane(0) }.lag();
    assert_eq!((lag(Some(4_711), Some(4_000)), lag(None, Some(4_000))), (Some(289), Some(1_000)));
    assert_eq!(lag(None, None), None, "nobody knows");
}

/// A sample as a scraper reads it.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Reads the text format, strictly.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = Vec::new();
    let mut family = String::new();
    assert!(text.ends_with('\n'), "the last line ends in a line feed");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "one HELP a family: {line}");
            family = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "TYPE follows HELP");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "one TYPE a family: {line}");
        } else {
            let sample = parse_sample(line);
            let histogram = ["_bucket", "_sum", "_count"].map(|suffix| format!("{family}{suffix}"));
            let belongs = sample.name == family || (kinds[&family] == "histogram" && histogram.contains(&sample.name));
            assert!(belongs, "samples of a family stand together: {line}");
            samples.push(sample);
        }
    }
    (kinds, samples)
}

fn parse_sample(line: &str) -> Sample {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, quoted) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let (mut text, mut characters) = (String::new(), quoted.char_indices());
            let end = loop {
                match characters.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => text.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        escaped @ ('\\' | '"') => escaped,
                        other => panic!("`\\{other}` is no escape: {line}"),
                    }),
                    (_, character) => text.push(character),
                }
            };
            labels.push((label.to_owned(), text));
            rest = &quoted[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
    Sample { name: name.to_owned(), labels, value }
}

fn page(groups: &[GroupView]) -> String {
    let told = GroupTold { assigned: 2, lost: 1, ..GroupTold::default() };
    let groups_told = groups.iter().map(|group| (group.group.to_string(), told.clone())).collect();
    let threads = ThreadsView { count: 10, stalled: None };
    let took = Histogram::default();
    took.observe(Duration::from_millis(3));
    let sent = Sent { sent: 9, acknowledged: 6, returned: 1 };
    let sends = Some(SendsView { topics: vec![("receipts".to_owned(), sent)], took: took.read() });
    let view = View { groups: groups.to_vec(), threads, sends, ..View::default() };
    text(&SHOP, &view, &Told { groups: groups_told, ..Told::default() })
}

/// If this fails, Prometheus drops the scrape, and every alert of the app with it.
#[test]
fn a_scraper_can_read_it() {
    let (kinds, samples) = parse(&page(&[group("shop"), group("audit")]));
    let mut seen = BTreeSet::new();
    for sample in &samples {
        let labels: BTreeSet<_> = sample.labels.iter().map(|(label, _)| label).collect();
        assert_eq!(labels.len(), sample.labels.len(), "a label once: {sample:?}");
        assert!(seen.insert(format!("{}{:?}", sample.name, sample.labels)), "a series once: {sample:?}");
    }
    for (name, kind) in &kinds {
        assert!(name.starts_with("karafka_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    }
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let found = samples.iter().find(|sample| {
            let has = |(label, text): &(&str, &str)| sample.labels.iter().any(|(l, t)| l == label && t == text);
            sample.name == name && wanted.iter().all(has)
        });
        found.map(|sample| sample.value)
    };
    assert_eq!(value("karafka_partition_lag", &[("group", "audit"), ("partition", "0")]), Some(289.0));
    assert_eq!(value("karafka_partition_lag", &[("partition", "1")]), None, "what is not known is not said");
    assert_eq!(value("karafka_performs_total", &[("result", "failed")]), Some(3.0));
    assert_eq!(value("karafka_oldest_in_flight_seconds", &[("partition", "0")]), Some(1.5));
    assert_eq!(value("karafka_rebalances_total", &[("kind", "lost")]), Some(1.0));
    assert_eq!(value("karafka_perform_duration_seconds_bucket", &[("le", "0.001")]), Some(1.0));
    assert_eq!(value("karafka_sends_total", &[("topic", "receipts"), ("result", "acknowledged")]), Some(6.0));
    assert_eq!(value("karafka_sends_in_flight", &[("topic", "receipts")]), Some(2.0));
    assert_eq!(value("karafka_send_duration_seconds_bucket", &[("le", "0.005")]), Some(1.0));
    let count = value("karafka_perform_duration_seconds_count", &[]);
    assert_eq!((count, count), (Some(2.0), value("karafka_perform_duration_seconds_bucket", &[("le", "+Inf")])));
}

/// If this fails, dashboards and alerts that were built on these names go empty.
#[test]
fn names_stay() {
    insta::with_settings!({
        snapshot_path => "../../../tests/snapshots",
        prepend_module_to_snapshot => false,
        filters => [(r#"karafka="[^"]*""#, r#"karafka="[version]""#)],
    }, {
        insta::assert_snapshot!("metrics", page(&[group("shop")]));
    });
}

/// If this fails, a group with a strange id makes the whole page unreadable.
#[test]
fn labels_are_escaped() {
    let strange = "a\\b\"c\nd,e=\"}";
    let (_, samples) = parse(&page(&[group(strange)]));
    let age = samples.iter().find(|sample| sample.name == "karafka_poll_age_seconds").unwrap();
    assert_eq!(age.labels, [("group".to_owned(), strange.to_owned())]);
    let text = page(&[group(&format!("a{HOSTILE}b"))]);
    assert_eq!(hostile(&text, &[]), None, "{text}");
    parse(&text);
}

/// If this fails, dashboards and alerts of workers see nothing of them, or drop the page.
#[test]
fn a_worker_has_metrics_of_its_own() {
    let job = |age, blocked| JobView {
        class: "OrdersWorker".to_owned(),
        queue: "low".to_owned(),
        jid: "b7f9a5771d734158b74866cc".to_owned(),
        attempt: 1,
        timeout: None,
        age: Duration::from_secs(age),
        blocked,
        is_unfinished: false,
    };
    let at_work = vec![job(40, Some(Duration::from_secs(39))), job(7, None)];
    let jobs = Some(JobsView { concurrency: 10, phase: JobsPhase::Quiet, done: 40, failed: 2, at_work });
    let threads = ThreadsView { count: 2, stalled: Some(Duration::from_secs(6)) };
    let (_, samples) = parse(&text(&SHOP, &View { jobs, threads, ..View::default() }, &Told::default()));
    let value = |name: &str| {
        let found = samples.iter().find(|sample| sample.name == name);
        found.map(|sample| sample.value)
    };
    for (name, wanted) in [
        ("karafka_jobs_total", 40.0),
        ("karafka_jobs_in_progress", 2.0),
        ("karafka_jobs_blocking", 1.0),
        ("karafka_oldest_job_seconds", 40.0),
        ("karafka_handler_blocked_seconds", 39.0),
        ("karafka_quiet", 1.0),
        ("karafka_threads", 2.0),
        ("karafka_stalled_seconds", 6.0),
    ] {
        assert_eq!(value(name), Some(wanted), "{name}");
    }
}
