//! Handles `keyed`: waits.

use std::time::Duration;

use tokio::time::sleep;

use crate::generated::prelude::*;

/// How long a handler waits.
pub(super) const WAIT: Duration = Duration::from_millis(10);

/// Waits as a call to another service does.
#[derive(Debug, Default)]
pub struct KeyedController;

impl Controller for KeyedController {
    async fn perform(&self, _message: &Message<Bytes>, ctx: &Context<Self>) -> Result {
        ctx.state().probe.begin();
        sleep(WAIT).await;
        ctx.state().probe.count();
        Ok(())
    }
}
