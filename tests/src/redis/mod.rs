//! A real `redis-server` on loopback, with its data in a temporary folder, and what lies in it as jobs.

mod jobs;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ::redis::{Client, Cmd, FromRedisValue, cmd};
use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

pub use self::jobs::{Job, Jobs};
use crate::{
    ports,
    process::{Process, Signal},
};

/// How long Redis may take to come up, or to read its data, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer of Redis.
const ANSWER: Duration = Duration::from_secs(10);

/// A running Redis; stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct Redis {
    // Stopped before its data goes.
    process: Mutex<Process>,
    port: u16,
    keeps: Keeps,
    data: TempDir,
}

/// What of its data a Redis has on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    /// Each write, before it is answered.
    Everything,
}

impl Redis {
    /// Starts a Redis that keeps nothing on disk, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When `redis-server` is missing or does not come up; its own words are in the error.
    pub fn start() -> Result<Self> {
        Self::start_with(Keeps::Nothing, tempfile::tempdir()?)
    }

    /// The same with each write on disk before it is answered (`appendfsync always`).
    ///
    /// # Errors
    ///
    /// As for [`Redis::start`].
    pub fn start_durable() -> Result<Self> {
        Self::start_with(Keeps::Everything, tempfile::tempdir()?)
    }

    fn start_with(keeps: Keeps, data: TempDir) -> Result<Self> {
        let port = ports::free()?;
        let redis = Self { process: Mutex::new(launch(port, keeps, data.path())?), port, keeps, data };
        redis.wait_until_ready()?;
        Ok(redis)
    }

    /// Where it is, as `REDIS_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it with `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When it had ended before.
    pub fn kill(&self) -> Result<()> {
        let mut process = self.process();
        process.signal(Signal::KILL)?;
        let deadline = Instant::now() + PATIENCE;
        while process.is_running()? {
            ensure!(Instant::now() < deadline, "Redis does not go");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts it again after it was killed, on the same port and with what it has on disk.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&self) -> Result<()> {
        *self.process() = launch(self.port, self.keeps, self.data.path())?;
        self.wait_until_ready()
    }

    /// The same without its data.
    ///
    /// # Errors
    ///
    /// As for [`Redis::start_again`], and when the data cannot be deleted.
    pub fn start_again_empty(&self) -> Result<()> {
        for entry in fs::read_dir(self.data.path())? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        self.start_again()
    }

    /// The jobs that it had when it was killed, from what it has on disk: exactly what it had answered for, and what was
    /// on its way to be answered.
    ///
    /// # Errors
    ///
    /// When it keeps nothing, still runs, or its data cannot be read.
    pub fn jobs_on_disk(&self) -> Result<Jobs> {
        ensure!(self.keeps == Keeps::Everything, "this Redis keeps nothing on disk");
        ensure!(!self.process().is_running()?, "this Redis still writes");
        let copy = tempfile::tempdir()?;
        copy_files(self.data.path(), copy.path())?;
        Self::start_with(Keeps::Everything, copy)?.jobs()
    }

    /// Freezes it: connections stay and are even taken, nothing answers.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn freeze(&self) -> Result<()> {
        self.process().freeze()
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn thaw(&self) -> Result<()> {
        self.process().signal(Signal::CONT)
    }

    /// Leaves it room for so many bytes more than it has now, or takes as many away: from then on it refuses what needs
    /// memory (`OOM command not allowed`).
    ///
    /// # Errors
    ///
    /// When Redis does not take the limit.
    pub fn leave_room(&self, bytes: i64) -> Result<()> {
        let limit = self.memory()?.saturating_add_signed(bytes);
        self.ask(cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("noeviction").arg("maxmemory").arg(limit))
    }

    /// Takes the limit away.
    ///
    /// # Errors
    ///
    /// As for [`Redis::leave_room`].
    pub fn leave_all_room(&self) -> Result<()> {
        self.ask(cmd("CONFIG").arg("SET").arg("maxmemory").arg(0))
    }

    /// The bytes that it uses.
    ///
    /// # Errors
    ///
    /// When it does not say.
    pub fn memory(&self) -> Result<u64> {
        let info: String = self.ask(cmd("INFO").arg("memory"))?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.context("Redis does not say what it uses")?.trim().parse()?)
    }

    /// Asks it something.
    ///
    /// # Errors
    ///
    /// When it does not answer, or with an error, or with something else than a `T`.
    pub fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let mut connection = Client::open(self.url())?.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        command.query(&mut connection).context("Redis does not answer as it should")
    }

    /// What lies in it as jobs, all at one moment.
    ///
    /// # Errors
    ///
    /// When Redis does not answer, or something in a queue is no job.
    pub fn jobs(&self) -> Result<Jobs> {
        Jobs::read(&self.ask::<Vec<String>>(cmd("EVAL").arg(jobs::SCRIPT).arg(0))?)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask::<String>(&cmd("PING"));
            if answer.as_ref().is_ok_and(|word| word == "PONG") {
                return Ok(());
            }
            let mut process = self.process();
            if !process.is_running()? {
                bail!("Redis ended while it started:\n{}", process.text());
            }
            ensure!(Instant::now() < deadline, "Redis did not answer: {answer:?}\n{}", process.text());
            drop(process);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn launch(port: u16, keeps: Keeps, data: &Path) -> Result<Process> {
    let mut command = Command::new("redis-server");
    command.current_dir(data).args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir", "."]);
    match keeps {
        Keeps::Nothing => command.args(["--appendonly", "no"]),
        Keeps::Everything => command.args(["--appendonly", "yes", "--appendfsync", "always"]),
    };
    Process::start(&mut command).context("Redis is needed (Debian: apt-get install redis-server) on PATH")
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir(&to)?;
            copy_files(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}
