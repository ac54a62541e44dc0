//! Measures a contender from inside, between its first message and its last.

use std::{
    env,
    num::ParseIntError,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

use crate::generated::messages::Event;

/// Begins the line that a contender prints when it is done.
pub const MARK: &str = "BENCHED ";

/// Names the variable with the number of messages after which the probe reports.
pub const MESSAGES: &str = "BENCH_MESSAGES";

/// Counts messages; prints one line, [`MARK`] and JSON, after the last.
#[derive(Debug)]
pub struct Probe {
    expected: u64,
    seen: AtomicU64,
    quantity: AtomicU64,
    first: OnceLock<Moment>,
}

/// A point in the life of this process.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Since the machine's start; the same clock in every process.
    monotonic: Duration,
    /// User and system time of all threads.
    cpu: Duration,
}

impl Probe {
    /// A probe for as many messages as `BENCH_MESSAGES` says, one if it says nothing.
    ///
    /// # Errors
    ///
    /// When that is no number.
    pub fn from_environment() -> Result<Self, ParseIntError> {
        let expected = env::var(MESSAGES).map_or(Ok(1), |text| text.parse())?;
        Ok(Self { expected, seen: AtomicU64::new(0), quantity: AtomicU64::new(0), first: OnceLock::new() })
    }

    /// Sees a message: the work that every contender does with it. Gives whether it was the last.
    pub fn see(&self, event: &Event) -> bool {
        // Reads a field, so that no compiler can leave the parsing out.
        self.quantity.fetch_add(u64::from(event.quantity), Ordering::Relaxed);
        let before = self.seen.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            let _ = self.first.set(Moment::now());
        }
        let is_last = before + 1 == self.expected;
        if is_last {
            self.report();
        }
        is_last
    }

    #[allow(clippy::print_stdout, reason = "the line is read by the benchmark that started this process")]
    fn report(&self) {
        let last = Moment::now();
        let first = self.first.get().copied().unwrap_or(last);
        let quantity = self.quantity.load(Ordering::Relaxed);
        println!(
            r#"{MARK}{{"messages":{},"wall_s":{},"cpu_s":{},"rss_mb":{},"first_at_s":{},"quantity":{quantity}}}"#,
            self.expected,
            (last.monotonic - first.monotonic).as_secs_f64(),
            (last.cpu - first.cpu).as_secs_f64(),
            peak_memory_mb(),
            first.monotonic.as_secs_f64(),
        );
    }
}

impl Moment {
    fn now() -> Self {
        Self { monotonic: monotonic(), cpu: read(ClockId::ProcessCPUTime) }
    }
}

/// The time since the machine's start, comparable between processes.
#[must_use]
pub fn monotonic() -> Duration {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // Neither clock is ever negative.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The most memory that this process has held at once, in MiB; 0 where the system does not say.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
