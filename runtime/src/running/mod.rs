//! An app that runs inside of another program: started, asked how it is, quieted, stopped.
//!
//! ```no_run
//! # async fn main_of(app: karafka::App<()>) -> Result<(), Box<dyn std::error::Error>> {
//! // `app` is what the generated `app()` returns.
//! let shutdown = karafka::shutdown_signal()?;
//! let running = app.with_env()?.start(()).await?;
//! let end = running.until(shutdown).await;
//! if !end.is_clean() {
//!     eprintln!("{end}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Unlike [`App::run`](crate::App::run), this takes neither arguments nor signals nor the tracing subscriber, reads no
//! environment unless it is told to, starts no embedded broker and opens no port. The app's code runs on the tokio runtime that
//! starts it. Several apps may run in one process.

mod consumers;
mod end;
mod start;
#[cfg(feature = "jobs")]
mod start_worker;
mod supervisor;
#[cfg(feature = "jobs")]
mod worker;

use std::{
    future::Future,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::sync::oneshot;

#[cfg(feature = "jobs")]
pub(crate) use self::worker::{Jobs, JobsWorker, known_queues};
pub(crate) use self::{
    consumers::Consumers,
    end::Complaint,
    supervisor::Process,
    supervisor::{Command, Commands, Supervisor},
};
pub use self::{end::End, start::Configured};
use crate::health::{Health, Vitals};

/// A started app: consumers, or a worker of jobs.
///
/// Dropped, it stops as a forced stop does: what was begun is not waited for, and that is logged, by a thread that a program which
/// ends at once does not wait for. The tokio runtime that has started it has to live, with its timers, until it has ended.
#[must_use = "an app that is dropped stops at once"]
pub struct Running {
    commands: mpsc::Sender<Command>,
    ended: oneshot::Receiver<End>,
    vitals: Arc<Vitals>,
    shutdown_timeout: Duration,
}

impl Running {
    /// Runs until `shutdown` is ready, then stops within the `shutdown_timeout` of the settings; or until the app cannot go on,
    /// which [`End::failure`] says then.
    pub async fn until(mut self, shutdown: impl Future<Output = ()>) -> End {
        let end = tokio::select! {
            end = &mut self.ended => End::heard(end),
            () = shutdown => return self.stop_within_settings().await,
        };
        end.log();
        end
    }

    /// Stops: nothing new begins, what was begun has `budget` to end, what is done is committed, and the groups are left.
    ///
    /// To drop the future is to force the stop.
    pub async fn stop(mut self, budget: Duration) -> End {
        self.command(Command::Stop(budget));
        let end = End::heard((&mut self.ended).await);
        end.log();
        end
    }

    async fn stop_within_settings(self) -> End {
        let budget = self.shutdown_timeout;
        self.stop(budget).await
    }

    /// Quiets the app: nothing new begins, what runs ends, and every partition is kept; until [`Running::resume`].
    pub fn quiet(&self) {
        self.command(Command::Quiet);
    }

    /// Goes on after [`Running::quiet`].
    pub fn resume(&self) {
        self.command(Command::Resume);
    }

    /// How the app is: what `/live`, `/ready` and `/metrics` say, as often as it is asked.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::of(&self.vitals)
    }

    fn command(&self, command: Command) {
        // One that has ended hears nothing, and has nothing left to do.
        let _ = self.commands.send(command);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.command(Command::Drop);
        // One that has ended by itself, which nobody has asked.
        if let Ok(end) = self.ended.try_recv() {
            end.log();
        }
    }
}

#[cfg(test)]
mod tests;
