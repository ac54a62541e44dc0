//! What time it is, for everything in the engine that waits or measures.
//!
//! Tokio's clock, so that a test that pauses it moves backoffs, time-outs, sessions and commits alike. Where nothing can
//! pause it, which is so in every build without tokio's `test-util`, it is the system's clock and costs the same.

use std::time::{Duration, Instant};

/// The time.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How long ago `moment` was.
pub(crate) fn since(moment: Instant) -> Duration {
    now().saturating_duration_since(moment)
}
