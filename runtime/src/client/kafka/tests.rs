use super::*;
use crate::{broker::EmbeddedBroker, settings::sizes::AtWork};

const BUDGET: Budget =
    Budget { memory: 2 << 20, at_work: AtWork { concurrency: 1, is_by_partition: true, records: 1 }, largest: 1_000 };

/// If this fails, a commit is answered without its number or not at all; or one that a coordinator never answers keeps the
/// group's thread for ever, in a wait or when the client closes.
#[test]
fn an_answer_has_the_number_of_its_commit_and_is_not_waited_for_longer_than_told() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).expect("a broker");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("group.id", "shop").set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false").set("auto.offset.reset", "error");
    let topics = BTreeMap::from([("orders".to_owned(), Positions::default())]);
    let mut client = KafkaClient::join(&config, BUDGET, topics).expect("it joins");

    let until = Instant::now() + Duration::from_secs(20);
    let partitions = loop {
        match client.poll() {
            Some(ClientEvent::Assign(partitions)) => break partitions,
            _ => client.wait(Duration::from_millis(10)),
        }
        assert!(Instant::now() < until, "nothing was assigned");
    };
    let assigned = client.assign(&partitions, &mut |_| Arc::new(|| ())).expect("assigned");
    let commit = |offset| [Commit { partition: partitions[0].clone(), offset, metadata: None }];
    client.commit(7, &commit(0));
    assert_eq!(client.answer(Duration::from_secs(20)), Some(CommitAnswer { number: 7, ended: Ok(()) }));
    client.commit(u64::from(u32::MAX), &commit(0));
    let begun = Instant::now();
    let answer = loop {
        if let Some(ClientEvent::Committed(answer)) = client.poll() {
            break answer;
        }
        client.wait(Duration::from_secs(20));
    };
    assert_eq!(answer, CommitAnswer { number: u64::from(u32::MAX), ended: Ok(()) });
    assert!(begun.elapsed() < Duration::from_secs(10), "an answer wakes the thread");

    drop(broker);
    client.commit(8, &commit(0));
    let begun = Instant::now();
    assert_eq!(client.answer(Duration::from_millis(300)), None);
    assert!((Duration::from_millis(200)..Duration::from_secs(10)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    drop(assigned);
    assert!(
        !Box::new(client).close(Close::Within(Duration::from_millis(500))),
        "the commit is still without an answer"
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// A member of `shop` with this assignor, when it has all of `orders`.
fn member(address: &str, assignor: &str) -> (KafkaClient, Vec<TopicPartition>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", "shop").set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false").set("auto.offset.reset", "error");
    config.set("partition.assignment.strategy", assignor).set("session.timeout.ms", "30000");
    let topics = BTreeMap::from([("orders".to_owned(), Positions::default())]);
    let mut client = KafkaClient::join(&config, BUDGET, topics).expect("it joins");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match client.poll() {
            Some(ClientEvent::Assign(partitions)) if !partitions.is_empty() => return (client, partitions),
            Some(ClientEvent::Assign(partitions)) => drop(client.assign(&partitions, &mut |_| Arc::new(|| ()))),
            _ => client.wait(Duration::from_millis(10)),
        }
        assert!(Instant::now() < until, "nothing was assigned");
    }
}

/// If this fails, the other members of a group wait for a whole session after a member has stopped whose last commit a
/// broker did not answer.
#[test]
fn a_member_leaves_though_a_commit_is_not_answered() {
    for (assignor, how) in [
        ("cooperative-sticky", Close::Within(Duration::from_secs(2))),
        ("range", Close::Within(Duration::from_secs(2))),
        ("cooperative-sticky", Close::Abandon),
    ] {
        let brokers: rdkafka::producer::BaseProducer =
            ClientConfig::new().set("test.mock.num.brokers", "1").create().expect("brokers");
        let cluster = native::MockCluster::of_client(rdkafka::producer::Producer::client(&brokers).native_ptr());
        let cluster = cluster.expect("a cluster");
        cluster.create_topic("orders", 2).expect("a topic");
        let (mut first, partitions) = member(&cluster.address(), assignor);
        let assigned = first.assign(&partitions, &mut |_| Arc::new(|| ())).expect("assigned");
        cluster.refuse_commits_in_silence(1);
        first.commit(1, &[Commit { partition: partitions[0].clone(), offset: 0, metadata: None }]);
        assert_eq!(first.answer(Duration::from_millis(300)), None);
        drop(assigned);
        let leave = first.leave.clone().expect("plain text");
        let member = first.native.member_id().expect("it has joined");
        assert!(!Box::new(first).close(how), "the commit is still without an answer");
        let known = leave.say(&member, Duration::from_secs(5)).expect_err("the group knows it no more");
        // UNKNOWN_MEMBER_ID.
        assert_eq!(known.to_string(), "Kafka answers with error 25", "{assignor}, {how:?}");
    }
}
