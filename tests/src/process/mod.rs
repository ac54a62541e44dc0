//! A process under test: its output is read as it comes, every wait has a limit, and it never outlives its value.

mod guardian;

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use self::guardian::Guardian;

pub use rustix::process::Signal;

/// A child in a process group of its own, stopped with its whole group when dropped, or when this process is gone.
///
/// The group matters for `cargo run`, `mvn` and the like: killing only them would leave the app or the JVM behind.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    _guardian: Guardian,
}

/// Lines of both streams in the order in which they came.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stream that it came from.
    pub stream: Stream,
    /// Its text, without the line break.
    pub text: String,
}

/// A stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a process ended, with all that it printed.
#[derive(Debug)]
pub struct Ended {
    /// What was run.
    pub name: String,
    /// Its exit status.
    pub status: ExitStatus,
    /// Everything it printed, both streams in order of arrival.
    pub lines: Vec<Line>,
}

impl Process {
    /// Starts `command`; its standard input is empty.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, such as one that is not installed.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// Starts `command` with `input`, which must fit a pipe (64 KiB), as its standard input.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start_with_input(command: &mut Command, input: &str) -> Result<Self> {
        let mut process = Self::spawn(command.stdin(Stdio::piped()))?;
        if let Some(mut pipe) = process.child.stdin.take() {
            // A program that ends without reading has its own words for it.
            let _ = pipe.write_all(input.as_bytes());
        }
        Ok(process)
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let name = format!("`{}`", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let guardian = Guardian::of(child.id());
        let output = Arc::new(Output::default());
        let readers = [
            child.stdout.take().map(|pipe| Output::follow(&output, Stream::Out, pipe)),
            child.stderr.take().map(|pipe| Output::follow(&output, Stream::Err, pipe)),
        ];
        Ok(Self { name, child, output, readers: readers.into_iter().flatten().collect(), _guardian: guardian? })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.output.lock().clone()
    }

    /// Everything it has printed so far, as one text.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.lines())
    }

    /// Waits until a line that `wanted` likes has come, and gives it.
    ///
    /// # Errors
    ///
    /// When the process ends first, or `limit` passes; the error holds what was printed.
    pub fn wait_for_line(&mut self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let mut lines = self.wait_for_lines(what, 1, limit, wanted)?;
        Ok(lines.swap_remove(0))
    }

    /// Waits until at least `count` lines that `wanted` likes have come since the start, and gives them.
    ///
    /// # Errors
    ///
    /// As for [`Process::wait_for_line`].
    pub fn wait_for_lines(
        &mut self,
        what: &str,
        count: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>> {
        let deadline = Instant::now() + limit;
        let mut found = Vec::new();
        let mut seen = 0;
        loop {
            let ended = self.child.try_wait()?;
            if ended.is_some() {
                self.join_readers();
            }
            let lines = self.output.lock();
            found.extend(lines[seen..].iter().filter(|line| wanted(&line.text)).map(|line| line.text.clone()));
            seen = lines.len();
            if found.len() >= count {
                return Ok(found);
            }
            if let Some(status) = ended {
                bail!("{} ended with {status} before {what}:\n{}", self.name, text(&lines));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{} did not come to {what} within {limit:?}:\n{}", self.name, text(&lines));
            }
            // Woken by each line; the cap is for the end of the process, which nobody announces.
            drop(self.output.more.wait_timeout(lines, left.min(Duration::from_millis(50))));
        }
    }

    /// Stops the process itself (`SIGSTOP`), and waits until each of its threads stands still.
    ///
    /// The signal alone is not enough: one thread takes it, and until that is scheduled, which takes milliseconds on a
    /// busy machine, the others go on.
    ///
    /// # Errors
    ///
    /// When it has ended already, or goes on for ten seconds.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        // Left to be seen again: a process that stands still already tells of it no second time.
        let told = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(self.pid()?), told)?.is_none() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it stood still:\n{}", self.name, self.text());
            }
            ensure!(Instant::now() < deadline, "{} does not stand still:\n{}", self.name, self.text());
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Sends a signal to the process itself, not to what it started.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} had ended with {status} before it was signalled:\n{}", self.name, self.text());
        }
        kill_process(self.pid()?, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Sends a signal to the process and everything it started, as Ctrl-C in a terminal does.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub fn signal_group(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} had ended with {status} before it was signalled:\n{}", self.name, self.text());
        }
        kill_process_group(self.pid()?, signal).with_context(|| format!("cannot signal the group of {}", self.name))
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When `limit` passes first; it is killed then, and the error holds what it printed.
    pub fn wait(mut self, limit: Duration) -> Result<Ended> {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                self.kill_group();
                bail!("{} did not end within {limit:?}:\n{}", self.name, self.text());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.join_readers();
        Ok(Ended { name: self.name.clone(), status, lines: self.lines() })
    }

    /// Kills it with its whole group, as `kill -9` or a power cut would, and waits for the end.
    ///
    /// # Errors
    ///
    /// When it does not go away.
    pub fn kill(mut self) -> Result<Ended> {
        if self.is_running()? {
            self.kill_group();
        }
        self.wait(Duration::from_secs(30))
    }

    fn pid(&self) -> Result<Pid> {
        let id = i32::try_from(self.child.id())?;
        Pid::from_raw(id).ok_or_else(|| anyhow!("{} has no process id", self.name))
    }

    fn kill_group(&self) {
        if let Ok(pid) = self.pid() {
            // The group's number is the child's id, which stays taken until the child has been waited for.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    fn join_readers(&mut self) {
        // A grandchild may hold a pipe open for ever, so the readers get a moment and are left alone after it.
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline && !self.readers.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.kill_group();
        let _ = self.child.wait();
    }
}

impl Output {
    fn follow(this: &Arc<Self>, stream: Stream, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = Arc::clone(this);
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
                let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
                bytes.clear();
                output.lock().push(Line { stream, text });
                output.more.notify_all();
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    /// Itself, if the exit code is `code`.
    ///
    /// # Errors
    ///
    /// Another code, or the end by a signal, with what was printed.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.status.code() == Some(code) {
            return Ok(self);
        }
        let how = match self.status.signal() {
            Some(signal) => format!("was killed by signal {signal}"),
            None => format!("ended with {}", self.status),
        };
        bail!("{} {how} and not with exit code {code}:\n{}", self.name, self.text())
    }

    /// Everything it printed.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.lines)
    }

    /// What it printed to one stream.
    #[must_use]
    pub fn stream(&self, stream: Stream) -> String {
        let lines: Vec<_> = self.lines.iter().filter(|line| line.stream == stream).cloned().collect();
        text(&lines)
    }
}

/// Runs `command` to its end.
///
/// # Errors
///
/// When it cannot be started or does not end within `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Ended> {
    Process::start(command)?.wait(limit)
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").arg("-c").arg(script)).expect("sh starts")
    }

    /// If this fails, a test that gives up leaves servers and apps behind on the developer's machine.
    #[test]
    fn nothing_outlives_the_value() {
        let mut process = shell("sleep 60 & echo $!; wait");
        let line = process.wait_for_line("the id", Duration::from_secs(10), |_| true).expect("a line");
        let grandchild = Pid::from_raw(line.trim().parse().expect("an id")).expect("an id");
        drop(process);
        let gone = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            is_gone(grandchild)
        });
        assert!(gone, "process {line} still runs");
    }

    /// Gone, or a zombie that only waits for whoever adopted it.
    fn is_gone(pid: Pid) -> bool {
        match std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
            Ok(stat) => stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')),
            Err(_) => rustix::process::test_kill_process(pid).is_err(),
        }
    }

    /// If this fails, a broker that a test has frozen still acknowledges records.
    #[test]
    fn a_frozen_process_stands_still_each_time() {
        let mut process = shell("while :; do echo more; done");
        let lines = |process: &Process| process.output.lines.lock().map(|lines| lines.len()).expect("lines");
        for _ in 0..20 {
            process.freeze().expect("it stands still");
            process.freeze().expect("and once more");
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("a process");
            assert!(stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')), "{stat}");
            let before = lines(&process);
            process.signal(Signal::CONT).expect("it goes on");
            while lines(&process) == before {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// If this fails, a hang in an app hangs the whole test run.
    #[test]
    fn waiting_has_an_end() {
        let mut process = shell("echo started; sleep 60");
        let error = process.wait_for_line("a word", Duration::from_millis(200), |line| line == "never");
        assert!(error.is_err_and(|error| error.to_string().contains("started")), "the error shows the output");
        let error = process.wait(Duration::from_millis(200)).expect_err("it sleeps on");
        assert!(error.to_string().contains("started"), "{error}");
    }

    /// If this fails, an app that crashes is reported as one that is slow.
    #[test]
    fn an_early_end_is_told_with_its_output() {
        let mut process = shell("echo broken >&2; exit 3");
        let error = process.wait_for_line("a word", Duration::from_secs(60), |line| line == "never");
        let words = error.expect_err("it has ended").to_string();
        assert!(words.contains("broken") && words.contains('3'), "{words}");
    }
}
