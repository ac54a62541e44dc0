//! The thread that looks after a started app: hears what it is told to do, tells what comes of it, and ends it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Running,
    end::{End, Failure},
};
use crate::{
    events::{Event, LeftWaiting, Listener},
    health::Vitals,
};

/// How often it looks up while nobody tells it anything.
const IDLE: Duration = Duration::from_millis(200);

/// How often it looks up while the app stops.
const TICK: Duration = Duration::from_millis(50);

/// How long a forced stop waits for the groups to leave: longer than each of their own waits.
const LEAVE: Duration = Duration::from_secs(5);

/// The longest that a stop may take: a budget of any size is no time that a clock could not reach.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a started app is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Begin nothing new, and keep the partitions.
    Quiet,
    /// Go on.
    Resume,
    /// End what was begun within this time, and leave.
    Stop(Duration),
    /// Do not wait for what was begun.
    Force,
    /// As [`Command::Force`], as nobody holds the app any more.
    Drop,
}

/// What is looked after: the groups of an app, or a worker of jobs.
pub(crate) trait Process: Send + 'static {
    /// Quiets the process, so that nothing new begins; or resumes it.
    fn set_quiet(&mut self, quiet: bool);

    /// Whether nothing new begins, whoever has asked for that.
    fn is_quiet(&self) -> bool;

    /// Whether it ends by itself, or cannot go on.
    fn is_over(&mut self) -> bool;

    /// Where something waits for a person.
    fn left_waiting(&self) -> Vec<LeftWaiting>;

    /// Begins to stop, if it does not stop already.
    fn stop(&mut self, budget: Duration);

    /// What forces the stop while [`Process::join`] waits.
    fn forcer(&self) -> Box<dyn Fn() + Send>;

    /// How it ends if it is not to be waited for any longer, as far as can be seen from outside; `None`: it is always waited for.
    fn unheard(&self) -> Option<Unheard>;

    /// Waits until it has ended, and tells why it could not go on if that is so.
    fn join(self: Box<Self>, listener: &dyn Listener) -> End;
}

/// Works out how a process ended that is not waited for.
pub(crate) type Unheard = Box<dyn FnOnce(&dyn Listener) -> End + Send>;

/// Where commands come from.
pub(crate) trait Commands {
    /// The next one, if there is one within this time. `is_stopping`: the app ends already, perhaps by itself.
    fn next(&mut self, within: Duration, is_stopping: bool) -> Option<Command>;
}

/// From whoever holds a [`Running`].
impl Commands for mpsc::Receiver<Command> {
    fn next(&mut self, within: Duration, _is_stopping: bool) -> Option<Command> {
        match self.recv_timeout(within) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Drop),
        }
    }
}

/// Looks after `process` on a thread of its own until it has ended.
///
/// # Errors
///
/// When there can be no further thread.
pub(super) fn spawn(process: Box<dyn Process>, vitals: Arc<Vitals>, supervisor: Supervisor) -> io::Result<Running> {
    let (commands, mut heard) = mpsc::channel();
    let (tell, ended) = oneshot::channel();
    let shutdown_timeout = supervisor.shutdown_timeout;
    thread::Builder::new().name("karafka app".to_owned()).spawn(move || {
        if let Err(end) = tell.send(supervisor.run(process, &mut heard)) {
            // Nobody holds the app any more.
            end.log();
        }
    })?;
    Ok(Running { commands, ended, vitals, shutdown_timeout })
}

/// What looks after a started app.
pub(crate) struct Supervisor {
    pub(crate) listener: Arc<dyn Listener>,
    /// How long a stop may take that nobody asked for.
    pub(crate) shutdown_timeout: Duration,
    /// Tells what was summed up.
    pub(crate) tell_due: Box<dyn Fn() + Send>,
}

impl Supervisor {
    /// Looks after `process` until it has ended.
    pub(crate) fn run(self, mut process: Box<dyn Process>, commands: &mut dyn Commands) -> End {
        let stop = self.look_after(&mut *process, commands);
        let (budget, mut is_forced) = match stop {
            Command::Stop(budget) => (budget.min(LONGEST), false),
            _ => (Duration::ZERO, true),
        };
        self.listener.on(&Event::Stopping { budget });
        if stop == Command::Drop {
            tracing::warn!(target: "karafka", "a running app was dropped: what was begun is not waited for");
        }
        let (force, unheard) = (process.forcer(), process.unheard());
        let left_waiting = process.left_waiting();
        process.stop(budget);
        if is_forced {
            force();
        }
        let mut end = self.end_of(process, &*force, unheard, &mut is_forced, commands);
        end.left_waiting = left_waiting;
        end.is_forced = is_forced;
        end.stopped(&*self.listener);
        end
    }

    /// Until it is told to stop, or the app ends by itself.
    fn look_after(&self, process: &mut dyn Process, commands: &mut dyn Commands) -> Command {
        let mut is_quiet = false;
        loop {
            match commands.next(IDLE, false) {
                None => {}
                Some(Command::Quiet) => process.set_quiet(true),
                Some(Command::Resume) => {
                    // Said before it does not hold any more.
                    if std::mem::take(&mut is_quiet) {
                        self.listener.on(&Event::Resumed);
                    }
                    process.set_quiet(false);
                }
                Some(stop) => return stop,
            }
            if process.is_quiet() != is_quiet {
                is_quiet = !is_quiet;
                self.listener.on(if is_quiet { &Event::Quieted } else { &Event::Resumed });
            }
            (self.tell_due)();
            if process.is_over() {
                return Command::Stop(self.shutdown_timeout);
            }
        }
    }

    /// Waits for the end of a process that stops, on another thread, so that it can be told to hurry meanwhile.
    fn end_of(
        &self,
        process: Box<dyn Process>,
        force: &dyn Fn(),
        mut unheard: Option<Unheard>,
        is_forced: &mut bool,
        commands: &mut dyn Commands,
    ) -> End {
        let (tell, ended) = mpsc::channel();
        let listener = Arc::clone(&self.listener);
        let joining = thread::Builder::new().name("karafka stop".to_owned()).spawn(move || {
            let _ = tell.send(process.join(&*listener));
        });
        if let Err(error) = joining {
            let mut end = End::default();
            end.fail(&Failure::Thread { reason: error.to_string() }, &*self.listener);
            return end;
        }
        let mut forced_at = is_forced.then(Instant::now);
        // When a stop that began by itself is to be over, as somebody wants it.
        let mut over_at = None;
        loop {
            match ended.recv_timeout(TICK) {
                Ok(end) => return end,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return End::heard(Err(())),
            }
            (self.tell_due)();
            let hurry = match commands.next(Duration::ZERO, true) {
                Some(Command::Force | Command::Drop) => true,
                Some(Command::Stop(budget)) => {
                    over_at = Some(Instant::now() + budget.min(LONGEST));
                    false
                }
                _ => over_at.is_some_and(|over_at| Instant::now() >= over_at),
            };
            if hurry && forced_at.is_none() {
                force();
                forced_at = Some(Instant::now());
                *is_forced = true;
            }
            if forced_at.is_some_and(|since| since.elapsed() > LEAVE)
                && let Some(unheard) = unheard.take()
            {
                return unheard(&*self.listener);
            }
        }
    }
}
