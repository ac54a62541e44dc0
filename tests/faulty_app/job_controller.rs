//! Performs jobs: writes down what they have been given, and does what each says.

use serde_json::json;

use crate::generated::prelude::*;

/// Performs jobs.
#[derive(Debug, Default)]
pub struct {Controller};

impl Controller for {Controller} {
    async fn perform(&self, message: &Message<Entry>, ctx: &Context<Self>) -> Result {
        let record = message.to_owned_record();
        ctx.state().see(&json!({
            "id": message.payload.id,
            "topic": &*record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp_ms,
            "key": record.key,
            "headers": record.headers,
            "attempt": ctx.attempt(),
        }))?;
        let place = (message.partition(), message.offset());
        ctx.state().act(place, &message.payload.act, ctx.attempt(), ctx.revoked()).await
    }

    async fn perform_tombstone(&self, record: &Record, ctx: &Context<Self>) -> Result {
        ctx.state().see(&json!({ "tombstone": record.key(), "offset": record.offset(), "attempt": ctx.attempt() }))
    }
}
