//! `rdkafka_performance -G`, the C program that librdkafka brings to measure itself, from the sources and the library
//! that this workspace is built with.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use benched::probe::{MARK, MESSAGES};
use karafka_tests::{cargo::Cargo, checkout};

use super::by_hand::TUNED;

/// Names the variable with the program's path.
pub(crate) const PROGRAM: &str = "BENCH_RDKAFKA_PERFORMANCE";

/// Compiles the program against the library that cargo has built.
pub(crate) fn build() -> Result<PathBuf> {
    let build = Cargo::within(checkout::root())?.build(&["--release", "-p", "karafka"])?;
    // The build script works in a copy of librdkafka's sources.
    let sources = build.out_directory("rdkafka-sys").context("the build made no librdkafka")?;
    let folder = checkout::target_directory()?.join("peers");
    fs::create_dir_all(&folder)?;
    let program = folder.join("rdkafka_performance");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-w", "-o"]).arg(&program).arg("-I").arg(sources.join("src"));
    cc.arg(sources.join("examples/rdkafka_performance.c")).arg(sources.join("src/librdkafka.a"));
    let output = cc.args(["-lm", "-lz", "-lpthread", "-ldl", "-lrt"]).output().context("cc is missing")?;
    ensure!(output.status.success(), "cc failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(program)
}

/// Runs the program as a child, and prints for it what a probe would print. Its CPU time is that of the whole process,
/// a hundredth of a second for its start counted in.
pub(crate) fn run() -> Result<()> {
    let messages = env::var(MESSAGES)?;
    let mut command = Command::new(env::var(PROGRAM)?);
    command.args(["-G", &env::var("BENCH_GROUP")?, "-t", &env::var("BENCH_TOPIC")?, "-c", &messages]);
    command.args(["-b", &env::var("KARAFKA_BROKERS")?, "-X", "auto.offset.reset=earliest"]);
    for (name, value) in TUNED {
        command.args(["-X", &format!("{name}={value}")]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "it ended with {}:\n{text}", output.status);
    let used = children()?;
    // Its last word: "% 1000000 messages (256000000 bytes) consumed in 1234ms: …".
    let last = text.lines().rfind(|line| line.contains(" consumed in ")).context("it did not say what it consumed")?;
    let words: Vec<&str> = last.split_whitespace().collect();
    ensure!(words.get(1) == Some(&&*messages), "it consumed something else: {last}");
    let milliseconds = words.iter().find_map(|word| word.strip_suffix("ms:")).context("it did not say how long")?;
    let wall = Duration::from_millis(milliseconds.parse()?);
    let (wall_s, (cpu_s, rss_mb)) = (wall.as_secs_f64(), used);
    println!(r#"{MARK}{{"messages":{messages},"wall_s":{wall_s},"cpu_s":{cpu_s},"rss_mb":{rss_mb}}}"#);
    Ok(())
}

/// The CPU time in seconds, user and system, and the most memory in MiB of the one child that has ended.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
#[expect(unsafe_code, reason = "what a child has used is only told by `getrusage`")]
pub(crate) fn children() -> Result<(f64, f64)> {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call.
    let answer = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    ensure!(answer == 0, "getrusage does not answer");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok((seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0))
}
