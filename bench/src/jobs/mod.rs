//! Jobs that lie in a queue on Redis, performed by the app's worker, by Ruby's Sidekiq, and by hand.

mod by_hand;
mod sidekiq;

use std::time::Duration;

use anyhow::Result;
use benched::generated::messages::Event;
use clap::Args;
use karafka_tests::{
    process::{Process, Signal},
    redis::Redis,
};
use redis::cmd;
use serde_json::json;

pub(crate) use self::by_hand::run as by_hand;
use crate::{
    Common, contest,
    report::{
        Comparison,
        Figure::{Cpu, Rate},
        Report, Run,
    },
    role,
    stage::event,
};

/// The queue of jobs that name none, as a list in Redis.
const QUEUE: &str = "queue:default";

/// Names the variable that says how many jobs are performed at once.
const CONCURRENCY: &str = "BENCH_CONCURRENCY";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Jobs to perform.
    #[arg(long, default_value_t = 50_000)]
    messages: u64,
    /// How many at once.
    #[arg(long, default_value_t = 10)]
    concurrency: usize,
}

/// Who performs jobs.
#[derive(Debug, Clone, Copy)]
enum Contender {
    Karafka,
    ByHand,
    Sidekiq,
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(2_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 5 });
    let contenders = [Contender::Karafka, Contender::ByHand, Contender::Sidekiq];
    let rows = contest::hold(&contenders, rounds, |contender, _| contender.run(messages, options.concurrency))?;
    let comparisons = vec![
        Comparison::of("karafka", Cpu, "sidekiq"),
        Comparison::of("karafka", Rate, "sidekiq"),
        Comparison::of("karafka", Cpu, "by-hand"),
        Comparison::of("karafka", Rate, "by-hand"),
    ];
    Ok(Report { bench: "jobs", messages, rows, comparisons })
}

impl contest::Named for Contender {
    fn name(&self) -> &str {
        match self {
            Self::Karafka => "karafka",
            Self::ByHand => "by-hand",
            Self::Sidekiq => "sidekiq",
        }
    }
}

impl Contender {
    /// Performs the jobs of a Redis of its own, which are there before it starts.
    fn run(self, messages: u64, concurrency: usize) -> Result<Run> {
        let redis = Redis::start()?;
        push(&redis, messages)?;
        let (url, messages, concurrency) = (redis.url(), messages.to_string(), concurrency.to_string());
        let variables = [
            ("KARAFKA_ENV", "production"),
            // No job of this app sends anything.
            ("KARAFKA_BROKERS", "127.0.0.1:1"),
            ("REDIS_URL", &url),
            (benched::probe::MESSAGES, &messages),
            (CONCURRENCY, &concurrency),
        ];
        let mut process = match self {
            Self::Karafka => role::spawn(role::APP, &["worker", "--concurrency", &concurrency], &variables)?,
            Self::ByHand => role::spawn("jobs-by-hand", &[], &variables)?,
            Self::Sidekiq => {
                let mut sidekiq = sidekiq::start(&url, &messages, &concurrency)?;
                let figures = figures(sidekiq.process())?;
                sidekiq.stop()?;
                return Ok(figures);
            }
        };
        let figures = figures(&mut process)?;
        if matches!(self, Self::Karafka) {
            process.signal(Signal::TERM)?;
        }
        process.wait(role::PATIENCE)?.expect_code(0)?;
        Ok(figures)
    }
}

fn figures(process: &mut Process) -> Result<Run> {
    role::figures(&role::word(process)?)
}

/// Pushes a job for each event, as the app's server does.
fn push(redis: &Redis, events: u64) -> Result<()> {
    let numbers: Vec<u64> = (0..events).collect();
    for numbers in numbers.chunks(1_000) {
        let jobs = numbers.iter().map(|number| job(*number, &event(*number))).collect::<Result<Vec<_>>>()?;
        redis.ask::<u64>(cmd("LPUSH").arg(QUEUE).arg(jobs))?;
    }
    Ok(())
}

fn job(number: u64, event: &Event) -> Result<String> {
    let origin = json!({ "partition": 0, "offset": number, "timestamp": event.created_ms });
    let created = Duration::from_millis(event.created_ms).as_secs_f64();
    let job = json!({
        "class": "EventsWorker",
        "args": ["queued", serde_json::to_string(event)?, origin],
        "queue": "default",
        "jid": format!("{number:024x}"),
        "retry": true,
        "created_at": created,
        "enqueued_at": created,
    });
    Ok(job.to_string())
}
