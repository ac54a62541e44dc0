use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{
    verdict::{Status, Verdict},
    *,
};
use crate::{
    engine::watch::{ConsumerView, ConsumerWatch, GroupView, LaneView, Phase},
    events::{Event, Partition},
    metrics::{GroupTold, RedisTold, Told, Waiting},
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

fn lane() -> LaneView {
    LaneView {
        partition: orders(),
        controller: "OrdersController",
        timeout: Some(Duration::from_secs(30)),
        next: Some(4_711),
        committed: Some(4_700),
        high: Some(5_000),
        prefetched: 250,
        waiting: 12,
        in_flight: 1,
        oldest: Some((4_711, 3, Duration::from_millis(1_500))),
        blocked: None,
        stuck: 0,
        halted: false,
    }
}

fn orders() -> Partition {
    Partition { topic: "orders".into(), partition: 3 }
}

fn group(lane: LaneView) -> GroupView {
    let watch = ConsumerWatch { controller: "OrdersController", timeout: lane.timeout, durations: None };
    let consumer = ConsumerView { watch, counted: Default::default() };
    GroupView {
        group: "shop".into(),
        phase: Phase::Assigned,
        quiet: false,
        poll_age: Duration::from_millis(40),
        commit_age: Duration::from_millis(150),
        waiting_bytes: (0, 1 << 20),
        consumers: BTreeMap::from([("orders".to_owned(), consumer)]),
        lanes: vec![lane],
    }
}

fn told(group: GroupTold) -> Told {
    Told { groups: BTreeMap::from([("shop".to_owned(), group)]), ..Told::default() }
}

fn waits(waiting: Waiting) -> Told {
    let key = (orders(), "OrdersController".to_owned());
    Told { waiting: BTreeMap::from([(key, waiting)]), ..Told::default() }
}

/// Both answers, and the kinds of reasons.
fn ask(group: GroupView, told: &Told) -> (Status, Status, Vec<&'static str>) {
    let groups = [group];
    let live = judge(Question::Live, Some(&groups), told);
    let ready = judge(Question::Ready, Some(&groups), told);
    let kinds = |verdict: &Verdict| verdict.reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&live), kinds(&ready));
    (live.status, ready.status, kinds(&live))
}

use Status::{Failed, Healthy, Rebalancing};

/// If this fails, a supervisor kills an app that waits on purpose, or for something that a restart does not bring.
#[test]
fn what_waits_on_purpose_lives() {
    assert_eq!(ask(group(lane()), &Told::default()), (Healthy, Healthy, vec![]));
    let again = Some((5, Instant::now()));
    let retrying = waits(Waiting { offset: 4_711, error: "closed".to_owned(), again });
    assert_eq!(ask(group(lane()), &retrying), (Healthy, Healthy, vec!["retrying"]));
    let disconnected = told(GroupTold { disconnected: Some("AllBrokersDown".to_owned()), ..GroupTold::default() });
    assert_eq!(ask(group(lane()), &disconnected), (Rebalancing, Rebalancing, vec!["disconnected"]));
    let away = RedisTold { away: 1, reason: "Connection refused".to_owned() };
    let without_redis = Told { redis: away, ..Told::default() };
    assert_eq!(ask(group(lane()), &without_redis), (Rebalancing, Rebalancing, vec!["redis_away"]));
    let patient = LaneView { timeout: None, oldest: Some((1, 1, Duration::from_secs(3_600))), ..lane() };
    assert_eq!(ask(group(patient), &Told::default()), (Healthy, Healthy, vec![]), "no bound was given");
    let rebalancing = GroupView { phase: Phase::Rebalancing, ..group(lane()) };
    assert_eq!(ask(rebalancing, &Told::default()), (Rebalancing, Rebalancing, vec!["rebalancing"]));
}

/// If this fails, an app that hangs looks well, and nobody starts it again.
#[test]
fn what_stands_still_does_not_live() {
    let stalled = GroupView { poll_age: Duration::from_secs(31), ..group(lane()) };
    assert_eq!(ask(stalled, &Told::default()), (Failed, Failed, vec!["poll_stalled"]));
    let late = LaneView { oldest: Some((4_711, 1, Duration::from_secs(41))), ..lane() };
    assert_eq!(ask(group(late), &Told::default()), (Failed, Failed, vec!["past_timeout"]));
    let blocked = LaneView { blocked: Some((4_711, Duration::from_secs(41))), ..lane() };
    assert_eq!(ask(group(blocked), &Told::default()), (Failed, Failed, vec!["handler_blocks"]));
    let within = LaneView { blocked: Some((4_711, Duration::from_secs(5))), ..lane() };
    assert_eq!(ask(group(within), &Told::default()), (Healthy, Healthy, vec!["handler_blocks"]));
    let fatal = told(GroupTold { fatal: Some("fenced".to_owned()), ..GroupTold::default() });
    assert_eq!(ask(group(lane()), &fatal), (Failed, Failed, vec!["fatal"]));
}

/// If this fails, a partition that waits for a person is healthy and silent.
#[test]
fn what_waits_for_a_person_is_not_ready() {
    let halted = LaneView { halted: true, ..lane() };
    assert_eq!(ask(group(halted), &Told::default()), (Healthy, Failed, vec!["position_lost"]));
    let stuck = waits(Waiting { offset: 4_711, error: "cannot be parsed".to_owned(), again: None });
    assert_eq!(ask(group(LaneView { stuck: 1, ..lane() }), &stuck), (Healthy, Failed, vec!["stuck"]));
    let passed = waits(Waiting { offset: 4_710, error: "closed".to_owned(), again: Some((1, Instant::now())) });
    assert_eq!(ask(group(lane()), &passed), (Healthy, Healthy, vec![]), "that record is done by now");
}

/// If this fails, a person who is woken up has to find out by other means which record it is.
#[test]
fn the_body_names_what_is_wrong() {
    let blocked = LaneView { blocked: Some((4_711, Duration::from_secs(41))), ..lane() };
    let verdict = judge(Question::Live, Some(&[group(blocked)]), &Told::default());
    let body = serde_json::to_string_pretty(&verdict).unwrap();
    insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("health_body", body);
    });
}

fn serve() -> Health {
    Health::serve("127.0.0.1:0".parse().unwrap(), &SHOP, Arc::new(())).unwrap()
}

/// What a caller that says these bytes is answered.
fn say(health: &Health, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(health.address()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn get(health: &Health, path: &str) -> String {
    say(health, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
}

/// If this fails, probes and scrapers get another answer than they were built for.
#[test]
fn probes_are_answered() {
    let health = serve();
    let starting = get(&health, "/ready");
    assert!(starting.starts_with("HTTP/1.1 503 ") && starting.contains(r#""kind":"starting""#), "{starting}");
    assert!(get(&health, "/live").starts_with("HTTP/1.1 200 "));
    health.watch(Arc::default());
    let ready = get(&health, "/ready?verbose");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.contains(r#"{"status":"healthy","#), "{ready}");
    health.listener().on(&Event::CommitFailed { group: "shop", reason: "away" });
    let metrics = get(&health, "/metrics");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nkarafka_commit_failures_total{group=\"shop\"} 1\n"), "{metrics}");
    assert!(get(&health, "/").starts_with("HTTP/1.1 404 "));
    health.listener().on(&Event::RedisAway { reason: "Connection refused" });
    let away = get(&health, "/ready");
    assert!(away.starts_with("HTTP/1.1 503 ") && away.contains("is asked again: Connection refused"), "{away}");
    assert!(get(&health, "/live").starts_with("HTTP/1.1 200 "));
    assert!(get(&health, "/metrics").contains("\nkarafka_redis_away 1\n"));
    health.listener().on(&Event::RedisBack);
    assert!(get(&health, "/ready").starts_with("HTTP/1.1 200 "));
    assert!(get(&health, "/metrics").contains("\nkarafka_redis_away 0\n"));
    let posted = say(&health, b"POST /live HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
}

/// If this fails, anybody who can reach the port can keep a supervisor from hearing that the app is well.
#[test]
fn callers_that_misbehave_disturb_nobody() {
    let health = serve();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(health.address()).unwrap()).collect();
    assert!(say(&health, b"\x16\x03\x01 this is not HTTP\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = [b"GET /live HTTP/1.1\r\nx: ".as_slice(), &[b'a'; 100_000]].concat();
    let mut stream = TcpStream::connect(health.address()).unwrap();
    // The server may hang up before all of it is written.
    let _ = stream.write_all(&long);
    assert!(get(&health, "/live").starts_with("HTTP/1.1 200 "));
    drop(silent);
}
