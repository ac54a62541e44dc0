//! Handles `shipments`.

use crate::generated::prelude::*;

/// Hands the parcel to the carrier, and lets the customer know.
#[derive(Debug, Default)]
pub struct ShipmentsController;

impl Controller for ShipmentsController {
    async fn perform(&self, message: &Message<Shipment>, ctx: &Context<Self>) -> Result {
        let Shipment { order, customer } = &message.payload;
        let first_time = ctx.state().ship(*order);
        let notice = Notice {
            order: *order,
            customer: customer.clone(),
            about: NoticeAbout::Shipped,
            note: None,
        };
        // Also when the parcel has left already: the notice may be what failed the last time.
        ctx.emit(topics::Notices, &notice)
            .header("repeated", if first_time { "no" } else { "yes" })
            .await
    }
}
