//! Clean stops.

use super::*;
use crate::settings::WINDOW;

/// If this fails, an app some of whose keys fail does finished work again with each deployment.
#[tokio::test]
async fn a_stop_amid_thousands_of_failing_keys_repeats_nothing() {
    const KEYS: u64 = 12_000;
    const { assert!(KEYS < WINDOW) };
    let run = run(&KEYED);
    let fails = |offset: i64| offset % 2 == 0;
    run.script("payments", move |call| if fails(call.offset) { Act::fail("closed") } else { Act::Perform });
    let sent: Vec<_> = (0..KEYS).map(|n| run.send_keyed("payments", format!("k{n}"), n.to_string())).collect();
    run.until(|run| performed(run).len() as u64 == KEYS / 2).await;
    run.stop().await;
    run.script("payments", move |call| {
        assert!(fails(call.offset), "{} is done again after a clean stop", call.offset);
        Act::Perform
    });
    run.start();
    run.settle().await;
    assert_eq!(run.committed("payments", 0), Some(KEYS as i64));
    assert!(sent.iter().all(|sent| run.is_done(sent)));
}
