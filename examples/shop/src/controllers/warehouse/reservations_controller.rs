//! Handles `reservations`.

use crate::generated::prelude::*;

/// Puts an order aside and asks for its money, or tells the customer what is sold out.
#[derive(Debug, Default)]
pub struct ReservationsController;

impl Controller for ReservationsController {
    async fn perform(&self, message: &Message<Reservation>, ctx: &Context<Self>) -> Result {
        let Reservation {
            order,
            customer,
            lines,
        } = &message.payload;
        if let Err(sku) = ctx.state().reserve(*order, lines) {
            let notice = Notice {
                order: *order,
                customer: customer.clone(),
                about: NoticeAbout::SoldOut,
                note: Some(sku),
            };
            return ctx.emit(topics::Notices, &notice).await;
        }
        let payment = Payment {
            order: *order,
            customer: customer.clone(),
            amount: lines.iter().map(total).sum(),
        };
        ctx.emit(topics::Payments, &payment).await
    }
}

fn total(line: &Line) -> Decimal {
    line.price * Decimal::from(line.quantity)
}
