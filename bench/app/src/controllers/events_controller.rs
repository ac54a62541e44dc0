//! Handles `events`.

use crate::generated::prelude::*;

/// Handles the messages of `events`.
#[derive(Debug, Default)]
pub struct EventsController;

impl Controller for EventsController {
    async fn perform(&self, message: &Message<Event>, ctx: &Context<Self>) -> Result {
        ctx.state().probe.see(&message.payload);
        Ok(())
    }
}
