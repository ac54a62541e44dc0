use crate::generated::prelude::*;

/// Adds up what each customer has ordered.
#[derive(Debug, Default)]
pub struct OrdersController;

impl Controller for OrdersController {
    async fn perform(&self, message: &Message<Order>, ctx: &Context<Self>) -> Result {
        ctx.state().add(&message.payload);
        Ok(())
    }
}
