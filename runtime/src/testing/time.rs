//! Virtual time: tokio's clock, paused.

use std::time::Duration;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    time::Instant,
};

/// Pauses tokio's clock, unless it is paused already.
#[track_caller]
pub(super) fn pause() {
    let Ok(runtime) = Handle::try_current() else {
        panic!("a simulation runs in tokio's runtime: write `#[tokio::test]` and `async fn` over the test");
    };
    assert!(
        runtime.runtime_flavor() == RuntimeFlavor::CurrentThread,
        "virtual time needs one thread: write `#[tokio::test]` without a flavor, or take `Simulation::in_real_time`"
    );
    if !is_paused() {
        tokio::time::pause();
    }
}

/// Whether tokio's clock stands still while the system's goes on. Tokio does not say.
fn is_paused() -> bool {
    let (tokio, system) = (Instant::now(), std::time::Instant::now());
    while system.elapsed() < Duration::from_micros(50) {
        std::hint::spin_loop();
    }
    Instant::now() == tokio
}
