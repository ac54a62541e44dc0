//! Handles `notices`.

use crate::generated::prelude::*;

/// Tells the customer.
#[derive(Debug, Default)]
pub struct NoticesController;

impl Controller for NoticesController {
    async fn perform(&self, message: &Message<Notice>, ctx: &Context<Self>) -> Result {
        ctx.state().tell(&message.payload);
        Ok(())
    }
}
