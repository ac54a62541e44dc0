//! Handles `entries`: writes each one down.

use crate::generated::prelude::*;

/// Handles the messages of `entries`.
#[derive(Debug, Default)]
pub struct EntriesController;

impl Controller for EntriesController {
    async fn perform(&self, message: &Message<Entry>, ctx: &Context<Self>) -> Result {
        if ctx.state().with_receipts {
            ctx.emit(topics::Receipts, &Receipt { id: message.payload.id }).await?;
        }
        ctx.state().write_down(message.partition(), message.offset(), message.payload.id)
    }
}
