//! Every way for a partition, or a send, to stand still: what health, log and metrics say of it, and when it is over.

use super::*;
use crate::{
    health::verdict::{Question, Status, Verdict, judge},
    metrics::Told,
};

/// A way to stand still.
struct Way {
    /// What the reason of health, the event and the metric call it.
    kind: &'static str,
    /// How the event shows it.
    event: &'static str,
    /// Of `/live` and `/ready`.
    statuses: (Status, Status),
    /// What health says: coordinates and mend.
    parts: &'static [&'static str],
    /// The sample of the metric.
    sample: &'static str,
}

/// Within this time health has to say it.
const IN_TIME: Duration = Duration::from_secs(15);

/// Starts a shop on brokers of which something is wrong, and waits until all who ask are told; then mends it, and waits until
/// all records are done and nobody is told any more.
fn stands_still(
    brokers: &Brokers3,
    app: &'static Manifest,
    way: &Way,
    breaks: impl FnOnce(&Brokers3, &Shop),
    mends: impl FnOnce(&Brokers3),
) {
    let shop = brokers.shop(app);
    let running = shop.start();
    breaks(brokers, &shop);
    let begun = Instant::now();
    let told = Told::default();
    let view = || running.watch().view(Instant::now());
    let ask = |question| judge(question, Some(&view()), &told, Instant::now());
    let names = |verdict: &Verdict| verdict.reasons.iter().any(|reason| reason.kind == way.kind);
    shop.until("health that says it", |_| names(&ask(Question::Ready)));
    assert!(begun.elapsed() < IN_TIME, "it took {:?}", begun.elapsed());
    let words = serde_json::to_string(&ask(Question::Ready)).expect("JSON");
    for part in way.parts {
        assert!(words.contains(part), "no `{part}` in: {words}");
    }
    let statuses = (ask(Question::Live).status, ask(Question::Ready).status);
    assert_eq!(statuses, way.statuses, "{words}");
    let page = crate::metrics::text(app, &view(), &told);
    assert!(page.contains(way.sample), "no `{}` in: {page}", way.sample);
    shop.until("the log's word", |shop| shop.noted(way.event) > 0);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(shop.noted(way.event), 1, "once is enough: {:#?}", shop.other_notes());

    mends(brokers);
    shop.until("health", |_| !names(&ask(Question::Ready)));
    shop.send_numbers(0..20);
    shop.until("all", |shop| shop.handled() == 20);
    shop.until("a word that it is over", |shop| shop.noted("Cleared {") > 0);
    shop.until("health of all", |_| ask(Question::Ready).status == Status::Healthy);
    running.join();
    assert!(shop.is_in_order());
}

use Status::{Degraded, Failed, Healthy, Rebalancing};

/// If this fails, an app whose topic is not there says "joining", or makes the topic by looking.
#[test]
fn a_topic_that_is_missing() {
    let way = Way {
        kind: "topic_missing",
        event: "Obstructed { group: Some(\"shop\"), obstacle: Obstacle { kind: TopicMissing",
        statuses: (Rebalancing, Failed),
        parts: &["Kafka does not know the topic `orders`", "--create --topic orders"],
        sample: "karafka_obstacles{group=\"shop\",kind=\"topic_missing\"} 1",
    };
    let brokers = Brokers3::with_topics(&[("confirmed", 1)]);
    stands_still(&brokers, &MANIFEST, &way, |_, _| (), |brokers| brokers.create_topic("orders", 2));
}

/// If this fails, an app that may not read its topic ends, or consumes nothing and is healthy.
#[test]
fn a_topic_that_may_not_be_read() {
    let way = Way {
        kind: "topic_forbidden",
        event: "Obstructed { group: Some(\"shop\"), obstacle: Obstacle { kind: TopicForbidden",
        statuses: (Rebalancing, Failed),
        parts: &["may not read the topic `orders`", "--operation Read --operation Describe --topic orders"],
        sample: "karafka_obstacles{group=\"shop\",kind=\"topic_forbidden\"} 1",
    };
    let brokers = Brokers3::start();
    brokers.cluster().topic_error("orders", Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).expect("forbidden");
    let grant = |brokers: &Brokers3| {
        brokers.cluster().topic_error("orders", Code::RD_KAFKA_RESP_ERR_NO_ERROR).expect("granted");
    };
    stands_still(&brokers, &MANIFEST, &way, |_, _| (), grant);
}

/// If this fails, a dead letter topic that nobody has made is noticed with the first record that needs it, half a minute late.
#[test]
fn a_dead_letter_topic_that_is_missing() {
    let way = Way {
        kind: "topic_missing",
        event: "Obstructed { group: None, obstacle: Obstacle { kind: TopicMissing",
        statuses: (Degraded, Degraded),
        parts: &[
            "Kafka does not know the topic `orders.dead`; what is sent there waits",
            "--create --topic orders.dead",
        ],
        sample: "karafka_obstacles{group=\"\",kind=\"topic_missing\"} 1",
    };
    let brokers = Brokers3::with_topics(&[("orders", 2), ("confirmed", 1)]);
    stands_still(&brokers, &BURYING, &way, |_, _| (), |brokers| brokers.create_topic("orders.dead", 1));
}

/// If this fails, a partition that no broker leads stands still without a word: librdkafka says nothing of it.
#[test]
fn a_partition_without_a_leader() {
    let way = Way {
        kind: "no_leader",
        event: "Obstructed { group: Some(\"shop\"), obstacle: Obstacle { kind: NoLeader",
        statuses: (Rebalancing, Rebalancing),
        parts: &["\"partition\":\"orders/1\"", "no broker leads it", "--unavailable-partitions"],
        sample: "karafka_obstacles{group=\"shop\",kind=\"no_leader\"} 1",
    };
    let brokers = Brokers3::start();
    // Before anybody asks for its records: the mock broker does not live through such a question.
    brokers.cluster().partition_leader("orders", 1, None).expect("nobody");
    let elect = |brokers: &Brokers3| brokers.cluster().partition_leader("orders", 1, Some(2)).expect("a leader");
    stands_still(&brokers, &MANIFEST, &way, |_, _| (), elect);
}

/// If this fails, a right that is taken away while an app runs stops its partitions without a word: librdkafka says it once,
/// and what Kafka has said of the topic before is not so any more.
#[test]
fn a_partition_that_may_not_be_read_any_more() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&MANIFEST);
    let running = shop.start();
    shop.until("partitions", |shop| shop.noted("Assigned {") > 0);
    let told = Told::default();
    let ready = || judge(Question::Ready, Some(&running.watch().view(Instant::now())), &told, Instant::now());
    brokers.cluster().request_errors(RDKafkaApiKey::Fetch, &[Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 4]);
    shop.until("health that says it", |_| ready().reasons.iter().any(|reason| reason.kind == "topic_forbidden"));
    let words = serde_json::to_string(&ready()).expect("JSON");
    for part in ["\"partition\":\"orders/", "may not read it", "--operation Read --topic orders"] {
        assert!(words.contains(part), "no `{part}` in: {words}");
    }
    // This broker does not tell rights, so that nothing but a record shows that it may be read again.
    thread::sleep(Duration::from_secs(4));
    assert_eq!(ready().status, Failed);
    shop.send_numbers(0..40);
    shop.until("all", |shop| shop.handled() == 40);
    shop.until("health", |_| ready().status == Healthy);
    running.join();
}

/// If this fails, a partition whose records Kafka does not give has no reason, no coordinates and no mend.
#[test]
fn a_partition_that_is_not_given() {
    let way = Way {
        kind: "fetch_fails",
        event: "kind: FetchFails",
        statuses: (Healthy, Failed),
        parts: &["\"partition\":\"orders/", "larger than this client takes", "fetch.message.max.bytes"],
        sample: "karafka_obstacles{group=\"shop\",kind=\"fetch_fails\"}",
    };
    let brokers = Brokers3::start();
    let breaks = |brokers: &Brokers3, shop: &Shop| {
        shop.until("partitions", |shop| shop.noted("Assigned {") > 0);
        brokers.cluster().request_errors(RDKafkaApiKey::Fetch, &[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 10_000]);
    };
    let mends = |brokers: &Brokers3| brokers.cluster().clear_request_errors(RDKafkaApiKey::Fetch);
    stands_still(&brokers, &MANIFEST, &way, breaks, mends);
}

/// If this fails, commits that Kafka never takes are a line now and then, and health says that all is well.
#[test]
fn commits_that_are_not_taken() {
    let way = Way {
        kind: "commit_fails",
        event: "Obstructed { group: Some(\"shop\"), obstacle: Obstacle { kind: CommitFails",
        statuses: (Degraded, Degraded),
        parts: &["Kafka takes no commits", "a stop or a crash repeats them"],
        sample: "karafka_obstacles{group=\"shop\",kind=\"commit_fails\"} 1",
    };
    let brokers = Brokers3::start();
    let breaks = |brokers: &Brokers3, shop: &Shop| {
        brokers.refuse_commits(Code::RD_KAFKA_RESP_ERR_UNKNOWN, 10_000);
        shop.send_numbers(0..1);
    };
    let mends = |brokers: &Brokers3| brokers.cluster().clear_request_errors(RDKafkaApiKey::OffsetCommit);
    stands_still(&brokers, &MANIFEST, &way, breaks, mends);
}

/// If this fails, an outage of all brokers is `AllBrokersDown`, without an address or what to do.
#[test]
fn all_brokers_are_away() {
    let way = Way {
        kind: "disconnected",
        event: "Obstructed { group: Some(\"shop\"), obstacle: Obstacle { kind: Disconnected",
        statuses: (Rebalancing, Rebalancing),
        parts: &["reaches no broker: 127.0.0.1:", "\"help\":\""],
        sample: "karafka_obstacles{group=\"shop\",kind=\"disconnected\"} 1",
    };
    let brokers = Brokers3::start();
    let breaks = |brokers: &Brokers3, shop: &Shop| {
        shop.until("partitions", |shop| shop.noted("Assigned {") > 0);
        brokers.cluster().broker_down(-1).expect("they go");
    };
    let mends = |brokers: &Brokers3| brokers.cluster().broker_up(-1).expect("they are back");
    stands_still(&brokers, &MANIFEST, &way, breaks, mends);
}

/// If this fails, what is sent and never acknowledged holds up its records, and nobody reads where and why.
#[test]
fn what_is_sent_is_not_acknowledged() {
    let way = Way {
        kind: "unacknowledged",
        event: "Obstructed { group: None, obstacle: Obstacle { kind: Unacknowledged",
        statuses: (Rebalancing, Rebalancing),
        parts: &[
            "nothing that is sent to `confirmed` is acknowledged",
            "\"topic\":\"confirmed\"",
            "min.insync.replicas",
        ],
        sample: "karafka_obstacles{group=\"\",kind=\"unacknowledged\"} 1",
    };
    let brokers = Brokers3::start();
    let breaks = |brokers: &Brokers3, shop: &Shop| {
        shop.state.emits.store(true, Ordering::Relaxed);
        // The record is to arrive, and what it sends is not.
        shop.take_time(Duration::from_secs(1));
        shop.send_numbers(0..1);
        let refusals = [Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 10_000];
        brokers.cluster().request_errors(RDKafkaApiKey::Produce, &refusals);
        shop.take_time(Duration::ZERO);
    };
    let mends = |brokers: &Brokers3| brokers.cluster().clear_request_errors(RDKafkaApiKey::Produce);
    stands_still(&brokers, &MANIFEST, &way, breaks, mends);
}

/// If this fails, a copy that may not be written is taken for one that passes by itself, or its record is given up.
#[test]
fn what_is_sent_may_not_be_written() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&BURYING);
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.send_numbers(0..1);
    let forbidden = [Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 10_000];
    brokers.cluster().request_errors(RDKafkaApiKey::Produce, &forbidden);
    let running = shop.start();
    let ready =
        || judge(Question::Ready, Some(&running.watch().view(Instant::now())), &Told::default(), Instant::now());
    shop.until("health that says it", |_| ready().reasons.iter().any(|reason| reason.kind == "forbidden"));
    let words = serde_json::to_string(&ready()).expect("JSON");
    for part in
        ["may not write to it", "--operation Write --topic confirmed", "\"offset\":0", "\"partition\":\"orders/"]
    {
        assert!(words.contains(part), "no `{part}` in: {words}");
    }
    assert_eq!(ready().status, Failed);
    brokers.cluster().clear_request_errors(RDKafkaApiKey::Produce);
    shop.until("the commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert_eq!((end.dead, shop.repeats()), (0, 0));
}
