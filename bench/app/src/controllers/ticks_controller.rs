//! Handles `ticks`: how late is it?

use crate::generated::prelude::*;

/// Notes how long ago a tick was sent.
#[derive(Debug, Default)]
pub struct TicksController;

impl Controller for TicksController {
    async fn perform(&self, message: &Message<Bytes>, ctx: &Context<Self>) -> Result {
        let state = ctx.state();
        state.delays.note(&message.payload);
        if state.probe.count_silently() {
            state.probe.report(&state.delays.percentiles());
        }
        Ok(())
    }
}
