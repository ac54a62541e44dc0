//! What the whole app shares: the probe.

use karafka::Result;

use crate::probe::Probe;

/// Lent to controllers as `ctx.state()`.
#[derive(Debug)]
pub struct State {
    /// Counts what was handled.
    pub probe: Probe,
}

impl State {
    /// Builds the state once, before the first message.
    ///
    /// # Errors
    ///
    /// When `BENCH_MESSAGES` is no number.
    pub async fn build() -> Result<Self> {
        Ok(Self { probe: Probe::from_environment()? })
    }
}
