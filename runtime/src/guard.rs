//! An attempt at anything, guarded: what bounds it, and in which ways it fails.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use crate::{Error, Result, backoff::is_last, panics::HandlerPanic};

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// In which way.
    pub kind: FailureKind,
    /// Why; the panic's words where it panicked.
    pub error: &'a Error,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Whether there will be no other.
    pub is_last: bool,
}

/// In which way an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// `perform` or `before_enqueue` gave an error.
    Error,
    /// One of them panicked.
    Panicked,
    /// The attempt took longer than the manifest's `timeout`, and was dropped where it waited.
    TimedOut,
}

/// What bounds an attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
    /// How many attempts there are, if there is an end to them.
    pub(crate) attempts: Option<u32>,
}

impl Bounds {
    /// Whether an attempt of this number that ended with `error` is the last one.
    pub(crate) fn is_last(self, attempt: u32, error: &Error) -> bool {
        is_last(self.attempts, attempt, error)
    }
}

/// One attempt at anything: a panic is an error, and so is taking longer than `timeout`.
pub(crate) async fn guarded<T>(
    attempt: impl Future<Output = Result<T>>,
    timeout: Option<Duration>,
) -> Result<T, (FailureKind, Error)> {
    match timeout {
        None => guarded_for_ever(pin!(attempt)).await,
        Some(limit) => guarded_for(attempt, limit).await,
    }
}

/// As [`guarded`], for an attempt that may take as long as it likes.
pub(crate) async fn guarded_for_ever<T>(
    attempt: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<T, (FailureKind, Error)> {
    judged(CatchPanic { future: attempt }.await)
}

/// As [`guarded`], for one with a limit. It has to be the attempt itself and no reference to it, because it is dropped
/// where it waits when that is over, and what it drops may panic as it may itself.
async fn guarded_for<T>(attempt: impl Future<Output = Result<T>>, limit: Duration) -> Result<T, (FailureKind, Error)> {
    let mut attempt = pin!(Some(attempt));
    if let Some(future) = attempt.as_mut().as_pin_mut()
        && let Ok(ended) = tokio::time::timeout(limit, CatchPanic { future }).await
    {
        return judged(ended);
    }
    let dropped = catch_unwind(AssertUnwindSafe(|| attempt.set(None)));
    let panicked = dropped.map_err(|panic| HandlerPanic::caught("; what was dropped then panicked: ", &*panic));
    let words = panicked.err().map(|panic| panic.to_string()).unwrap_or_default();
    Err((FailureKind::TimedOut, Error::new(format_args!("not done within {limit:?}{words}"))))
}

fn judged<T>(ended: Result<Result<T>, HandlerPanic>) -> Result<T, (FailureKind, Error)> {
    match ended {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err((FailureKind::Error, error)),
        Err(panic) => Err((FailureKind::Panicked, panic.into())),
    }
}

/// A future whose panics come out as errors. After one it is not polled again, so what it left half done is dropped.
pub(crate) struct CatchPanic<'a, F> {
    pub(crate) future: Pin<&'a mut F>,
}

impl<F: Future> Future for CatchPanic<'_, F> {
    type Output = Result<F::Output, HandlerPanic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(HandlerPanic::caught("", &*panic))),
        }
    }
}
