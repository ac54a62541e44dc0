//! Handles `orders`.

use crate::generated::prelude::*;

/// Asks the warehouse to put an order aside.
#[derive(Debug, Default)]
pub struct OrdersController;

impl Controller for OrdersController {
    async fn before_enqueue(
        &self,
        message: &Message<Order>,
        _ctx: &Context<Self>,
    ) -> Result<Admission> {
        Ok(if message.payload.lines.is_empty() {
            Admission::skip("an empty basket")
        } else {
            Admission::Accept
        })
    }

    async fn perform(&self, message: &Message<Order>, ctx: &Context<Self>) -> Result {
        let Order {
            id,
            customer,
            lines,
        } = &message.payload;
        let reservation = Reservation {
            order: *id,
            customer: customer.clone(),
            lines: lines.clone(),
        };
        ctx.emit(topics::Reservations, &reservation).await
    }
}
