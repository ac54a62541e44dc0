//! Whether a group's `drain` fits what is around it; `karafka check` asks, and so does the start, which knows every value.

use std::time::Duration;

/// How long the last commit of what goes may take, beyond the drain.
pub(crate) const LAST_COMMIT: Duration = Duration::from_secs(5);

/// How long a group waits for a member's answer in a rebalance, where `max.poll.interval.ms` does not say.
pub const REBALANCE_TIMEOUT: Duration = Duration::from_secs(300);

/// The property of librdkafka that says how long a group waits for a member's answer in a rebalance, in both protocols.
///
/// Not the session: heartbeats go on while a member drains.
pub const REBALANCE_TIMEOUT_PROPERTY: &str = "max.poll.interval.ms";

/// A drain that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainConflict {
    /// What does not fit what.
    pub message: String,
    /// What comes of it, and what to write instead.
    pub help: String,
}

/// A drain that may take longer than a group waits for a member in a rebalance.
#[must_use]
pub fn drain_in_rebalance(drain: Duration, timeout: Duration) -> Option<DrainConflict> {
    let fits = drain.saturating_add(LAST_COMMIT) <= timeout;
    let message = || {
        format!(
            "a rebalance waits up to {} for what runs and {} for its last commit, and the group waits {} for a member \
             (`{REBALANCE_TIMEOUT_PROPERTY}`)",
            written(drain),
            written(LAST_COMMIT),
            written(timeout)
        )
    };
    let help = || {
        let shorter = timeout.saturating_sub(LAST_COMMIT);
        let shorter = if shorter < Duration::from_secs(1) {
            String::new()
        } else {
            format!("write `drain: {}` or less, or ", written(shorter))
        };
        format!(
            "a member that is later may be taken for dead: its partitions go to others, and what it has finished since its \
             last commit is done again: {shorter}raise `{REBALANCE_TIMEOUT_PROPERTY}` where it is written, or under `kafka` of the group"
        )
    };
    (!fits).then(|| DrainConflict { message: message(), help: help() })
}

/// A drain that may take longer than a stop.
#[must_use]
pub fn drain_in_stop(drain: Duration, stop: Duration) -> Option<DrainConflict> {
    (drain > stop).then(|| DrainConflict {
        message: format!("a rebalance waits up to {} for what runs, and a stop waits {}", written(drain), written(stop)),
        help: format!(
            "what takes longer than that is dropped by a stop and done again after the start: write `drain: {}` or less, or \
             give a stop more time with `KARAFKA_SHUTDOWN_TIMEOUT`",
            written(stop)
        ),
    })
}

/// A drain that is shorter than an attempt may take.
#[must_use]
pub fn drain_of_attempt(drain: Duration, timeout: Duration) -> Option<DrainConflict> {
    (drain < timeout).then(|| DrainConflict {
        message: format!(
            "an attempt may take {}, and a rebalance waits {} for what runs",
            written(timeout),
            written(drain)
        ),
        help: format!(
            "what has not ended by then runs on while another member begins its record: write `drain: {}` or more, or a \
             shorter `timeout`",
            written(timeout)
        ),
    })
}

/// A time as a manifest has it.
fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "ms"));
    format!("{}{name}", milliseconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// If this fails, a person is warned of a drain that fits, or not of one by which a rebalance throws a member out.
    #[test]
    fn a_drain_fits_or_it_does_not() {
        assert_eq!(drain_in_rebalance(seconds(10), REBALANCE_TIMEOUT), None);
        assert_eq!(drain_in_rebalance(seconds(10), seconds(15)), None);
        assert!(drain_in_rebalance(seconds(11), seconds(15)).is_some());
        assert!(drain_in_rebalance(seconds(300), REBALANCE_TIMEOUT).is_some());
        assert_eq!(drain_in_stop(seconds(30), seconds(30)), None);
        assert!(drain_in_stop(seconds(31), seconds(30)).is_some());
        assert_eq!(drain_of_attempt(seconds(30), seconds(30)), None);
        assert!(drain_of_attempt(seconds(29), seconds(30)).is_some());
    }

    /// If this fails, what is proposed is itself refused, or does not fit either.
    #[test]
    fn what_is_proposed_fits() {
        for timeout in [6, 20, 299, 3_600] {
            let misfit = drain_in_rebalance(seconds(3_600), seconds(timeout)).expect("it does not fit");
            let proposed = misfit.help.split("`drain: ").nth(1).and_then(|rest| rest.split('`').next());
            let proposed = parse::drain(proposed.expect("a drain")).expect("it can be written");
            assert_eq!(drain_in_rebalance(proposed, seconds(timeout)), None, "{misfit:?}");
        }
        let hopeless = drain_in_rebalance(seconds(10), seconds(4)).expect("it does not fit");
        assert!(!hopeless.help.contains("`drain:"), "{hopeless:?}");
        for text in ["0ms", "250ms", "90s", "2m", "1h"] {
            assert_eq!(parse::duration(text).map(written), Ok(text.to_owned()));
        }
    }
}
