//! Handles `incoming_messages`.

use crate::generated::prelude::*;

/// Changes the title of a video that the catalogue has.
#[derive(Debug, Default)]
pub struct DetailsController;

impl Controller for DetailsController {
    async fn perform(&self, message: &Message<Json>, ctx: &Context<Self>) -> Result {
        let (Some(id), Some(title)) = (
            message.payload["id"].as_str(),
            message.payload["title"].as_str(),
        ) else {
            return Err(Error::new("the message has no `id` and `title`"));
        };
        if ctx.state().title(id).is_none() {
            // Tried again: the video's own message may still be on its way, on the other topic.
            return Err(Error::new(format_args!("video {id} is not known yet")));
        }
        ctx.state().set_title(id, title);
        Ok(())
    }
}
