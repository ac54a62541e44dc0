//! Stub until merged.
use crate::{App, Result};
use std::{future::Future, process::ExitCode};
pub(crate) fn main<S: Send + Sync + 'static, F, Fut>(_app: App<S>, _build: F) -> ExitCode
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    ExitCode::SUCCESS
}
