//! How late messages are handled, each told by the time that it was sent at.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::probe::monotonic;

/// The delays of all messages so far.
#[derive(Debug, Default)]
pub struct Delays(Mutex<Vec<Duration>>);

impl Delays {
    /// Notes a message whose value is the time that it was sent at, in nanoseconds of [`monotonic`]. Others are not
    /// counted.
    pub fn note(&self, sent: &[u8]) {
        let now = monotonic();
        let sent = std::str::from_utf8(sent).ok().and_then(|text| text.parse().ok()).map(Duration::from_nanos);
        if let Some(sent) = sent {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(now.saturating_sub(sent));
        }
    }

    /// The delays in milliseconds that half, 99 % and all of the messages do not exceed.
    #[must_use]
    pub fn percentiles(&self) -> [(&'static str, f64); 3] {
        let mut sorted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sorted.sort_unstable();
        let at = |hundredths: usize| {
            let place = (sorted.len() * hundredths).div_ceil(100).max(1) - 1;
            sorted.get(place).map_or(0.0, |delay| delay.as_secs_f64() * 1e3)
        };
        [("p50_ms", at(50)), ("p99_ms", at(99)), ("max_ms", at(100))]
    }
}
