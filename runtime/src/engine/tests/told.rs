//! What is told of records that went well: where what they have sent has arrived, or which job they have become.

use super::*;

/// If this fails, a handler that goes on after it has sent something is logged as if it had sent nothing.
#[test]
fn what_arrives_before_its_handler_ends_is_told_too() {
    let shop = Shop::open();
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.state.lingers.store(true, Ordering::Relaxed);
    shop.send_numbers(0..5);
    let running = shop.start();
    shop.until("all five", |shop| shop.noted("Done {") == 5);
    running.join();
    assert_eq!(
        shop.noted("emitted: [TopicPartitionOffset { topic: \"confirmed\""),
        5,
        "{:#?}",
        shop.notes.0.lock().expect("no panic")
    );
}

/// If this fails, a line about a record does not lead to its job, or a job to its record.
#[cfg(feature = "real-redis")]
#[test]
fn a_record_is_told_with_the_job_that_it_has_become() {
    static QUEUED: Manifest =
        Manifest { consumers: &[ConsumerEntry { settings: &[("jobs", "redis")], ..PLAIN.consumers[0] }], ..PLAIN };
    let redis = crate::jobs::tests::Server::start();
    let mut shop = Shop { app: &QUEUED, ..Shop::open() };
    shop.variables.insert("REDIS_URL".to_owned(), redis.url());
    shop.send_numbers(0..3);
    let running = shop.start();
    shop.until("all three", |shop| shop.noted("Done {") == 3);
    running.join();
    let jobs: Vec<String> = shop.runtime.block_on(async {
        let mut connection = redis.connect().await;
        redis::cmd("LRANGE").arg("queue:default").arg(0).arg(-1).query_async(&mut connection).await.expect("a list")
    });
    let jids: BTreeSet<_> = jobs
        .iter()
        .map(|job| {
            serde_json::from_str::<serde_json::Value>(job).expect("JSON")["jid"].as_str().expect("a text").to_owned()
        })
        .collect();
    assert_eq!(jids.len(), 3);
    for jid in jids {
        let words = format!("job: Some(JobName {{ queue: \"default\", class: \"OrdersWorker\", jid: \"{jid}\" }})");
        assert_eq!(shop.noted(&words), 1, "{words} in {:#?}", shop.notes.0.lock().expect("no panic"));
    }
}
