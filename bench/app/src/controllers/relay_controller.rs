//! Handles `relay`: sends each event on.

use rustix::process::{Signal, getpid, kill_process};

use crate::generated::prelude::*;

/// Sends to `relayed` what it gets.
#[derive(Debug, Default)]
pub struct RelayController;

impl Controller for RelayController {
    async fn perform(&self, message: &Message<Event>, ctx: &Context<Self>) -> Result {
        ctx.state().probe.touch(&message.payload);
        ctx.emit(topics::Relayed, &message.payload).await?;
        if ctx.state().probe.count_silently() {
            // What was sent has yet to be acknowledged and committed, as a stop does; the report comes after it.
            kill_process(getpid(), Signal::TERM)?;
        }
        Ok(())
    }
}
