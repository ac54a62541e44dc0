//! Handlers that keep their threads, on the engine as it is embedded: with the threads of somebody else's runtime.

use std::collections::BTreeSet;

use super::{stall::Stall, *};

/// Two attempts at once.
static TWO: Manifest = Manifest {
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("concurrency", "2")] }],
    consumers: &[ConsumerEntry { emits: &[], ..PLAIN.consumers[0] }],
    ..PLAIN
};

/// If this fails, a partition that gets its turn from another waits until that one's next handler lets go of its thread,
/// though there are threads.
#[test]
fn who_gets_a_turn_does_not_wait_for_the_handler_that_blocks_next() {
    for _ in 0..5 {
        let stall = Stall::with_partitions(2);
        stall.state.holds.send_replace(BTreeSet::from([0, 1]));
        *stall.state.blocks.lock().expect("no panic") = Some(2);
        (0..3).for_each(|number| stall.send_to(0, number));
        let running = stall.start_as(&TWO);
        let begun = |stall: &Stall| stall.state.traces.lock().expect("no panic").len();
        stall.until("both attempts", |stall| begun(stall) == 2);
        stall.send_to(1, 3);
        // The other lane waits for its turn by then, most likely; if it does not, it has none to wait for.
        std::thread::sleep(Duration::from_millis(50));
        stall.state.holds.send_replace(BTreeSet::new());
        stall.until("the other partition", |stall| stall.handled().contains_key(&3));
        *stall.state.blocks.lock().expect("no panic") = None;
        stall.until("all of them", |stall| stall.handled().len() == 4);
        running.join();
    }
}

/// If this fails, a partition that has made room for others on its thread waits there for a handler that blocks, though
/// there are threads.
#[test]
fn who_gives_way_does_not_wait_for_the_handler_that_blocks_next() {
    for _ in 0..40 {
        let stall = Stall::with_threads(10, 6);
        *stall.state.blocks.lock().expect("no panic") = Some(0);
        (0..4).for_each(|partition| stall.send_to(partition, 0));
        (4..204).for_each(|number| stall.send_to(4 + number as usize % 2, number));
        let running = stall.start();
        stall.until("the other partitions", |stall| stall.handled().len() == 200);
        *stall.state.blocks.lock().expect("no panic") = None;
        stall.until("all of them", |stall| stall.handled().get(&0) == Some(&4));
        running.join();
    }
}

/// If this fails, an app on a runtime that is not karafka's own looks well while nothing of it runs.
#[test]
fn a_runtime_of_the_callers_is_watched_too() {
    let stall = Stall::with_partitions(3);
    *stall.state.blocks.lock().expect("no panic") = Some(7);
    let running = stall.start();
    let view = || running.watch().view(Instant::now());
    stall.send_to(0, 7);
    stall.until("a name", |_| view().blocked().len() == 1);
    assert_eq!(view().threads.count, 2);
    stall.send_to(1, 8);
    stall.until("the others", |stall| stall.handled().contains_key(&8));
    stall.send_to(2, 7);
    stall.until("the stall", |_| view().threads.stalled.is_some());
    stall.until("its word", |stall| stall.noted("RuntimeStalled") == 1);
    let blocked = view().blocked();
    let named = |partition| blocked.iter().any(|words| words.contains(&format!("on orders/{partition}@0 for ")));
    assert!(blocked.len() == 2 && named(0) && named(2), "{blocked:?}");
    *stall.state.blocks.lock().expect("no panic") = None;
    stall.until("the end of it", |_| view().threads.stalled.is_none() && view().blocked().is_empty());
    stall.until("its word", |stall| stall.noted("RuntimeRecovered") == 1);
    assert_eq!(running.join().handled, 3);
}

/// If this fails, a handler that never returns and has no `timeout` is named nowhere, or its partition's others are not counted.
#[test]
fn a_handler_that_never_returns_is_seen() {
    let stall = Stall::with_partitions(1);
    stall.state.holds.send_replace(BTreeSet::from([5, 6]));
    (4..8).for_each(|number| stall.send_to(0, number));
    let running = stall.start();
    stall.until("the others", |stall| stall.handled().len() == 2);
    let unfinished = |after| {
        let view = running.watch().view(Instant::now() + Duration::from_secs(after));
        let unfinished = view.groups[0].lanes[0].unfinished;
        unfinished.map(|unfinished| (unfinished.offset, unfinished.attempt, unfinished.others))
    };
    stall.until("both attempts", |_| unfinished(301) == Some((1, 1, 1)));
    assert_eq!(unfinished(200), None);
    stall.state.holds.send_replace(BTreeSet::new());
    stall.until("the rest", |stall| stall.handled().len() == 4);
    stall.until("the end of it", |_| unfinished(301).is_none());
    running.join();
}

/// If this fails, a partition whose handlers each block for some milliseconds keeps its thread for sixty of them, and with two
/// of that kind on two threads all others wait as long.
#[test]
fn a_lane_whose_handlers_block_for_a_moment_lets_others_have_their_turn() {
    const EACH: u64 = 60;
    let stall = Stall::with_partitions(3);
    stall.state.busy.store(20_000, Ordering::Relaxed);
    (0..EACH).for_each(|number| (0..2).for_each(|partition| stall.send_to(partition, 2 * number + partition as u64)));
    let running = stall.start();
    stall.until("a start", |stall| stall.handled().len() >= 4);
    stall.send_to(2, 1_000);
    let before = stall.handled().len();
    stall.until("all of them", |stall| stall.handled().len() == 2 * EACH as usize + 1);
    let seen = stall.state.seen.lock().expect("no panic").clone();
    let place = seen.iter().position(|(_, number)| *number == 1_000).expect("it was handled");
    assert!(place < before + 30, "{place} were handled before it, and {before} when it came");
    running.join();
}
