//! What a person wants to know when a worker has started.

use std::{fmt::Write as _, net::SocketAddr};

use super::first_line;
use crate::{
    info,
    jobs::worker::Worker,
    manifest::Manifest,
    settings::{Settings, redacted_url},
    topology::table,
};

/// The page that `worker` prints in development.
pub(in crate::server) fn page(
    manifest: &Manifest,
    settings: &Settings,
    worker: &Worker,
    health: Option<SocketAddr>,
) -> String {
    let mut page = first_line("worker of ", manifest, settings, health);
    let redis = settings.redis.as_ref().map(|redis| redacted_url(&redis.url)).unwrap_or_default();
    let _ = writeln!(page, "  redis       {redis}");
    let _ = writeln!(page, "  process     {}", worker.identity());
    let _ = writeln!(page, "  queues      {}, {} jobs at once", worker.queues().words(), settings.concurrency);
    let mut rows = Vec::new();
    for (entry, consumer) in manifest.consumers.iter().zip(&settings.consumers) {
        if let Some(queue) =
            consumer.queue.as_deref().filter(|queue| worker.queues().names().any(|name| name == *queue))
        {
            rows.push(vec![" ".repeat(9), queue.to_owned(), format!("→ {}", entry.worker), entry.topic.to_owned()]);
        }
    }
    page.push_str(&table(&rows, "  ", "   "));
    page.push_str(&super::unverified(settings));
    if let Some(address) = health {
        let _ = writeln!(page, "  health      http://{address}/live  /ready  /metrics");
    }
    page.push('\n');
    page
}

/// The same for machines.
pub(in crate::server) fn log(manifest: &Manifest, settings: &Settings, worker: &Worker, health: Option<SocketAddr>) {
    let (app, version, environment) = (manifest.app, manifest.version, settings.environment.as_str());
    let redis = settings.redis.as_ref().map(|redis| redacted_url(&redis.url));
    let (process, queues, concurrency) = (worker.identity(), worker.queues().words(), settings.concurrency);
    let (health, karafka) = (health.map(tracing::field::display), info::VERSION);
    tracing::info!(target: "karafka", app, version, environment, karafka, health, redis, process, queues, concurrency, "worker started");
    settings.log_unverified();
}
