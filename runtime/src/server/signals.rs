//! SIGTERM and SIGINT, counted, and SIGTSTP and SIGCONT, on a thread of their own, so that nothing an app does can keep
//! them from being heard.

use std::{
    io, process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

/// Signals since the process began.
pub(super) struct Signals {
    heard: mpsc::Receiver<Signal>,
    quiet: Arc<AtomicBool>,
}

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
}

/// What a signal asks for.
enum Asked {
    End(Signal),
    Quiet(bool),
}

impl Signals {
    /// Takes over all four, from now on. The third one that asks for the end ends the process at once, whatever it is
    /// doing.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupts, mut terminations, mut stops, mut continuations) = runtime.block_on(async {
            io::Result::Ok((
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::from_raw(libc::SIGTSTP))?,
                signal(SignalKind::from_raw(libc::SIGCONT))?,
            ))
        })?;
        let (tell, heard) = mpsc::channel();
        let quiet = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&quiet);
        thread::Builder::new().name("karafka signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut ends = 0;
                loop {
                    let asked = tokio::select! {
                        _ = interrupts.recv() => Asked::End(Signal::Interrupt),
                        _ = terminations.recv() => Asked::End(Signal::Terminate),
                        _ = stops.recv() => Asked::Quiet(true),
                        _ = continuations.recv() => Asked::Quiet(false),
                    };
                    match asked {
                        Asked::Quiet(quiet) => told.store(quiet, Ordering::Release),
                        Asked::End(signal) => {
                            ends += 1;
                            if ends >= 3 {
                                process::exit(2);
                            }
                            let _ = tell.send(signal);
                        }
                    }
                }
            });
        })?;
        Ok(Self { heard, quiet })
    }

    /// Waits for the next signal that asks for the end, at most this long.
    pub(super) fn wait(&self, at_most: Duration) -> Option<Signal> {
        self.heard.recv_timeout(at_most).ok()
    }

    /// Whether the last word was SIGTSTP, and not SIGCONT.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }
}
