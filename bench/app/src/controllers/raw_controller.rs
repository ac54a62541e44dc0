//! Handles `raw`: counts.

use crate::generated::prelude::*;

/// Does nothing with a message.
#[derive(Debug, Default)]
pub struct RawController;

impl Controller for RawController {
    async fn perform(&self, _message: &Message<Bytes>, ctx: &Context<Self>) -> Result {
        ctx.state().probe.count();
        Ok(())
    }
}
