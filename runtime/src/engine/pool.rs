//! Attempts in progress: polled once in place, and kept only if they wait.
//!
//! An attempt that is ready at once costs neither a task nor an allocation: its memory is used again by the next.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream as _, stream::FuturesUnordered};

/// Futures of one type. `T` travels along and comes back with the output: the permit that the attempt holds.
pub(crate) struct Pool<F: Future, T> {
    waiting: FuturesUnordered<Waiting<F, T>>,
    spare: Vec<Pin<Box<Option<F>>>>,
}

/// How many empty places are kept for the next attempts.
const SPARE: usize = 64;

struct Waiting<F, T> {
    place: Option<Pin<Box<Option<F>>>>,
    payload: Option<T>,
}

// The future stays pinned in its box, whatever happens to the struct around it.
impl<F, T> Unpin for Waiting<F, T> {}

impl<F: Future, T> Future for Waiting<F, T> {
    type Output = (F::Output, Pin<Box<Option<F>>>, Option<T>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = &mut self.place else { return Poll::Pending };
        let Some(future) = place.as_mut().as_pin_mut() else { return Poll::Pending };
        match future.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(output) => match self.place.take() {
                Some(mut place) => {
                    place.set(None);
                    Poll::Ready((output, place, self.payload.take()))
                }
                None => Poll::Pending,
            },
        }
    }
}

impl<F: Future, T> Pool<F, T> {
    pub(crate) fn new() -> Self {
        Self { waiting: FuturesUnordered::new(), spare: Vec::new() }
    }

    /// Starts an attempt and polls it once. Returns its output if it is ready; otherwise keeps it, with `payload`.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        make: impl FnOnce() -> F,
        payload: impl FnOnce() -> T,
    ) -> impl Future<Output = Option<F::Output>> {
        let mut begins = Some((make, payload));
        poll_fn(move |cx| Poll::Ready(begins.take().and_then(|(make, payload)| self.start(cx, make, payload))))
    }

    /// An attempt that has ended by now, if there is one. Drops its payload.
    #[inline]
    pub(crate) fn next_ended(&mut self) -> impl Future<Output = Option<F::Output>> {
        poll_fn(|cx| {
            Poll::Ready(match self.poll_next(cx) {
                Poll::Ready((ended, _luggage)) => Some(ended),
                Poll::Pending => None,
            })
        })
    }

    /// How many attempts wait for something.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The future is made where it is kept, as far as the compiler can: they are large to move about.
    #[inline]
    fn start(
        &mut self,
        cx: &mut Context<'_>,
        make: impl FnOnce() -> F,
        payload: impl FnOnce() -> T,
    ) -> Option<F::Output> {
        let mut place = self.spare.pop().unwrap_or_else(|| Box::pin(None));
        place.set(Some(make()));
        match place.as_mut().as_pin_mut()?.poll(cx) {
            Poll::Ready(output) => {
                place.set(None);
                self.keep(place);
                Some(output)
            }
            Poll::Pending => {
                // Registered anew when the set is polled, which happens before the task waits.
                self.waiting.push(Waiting { place: Some(place), payload: Some(payload()) });
                None
            }
        }
    }

    /// The next attempt that has ended, with its payload.
    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(F::Output, Option<T>)> {
        if self.waiting.is_empty() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.waiting).poll_next(cx) {
            Poll::Ready(Some((output, place, payload))) => {
                self.keep(place);
                Poll::Ready((output, payload))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn keep(&mut self, place: Pin<Box<Option<F>>>) {
        if self.spare.len() < SPARE {
            self.spare.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// If this fails, an attempt that waits is forgotten, or one that does not wait allocates.
    #[tokio::test]
    async fn what_waits_comes_back_with_its_luggage() {
        let mut pool = Pool::new();
        let mut cx = Context::from_waker(Waker::noop());
        let attempt = |wait: bool| async move {
            if wait {
                tokio::task::yield_now().await;
            }
            wait
        };
        assert_eq!(pool.start(&mut cx, || attempt(false), || "permit"), Some(false));
        assert_eq!((pool.len(), pool.spare.len()), (0, 1));
        assert_eq!(pool.start(&mut cx, || attempt(true), || "permit"), None);
        assert_eq!((pool.len(), pool.spare.len()), (1, 0));
        let ended = std::future::poll_fn(|cx| pool.poll_next(cx)).await;
        assert_eq!(ended, (true, Some("permit")));
        assert_eq!((pool.len(), pool.spare.len()), (0, 1));
    }
}
