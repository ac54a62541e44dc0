//! The drain of a rebalance, with threads that handlers keep, and what is said of one that does not fit.

use super::{
    stall::{KEYED, Stall, once},
    *,
};

/// Three tenths of a second for what runs.
static SHORT: Manifest =
    Manifest { groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("drain", "300ms")] }], ..KEYED };

/// If this fails, a handler that keeps its thread beyond the drain is not named, or holds up the rebalance; or what it has
/// done by its end is forgotten when the partition comes back.
#[test]
fn a_handler_that_keeps_its_thread_beyond_the_drain_is_named() {
    let stall = Stall::with_records(4);
    *stall.state.blocks.lock().expect("no panic") = Some(2);
    let running = stall.start_as(&SHORT);
    stall.until("it is at work", |stall| stall.handled().len() >= 2);
    let begun = Instant::now();
    stall.revoke();
    stall.until("it is named", |stall| stall.noted("RunsOn {") == 1);
    stall.until("the partition is let go", |stall| stall.noted("Revoked {") == 1);
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_secs(8));
    let words = r#"offset: 2 }, records: 1, controller: "OrdersController""#;
    assert_eq!((stall.noted(words), stall.noted("why: Revoked, again: true")), (1, 1));
    *stall.state.blocks.lock().expect("no panic") = None;
    stall.assign();
    stall.until("all", |stall| stall.handled().len() == 4);
    let end = running.join();
    assert_eq!((end.blocked.len(), end.to_repeat.len()), (0, 0), "{end:?}");
    assert_eq!((stall.handled(), stall.noted("RunsOn {")), (once(0..4), 1));
}

/// If this fails, a drain that a rebalance, a stop or an attempt does not fit is only found out when a member is thrown out,
/// where variables say how long it is.
#[test]
fn a_drain_that_does_not_fit_is_said_at_the_start() {
    static THROWN_OUT: Manifest = Manifest { settings: &[("kafka.consumer.max.poll.interval.ms", "12000")], ..KEYED };
    static LONG: Manifest = Manifest {
        groups: &[GroupEntry { name: "shop", settings: &[("drain", "40s")] }],
        consumers: &[ConsumerEntry { settings: &[("timeout", "1m")], ..KEYED.consumers[0] }],
        settings: &[],
        ..KEYED
    };
    for (manifest, words) in [
        (&KEYED, &[][..]),
        (
            &THROWN_OUT,
            &["a rebalance waits up to 10s for what runs and 5s for its last commit, and the group waits 12s"],
        ),
        (
            &LONG,
            &[
                "a rebalance waits up to 40s for what runs, and a stop waits 30s",
                "an attempt may take 1m, and a rebalance waits 40s for what runs",
            ],
        ),
    ] {
        let stall = Stall::with_records(1);
        let running = stall.start_as(manifest);
        stall.until("it is done", |stall| stall.handled() == once(0..1));
        running.join();
        assert_eq!(stall.noted("Warning {"), words.len());
        assert!(words.iter().all(|words| stall.noted(words) == 1), "{words:?}");
    }
}
