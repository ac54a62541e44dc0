//! Handles `new_videos`.

use crate::generated::prelude::*;

/// Puts new videos into the catalogue.
#[derive(Debug, Default)]
pub struct NewVideosController;

impl Controller for NewVideosController {
    async fn perform(&self, message: &Message<Json>, ctx: &Context<Self>) -> Result {
        let id = message.payload["id"]
            .as_str()
            .ok_or_else(|| Error::new("the message has no `id`"))?;
        let title = message.payload["title"].as_str().unwrap_or("untitled");
        ctx.state().set_title(id, title);
        Ok(())
    }
}
