//! What a person wants to know when an app has started.

#[cfg(feature = "jobs")]
pub(super) mod worker;

use std::{fmt::Write as _, net::SocketAddr};

use crate::{
    events::status,
    foreign, info,
    manifest::{ConsumerEntry, Manifest},
    settings::{DEVELOPMENT_PARTITIONS, Group, Ordering, Settings, redacted_url},
    topology::table,
};

/// Where the app's brokers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokerOrigin {
    /// The settings say.
    Configured,
    /// A broker inside this process.
    Embedded,
    /// The embedded broker of another process of this app.
    Beside,
}

/// The page that `server` prints in development.
pub(super) fn page(
    manifest: &Manifest,
    settings: &Settings,
    place: BrokerOrigin,
    address: &str,
    health: Option<SocketAddr>,
) -> String {
    let mut page = first_line("", manifest, settings, health);
    let broker = match place {
        BrokerOrigin::Configured => address.to_owned(),
        BrokerOrigin::Embedded => {
            format!("embedded, {address} ({}; gone when this stops)", partitions(settings))
        }
        BrokerOrigin::Beside => format!("embedded in another process, {address}"),
    };
    let _ = writeln!(page, "  broker      {broker}");
    if let Some(redis) = &settings.redis {
        let _ = writeln!(page, "  redis       {}; jobs wait there for `worker`", redacted_url(&redis.url));
    }
    let mut rows = Vec::new();
    for group in settings.groups.iter().filter(|group| group.selected) {
        let topics = consumed_by(manifest, settings, group);
        let count = if topics.len() == 1 { "1 topic".to_owned() } else { format!("{} topics", topics.len()) };
        let order = match group.ordering {
            Ordering::Partition => "order by partition",
            Ordering::Key => "order by key",
            Ordering::None => "in no order",
        };
        let key = group.own_key().map(|key| format!(", {key} in karafka.yml")).unwrap_or_default();
        let words = format!("{count}, concurrency {}, {order}{key}", group.concurrency);
        rows.push(vec!["group".to_owned(), group.id.clone(), words]);
        for entry in topics {
            let mut words = match settings.consumer(entry).and_then(|consumer| consumer.queue.as_ref()) {
                Some(queue) => format!("→ queue {queue} → {}", entry.controller),
                None => format!("→ {}", entry.controller),
            };
            if !entry.emits.is_empty() {
                let _ = write!(words, " → {}", entry.emits.join(", "));
            }
            rows.push(vec![String::new(), entry.topic.to_owned(), words]);
        }
    }
    for row in &mut rows {
        row[0] = format!("{:9}", row[0]);
    }
    page.push_str(&table(&rows, "  ", "   "));
    for clash in settings.clashes() {
        let _ = writeln!(page, "  sizes       {}\n              {}", foreign::line(&clash.words), clash.help);
    }
    page.push_str(&unverified(settings));
    if let Some(address) = health {
        let _ = writeln!(page, "  health      http://{address}/live  /ready  /metrics");
    }
    page.push('\n');
    page
}

/// What runs, with which karafka, and where it is asked how it is.
fn first_line(what: &str, manifest: &Manifest, settings: &Settings, health: Option<SocketAddr>) -> String {
    let Manifest { app, version, .. } = manifest;
    let health = health.map(|address| format!(", health http://{address}")).unwrap_or_default();
    let words = format!("{what}{app} {version} in {} (karafka {}{health})", settings.environment, info::VERSION);
    format!("{}\n\n", status("started", &words))
}

/// How many partitions the embedded broker gives a topic.
fn partitions(settings: &Settings) -> String {
    let topics = settings.development_topics();
    match topics.iter().all(|(_, partitions)| *partitions == DEVELOPMENT_PARTITIONS) {
        true => format!("{DEVELOPMENT_PARTITIONS} partitions a topic"),
        false => format!("partitions as karafka.yml says, else {DEVELOPMENT_PARTITIONS} a topic"),
    }
}

/// The same for machines.
pub(super) fn log(manifest: &Manifest, settings: &Settings, brokers: &str, health: Option<SocketAddr>) {
    let (app, version, environment) = (manifest.app, manifest.version, settings.environment.as_str());
    let (health, karafka) = (health.map(tracing::field::display), info::VERSION);
    tracing::info!(target: "karafka", app, version, environment, karafka, health, brokers, "app started");
    for group in settings.groups.iter().filter(|group| group.selected) {
        let topics: Vec<_> = consumed_by(manifest, settings, group).into_iter().map(|entry| entry.topic).collect();
        let (key, concurrency, topics) = (group.own_key(), group.concurrency, topics.join(", "));
        let group = group.id.as_str();
        tracing::info!(target: "karafka", group, key, concurrency, topics, "group");
    }
    for clash in settings.clashes() {
        tracing::warn!(target: "karafka", help = clash.help, "{}", foreign::cut(&clash.words));
    }
    settings.log_unverified();
}

/// What clients are told not to verify, as lines of a page.
fn unverified(settings: &Settings) -> String {
    let mut lines = String::new();
    for unverified in settings.unverified() {
        let _ =
            writeln!(lines, "  unverified  {}\n              {}", foreign::line(&unverified.words), unverified.help);
    }
    lines
}

/// What a group consumes here, as the flags leave it.
fn consumed_by<'a>(manifest: &'a Manifest, settings: &Settings, group: &Group) -> Vec<&'a ConsumerEntry> {
    let consumers = manifest.consumers.iter().zip(&settings.consumers);
    let ours = consumers.filter(|(entry, consumer)| entry.group == group.name && consumer.selected);
    ours.map(|(entry, _)| entry).collect()
}
