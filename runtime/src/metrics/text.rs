//! Prometheus' text format, version 0.0.4.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

use super::Told;
use crate::{
    engine::{
        counts::Counted,
        watch::{ConsumerView, GroupView, JobsPhase, JobsView, LaneView, View},
    },
    foreign,
    histogram::{BOUNDS, Buckets},
    manifest::Manifest,
    producer::watch::SendsView,
};

/// What the format calls itself.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of an app.
pub(crate) fn text(manifest: &Manifest, view: &View, told: &Told) -> String {
    let mut page = Page::default();
    page.family("karafka_info", "gauge", "The app and its runtime; always 1.");
    let labels = [("app", manifest.app), ("version", manifest.version), ("karafka", crate::info::VERSION)];
    page.sample("karafka_info", &labels, 1);
    let help = "Queues whose jobs Redis does not take: it refuses, or does not answer, and is asked again.";
    page.family("karafka_redis_away", "gauge", help);
    page.sample("karafka_redis_away", &[], told.redis.away);
    let help = "Threads that the app's code runs on.";
    page.family("karafka_threads", "gauge", help);
    page.sample("karafka_threads", &[], view.threads.count);
    let help = "For how long none of these threads has been free, once that is 5 s: nothing runs.";
    page.family("karafka_stalled_seconds", "gauge", help);
    page.sample("karafka_stalled_seconds", &[], view.threads.stalled.map_or(0.0, |stalled| stalled.as_secs_f64()));
    of_obstacles(&mut page, view);
    if let Some(sends) = &view.sends {
        of_sends(&mut page, sends);
    }
    match &view.jobs {
        Some(jobs) => of_jobs(&mut page, jobs),
        None => {
            let groups = &view.groups;
            of_groups(&mut page, groups, told);
            of_consumers(&mut page, groups);
            of_partitions(&mut page, groups);
        }
    }
    page.0
}

/// How much stands still, by why: partitions, or one for what is about none. Each kind and group once.
fn of_obstacles(page: &mut Page, view: &View) {
    let help = "What stands in the way, by kind: partitions that stand still, or 1 where it is about no partition.";
    page.family("karafka_obstacles", "gauge", help);
    let of_groups = view.groups.iter().flat_map(|group| group.obstacles.iter().map(|known| (&*group.group, known)));
    let mut counts = BTreeMap::<_, usize>::new();
    for (group, known) in view.obstacles.iter().map(|known| ("", known)).chain(of_groups) {
        *counts.entry((group, known.obstacle.kind.name())).or_default() += known.obstacle.partitions.len().max(1);
    }
    for ((group, kind), count) in counts {
        page.sample("karafka_obstacles", &[("group", group), ("kind", kind)], count);
    }
}

fn of_jobs(page: &mut Page, jobs: &JobsView) {
    page.family("karafka_jobs_total", "counter", "Attempts at jobs by how they ended.");
    for (result, count) in [("done", jobs.done), ("failed", jobs.failed)] {
        page.sample("karafka_jobs_total", &[("result", result)], count);
    }
    let mut gauge = |name: &str, help: &str, value: f64| {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    };
    let quiet = f64::from(u8::from(jobs.phase == JobsPhase::Quiet));
    gauge("karafka_quiet", "1 while no job is begun: SIGTSTP quiets, SIGCONT goes on.", quiet);
    let at_work = &jobs.at_work;
    gauge("karafka_jobs_in_progress", "Attempts at jobs that have begun and not ended.", at_work.len() as f64);
    let oldest = at_work.iter().map(|job| job.age).max().unwrap_or_default();
    gauge("karafka_oldest_job_seconds", "Age of the attempt that was begun first.", oldest.as_secs_f64());
    let blocked = at_work.iter().filter_map(|job| job.blocked);
    let help = "Jobs whose handlers have kept their threads for some seconds instead of waiting.";
    gauge("karafka_jobs_blocking", help, blocked.clone().count() as f64);
    let help = "For how long the first of these has.";
    gauge("karafka_handler_blocked_seconds", help, blocked.max().unwrap_or_default().as_secs_f64());
}

fn of_groups(page: &mut Page, groups: &[GroupView], told: &Told) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&GroupView) -> f64| {
        page.family(name, "gauge", help);
        for group in groups {
            page.sample(name, &[("group", &group.group)], value(group));
        }
    };
    let help = "Time since the thread that polls Kafka was last seen to go round.";
    gauge("karafka_poll_age_seconds", help, &|group| group.poll_age.as_secs_f64());
    let help = "Time since all that was done was known to be committed.";
    gauge("karafka_commit_age_seconds", help, &|group| group.commit_age.as_secs_f64());
    let help = "Bytes of records that were taken from the client and wait in the engine.";
    gauge("karafka_waiting_bytes", help, &|group| group.waiting_bytes.0 as f64);
    let help = "Bytes of records that may wait in the engine before nothing more is taken from the client.";
    gauge("karafka_waiting_bytes_limit", help, &|group| group.waiting_bytes.1 as f64);
    let help = "1 while nothing new is begun: SIGTSTP quiets, SIGCONT goes on.";
    gauge("karafka_quiet", help, &|group| f64::from(u8::from(group.quiet)));

    page.family("karafka_rebalances_total", "counter", "How often partitions came, went, or were lost.");
    for (group, told) in &told.groups {
        for (kind, count) in [("assigned", told.assigned), ("revoked", told.revoked), ("lost", told.lost)] {
            page.sample("karafka_rebalances_total", &[("group", group), ("kind", kind)], count);
        }
    }
    let help = "How often a partition was not read from its group's offset, by why.";
    page.family("karafka_positions_total", "counter", help);
    for (group, told) in &told.groups {
        for (cause, count) in &told.positions {
            page.sample("karafka_positions_total", &[("group", group), ("cause", cause)], count);
        }
    }
    page.family("karafka_commit_failures_total", "counter", "Commits that Kafka did not take; they are tried again.");
    for (group, told) in &told.groups {
        page.sample("karafka_commit_failures_total", &[("group", group)], told.commit_failures);
    }
}

fn of_consumers(page: &mut Page, groups: &[GroupView]) {
    let consumers: Vec<_> = groups
        .iter()
        .flat_map(|group| group.consumers.iter().map(|(topic, consumer)| (&*group.group, topic.as_str(), consumer)))
        .collect();
    page.family("karafka_performs_total", "counter", "Attempts at records by how they ended.");
    for (group, topic, ConsumerView { watch, counted }) in &consumers {
        for (result, count) in results(counted) {
            let labels = [("group", *group), ("topic", topic), ("controller", watch.controller), ("result", result)];
            page.sample("karafka_performs_total", &labels, count);
        }
    }
    let mut counter = |name: &str, help: &str, value: &dyn Fn(&Counted) -> u64| {
        page.family(name, "counter", help);
        for (group, topic, ConsumerView { watch, counted }) in &consumers {
            let labels = [("group", *group), ("topic", *topic), ("controller", watch.controller)];
            page.sample(name, &labels, value(counted));
        }
    };
    counter("karafka_retries_total", "Failed attempts after which there is another.", &|counted| counted.retried);
    let help = "Records that the dead letter topic has acknowledged.";
    counter("karafka_dead_letters_total", help, &|counted| counted.dead);

    let name = "karafka_send_failures_total";
    page.family(
        name,
        "counter",
        "Times that Kafka did not take what a record has sent, or its dead letter; sent again.",
    );
    for (group, topic, ConsumerView { watch, counted }) in &consumers {
        let reasons = [
            ("too_large", counted.too_large),
            ("invalid", counted.invalid),
            ("forbidden", counted.forbidden),
            ("other", counted.unsent),
        ];
        for (reason, count) in reasons {
            let labels = [("group", *group), ("topic", topic), ("controller", watch.controller), ("reason", reason)];
            page.sample(name, &labels, count);
        }
    }

    let name = "karafka_perform_duration_seconds";
    page.family(name, "histogram", "How long attempts took: a sample of those that did not wait, all others.");
    for (group, topic, ConsumerView { watch, .. }) in &consumers {
        let Some(durations) = &watch.durations else { continue };
        page.histogram(
            name,
            &[("group", *group), ("topic", *topic), ("controller", watch.controller)],
            &durations.read(),
        );
    }
}

/// What the app's producer has sent: what controllers emit, and dead letters.
fn of_sends(page: &mut Page, sends: &SendsView) {
    page.family("karafka_sends_total", "counter", "Records that were sent, by what became of them at Kafka.");
    for (topic, sent) in &sends.topics {
        for (result, count) in [("acknowledged", sent.acknowledged), ("failed", sent.returned)] {
            page.sample("karafka_sends_total", &[("topic", topic), ("result", result)], count);
        }
    }
    page.family("karafka_sends_in_flight", "gauge", "Records that were sent and are not acknowledged.");
    for (topic, sent) in &sends.topics {
        page.sample("karafka_sends_in_flight", &[("topic", topic)], sent.in_flight());
    }
    let name = "karafka_send_duration_seconds";
    page.family(name, "histogram", "From when a record was sent to when Kafka had acknowledged it.");
    page.histogram(name, &[], &sends.took);
}

fn results(counted: &Counted) -> [(&'static str, u64); 7] {
    [
        ("done", counted.done),
        ("skipped", counted.skipped),
        ("deferred", counted.deferred),
        ("failed", counted.failed),
        ("panicked", counted.panicked),
        ("timed_out", counted.timed_out),
        ("unparseable", counted.unparseable),
    ]
}

fn of_partitions(page: &mut Page, groups: &[GroupView]) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&LaneView) -> Option<f64>| {
        page.family(name, "gauge", help);
        for group in groups {
            for lane in &group.lanes {
                let Some(value) = value(lane) else { continue };
                let partition = lane.partition.partition.to_string();
                let labels =
                    [("group", &*group.group), ("topic", &*lane.partition.topic), ("partition", partition.as_str())];
                page.sample(name, &labels, value);
            }
        }
    };
    let whole = |number: i64| number as f64;
    let help = "Records that are not done, those at work among them.";
    gauge("karafka_partition_lag", help, &|lane| lane.lag().map(whole));
    let help = "The offset behind the last record, as the last fetch has told.";
    gauge("karafka_partition_end_offset", help, &|lane| lane.high.map(whole));
    gauge("karafka_partition_next_offset", "The first record that is not done.", &|lane| lane.next.map(whole));
    let help = "The offset that Kafka has acknowledged as committed.";
    gauge("karafka_partition_committed_offset", help, &|lane| lane.committed.map(whole));
    let help = "Records that the client has fetched ahead, within what `memory` allows.";
    gauge("karafka_partition_records_prefetched", help, &|lane| Some(lane.prefetched as f64));
    let help = "Records that were taken from the client and wait, for a backoff among other things.";
    gauge("karafka_partition_records_waiting", help, &|lane| Some(lane.waiting as f64));
    let help = "Attempts that have begun and wait for something.";
    gauge("karafka_partition_attempts_in_flight", help, &|lane| Some(lane.in_flight as f64));
    let help = "Age of the attempt that has waited for longest.";
    gauge("karafka_oldest_in_flight_seconds", help, &|lane| lane.oldest.map(|(_, _, age)| age.as_secs_f64()));
    let help = "Offset of the attempt that has waited for longest.";
    gauge("karafka_oldest_in_flight_offset", help, &|lane| lane.oldest.map(|(offset, ..)| whole(offset)));
    let help = "For how long a handler has kept its thread instead of waiting.";
    gauge("karafka_handler_blocked_seconds", help, &|lane| {
        Some(lane.blocked.map_or(0.0, |(_, since)| since.as_secs_f64()))
    });
    let help =
        "What records have sent, and their dead letters, that Kafka refuses until a person has changed something.";
    gauge("karafka_partition_refused_copies", help, &|lane| {
        Some(lane.refused.as_ref().map_or(0.0, |(_, all)| *all as f64))
    });
    let help = "Records that wait for a person: they cannot be parsed, or not be written as jobs, and there is no dead letter topic.";
    gauge("karafka_partition_stuck_records", help, &|lane| Some(lane.stuck as f64));
}

/// The text so far. The samples of a family stand together, behind its help and type.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn histogram(&mut self, name: &str, base: &[(&str, &str)], read: &Buckets) {
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, count) in bounds.zip(read.up_to) {
            self.sample(&format!("{name}_bucket"), &[base, &[("le", bound)]].concat(), count);
        }
        self.sample(&format!("{name}_sum"), base, read.sum.as_secs_f64());
        self.sample(&format!("{name}_count"), base, read.up_to[BOUNDS.len()]);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let opening = if place == 0 { '{' } else { ',' };
            let lines = text.split('\n').map(|line| foreign::line(line).replace('\\', r"\\").replace('"', "\\\""));
            let text = lines.collect::<Vec<_>>().join(r"\n");
            let _ = write!(self.0, "{opening}{label}=\"{text}\"");
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{closing} {value}");
    }
}
