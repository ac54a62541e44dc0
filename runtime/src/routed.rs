//! What is known of a controller before anything is performed, and what parts of an app are made from.

/// What the manifest says of a controller; written by `karafka generate`, never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a controller of karafka.yml",
    label = "no topic names this controller",
    note = "run `karafka generate controller NAME`, or name it under a topic in karafka.yml and run `karafka generate`"
)]
pub trait Routed: Send + Sync + Sized + 'static {
    /// The app's state, which [`Context::state`](crate::Context::state) lends.
    type State: Send + Sync + 'static;
    /// The message that the controller's topics carry.
    type Message: Send + Sync + 'static;
    /// The constant in the manifest, such as `Videos::DetailsController`.
    const NAME: &'static str;
}

/// Makes a part of the app (a controller, worker, parser or interchanger) from the app's state, once at the start.
///
/// Whatever has a `Default` is made by that, and cannot implement it as well; a part that `karafka generate` has made
/// implements it, and is the place to take something from the state:
///
/// ```
/// # struct State { limit: usize }
/// struct OrdersController { limit: usize }
///
/// impl karafka::FromState<State> for OrdersController {
///     fn from_state(state: &State) -> Self {
///         Self { limit: state.limit }
///     }
/// }
/// ```
pub trait FromState<S> {
    /// Makes the part.
    fn from_state(state: &S) -> Self;
}

impl<S, T: Default> FromState<S> for T {
    fn from_state(_: &S) -> Self {
        Self::default()
    }
}
