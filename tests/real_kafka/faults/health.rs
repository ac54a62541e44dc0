//! What an app's health says.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::PATIENCE;

/// Waits until `/ready` says what is wanted. Returns after how long it did.
pub(super) fn until(health: &str, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Duration> {
    let begun = Instant::now();
    loop {
        let answer = ask(health, "/ready").unwrap_or_default();
        if wanted(&answer) {
            return Ok(begun.elapsed());
        }
        ensure!(begun.elapsed() < PATIENCE, "no {what} after {PATIENCE:?}: {answer}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The whole answer to one question.
pub(super) fn ask(health: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(health).context("health is not served")?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {health}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
