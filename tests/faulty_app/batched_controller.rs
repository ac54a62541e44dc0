//! Handles `batched`: does what each record of a batch says, one after another.

use crate::generated::prelude::*;

/// Handles the messages of `batched`.
#[derive(Debug, Default)]
pub struct BatchedController;

impl BatchController for BatchedController {
    async fn perform_batch(&self, batch: &Batch<Entry>, ctx: &Context<Self>) -> Result {
        for message in batch {
            let record = (message.partition(), message.offset());
            match ctx.state().act(record, &message.payload.act, batch.attempt(message), ctx.revoked()).await {
                Ok(()) => batch.done(message),
                Err(error) => batch.fail(message, error),
            }
        }
        Ok(())
    }
}
