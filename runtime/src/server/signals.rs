//! SIGTERM and SIGINT, counted, SIGHUP, and SIGTSTP and SIGCONT, on a thread of their own, so that nothing an app does can
//! keep them from being heard.

use std::{
    fs,
    future::{self, Future},
    io, process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::signal::unix::{self, SignalKind, signal};

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
    HangUp,
    Quiet(bool),
}

/// How often the end was asked for, and what the next time means.
#[derive(Default)]
struct Ends {
    heard: usize,
}

/// What follows from a signal that asks for the end.
#[derive(Debug, PartialEq, Eq)]
enum Consequence {
    Tell(Signal),
    EndAtOnce,
    Nothing,
}

impl Ends {
    fn hear(&mut self, signal: Signal) -> Consequence {
        self.heard += 1;
        if self.heard >= 3 { Consequence::EndAtOnce } else { Consequence::Tell(signal) }
    }

    /// Asks for the end as SIGTERM does, but never for a second time: when a terminal goes away, shell and kernel both say
    /// so.
    fn hear_hang_up(&mut self) -> Consequence {
        if self.heard == 0 { self.hear(Signal::Terminate) } else { Consequence::Nothing }
    }
}

impl Signals {
    /// Takes over all five, from now on. The third one that asks for the end ends the process at once, whatever it is
    /// doing.
    ///
    /// A hang-up asks for the end once, and under `nohup` it means nothing, as ever.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupts, mut terminations, mut hang_ups, mut stops, mut continuations) =
            runtime.block_on(async {
                io::Result::Ok((
                    signal(SignalKind::interrupt())?,
                    signal(SignalKind::terminate())?,
                    hang_ups()?,
                    signal(SignalKind::from_raw(libc::SIGTSTP))?,
                    signal(SignalKind::from_raw(libc::SIGCONT))?,
                ))
            })?;
        let (tell, heard) = mpsc::channel();
        let quiet = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&quiet);
        thread::Builder::new().name("karafka signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut ends = Ends::default();
                loop {
                    let asked = tokio::select! {
                        _ = interrupts.recv() => Asked::End(Signal::Interrupt),
                        _ = terminations.recv() => Asked::End(Signal::Terminate),
                        () = hang_up(&mut hang_ups) => Asked::HangUp,
                        _ = stops.recv() => Asked::Quiet(true),
                        _ = continuations.recv() => Asked::Quiet(false),
                    };
                    let consequence = match asked {
                        Asked::Quiet(quiet) => {
                            told.store(quiet, Ordering::Release);
                            continue;
                        }
                        Asked::End(signal) => ends.hear(signal),
                        Asked::HangUp => ends.hear_hang_up(),
                    };
                    match consequence {
                        Consequence::Tell(signal) => drop(tell.send(signal)),
                        Consequence::EndAtOnce => process::exit(2),
                        Consequence::Nothing => {}
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

/// Listens for SIGTERM, by which Kubernetes, systemd and `docker stop` end a process, and for SIGINT, which Ctrl-C sends; the
/// future ends with the first of either.
///
/// For a program that an app runs inside of: [`App::run`] hears signals by itself. From this call on neither signal ends the
/// process any more, so call it before what takes long, and stop when the future ends:
///
/// ```no_run
/// # async fn run(consumers: karafka::Running) -> std::io::Result<()> {
/// let shutdown = karafka::shutdown_signal()?;
/// let end = consumers.until(shutdown).await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the system lets nobody listen.
///
/// # Panics
///
/// Outside of a tokio runtime, and in one without IO (`enable_all`).
///
/// [`App::run`]: crate::App::run
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
    })
}

/// Takes over SIGHUP, unless the process was started to ignore it.
fn hang_ups() -> io::Result<Option<unix::Signal>> {
    if hang_up_is_ignored() { Ok(None) } else { signal(SignalKind::hangup()).map(Some) }
}

async fn hang_up(hang_ups: &mut Option<unix::Signal>) {
    match hang_ups {
        Some(hang_ups) => drop(hang_ups.recv().await),
        None => future::pending().await,
    }
}

/// Whether this process was started under `nohup`, or by something else that ignores SIGHUP for it; false where the
/// system has no `/proc` to say so.
///
/// To be asked before anybody listens to that signal.
#[must_use]
pub fn hang_up_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << (libc::SIGHUP - 1) != 0)
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        io::{BufRead as _, BufReader},
        os::unix::process::ExitStatusExt as _,
        process::{Command, Stdio},
    };

    use rustix::process::{Pid, Signal as Sent, kill_process};

    use super::*;

    const TEST: &str = "server::signals::tests::a_host_hears_either_signal";
    const HOST: &str = "KARAFKA_TEST_HOST";

    /// If this fails, a program that an app runs inside of is killed where it is to stop, by a rollout or at a terminal, and
    /// records are done again; or it never ends.
    #[test]
    fn a_host_hears_either_signal() {
        // The host: in a process of its own, as nobody could stop this one any more.
        if env::var_os(HOST).is_some() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
            runtime.block_on(async {
                let shutdown = shutdown_signal().expect("heard");
                io::Write::write_all(&mut io::stderr(), b"listens\n").expect("said");
                // A signal that comes before anybody waits is none that is lost.
                tokio::time::sleep(Duration::from_millis(50)).await;
                tokio::time::timeout(Duration::from_secs(30), shutdown).await.expect("a signal");
            });
            return;
        }
        for signal in [Sent::TERM, Sent::INT] {
            let mut host = Command::new(env::current_exe().expect("this test"));
            host.args([TEST, "--exact", "--nocapture"]).env(HOST, "1").stdout(Stdio::null()).stderr(Stdio::piped());
            let mut host = host.spawn().expect("it runs");
            let lines = BufReader::new(host.stderr.take().expect("its words")).lines();
            let listens = lines.map_while(Result::ok).find(|line| line == "listens");
            assert!(listens.is_some(), "it does not listen");
            let pid = Pid::from_raw(host.id().try_into().expect("small")).expect("a process");
            kill_process(pid, signal).expect("sent");
            let status = host.wait().expect("it ends");
            assert!(status.success() && status.signal().is_none(), "{signal:?}: {status}");
        }
    }

    /// If this fails, closing a terminal, of which an app hears twice, throws away what it was doing; or a person who asks
    /// for the end again and again waits for it.
    #[test]
    fn a_hang_up_asks_once_and_never_forces() {
        use Consequence::{EndAtOnce, Nothing, Tell};
        let (int, term) = (Signal::Interrupt, Signal::Terminate);
        let after = |signals: &[Option<Signal>]| -> Vec<Consequence> {
            let mut ends = Ends::default();
            let hear = |signal: &Option<Signal>| match signal {
                Some(signal) => ends.hear(*signal),
                None => ends.hear_hang_up(),
            };
            signals.iter().map(hear).collect()
        };
        assert_eq!(after(&[None, None, None]), [Tell(term), Nothing, Nothing]);
        assert_eq!(after(&[None, None, Some(int), None]), [Tell(term), Nothing, Tell(int), Nothing]);
        assert_eq!(after(&[Some(int), None, Some(term), Some(int)]), [Tell(int), Nothing, Tell(term), EndAtOnce]);
    }
}
