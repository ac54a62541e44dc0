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
    /// The probe of this process, for as many messages as `BENCH_MESSAGES` says, one if it says nothing.
    ///
    /// # Errors
    ///
    /// When that is no number.
    pub fn of_process() -> Result<&'static Self, ParseIntError> {
        static PROBE: OnceLock<Probe> = OnceLock::new();
        let expected = env::var(MESSAGES).map_or(Ok(1), |text| text.parse())?;
        let (seen, quantity) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(PROBE.get_or_init(|| Self { expected, seen, quantity, first: OnceLock::new() }))
    }

    /// Sees a message: the work that every contender does with it. Returns whether it was the last, and reports then.
    pub fn see(&self, event: &Event) -> bool {
        self.touch(event);
        self.count()
    }

    /// Reads a field, so that no compiler can leave the parsing out.
    pub fn touch(&self, event: &Event) {
        self.quantity.fetch_add(u64::from(event.quantity), Ordering::Relaxed);
    }

    /// The first message is begun, for handlers that take a while.
    pub fn begin(&self) {
        self.first.get_or_init(Moment::now);
    }

    /// Counts a message that nobody looks at. Returns whether it was the last, and reports then.
    pub fn count(&self) -> bool {
        let is_last = self.count_silently();
        if is_last {
            self.report(&[]);
        }
        is_last
    }

    /// As [`Probe::count`], and leaves the report to somebody who knows more.
    pub fn count_silently(&self) -> bool {
        let before = self.seen.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            self.begin();
        }
        before + 1 == self.expected
    }

    /// Prints what lies between the first message and now, and figures of others.
    #[allow(clippy::print_stdout, reason = "the line is read by the benchmark that started this process")]
    pub fn report(&self, others: &[(&str, f64)]) {
        let last = Moment::now();
        let first = self.first.get().copied().unwrap_or(last);
        let quantity = self.quantity.load(Ordering::Relaxed);
        let others: String = others.iter().map(|(name, figure)| format!(r#","{name}":{figure}"#)).collect();
        println!(
            r#"{MARK}{{"messages":{},"wall_s":{},"cpu_s":{},"rss_mb":{},"first_at_s":{},"start_cpu_s":{},"quantity":{quantity}{others}}}"#,
            self.expected,
            (last.monotonic - first.monotonic).as_secs_f64(),
            (last.cpu - first.cpu).as_secs_f64(),
            peak_memory_mb(),
            first.monotonic.as_secs_f64(),
            first.cpu.as_secs_f64(),
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
#[must_use]
pub fn peak_memory_mb() -> f64 {
    memory_of("self", "VmHWM:").unwrap_or_default()
}

/// A line of a process's memory in `/proc`, in MiB.
#[must_use]
pub fn memory_of(process: &str, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}
