//! SIGTERM and SIGINT, counted on a thread of their own, so that nothing an app does can keep them from being heard.

use std::{io, process, sync::mpsc, thread, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

/// Signals since the process began.
pub(super) struct Signals {
    heard: mpsc::Receiver<Signal>,
}

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
}

impl Signals {
    /// Takes over both signals, from now on. The third one ends the process at once, whatever it is doing.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupts, mut terminations) = runtime
            .block_on(async { io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)) })?;
        let (tell, heard) = mpsc::channel();
        thread::Builder::new().name("karafka signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                for count in 1.. {
                    let signal = tokio::select! {
                        _ = interrupts.recv() => Signal::Interrupt,
                        _ = terminations.recv() => Signal::Terminate,
                    };
                    if count >= 3 {
                        process::exit(2);
                    }
                    let _ = tell.send(signal);
                }
            });
        })?;
        Ok(Self { heard })
    }

    /// Waits for the next signal, at most this long.
    pub(super) fn wait(&self, at_most: Duration) -> Option<Signal> {
        self.heard.recv_timeout(at_most).ok()
    }
}
