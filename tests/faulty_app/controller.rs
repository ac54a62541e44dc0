//! Handles `{topic}`: does what each record says.

use crate::generated::prelude::*;

/// Handles the messages of `{topic}`.
#[derive(Debug, Default)]
pub struct {Controller};

impl Controller for {Controller} {
    async fn perform(&self, message: &Message<Entry>, ctx: &Context<Self>) -> Result {
        let (record, entry) = ((message.partition(), message.offset()), &message.payload);
        ctx.state().act(record, &entry.act, ctx.attempt(), ctx.revoked()).await
    }
}
