//! Why a message was not performed, and what a dead letter calls that.

use std::{borrow::Cow, time::Duration};

use crate::{Error, FailureKind};

/// Why a message was not performed.
#[derive(Debug)]
pub(crate) enum Unperformed {
    Skipped(Cow<'static, str>),
    Deferred(Duration),
    Failed(FailureKind, Error),
    /// Its interchanger cannot write it as a job: that is as what cannot be parsed, since no further attempt changes it.
    Unwritable(Error),
    /// It failed when it had been told that the record is somebody else's: that is no failed attempt, and no hook hears of it.
    Taken(Error),
}

impl FailureKind {
    /// What a dead letter calls a failure of this kind.
    pub(crate) fn error_type(self, error: &Error) -> &str {
        match self {
            Self::Error => error.type_name(),
            Self::Panicked => "panic",
            Self::TimedOut => "timeout",
        }
    }
}
