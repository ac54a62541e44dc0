//! Does what records say, and keeps the log of it.

use std::{
    env,
    ffi::OsString,
    future::Future,
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    process, thread,
    time::{Duration, SystemTime},
};

use karafka::{Error, Result};
use serde_json::Value;

/// Lent to controllers as `ctx.state()`.
#[derive(Debug)]
pub struct State {
    log: File,
    /// Where jobs write down what they have been given.
    seen: Option<File>,
    /// While this file is there, everything fails.
    outage: Option<PathBuf>,
    /// How long each record takes.
    pace: Duration,
    /// How long one takes that listens.
    listens: Duration,
}

impl State {
    /// Opens the log that `FAULTY_LOG` names.
    ///
    /// # Errors
    ///
    /// When the variable is not set or the file cannot be opened.
    pub async fn build() -> Result<Self> {
        let append = |path: OsString| OpenOptions::new().create(true).append(true).open(path);
        let log = append(env::var("FAULTY_LOG")?.into())?;
        let seen = env::var_os("FAULTY_SEEN").map(append).transpose()?;
        let outage = env::var_os("FAULTY_OUTAGE").map(PathBuf::from);
        let time = |name: &str| env::var(name).ok().map_or(Ok(0), |text| text.parse()).map(Duration::from_millis);
        let (pace, listens) = (time("FAULTY_PACE_MS")?, time("FAULTY_LISTEN_MS")?);
        Ok(Self { log, seen, outage, pace, listens })
    }

    /// Writes down what a job has been given, in one line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn see(&self, given: &Value) -> Result {
        let line = format!("{given}\n");
        Ok(self.seen.as_ref().map_or(Ok(()), |mut seen| seen.write_all(line.as_bytes()))?)
    }

    /// Does what a record says: `sleep MS`, `block MS` (its thread), `fail`, `fail-once`, `panic` (once), `hang`, or `listen`:
    /// take the time that this process takes for that, and fail when it is `revoked`.
    ///
    /// # Errors
    ///
    /// When the record says so, during an outage, and when the log cannot be written.
    pub async fn act(
        &self,
        record: (i32, i64),
        act: &str,
        attempt: u32,
        revoked: impl Future<Output = ()> + Send,
    ) -> Result {
        self.write_down('B', record, attempt)?;
        let mut ended = Ended { state: self, what: 'F', record, attempt };
        if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
        self.follow(act, attempt, revoked).await?;
        ended.what = 'D';
        Ok(())
    }

    async fn follow(&self, act: &str, attempt: u32, revoked: impl Future<Output = ()> + Send) -> Result {
        if self.outage.as_ref().is_some_and(|outage| outage.exists()) {
            return Err(Error::new("there is an outage"));
        }
        let (word, number) = act.split_once(' ').unwrap_or((act, "0"));
        let time = Duration::from_millis(number.parse()?);
        match word {
            "" => {}
            "sleep" => tokio::time::sleep(time).await,
            "listen" => tokio::select! {
                () = tokio::time::sleep(self.listens) => {}
                () = revoked => return Err(Error::new("its partition is gone")),
            },
            "block" => thread::sleep(time),
            "hang" => std::future::pending().await,
            "fail" => return Err(Error::new("this record fails")),
            "fail-once" if attempt == 1 => return Err(Error::new("this record fails once")),
            "panic" if attempt == 1 => panic!("this record panics once"),
            "fail-once" | "panic" => {}
            other => return Err(Error::new(format_args!("`{other}` is nothing to do"))),
        }
        Ok(())
    }

    /// Appends `what partition offset process attempt milliseconds`, in one write that no other can come between.
    fn write_down(&self, what: char, (partition, offset): (i32, i64), attempt: u32) -> Result {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        let line = format!("{what} {partition} {offset} {} {attempt} {now}\n", process::id());
        Ok((&self.log).write_all(line.as_bytes())?)
    }
}

/// Writes down how an attempt ended, also when it panics or is dropped.
struct Ended<'a> {
    state: &'a State,
    what: char,
    record: (i32, i64),
    attempt: u32,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        // A line that is missing is seen by whoever reads the log.
        let _ = self.state.write_down(self.what, self.record, self.attempt);
    }
}
