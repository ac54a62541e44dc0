//! Records that cannot be handled, and dead letters that Kafka does not take.

use super::*;
use crate::health::verdict::{Question, Status, Verdict, judge};

/// If this fails, a dead letter that Kafka does not take is dropped, or its record counts as done without it.
#[test]
fn row_12_a_dead_letter_that_kafka_refuses_is_sent_again() {
    let brokers = Brokers3::start();
    let shop = brokers.shop(&BURYING);
    shop.send(Some("poison"), Some("not json"));
    shop.send_numbers(0..50);
    // Not one that the client itself tries again.
    let refusals = vec![Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3];
    brokers.cluster().request_errors(RDKafkaApiKey::Produce, &refusals);
    let running = shop.start();
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert_eq!((end.dead, shop.handled(), shop.repeats()), (1, 50, 0), "{:#?}", shop.other_notes());
    assert!(shop.noted("Refused {") > 0, "{:#?}", shop.other_notes());
}

/// If this fails, a copy that Kafka refuses as too large is dropped, or its record counts as done without it; or nobody is told
/// which copy it is, how large, and what to raise; or it is sent again and again without a pause.
#[test]
fn row_22_a_copy_that_is_too_large_is_named_and_sent_again() {
    for is_dead_letter in [true, false] {
        let brokers = Brokers3::start();
        let shop = brokers.shop(&BURYING);
        if is_dead_letter {
            shop.send(Some("poison"), Some("not json"));
        } else {
            shop.state.emits.store(true, Ordering::Relaxed);
            shop.send_numbers(0..1);
        }
        brokers.cluster().request_errors(RDKafkaApiKey::Produce, &[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 1_000]);
        let running = shop.start();
        let told = crate::metrics::Told::default();
        let ready = || judge(Question::Ready, Some(&running.watch().view(Instant::now())), &told, Instant::now());
        let names = |verdict: &Verdict| verdict.reasons.iter().any(|reason| reason.kind == "too_large");
        shop.until("health that names it", |_| names(&ready()));
        let begun = Instant::now();
        thread::sleep(Duration::from_secs(2));
        let refused = shop.noted("Refused {");
        // 20, 40, 80 and then 100 ms, each down to its half.
        let most = 6 + usize::try_from(begun.elapsed().as_millis()).expect("seconds") / 50;
        assert!((3..=most).contains(&refused), "it was sent {refused} times");
        let words = serde_json::to_string(&ready()).expect("JSON");
        let topic = if is_dead_letter { "orders.dead" } else { "confirmed" };
        for part in
            [topic, " bytes", "max.message.bytes", "\"offset\":0", "\"partition\":\"orders/", "OrdersController"]
        {
            assert!(words.contains(part), "{part} is missing: {words}");
        }
        let live = judge(Question::Live, Some(&running.watch().view(Instant::now())), &told, Instant::now());
        assert_eq!((ready().status, live.status), (Status::Failed, Status::Healthy), "a new process does not mend it");
        assert!(
            shop.commits_and_ends().iter().all(|(committed, _)| committed.unwrap_or(0) == 0),
            "the offset has moved"
        );
        let counted = running.watch().view(Instant::now()).groups[0].consumers["orders"].counted;
        assert!(counted.too_large >= 3 && counted.unsent == 0, "{counted:?}");

        // Somebody has raised what the topic takes.
        brokers.cluster().clear_request_errors(RDKafkaApiKey::Produce);
        shop.until("the commit", Shop::is_committed_to_the_end);
        shop.until("health", |_| ready().status == Status::Healthy);
        let end = running.join();
        assert_eq!((end.dead, shop.repeats()), (u64::from(is_dead_letter), 0), "{end:?}");
    }
}

/// If this fails, a dead letter that a person's own bound refuses says nothing of that bound, or one that is refused for
/// another reason than its size is not shown.
#[test]
fn row_22_a_bound_of_the_client_is_named() {
    let brokers = Brokers3::start();
    let mut shop = brokers.shop(&BURYING);
    shop.variables.insert("KARAFKA_OPTIONS_MESSAGE_MAX_BYTES".to_owned(), "1000".to_owned());
    shop.variables.insert("KARAFKA_SHUTDOWN_TIMEOUT".to_owned(), "1h".to_owned());
    shop.send(Some("poison"), Some(&"not json".repeat(200)));
    let running = shop.start();
    let view = || running.watch().view(Instant::now()).groups;
    shop.until("health that names it", |_| view()[0].lanes.iter().any(|lane| lane.refused.is_some()));
    let words = shop.other_notes().join("\n");
    assert!(words.contains("orders.dead does not take a record of 1"), "{words}");
    assert!(words.contains("the producer's `message.max.bytes` is 1000"), "{words}");
    assert!(shop.commits_and_ends().iter().all(|(committed, _)| committed.unwrap_or(0) == 0), "the offset has moved");
    // Whoever has the partition next sends it again; nothing here is worth waiting for.
    let stop = thread::spawn(move || running.join());
    shop.until("the stop, which has an hour", |_| stop.is_finished());
    let end = stop.join().expect("no panic");
    let to_repeat: u64 = end.to_repeat.iter().map(|of| of.records).sum();
    assert_eq!((end.dead, to_repeat), (0, 1));
}

/// If this fails, a dead letter waits until the partition has no more work: it holds the commit back for that long,
/// and a crash repeats everything since.
#[test]
fn row_13_a_dead_letter_does_not_wait_for_the_end_of_the_work() {
    const RECORDS: u64 = 30_000;
    let brokers = Brokers3::start();
    let shop = brokers.shop(&BURYING);
    shop.send(Some("poison"), Some("not json"));
    shop.runtime.block_on(async {
        let sent = (0..RECORDS).map(|number| {
            let key = Some(format!("k{}", number % 1_000).into_bytes());
            let value = Some(number.to_string().into_bytes());
            let (producer, topic) = (shop.producer.clone(), "orders".to_owned());
            async move { producer.send(Outgoing { topic, key, value, ..Outgoing::default() }).await }
        });
        for sent in sent.map(|sent| shop.runtime.spawn(sent)).collect::<Vec<_>>() {
            sent.await.expect("no panic").expect("acknowledged");
        }
    });
    // Ready at once, so that the lane has no reason to look up, and slow, so that there is time to look from outside.
    shop.state.busy.store(1_000, Ordering::Relaxed);
    let running = shop.start();
    let mut consumer = ClientConfig::new();
    consumer.set("bootstrap.servers", &shop.address).set("log_level", "2");
    let consumer: BaseConsumer = consumer.create().expect("a consumer");
    let handled_before = loop {
        let (_, end) = consumer.fetch_watermarks("orders.dead", 0, Duration::from_secs(10)).expect("watermarks");
        if end > 0 {
            break shop.seen().len();
        }
        assert!(shop.seen().len() < RECORDS as usize, "all the others came first");
    };
    shop.state.busy.store(0, Ordering::Relaxed);
    shop.until("all", |shop| shop.handled() == RECORDS as usize);
    running.join();
    assert!(handled_before < RECORDS as usize, "{handled_before} records were handled before it was sent");
}

/// Lets everything fail for a while; gives the shop when all is handled, with the attempts and how long that took.
fn handle_after_an_outage(app: &'static Manifest) -> (Shop, usize, Duration) {
    let brokers = Brokers3::start();
    let shop = brokers.shop(app);
    shop.state.outage.store(true, Ordering::Relaxed);
    shop.send_numbers(0..140);
    let running = shop.start();
    shop.until("a failure", |shop| shop.noted("Failed {") > 0);
    let begun = Instant::now();
    thread::sleep(Duration::from_secs(3));
    let (attempts, took) = (shop.begun(), begun.elapsed());
    assert_eq!(shop.handled(), 0);
    shop.state.outage.store(false, Ordering::Relaxed);
    shop.until("all", |shop| shop.handled() == 140);
    shop.until("the last commit", Shop::is_committed_to_the_end);
    let end = running.join();
    assert_eq!((end.handled, shop.repeats(), end.dead), (140, 0, 0), "{end:?}");
    (shop, attempts, took)
}

/// Attempts that one record may take in this time: 10, 20 and 40 ms at least, and then 50 each.
fn most_attempts(took: Duration) -> usize {
    4 + usize::try_from(took.as_millis()).expect("seconds") / 50
}

/// If this fails, an outage of what handlers call spins the CPU, or loses the order of a partition.
#[test]
fn row_16_everything_fails_for_a_while() {
    let (shop, attempts, took) = handle_after_an_outage(&MANIFEST);
    assert!(shop.is_in_order());
    // Each partition waits for one record.
    assert!((2..=2 * most_attempts(took)).contains(&attempts), "{attempts} attempts in {took:?}");
}

/// If this fails, the same happens by key, or the others of a key are tried beside its first.
#[test]
fn row_16_everything_fails_for_a_while_by_key() {
    let (shop, attempts, took) = handle_after_an_outage(&KEYED);
    assert!(shop.is_in_order_by_key());
    // Each of the seven keys does.
    assert!((7..=7 * most_attempts(took)).contains(&attempts), "{attempts} attempts in {took:?}");
}

/// If this fails, a stop calls a record handled whose emit Kafka has not acknowledged, and the next start does it again.
#[test]
fn what_was_not_acknowledged_in_time_is_not_called_handled() {
    let brokers = Brokers3::start();
    let mut shop = brokers.shop(&MANIFEST);
    shop.variables.insert("KARAFKA_SHUTDOWN_TIMEOUT".to_owned(), "1s".to_owned());
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.take_time(Duration::from_millis(50));
    shop.send_numbers(0..20);
    let running = shop.start();
    shop.until("a start", |shop| shop.handled() > 0);
    brokers.cluster().broker_round_trip_time(-1, Duration::from_secs(60)).expect("a delay");
    let before = shop.handled();
    shop.until("some more", |shop| shop.handled() > before + 2);
    let end = running.join();
    brokers.cluster().broker_round_trip_time(-1, Duration::ZERO).expect("no delay");
    assert!(end.unacknowledged > 2 && end.blocked.is_empty(), "{end:?}");
    assert_eq!(end.handled + end.unacknowledged, shop.handled() as u64, "{end:?}");
}
