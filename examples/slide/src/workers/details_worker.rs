//! Performs the messages of `Videos::DetailsController`.

use crate::generated::prelude::*;

/// Performs the messages of `Videos::DetailsController`, a few at a time: the catalogue is slow.
#[derive(Debug)]
pub struct DetailsWorker {
    permits: tokio::sync::Semaphore,
}

impl Default for DetailsWorker {
    fn default() -> Self {
        Self {
            permits: tokio::sync::Semaphore::new(4),
        }
    }
}

impl Worker for DetailsWorker {
    type Controller = crate::controllers::videos::DetailsController;
    const NAME: &'static str = "Workers::DetailsWorker";

    async fn perform(
        &self,
        controller: &Self::Controller,
        message: &Message<Json>,
        ctx: &Context<Self::Controller>,
    ) -> Result {
        let _permit = self.permits.acquire().await?;
        controller.perform(message, ctx).await
    }
}
