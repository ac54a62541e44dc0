//! `rdkafka_performance -P`, the C program that librdkafka brings to measure itself.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use benched::probe::{MARK, MESSAGES};

use super::{SIZE, TOLD, TOPIC};
use crate::consume::performance::{PROGRAM, children};

/// Runs the program as a child, and prints for it what a probe would print.
pub(crate) fn run() -> Result<()> {
    let messages = env::var(MESSAGES)?;
    let mut command = Command::new(env::var(PROGRAM)?);
    command.args(["-P", "-t", &env::var(TOPIC)?, "-c", &messages, "-s", &SIZE.to_string()]);
    command.args(["-b", &env::var("KARAFKA_BROKERS")?]);
    for (name, value) in TOLD {
        command.args(["-X", &format!("{name}={value}")]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "it ended with {}:\n{text}", output.status);
    let (cpu_s, rss_mb) = children()?;
    // Its last word: "% 1000000 messages produced (256000000 bytes), 1000000 delivered (offset 0, 0 failed) in 1234ms: …".
    let last =
        text.lines().rfind(|line| line.contains(" messages produced ")).context("it did not say what it sent")?;
    ensure!(last.contains(&format!(" {messages} delivered ")), "it sent something else: {last}");
    let milliseconds = last.split_whitespace().find_map(|word| word.strip_suffix("ms:"));
    let wall = Duration::from_millis(milliseconds.context("it did not say how long")?.parse()?);
    let wall_s = wall.as_secs_f64();
    println!(r#"{MARK}{{"messages":{messages},"wall_s":{wall_s},"cpu_s":{cpu_s},"rss_mb":{rss_mb}}}"#);
    Ok(())
}
