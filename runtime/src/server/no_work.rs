//! Stands in for `work` where jobs on Redis are not compiled in.

use std::future::Future;

use super::{Status, fail, signals::Signals};
use crate::{App, Result, engine::StartError, settings::Flags};

/// Says why there is no worker.
pub(super) fn work<S, F, Fut>(_: App<S>, _: F, _: &Flags, _: &[String], _: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    fail(&StartError::JobsNotCompiledIn.to_string())
}
