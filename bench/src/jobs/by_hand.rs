//! The loop that one would write without a library: so many tasks that each take a job away, parse it, and perform it.
//! Whoever kills it loses what it has in hand, and what fails is gone.

use std::env;

use anyhow::{Context, Result};
use benched::probe::Probe;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use serde::{Deserialize, de::IgnoredAny};

use super::{CONCURRENCY, QUEUE};

#[derive(Deserialize)]
struct Job {
    /// The topic's key, the message, and where it came from.
    args: (String, String, IgnoredAny),
}

/// Performs jobs until the probe has seen all.
pub(crate) fn run() -> Result<()> {
    let probe = Probe::of_process()?;
    let concurrency: usize = env::var(CONCURRENCY)?.parse()?;
    let client = Client::open(env::var("REDIS_URL")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..concurrency {
            let connection = client.get_multiplexed_async_connection().await?;
            tasks.spawn(perform(connection, probe));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    })
}

async fn perform(mut connection: MultiplexedConnection, probe: &'static Probe) -> Result<()> {
    while let Some(job) = connection.rpop::<_, Option<String>>(QUEUE, None).await? {
        let job: Job = serde_json::from_str(&job).context("not a job")?;
        probe.see(&serde_json::from_str(&job.args.1)?);
    }
    Ok(())
}
