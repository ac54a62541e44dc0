//! What a controller can reach while it handles a message.

use std::marker::PhantomData;

use crate::Routed;

/// The app's state, the attempt, and the topics that the manifest lets this controller send to.
pub struct Context<C: Routed> {
    controller: PhantomData<fn() -> C>,
}
