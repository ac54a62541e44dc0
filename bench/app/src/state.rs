//! What the whole app shares: what measures it.

use karafka::Result;

use crate::{delays::Delays, positions::Positions, probe::Probe};

/// Lent to controllers as `ctx.state()`.
#[derive(Debug)]
pub struct State {
    /// Counts what was handled.
    pub probe: &'static Probe,
    /// How late it was handled.
    pub delays: Delays,
    /// Where each partition stood when this process killed itself, or began after it.
    pub positions: Positions,
}

impl State {
    /// Builds the state once, before the first message.
    ///
    /// # Errors
    ///
    /// When `BENCH_MESSAGES` or `BENCH_KILL_AFTER` is no number.
    pub async fn build() -> Result<Self> {
        Ok(Self { probe: Probe::of_process()?, delays: Delays::default(), positions: Positions::from_environment()? })
    }
}
