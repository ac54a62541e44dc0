//! Handles `lag`: slower than what comes.

use std::time::Duration;

use tokio::time::sleep;

use crate::generated::prelude::*;

/// Takes its time, so that the lag stays.
#[derive(Debug, Default)]
pub struct LagController;

impl Controller for LagController {
    async fn perform(&self, _message: &Message<Bytes>, ctx: &Context<Self>) -> Result {
        sleep(Duration::from_millis(10)).await;
        ctx.state().probe.count();
        Ok(())
    }
}
