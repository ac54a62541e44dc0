//! What a simulation puts in the place of attempts and of the producer; compiled for tests of an app only.

use std::{fmt, time::Duration};

use crate::{
    Context, Error, Record, Result, Routed,
    outgoing::{DeliveryReport, Outgoing},
    sync::Mutex,
};

/// A Kafka in the process, which takes what is sent.
pub(crate) trait Broker: Send + Sync {
    /// Takes a record, and reports what becomes of it.
    fn produce(&self, outgoing: Outgoing, report: &DeliveryReport);
}

/// Decides what happens in attempts.
pub(crate) trait Attempts: Send + Sync {
    /// An attempt begins, of this number, in the group of this id.
    fn begin(&self, group: &str, record: &Record, attempt: u32) -> Act;
}

/// What happens when an attempt comes to `perform`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Act {
    /// The controller performs.
    Perform,
    /// The controller performs after this time.
    Delay(Duration),
    /// The attempt fails, and the controller is not asked.
    Fail(Error),
    /// The attempt panics with these words.
    Panic(String),
    /// The attempt never ends by itself: only the manifest's `timeout` ends it.
    Hang,
}

impl Act {
    /// The attempt fails for this reason; `Act::Fail(Error::permanent(…))` is one that is not tried again.
    pub fn fail(why: impl fmt::Display) -> Self {
        Self::Fail(Error::new(why))
    }
}

/// Tells the stage of an attempt that begins, and leaves in its context what is to happen.
pub(crate) fn call<C: Routed>(ctx: &mut Context<C>, group: &str, record: &Record) {
    if let Some(stage) = &ctx.app.stage {
        ctx.act = Mutex::new(Some(stage.begin(group, record, ctx.attempt)));
    }
}

/// As [`call`], for a record of a batch: gives why it fails, where the script says so; what else the script says happens
/// to the whole batch.
pub(crate) fn call_in_batch<C: Routed>(
    ctx: &mut Context<C>,
    group: &str,
    record: &Record,
    attempt: u32,
) -> Option<Error> {
    let of_batch = ctx.act.get_mut().take();
    let attempt = std::mem::replace(&mut ctx.attempt, attempt);
    call(ctx, group, record);
    ctx.attempt = attempt;
    let act = ctx.act.get_mut();
    let own = act.take();
    *act = of_batch;
    match own {
        None | Some(Act::Perform) => None,
        Some(Act::Fail(error)) => Some(error),
        other => {
            *act = act.take().or(other);
            None
        }
    }
}

/// Does what the script says, before the controller performs.
pub(crate) async fn act<C: Routed>(ctx: &Context<C>) -> Result {
    let act = ctx.act.lock().take();
    match act {
        None | Some(Act::Perform) => {}
        Some(Act::Delay(time)) => tokio::time::sleep(time).await,
        Some(Act::Fail(error)) => return Err(error),
        // Without the panic hook: what was asked for is no news.
        Some(Act::Panic(words)) => std::panic::resume_unwind(Box::new(words)),
        Some(Act::Hang) => std::future::pending().await,
    }
    Ok(())
}
