//! Runs what was started until a signal, and gives the exit status.

use std::time::Duration;

use super::{CLEAN, FAILED, FORCED, Status, complaints::Complaints, signals::Signals};
use crate::running::{Command, Commands, Complaint, End, Process, Supervisor};

/// Looks after `process` until it has ended, by itself or as signals want it.
pub(super) fn on_signal(
    supervisor: Supervisor,
    process: Box<dyn Process>,
    signals: &Signals,
    complaints: &Complaints,
) -> Status {
    let budget = supervisor.shutdown_timeout;
    let mut heard = Heard { signals, complaints, budget, is_quiet: false };
    let end = supervisor.run(process, &mut heard);
    for complaint in &end.complaints {
        match complaint {
            Complaint::Told(words) => complaints.repeat(words),
            Complaint::Untold(words) => complaints.complain(words),
        }
    }
    status(&end)
}

/// What the exit status says of a run.
fn status(end: &End) -> Status {
    if end.is_forced || !end.blocked.is_empty() || end.cut_off > 0 {
        FORCED
    } else if end.failure.is_some() {
        // What is not acknowledged, either, is so because of that.
        FAILED
    } else if end.to_repeat > 0 {
        FORCED
    } else {
        CLEAN
    }
}

/// Signals, as commands.
struct Heard<'a> {
    signals: &'a Signals,
    complaints: &'a Complaints,
    /// How long a stop may take.
    budget: Duration,
    is_quiet: bool,
}

impl Commands for Heard<'_> {
    fn next(&mut self, within: Duration, is_stopping: bool) -> Option<Command> {
        if self.signals.is_quiet() != self.is_quiet && !is_stopping {
            self.is_quiet = !self.is_quiet;
            return Some(if self.is_quiet { Command::Quiet } else { Command::Resume });
        }
        self.signals.wait(within)?;
        // Of an app that ends by itself the first signal is a second one, too.
        if is_stopping {
            self.complaints.complain("a second signal: what was begun is not waited for");
            return Some(Command::Force);
        }
        Some(Command::Stop(self.budget))
    }
}
