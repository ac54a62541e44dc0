//! A consumer's parts with their types, built from the app's state.

use std::sync::Arc;

use super::attempt::Parts;
use crate::{FromState, Worker};

/// A consumer with its types.
pub(crate) struct TypedConsumer<W: Worker, P, I>(pub(super) Arc<Parts<W, P, I>>);

/// A consumer with its types, whose controller takes batches.
pub(crate) struct BatchConsumer<W: Worker, P, I>(pub(super) Arc<Parts<W, P, I>>);

impl<S, W, P, I> FromState<S> for Parts<W, P, I>
where
    W: Worker + FromState<S>,
    W::Controller: FromState<S>,
    P: FromState<S>,
    I: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self {
            worker: W::from_state(state),
            controller: W::Controller::from_state(state),
            parser: P::from_state(state),
            interchanger: I::from_state(state),
        }
    }
}

impl<S, W: Worker, P, I> FromState<S> for TypedConsumer<W, P, I>
where
    Parts<W, P, I>: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self(Arc::new(Parts::from_state(state)))
    }
}

impl<S, W: Worker, P, I> FromState<S> for BatchConsumer<W, P, I>
where
    Parts<W, P, I>: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self(Arc::new(Parts::from_state(state)))
    }
}
