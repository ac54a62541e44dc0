//! What becomes of an app whose producer has failed for good.

use super::*;
use crate::engine::jobs::Jobs;

static BURYING: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[("dead_letter", "orders.dead"), ("retry.attempts", "1"), ("retry.backoff", "20ms..100ms")],
        ..PLAIN.consumers[0]
    }],
    ..PLAIN
};

static WITH_JOBS: Manifest =
    Manifest { consumers: &[ConsumerEntry { settings: &[("jobs", "redis")], ..PLAIN.consumers[0] }], ..PLAIN };

/// If this fails, an app whose producer can never send again works on for ever, and none of its emits and dead letters
/// arrives; or its stop waits for them, or counts what has not arrived as done.
#[test]
fn a_producer_that_has_failed_for_good_ends_the_app() {
    let topics = [("orders".to_owned(), 2), ("confirmed".to_owned(), 1), ("orders.dead".to_owned(), 1)];
    let broker = EmbeddedBroker::start(&topics).expect("a broker");
    let shop = Shop::at(broker.address(), &BURYING);
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.send_numbers(0..20);
    let running = shop.start();
    shop.until("what came before", |shop| shop.noted("Done {") == 20);
    assert!(!running.wait(Duration::ZERO));

    shop.state.fails.lock().expect("no panic").insert(20, 1);
    running.producer.as_ref().expect("it emits").fail_for_good("the books are burnt");
    shop.send_numbers(20..21);
    shop.until("a dead letter that is refused", |shop| shop.noted("orders.dead does not take the record") > 0);
    assert!(shop.noted("the books are burnt") > 0, "{:#?}", shop.other_notes());
    assert!(running.wait(Duration::from_millis(1)), "it works on");
    let begun = Instant::now();
    let end = running.join();
    assert!(begun.elapsed() < Duration::from_secs(15), "the stop has waited: {:?}", begun.elapsed());
    let reason = end.producer.clone().expect("a reason");
    assert!(reason.contains("the books are burnt"), "{reason}");
    assert_eq!((end.handled, end.dead, end.unacknowledged), (20, 0, 1), "{end:?}");
    assert!(end.uncommitted.is_empty() && end.blocked.is_empty(), "{end:?}");

    let running = shop.start();
    shop.until("the last one", |shop| shop.seen().len() == 21);
    let end = running.join();
    assert_eq!((end.handled, end.producer), (1, None), "what was done is committed, and what was not is done");
}

/// If this fails, a worker cannot learn that what its jobs emit never arrives.
#[test]
fn a_producer_of_jobs_says_why_it_has_failed() {
    let broker = EmbeddedBroker::start(&[("confirmed".to_owned(), 1)]).expect("a broker");
    broker.refuse_producers();
    let app = App::new(&WITH_JOBS)
        .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&WITH_JOBS.consumers[0]);
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    let settings = Settings::read(&WITH_JOBS, &BTreeMap::new(), &flags).expect("settings");
    let brokers = Brokers { address: broker.address().to_owned(), embedded: true };
    let jobs =
        Jobs::new(app.manifest, app.routes, app.layers, &settings, Some(&brokers), Arc::default()).expect("jobs");
    let end = Instant::now() + Duration::from_secs(20);
    let reason = loop {
        if let Some(reason) = jobs.producer().expect("it emits").failure() {
            break reason;
        }
        assert!(Instant::now() < end, "it has not failed");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(reason.to_lowercase().contains("cluster authorization failed"), "{reason}");
}
