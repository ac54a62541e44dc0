//! Handles `payments`.

use crate::generated::prelude::*;

/// Charges the customer, and lets the warehouse ship what is paid.
#[derive(Debug, Default)]
pub struct PaymentsController;

impl Controller for PaymentsController {
    async fn perform(&self, message: &Message<Payment>, ctx: &Context<Self>) -> Result {
        let Payment {
            order,
            customer,
            amount,
        } = &message.payload;
        if ctx.state().charge(*order, *amount) {
            let shipment = Shipment {
                order: *order,
                customer: customer.clone(),
            };
            ctx.emit(topics::Shipments, &shipment).await
        } else {
            let notice = Notice {
                order: *order,
                customer: customer.clone(),
                about: NoticeAbout::Declined,
                note: None,
            };
            ctx.emit(topics::Notices, &notice).await
        }
    }
}
