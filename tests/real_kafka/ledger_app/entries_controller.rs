//! Handles `entries`: writes each one down.

use crate::generated::prelude::*;

/// Handles the messages of `entries`.
#[derive(Debug, Default)]
pub struct EntriesController;

impl Controller for EntriesController {
    async fn perform(&self, message: &Message<Entry>, ctx: &Context<Self>) -> Result {
        if ctx.state().with_receipts {
            let receipt = Receipt { id: message.payload.id };
            let mut emit = ctx.emit(topics::Receipts, &receipt);
            // Who sends much gets it back.
            if message.payload.text.len() > 1_000 {
                emit = emit.header("text", message.payload.text.clone());
            }
            emit.await?;
        }
        ctx.state().write_down(message.partition(), message.offset(), message.payload.id)
    }
}
