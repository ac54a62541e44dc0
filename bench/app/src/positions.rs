//! Where partitions stand when the process kills itself in the middle, and where the next one begins.

use std::{
    env,
    num::ParseIntError,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};

use crate::probe::{MARK, monotonic};

/// Names the variable with the number of messages after which the process kills itself; never without it.
pub const KILL_AFTER: &str = "BENCH_KILL_AFTER";

/// Partitions that a benchmark may use.
pub const PARTITIONS: usize = 64;

/// The offset of each partition: the first, or the last that was begun; -1 before that.
#[derive(Debug)]
pub struct Positions {
    kill_after: Option<u64>,
    seen: AtomicU64,
    is_over: AtomicBool,
    began: OnceLock<Duration>,
    first: [AtomicI64; PARTITIONS],
    last: [AtomicI64; PARTITIONS],
}

impl Positions {
    /// As `BENCH_KILL_AFTER` says.
    ///
    /// # Errors
    ///
    /// When it is no number.
    pub fn from_environment() -> Result<Self, ParseIntError> {
        let kill_after = env::var(KILL_AFTER).ok().map(|text| text.parse()).transpose()?;
        let none = || [const { AtomicI64::new(-1) }; PARTITIONS];
        let (seen, is_over, began) = (AtomicU64::new(0), AtomicBool::new(false), OnceLock::new());
        Ok(Self { kill_after, seen, is_over, began, first: none(), last: none() })
    }

    /// Notes a record that is begun; kills the process at its time, as `kill -9` does.
    pub fn note(&self, partition: i32, offset: i64) {
        if self.is_over.load(Ordering::Acquire) {
            stand_still();
        }
        let Ok(place) = usize::try_from(partition) else { return };
        let Some((first, last)) = self.first.get(place).zip(self.last.get(place)) else { return };
        if first.load(Ordering::Relaxed) < 0 {
            first.store(offset, Ordering::Relaxed);
            self.began.get_or_init(monotonic);
        }
        last.store(offset, Ordering::Release);
        if self.kill_after == Some(self.seen.fetch_add(1, Ordering::Relaxed) + 1) {
            // From here on nobody handles anything, so that what is told is what was handled.
            self.is_over.store(true, Ordering::Release);
            self.tell("last", &self.last);
            let _ = kill_process(getpid(), Signal::KILL);
            stand_still();
        }
    }

    /// Tells where each partition began.
    pub fn tell_first(&self) {
        self.tell("first", &self.first);
    }

    #[allow(clippy::print_stdout, reason = "the line is read by the benchmark that started this process")]
    fn tell(&self, name: &str, offsets: &[AtomicI64]) {
        let offsets: Vec<_> = offsets.iter().map(|offset| offset.load(Ordering::Acquire).to_string()).collect();
        let (at, began) = (monotonic(), self.began.get().copied().unwrap_or_default());
        let (at, began) = (at.as_secs_f64(), began.as_secs_f64());
        println!(r#"{MARK}{{"{name}":[{}],"at_s":{at},"began_at_s":{began}}}"#, offsets.join(","));
    }
}

fn stand_still() {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}
