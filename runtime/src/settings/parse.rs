//! From the text of a setting to its value; each says what it expects.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::Start;
use crate::backoff::Backoff;

/// What a value must be, in words that fit after "it must be".
pub type Expected = &'static str;

/// How many performs run at once: 1 to 65,536.
///
/// # Errors
///
/// What it must be.
pub fn concurrency(text: &str) -> Result<usize, Expected> {
    whole_number(text)
        .filter(|number| (1..=65_536).contains(number))
        .map(|number| number as usize)
        .ok_or("a whole number from 1 to 65536, such as `32`")
}

/// How many attempts a record gets, the first one counted: 1 to 1,000,000.
///
/// # Errors
///
/// What it must be.
pub fn attempts(text: &str) -> Result<u32, Expected> {
    whole_number(text)
        .filter(|number| (1..=1_000_000).contains(number))
        .and_then(|number| u32::try_from(number).ok())
        .ok_or("a whole number from 1, such as `5`; the first attempt counts")
}

/// How many records a batch holds at most: 1 to 100,000.
///
/// # Errors
///
/// What it must be.
pub fn batch_size(text: &str) -> Result<usize, Expected> {
    whole_number(text)
        .filter(|number| (1..=100_000).contains(number))
        .map(|number| number as usize)
        .ok_or("a whole number from 1 to 100000, such as `500`")
}

/// Records between the first unfinished one and the newest of a partition: 1 to 10,000,000.
///
/// # Errors
///
/// What it must be.
pub fn window(text: &str) -> Result<u64, Expected> {
    whole_number(text)
        .filter(|number| (1..=10_000_000).contains(number))
        .ok_or("a whole number from 1 to 10000000, such as `5000`")
}

/// The number of partitions of a topic: 1 to 100,000.
///
/// # Errors
///
/// What it must be.
pub fn partitions(text: &str) -> Result<i32, Expected> {
    whole_number(text)
        .filter(|number| (1..=100_000).contains(number))
        .and_then(|number| i32::try_from(number).ok())
        .ok_or("a whole number from 1 to 100000, such as `12`")
}

/// A size in bytes, from 1 MiB to 1 TiB, such as `64MiB`.
///
/// # Errors
///
/// What it must be.
pub fn memory(text: &str) -> Result<u64, Expected> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let bytes = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.trim().strip_suffix(unit)?;
        whole_number(number)?.checked_mul(*factor)
    });
    bytes.filter(|bytes| (1 << 20..=1 << 40).contains(bytes)).ok_or("a size from 1MiB to 1024GiB, such as `64MiB`")
}

/// A time with its unit (`ms`, `s`, `m`, `h`), up to a day.
///
/// # Errors
///
/// What it must be.
pub fn duration(text: &str) -> Result<Duration, Expected> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let milliseconds = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.trim().strip_suffix(unit)?;
        whole_number(number)?.checked_mul(*factor)
    });
    milliseconds
        .filter(|milliseconds| *milliseconds <= 86_400_000)
        .map(Duration::from_millis)
        .ok_or("a time with its unit, up to a day, such as `500ms`, `30s` or `5m`")
}

/// How long an attempt may take: a [`duration`] of 1 ms or more.
///
/// # Errors
///
/// What it must be.
pub fn timeout(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or("a time with its unit, from 1ms to a day, such as `500ms`, `30s` or `5m`")
}

/// How long what is done may stay uncommitted: a [`duration`] from 10 ms to a minute.
///
/// # Errors
///
/// What it must be.
pub fn commit_interval(text: &str) -> Result<Duration, Expected> {
    const BOUNDS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
    duration(text)
        .ok()
        .filter(|interval| BOUNDS.contains(interval))
        .ok_or("a time with its unit, from 10ms to a minute, such as `200ms`")
}

/// How long a stop may take: a [`duration`] up to an hour.
///
/// # Errors
///
/// What it must be.
pub fn shutdown_timeout(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(3_600))
        .ok_or("a time with its unit, up to an hour, such as `30s`")
}

/// How long a rebalance waits for what runs: a [`duration`] from 100 ms to an hour.
///
/// # Errors
///
/// What it must be.
pub fn drain(text: &str) -> Result<Duration, Expected> {
    duration(text)
        .ok()
        .filter(|duration| (Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(duration))
        .ok_or("a time with its unit, from 100ms to an hour, such as `10s`")
}

/// Where health is served: an address with a port, a port on loopback, or `off`.
///
/// # Errors
///
/// What it must be.
pub fn health(text: &str) -> Result<Option<SocketAddr>, Expected> {
    let text = text.trim();
    if text == "off" {
        return Ok(None);
    }
    if let Some(port) = whole_number(text).and_then(|port| u16::try_from(port).ok()) {
        return Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
    }
    text.parse().map(Some).map_err(|_| "an address and a port, such as `127.0.0.1:9394`, a port alone, or `off`")
}

/// The time between attempts, such as `1s..30s`; a single time stands for both ends.
///
/// # Errors
///
/// What it must be.
pub fn backoff(text: &str) -> Result<Backoff, Expected> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    match (duration(min), duration(max)) {
        (Ok(min), Ok(max)) if Duration::from_millis(1) <= min && min <= max => Ok(Backoff { min, max }),
        _ => Err("a time from the shortest to the longest, 1ms or more, such as `1s..30s`"),
    }
}

/// The name of a job queue: up to 100 letters, digits, `_`, `.` and `-`.
///
/// Redis would take anything. These have no blank, comma or colon, which lists of queues and Redis' keys divide by.
///
/// # Errors
///
/// What it must be.
pub fn queue(text: &str) -> Result<String, Expected> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_queue = (1..=100).contains(&text.len()) && text.bytes().all(fits);
    if is_queue { Ok(text.to_owned()) } else { Err("1 to 100 of `A-Z a-z 0-9 _ . -`, such as `critical`") }
}

/// Where a group without an offset begins: `earliest`, `latest`, an age such as `24h ago`, or a moment.
///
/// # Errors
///
/// What it must be.
pub fn start(text: &str) -> Result<Start, Expected> {
    const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    /// Ten years: longer than anybody keeps records, and far from where dates end.
    const LONGEST: u64 = 3_650 * 86_400;
    let age = |text: &str| {
        let text = text.trim().strip_suffix(" ago")?;
        let seconds = UNITS.iter().find_map(|(unit, factor)| {
            let number = text.trim_end().strip_suffix(unit)?;
            whole_number(number)?.checked_mul(*factor)
        });
        seconds.filter(|seconds| *seconds <= LONGEST).map(Duration::from_secs)
    };
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        _ => age(text)
            .map(Start::Ago)
            .or_else(|| Some(Start::At(DateTime::parse_from_rfc3339(text.trim()).ok()?.with_timezone(&Utc))))
            .ok_or("`earliest`, `latest`, an age such as `24h ago` or `7d ago`, or a moment such as `2026-11-22T08:00:00Z`"),
    }
}

/// A topic's name as Kafka takes it.
///
/// # Errors
///
/// What it must be.
pub fn topic_name(text: &str) -> Result<String, Expected> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=249).contains(&text.len()) && text.bytes().all(legal) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("1 to 249 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`")
    }
}

/// A group's id: any text that can be seen, without spaces around it.
///
/// # Errors
///
/// What it must be.
pub fn group_id(text: &str) -> Result<String, Expected> {
    if (1..=255).contains(&text.len()) && text.trim() == text && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("a text of 1 to 255 bytes, without spaces around it")
    }
}

/// Where Kafka is: `host:port`, or several with commas between them, brought into one form.
///
/// # Errors
///
/// What it must be.
pub fn brokers(text: &str) -> Result<String, Expected> {
    let brokers: Vec<&str> = text.split(',').map(str::trim).filter(|broker| !broker.is_empty()).collect();
    if text.contains('@') {
        return Err("`host:port` without a user: that one is `sasl.username` under `kafka.options`, with its \
                    `sasl.password: ${KAFKA_PASSWORD}`");
    }
    if brokers.is_empty() || !brokers.iter().copied().all(is_broker) {
        return Err("`host:port`, or several with commas between them, such as `kafka-1:9092,kafka-2:9092`");
    }
    Ok(brokers.join(","))
}

fn is_broker(broker: &str) -> bool {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let (host, port) = match address.rsplit_once(':') {
        // An IPv6 address without a port ends in its bracket.
        Some((_, end)) if end.ends_with(']') => (address, None),
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    let host_is_legal = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    host_is_legal && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Digits, and `_` between them.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.trim();
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    digits.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a number in a manifest means something else than it says.
    #[test]
    fn reads_units() {
        assert_eq!(memory("64MiB"), Ok(64 << 20));
        assert_eq!(memory("1_048_576B"), Ok(1 << 20));
        assert_eq!(memory("2 GB"), Ok(2_000_000_000));
        assert_eq!(commit_interval("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(commit_interval("1m"), Ok(Duration::from_secs(60)));
        for text in ["9ms", "60001ms", "0s", "1h", "200", ""] {
            assert!(commit_interval(text).is_err(), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!((drain("100ms"), drain("1h")), (Ok(Duration::from_millis(100)), Ok(Duration::from_secs(3_600))));
        assert_eq!(backoff("1s..30s"), Ok(Backoff::default()));
        assert_eq!(backoff("200ms").map(|backoff| backoff.max), Ok(Duration::from_millis(200)));
        assert_eq!(concurrency("64"), Ok(64));
        assert_eq!(brokers(" a:1 , b:2,"), Ok("a:1,b:2".to_owned()));
        assert_eq!(start("latest"), Ok(Start::Latest));
        assert_eq!(start("24h ago"), Ok(Start::Ago(Duration::from_secs(86_400))));
        assert_eq!(start("7d ago"), Ok(Start::Ago(Duration::from_secs(7 * 86_400))));
        let moment = start("2026-11-22T09:00:00+01:00").map(|start| format!("{start:?}"));
        assert_eq!(moment, Ok("At(2026-11-22T08:00:00Z)".to_owned()));
        assert_eq!(health("off"), Ok(None));
        assert_eq!(
            health("9394").map(|address| address.map(|address| address.to_string())),
            Ok(Some("127.0.0.1:9394".to_owned()))
        );
        assert!(health("0.0.0.0:9394").is_ok_and(|address| address.is_some()));
        let several = "[::1]:9092,[::1],SSL://kafka:9093";
        assert_eq!(brokers(several), Ok(several.to_owned()));
    }

    /// If this fails, the bound that is documented is refused, or what is beyond it is taken.
    #[test]
    fn bounds_belong_to_what_they_bound() {
        fn bounds<T>(parse: fn(&str) -> Result<T, Expected>, taken: [&str; 2], refused: [&str; 2]) {
            assert!(taken.into_iter().all(|text| parse(text).is_ok()), "{taken:?}");
            assert!(refused.into_iter().all(|text| parse(text).is_err()), "{refused:?}");
        }
        bounds(concurrency, ["1", "65536"], ["0", "65537"]);
        bounds(attempts, ["1", "1000000"], ["0", "1000001"]);
        bounds(batch_size, ["1", "100000"], ["0", "100001"]);
        bounds(window, ["1", "10_000_000"], ["0", "10_000_001"]);
        bounds(partitions, ["1", "100000"], ["0", "100001"]);
        bounds(memory, ["1MiB", "1024GiB"], ["1048575B", "1099511627777B"]);
        bounds(duration, ["0ms", "24h"], ["86400001ms", "1441m"]);
        bounds(timeout, ["1ms", "24h"], ["0ms", "25h"]);
        bounds(commit_interval, ["10ms", "1m"], ["9ms", "60001ms"]);
        bounds(shutdown_timeout, ["0s", "1h"], ["3600001ms", "3601s"]);
        bounds(drain, ["100ms", "1h"], ["99ms", "3600001ms"]);
        bounds(drain, ["100ms", "1h"], ["0s", "3601s"]);
        bounds(backoff, ["1ms..24h", "1ms"], ["0ms..1s", "2s..1s"]);
        bounds(start, ["0s ago", "3650d ago"], ["315360001s ago", "3651d ago"]);
        bounds(queue, ["a", &"a".repeat(100)], ["", &"a".repeat(101)]);
        bounds(topic_name, ["a", &"a".repeat(249)], ["", &"a".repeat(250)]);
        bounds(group_id, ["a", &"a".repeat(255)], ["", &"a".repeat(256)]);
        bounds(brokers, ["a:1", "a:65535"], ["a:0", "a:65536"]);
    }

    /// If this fails, a value without sense starts an app that stands still, eats the machine, or spins.
    #[test]
    fn refuses_what_is_out_of_bounds() {
        for text in ["0", "-1", "65537", "1.5", "", "x", "+3", "99999999999999999999"] {
            assert!(concurrency(text).is_err(), "{text}");
        }
        for (text, bytes) in [
            ("1024KiB", 1 << 20),
            ("64MiB", 64 << 20),
            ("3GiB", 3 << 30),
            ("2000KB", 2_000_000),
            ("2MB", 2_000_000),
            ("1GB", 1_000_000_000),
            ("1048576B", 1 << 20),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        for text in ["1KiB", "64", "2048GiB", "99999999999GiB", "MiB"] {
            assert!(memory(text).is_err(), "{text}");
        }
        for text in ["30", "25h", "s", "-1s", "1 day"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["0s", "99ms", "61m", "10", ""] {
            assert!(drain(text).is_err(), "{text}");
        }
        for text in ["0s..1s", "2s..1s", "1s..", "..", "1s...2s"] {
            assert!(backoff(text).is_err(), "{text}");
        }
        for text in ["", "Latest", "24h", "ago", "1 week ago", "4000d ago", "-1h ago", "2026-11-22", "1763798400"] {
            assert!(start(text).is_err(), "{text}");
        }
        for text in ["", ",", "a b:1", "a:0", "a:65536", ":9092", "a:x", "http://h/p"] {
            assert!(brokers(text).is_err(), "{text}");
        }
        for text in ["", "localhost:1", "127.0.0.1", "127.0.0.1:65536", "65536", "on", ":9394"] {
            assert!(health(text).is_err(), "{text}");
        }
        for text in ["", ".", "..", "a b", "a/b", "é"] {
            assert!(topic_name(text).is_err(), "{text}");
        }
        for text in ["", " a", "a\n"] {
            assert!(group_id(text).is_err(), "{text}");
        }
    }
}
