use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{verdict::judge, *};
use crate::{
    engine::{
        obstacles::ObstacleView,
        watch::{
            ConsumerView, ConsumerWatch, GroupView, JobView, JobsPhase, JobsView, LaneView, Phase, ThreadsView,
            UnfinishedView, View,
        },
    },
    events::{Event, Obstacle, ObstacleKind, Partition, Severity},
    foreign::tests::{HOSTILE, hostile},
    manifest::Manifest,
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
        low: None,
        high: Some(5_000),
        prefetched: 250,
        waiting: 12,
        in_flight: 1,
        oldest: Some((4_711, 3, Duration::from_millis(1_500))),
        blocked: None,
        unfinished: None,
        stuck: 0,
        halted: false,
        left_out: 0,
        refused: None,
    }
}

fn orders() -> Partition {
    Partition { topic: "orders".into(), partition: 3 }
}

fn group(lane: LaneView) -> GroupView {
    let watch =
        ConsumerWatch { controller: "OrdersController", timeout: lane.timeout, durations: None, enqueues: false };
    let consumer = ConsumerView { watch, counted: Default::default() };
    GroupView {
        group: "shop".into(),
        key: None,
        phase: Phase::Assigned,
        quiet: false,
        poll_age: Duration::from_millis(40),
        commit_age: Duration::from_millis(150),
        concurrency: 32,
        waiting_bytes: (0, 1 << 20),
        consumers: BTreeMap::from([("orders".to_owned(), consumer)]),
        lanes: vec![lane],
        obstacles: Vec::new(),
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
    ask_of(&View { groups: vec![group], ..View::default() }, told)
}

/// As [`ask`], of a whole app.
fn ask_of(view: &View, told: &Told) -> (Status, Status, Vec<&'static str>) {
    let live = judge(Question::Live, Some(view), told, Instant::now());
    let ready = judge(Question::Ready, Some(view), told, Instant::now());
    let kinds = |verdict: &Verdict| verdict.reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&live), kinds(&ready));
    (live.status, ready.status, kinds(&live))
}

use Status::{Degraded, Failed, Healthy, Rebalancing};

/// If this fails, a supervisor kills an app that waits on purpose, or for something that a restart does not bring.
#[test]
fn what_waits_on_purpose_lives() {
    let wide = LaneView { left_out: 7, ..lane() };
    assert_eq!(ask(group(wide), &Told::default()), (Healthy, Healthy, vec!["repeats"]));
    assert_eq!(ask(group(lane()), &Told::default()), (Healthy, Healthy, vec![]));
    let again = Some((5, Instant::now()));
    let retrying = waits(Waiting { offset: 4_711, error: "closed".to_owned(), again });
    assert_eq!(ask(group(lane()), &retrying), (Healthy, Healthy, vec!["retrying"]));
    let away = RedisTold { away: 1, reason: "Connection refused".to_owned() };
    let without_redis = Told { redis: away, ..Told::default() };
    assert_eq!(ask(group(lane()), &without_redis), (Rebalancing, Rebalancing, vec!["redis_away"]));
    let patient = LaneView { timeout: None, oldest: Some((1, 1, Duration::from_secs(3_600))), ..lane() };
    assert_eq!(ask(group(patient), &Told::default()), (Healthy, Healthy, vec![]), "no bound was given");
    let rebalancing = GroupView { phase: Phase::Rebalancing, ..group(lane()) };
    assert_eq!(ask(rebalancing, &Told::default()), (Rebalancing, Rebalancing, vec!["rebalancing"]));
}

/// If this fails, an app that consumes nothing is healthy, one that a broker keeps for a moment is killed, or whoever is woken
/// does not read where it stands and what to do.
#[test]
fn what_stands_in_the_way_is_said_with_its_mend() {
    let now = Instant::now();
    let obstacle = |severity| {
        let obstacle = Obstacle::new(ObstacleKind::Unreadable, severity, "compressed with zstd", "build it with zstd");
        let partitions = (0..4).map(|partition| Partition { topic: "orders".into(), partition }).collect();
        let obstacle = Obstacle { partitions, topic: Some("orders".to_owned()), ..obstacle };
        ObstacleView { obstacle, since: now - Duration::from_secs(12) }
    };
    let cases = [
        (Severity::Degrades, (Degraded, Degraded)),
        (Severity::Passes, (Rebalancing, Rebalancing)),
        (Severity::Person, (Healthy, Failed)),
    ];
    for (severity, (live, ready)) in cases {
        let stands = GroupView { obstacles: vec![obstacle(severity)], ..group(lane()) };
        assert_eq!(ask(stands, &Told::default()), (live, ready, vec!["unreadable"]));
        let sends = View { obstacles: vec![obstacle(severity)], groups: vec![group(lane())], ..View::default() };
        assert_eq!(ask_of(&sends, &Told::default()), (live, ready, vec!["unreadable"]));
    }
    let stands = GroupView { obstacles: vec![obstacle(Severity::Person)], ..group(lane()) };
    let view = View { groups: vec![stands], ..View::default() };
    let verdict = serde_json::to_value(judge(Question::Ready, Some(&view), &Told::default(), now)).unwrap();
    assert_eq!(
        verdict["reasons"][0],
        serde_json::json!({
            "kind": "unreadable",
            "message": "group shop: compressed with zstd",
            "group": "shop",
            "partition": "orders/0-3",
            "topic": "orders",
            "seconds": 12.0,
            "help": "build it with zstd",
        })
    );
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
    let fatal = told(GroupTold { fatal: Some("fenced".to_owned()), ..GroupTold::default() });
    assert_eq!(ask(group(lane()), &fatal), (Failed, Failed, vec!["fatal"]));
}

fn unfinished(age: u64, others: usize) -> UnfinishedView {
    UnfinishedView { offset: 4_711, attempt: 3, age: Duration::from_secs(age), others, enqueues: false }
}

fn job(blocked: Option<u64>) -> JobView {
    JobView {
        class: "OrdersWorker".to_owned(),
        queue: "low".to_owned(),
        jid: "b7f9a5771d734158b74866cc".to_owned(),
        attempt: 2,
        timeout: None,
        age: Duration::from_secs(600),
        blocked: blocked.map(Duration::from_secs),
        is_unfinished: blocked.is_none(),
    }
}

fn worker(at_work: Vec<JobView>) -> View {
    View {
        jobs: Some(JobsView { concurrency: 10, phase: JobsPhase::Working, done: 0, failed: 0, at_work }),
        ..View::default()
    }
}

/// If this fails, an app is killed for a handler that blocks while the rest goes on, or for one that takes half an hour and
/// may; or nobody sees it.
#[test]
fn what_wants_a_person_and_keeps_nobody_else_degrades() {
    let within = LaneView { blocked: Some((4_711, Duration::from_secs(5))), ..lane() };
    assert_eq!(ask(group(within), &Told::default()), (Degraded, Degraded, vec!["handler_blocks"]));
    let patient = LaneView { timeout: None, blocked: Some((4_711, Duration::from_secs(9_000))), ..lane() };
    assert_eq!(ask(group(patient), &Told::default()), (Degraded, Degraded, vec!["handler_blocks"]));
    let for_ever = LaneView { timeout: None, unfinished: Some(unfinished(86_400, 2)), ..lane() };
    assert_eq!(ask(group(for_ever.clone()), &Told::default()), (Degraded, Degraded, vec!["unfinished"]));
    for at_work in [job(Some(9_000)), job(None)] {
        let kind = if at_work.blocked.is_some() { "handler_blocks" } else { "unfinished" };
        assert_eq!(ask_of(&worker(vec![at_work]), &Told::default()), (Degraded, Degraded, vec![kind]));
    }
    for question in [Question::Live, Question::Ready] {
        assert!(question.passes(Degraded), "{question:?}");
    }
    // What is worse counts.
    let rebalancing = GroupView { phase: Phase::Rebalancing, ..group(for_ever) };
    assert_eq!(ask(rebalancing, &Told::default()), (Rebalancing, Rebalancing, vec!["rebalancing", "unfinished"]));
}

/// If this fails, an app whose threads are all kept looks well, and whoever is woken does not see by whom.
#[test]
fn when_no_thread_is_free_it_fails_with_the_names() {
    let threads = ThreadsView { count: 1, stalled: Some(Duration::from_secs(6)) };
    let blocked = LaneView { timeout: None, blocked: Some((4_711, Duration::from_secs(9))), ..lane() };
    let server = View { groups: vec![group(blocked)], threads, ..View::default() };
    let kinds = vec!["no_thread_free", "handler_blocks"];
    assert_eq!(ask_of(&server, &Told::default()), (Failed, Failed, kinds.clone()));
    assert_eq!(ask_of(&View { threads, ..worker(vec![job(Some(9))]) }, &Told::default()), (Failed, Failed, kinds));
    let others = View { groups: vec![group(lane())], threads, ..View::default() };
    assert_eq!(ask_of(&others, &Told::default()), (Failed, Failed, vec!["no_thread_free"]));
    let body = |view| {
        let verdict = judge(Question::Live, Some(&view), &Told::default(), Instant::now());
        serde_json::to_string_pretty(&verdict).unwrap()
    };
    let idle = LaneView { partition: Partition { topic: "orders".into(), partition: 4 }, oldest: None, ..lane() };
    let idle = LaneView { unfinished: Some(unfinished(400, 1)), timeout: None, ..idle };
    let mut server = server;
    server.groups[0].lanes.push(idle);
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("health_no_thread", body(server));
        insta::assert_snapshot!("health_worker", body(View { threads, ..worker(vec![job(Some(9)), job(None)]) }));
    });
}

/// If this fails, a group, or a worker, whose `concurrency` is used up by handlers that block looks well, though nothing else
/// of it begins; or one is killed for a block that is over soon.
#[test]
fn when_no_turn_is_free_it_fails() {
    let lane = |partition, seconds| LaneView {
        partition: Partition { topic: "orders".into(), partition },
        timeout: None,
        blocked: Some((7, Duration::from_secs(seconds))),
        ..lane()
    };
    let two = |seconds| GroupView { concurrency: 2, lanes: vec![lane(0, 9), lane(1, seconds)], ..group(lane(0, 9)) };
    let blocks = "handler_blocks";
    assert_eq!(ask(two(4), &Told::default()), (Degraded, Degraded, vec![blocks, blocks]));
    assert_eq!(ask(two(5), &Told::default()), (Failed, Failed, vec!["no_turn_free", blocks, blocks]));
    let jobs = |seconds| {
        let at_work = vec![job(Some(9)), job(Some(seconds))];
        let jobs = JobsView { concurrency: 2, phase: JobsPhase::Working, done: 0, failed: 0, at_work };
        View { jobs: Some(jobs), ..View::default() }
    };
    assert_eq!(ask_of(&jobs(4), &Told::default()), (Degraded, Degraded, vec![blocks, blocks]));
    assert_eq!(ask_of(&jobs(5), &Told::default()), (Failed, Failed, vec!["no_turn_free", blocks, blocks]));
}

/// If this fails, a worker that takes nothing looks as if it worked, or is restarted for it.
#[test]
fn a_worker_says_what_it_is_about() {
    let phases = [
        (JobsPhase::Working, Healthy, vec![]),
        (JobsPhase::Quiet, Healthy, vec!["quiet"]),
        (JobsPhase::Stopping, Rebalancing, vec!["stopping"]),
    ];
    for (phase, status, kinds) in phases {
        let view = View {
            jobs: Some(JobsView { concurrency: 10, phase, done: 0, failed: 0, at_work: vec![] }),
            ..View::default()
        };
        assert_eq!(ask_of(&view, &Told::default()), (status, status, kinds));
    }
    let late = JobView { timeout: Some(Duration::from_secs(30)), is_unfinished: false, ..job(None) };
    assert_eq!(ask_of(&worker(vec![late]), &Told::default()), (Failed, Failed, vec!["past_timeout"]));
    let away = RedisTold { away: 1, reason: "Connection refused".to_owned() };
    let told = Told { redis: away, ..Told::default() };
    assert_eq!(ask_of(&worker(vec![]), &told), (Rebalancing, Rebalancing, vec!["redis_away"]));
}

/// If this fails, a partition that waits for a person is healthy and silent.
#[test]
fn what_waits_for_a_person_is_not_ready() {
    let halted = LaneView { halted: true, ..lane() };
    assert_eq!(ask(group(halted), &Told::default()), (Healthy, Failed, vec!["position_lost"]));
    let key = || ("shop".to_owned(), orders());
    let why = Told { lost: BTreeMap::from([(key(), "offset 10 is gone".to_owned())]), ..Told::default() };
    let halted = View { groups: vec![group(LaneView { halted: true, ..lane() })], ..View::default() };
    let messages = |told: &Told| -> Vec<String> {
        judge(Question::Ready, Some(&halted), told, Instant::now())
            .reasons
            .into_iter()
            .map(|reason| reason.message)
            .collect()
    };
    assert_eq!(messages(&why), ["offset 10 is gone"]);
    assert!(messages(&Told::default())[0].contains("Kafka is asked why"), "{:?}", messages(&Told::default()));
    let moved = (Instant::now(), "read again".to_owned());
    let moved = Told { moved: BTreeMap::from([(key(), moved)]), ..Told::default() };
    assert_eq!(ask(group(lane()), &moved), (Healthy, Healthy, vec!["positioned"]), "it goes on, and is told");
    let stuck = waits(Waiting { offset: 4_711, error: "cannot be parsed".to_owned(), again: None });
    assert_eq!(ask(group(LaneView { stuck: 1, ..lane() }), &stuck), (Healthy, Failed, vec!["stuck"]));
    let passed = waits(Waiting { offset: 4_710, error: "closed".to_owned(), again: Some((1, Instant::now())) });
    assert_eq!(ask(group(lane()), &passed), (Healthy, Healthy, vec![]), "that record is done by now");
}

/// If this fails, a person who is woken up has to find out by other means which record it is.
#[test]
fn the_body_names_what_is_wrong() {
    let blocked = LaneView { blocked: Some((4_711, Duration::from_secs(41))), ..lane() };
    let verdict = judge(
        Question::Live,
        Some(&View { groups: vec![group(blocked)], ..View::default() }),
        &Told::default(),
        Instant::now(),
    );
    let body = serde_json::to_string_pretty(&verdict).unwrap();
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("health_body", body);
    });
}

fn serve() -> (Served, Arc<Vitals>) {
    let vitals = Arc::new(Vitals::new(&SHOP, Arc::new(())));
    (Served::serve("127.0.0.1:0".parse().unwrap(), &vitals).unwrap(), vitals)
}

/// What a caller that says these bytes is answered.
fn say(health: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(health.address()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn get(health: &Served, path: &str) -> String {
    say(health, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
}

/// If this fails, probes and scrapers get another answer than they were built for.
#[test]
fn probes_are_answered() {
    let (health, vitals) = serve();
    let starting = get(&health, "/ready");
    assert!(starting.starts_with("HTTP/1.1 503 ") && starting.contains(r#""kind":"starting""#), "{starting}");
    assert!(get(&health, "/live").starts_with("HTTP/1.1 200 "));
    vitals.watch(Arc::default());
    let ready = get(&health, "/ready?verbose");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.contains(r#"{"status":"healthy","#), "{ready}");
    vitals.listener().on(&Event::CommitFailed { group: "shop", reason: "away" });
    let metrics = get(&health, "/metrics");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nkarafka_commit_failures_total{group=\"shop\"} 1\n"), "{metrics}");
    assert!(get(&health, "/").starts_with("HTTP/1.1 404 "));
    vitals.listener().on(&Event::RedisAway { reason: "Connection refused" });
    let away = get(&health, "/ready");
    assert!(away.starts_with("HTTP/1.1 503 ") && away.contains("is asked again: Connection refused"), "{away}");
    assert!(get(&health, "/live").starts_with("HTTP/1.1 200 "));
    assert!(get(&health, "/metrics").contains("\nkarafka_redis_away 1\n"));
    vitals.listener().on(&Event::RedisBack);
    assert!(get(&health, "/ready").starts_with("HTTP/1.1 200 "));
    assert!(get(&health, "/metrics").contains("\nkarafka_redis_away 0\n"));
    let posted = say(&health, b"POST /live HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
}

/// If this fails, an error that Redis or a record brings acts on the terminal of whoever asks why an app is not ready, or
/// fills it.
#[test]
fn words_from_outside_are_written_out() {
    let (health, vitals) = serve();
    let words = format!("a{HOSTILE}b\n{}", "x".repeat(600_000));
    vitals.listener().on(&Event::RedisAway { reason: &words });
    let ready = get(&health, "/ready");
    let (_, body) = ready.split_once("\r\n\r\n").unwrap();
    assert_eq!(hostile(body, &[]), None, "{body}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let message = body["reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains(HOSTILE) && message.ends_with(" bytes)") && message.len() < 5_000, "{message}");
}

mod strangers;

/// If this fails, whoever reads health of a group whose id differs by environment does not find it in karafka.yml.
#[test]
fn a_group_is_named_by_its_id_and_its_key() {
    let json = |group: GroupView| {
        let view = View { groups: vec![group], ..View::default() };
        let verdict = judge(Question::Ready, Some(&view), &Told::default(), Instant::now());
        serde_json::to_value(&verdict).unwrap()["groups"][0].clone()
    };
    let of_id = json(GroupView { group: "shop-eu".into(), key: Some("shop".into()), ..group(lane()) });
    assert_eq!((of_id["group"].as_str(), of_id["key"].as_str()), (Some("shop-eu"), Some("shop")));
    assert_eq!(json(group(lane())).get("key"), None);
}
