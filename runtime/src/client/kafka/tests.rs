use super::*;
use crate::broker::EmbeddedBroker;

/// If this fails, a commit is answered without its number or not at all; or one that a coordinator never answers keeps the
/// group's thread for ever, in a wait or when the client closes.
#[test]
fn an_answer_has_the_number_of_its_commit_and_is_not_waited_for_longer_than_told() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).expect("a broker");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("group.id", "shop").set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false").set("auto.offset.reset", "error");
    let topics = BTreeMap::from([("orders".to_owned(), Positions::default())]);
    let mut client = KafkaClient::join(&config, 1 << 20, topics).expect("it joins");

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
