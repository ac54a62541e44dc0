//! One attempt at one message: parsed, admitted, performed, with panics caught.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use crate::{Admission, Context, Controller, Error, Message, Parser, Record, Result, Worker, app::MessageOf};

/// The parts of a consumer: worker, controller, parser and interchanger, built from the app's state.
pub(crate) struct Parts<W: Worker, P, I> {
    pub(crate) worker: W,
    pub(crate) controller: W::Controller,
    pub(crate) parser: P,
    /// Off the path while jobs run in the process.
    pub(crate) _interchanger: I,
}

/// What became of an attempt.
pub(crate) enum Attempt {
    Performed,
    Skipped(std::borrow::Cow<'static, str>),
    Deferred(Duration),
    Failed(Failure),
}

/// Why an attempt failed.
pub(crate) enum Failure {
    Error(Error),
    /// The panic's message.
    Panic(String),
}

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    P: Parser<MessageOf<W>>,
{
    /// The message in a record with a value. A parser that panics has not parsed.
    pub(crate) fn parse(&self, record: Record) -> Result<Message<MessageOf<W>>, (Record, Error)> {
        let Some(value) = record.value() else {
            return Err((record, Error::new("the record has no value")));
        };
        match catch_unwind(AssertUnwindSafe(|| self.parser.parse(value, &record))) {
            Ok(Ok(payload)) => Ok(Message { payload, record }),
            Ok(Err(error)) => Err((record, error)),
            Err(panic) => Err((record, Error::new(format_args!("the parser panicked: {}", words_of(&*panic))))),
        }
    }

    /// Asks `before_enqueue` and, if it accepts, performs.
    pub(crate) async fn perform(&self, message: &Message<MessageOf<W>>, ctx: &Context<W::Controller>) -> Attempt {
        guard(async {
            Ok(match self.controller.before_enqueue(message, ctx).await? {
                Admission::Accept => {
                    self.worker.perform(&self.controller, message, ctx).await?;
                    Attempt::Performed
                }
                Admission::Skip(reason) => Attempt::Skipped(reason),
                Admission::Defer(wait) => Attempt::Deferred(wait),
            })
        })
        .await
    }

    /// Hands a record without a value to the controller.
    pub(crate) async fn perform_tombstone(&self, record: &Record, ctx: &Context<W::Controller>) -> Attempt {
        guard(async {
            self.controller.perform_tombstone(record.key(), ctx).await?;
            Ok(Attempt::Performed)
        })
        .await
    }
}

async fn guard(attempt: impl Future<Output = Result<Attempt>>) -> Attempt {
    match (CatchPanic { future: pin!(attempt) }).await {
        Ok(Ok(attempt)) => attempt,
        Ok(Err(error)) => Attempt::Failed(Failure::Error(error)),
        Err(words) => Attempt::Failed(Failure::Panic(words)),
    }
}

/// A future whose panics come out as errors. After one it is not polled again, so what it left half done is dropped.
struct CatchPanic<'a, F> {
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for CatchPanic<'_, F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(words_of(&*panic))),
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    if let Some(words) = panic.downcast_ref::<&str>() {
        (*words).to_owned()
    } else if let Some(words) = panic.downcast_ref::<String>() {
        words.clone()
    } else {
        "a panic without words".to_owned()
    }
}

/// The parts, shared by the lanes of one consumer.
pub(crate) type SharedParts<W, P, I> = Arc<Parts<W, P, I>>;
