//! Records that are large beside the memory of their group.

use std::collections::BTreeSet;

use super::*;
use crate::engine::watch::LaneView;

/// If this fails, a record of each partition lies in its lane and waits for its turn, while its queue has fetched another:
/// large records take twice the memory that they need.
#[test]
fn a_large_record_waits_where_it_was_fetched() {
    const RECORDS: u64 = 21;
    let mut shop = Shop::open();
    shop.variables.insert("KARAFKA_CONCURRENCY".to_owned(), "1".to_owned());
    *shop.state.sleep.lock().expect("no panic") = Duration::from_secs(3_600);
    for number in 0..RECORDS {
        shop.send(Some(&format!("k{}", number % 7)), Some(&format!("{number}{}", " ".repeat(200_000))));
    }
    let running = shop.start();
    shop.until("one lane at work, and nothing taken out in the other, whose queue has records", |_| {
        let lanes = running.watch().view(Instant::now()).groups.remove(0).lanes;
        let waits_for_its_turn = |lane: &&LaneView| (lane.in_flight, lane.waiting) == (0, 0) && lane.prefetched > 0;
        let at_work = lanes.iter().map(|lane| lane.in_flight).sum::<usize>();
        lanes.len() == 2 && at_work == 1 && lanes.iter().any(|lane| waits_for_its_turn(&lane))
    });
    *shop.state.sleep.lock().expect("no panic") = Duration::ZERO;
    running.forcer()();
    running.join();

    // All of them are handled, each once.
    let running = shop.start();
    shop.until("all", |shop| shop.seen().len() == RECORDS as usize);
    assert_eq!(running.join().handled, RECORDS);
    let partitions: BTreeSet<_> = shop.seen().into_iter().map(|(partition, _)| partition).collect();
    assert_eq!(partitions.len(), 2, "one partition alone says nothing of a lane that waits for its turn");
}
