//! Handles `killed` and `named`: until it is killed.

use crate::generated::prelude::*;

/// Notes where its partitions stand; the process kills itself when it is told to.
#[derive(Debug, Default)]
pub struct KilledController;

impl Controller for KilledController {
    async fn perform(&self, message: &Message<Event>, ctx: &Context<Self>) -> Result {
        let State { probe, positions, .. } = ctx.state();
        positions.note(message.partition(), message.offset());
        probe.touch(&message.payload);
        if probe.count_silently() {
            positions.tell_first();
        }
        Ok(())
    }
}
