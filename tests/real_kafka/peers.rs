//! The real Redis and the real Sidekiq that jobs are tested with do what the cases rely on.

use std::time::{Duration, Instant};

use ::redis::{Value as Answer, cmd};
use anyhow::{Result, ensure};
use karafka_tests::{
    growing,
    redis::Redis,
    sidekiq::{Sidekiq, ruby},
};
use serde_json::Value;

use crate::bench::{Bench, PATIENCE};

fn push(redis: &Redis, job: &str) -> Result<u64> {
    let _: u64 = redis.ask(cmd("SADD").arg("queues").arg("default"))?;
    redis.ask(cmd("LPUSH").arg("queue:default").arg(job))
}

/// If this fails, the cases of a Redis that dies, forgets, freezes or is full prove nothing.
pub(crate) fn redis_dies_forgets_freezes_and_fills(_: &Bench) -> Result<()> {
    const JOB: &str = r#"{"class":"A","args":["t","x",{"partition":1,"offset":2}],"jid":"1"}"#;
    let redis = Redis::start_durable()?;
    push(&redis, JOB)?;
    redis.kill()?;
    ensure!(redis.ask::<String>(&cmd("PING")).is_err(), "it answers although it was killed");
    ensure!(redis.jobs_on_disk()?.open_places()? == [(1, 2)], "what it has acknowledged is on disk");
    redis.start_again()?;
    ensure!(redis.jobs()?.open_places()? == [(1, 2)], "what it has acknowledged is there again");
    redis.kill()?;
    redis.start_again_empty()?;
    ensure!(redis.jobs()?.open_places()?.is_empty(), "what was taken from it is gone");

    redis.freeze()?;
    let asked = Instant::now();
    ensure!(redis.ask::<String>(&cmd("PING")).is_err(), "it answers although it is frozen");
    ensure!(asked.elapsed() > Duration::from_secs(1), "a frozen one does not hang up");
    redis.thaw()?;
    ensure!(redis.ask::<String>(&cmd("PING"))? == "PONG", "it goes on");

    redis.leave_room(100_000)?;
    let weight = format!(r#"{{"args":["{}"]}}"#, "x".repeat(10_000));
    let refused = (0..1_000).find_map(|_| push(&redis, &weight).err());
    let words = format!("{:?}", refused.unwrap_or_else(|| anyhow::anyhow!("nothing was refused")));
    ensure!(words.contains("OOM") || words.contains("command not allowed"), "{words}");
    let taken: Answer = redis.ask(cmd("RPOP").arg("queue:default"))?;
    ensure!(taken != Answer::Nil, "what is in a full one can be taken out");
    redis.leave_all_room()?;
    push(&redis, &weight)?;

    let other = Redis::start()?;
    ensure!(other.port() != redis.port(), "each has a port of its own");
    push(&other, JOB)?;
    other.kill()?;
    other.start_again()?;
    ensure!(other.jobs()?.open_places()?.is_empty(), "one that keeps nothing has forgotten");
    Ok(())
}

/// If this fails, what the cases say of Sidekiq is said of something else.
pub(crate) fn sidekiq_performs_and_is_asked(_: &Bench) -> Result<()> {
    let redis = Redis::start()?;
    let jobs = "class HardWorker
      include Sidekiq::Worker
      def perform(words) = File.write('performed', words)
    end";
    let mut sidekiq = Sidekiq::start(&redis.url(), jobs, &["-c", "2"])?;
    let folder = tempfile::tempdir()?;
    let said = ruby(
        &redis.url(),
        folder.path(),
        "Sidekiq::Client.push('class' => 'HardWorker', 'args' => ['done'])
        puts JSON.generate(Sidekiq::ProcessSet.new.map { |process| process['concurrency'] })",
    )?;
    ensure!(said == serde_json::json!([2]), "the API says {said}");
    let performed = sidekiq.file("performed");
    growing::wait_until("the job", &mut [sidekiq.process()], PATIENCE, || {
        Ok((std::fs::read_to_string(&performed).is_ok_and(|words| words == "done"), 0))
    })?;
    ensure!(ruby(&redis.url(), folder.path(), "")? == Value::Null, "what prints nothing says nothing");
    ensure!(ruby(&redis.url(), folder.path(), "raise 'no'").is_err(), "what fails is an error");
    sidekiq.stop()
}
