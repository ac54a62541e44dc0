//! Makes a group of what the manifest and the settings say, but for its client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::ClientConfig;
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    clock,
    config::{self, Brokers},
    consumer::{Consumer, Route},
    driver::{self, ConsumerSettings, LaneParts},
    group::{Group, OpenLane, Wait},
    memory_budget::MemoryBudget,
    report::{GroupReporter, Reporter},
    session::Session,
    signals::GroupSignal,
    watch::{ConsumerWatch, GroupWatch},
};
use crate::{
    client::{Client, Positions},
    context::AppShared,
    guard::Bounds,
    jobs::enqueue::JobRoute,
    manifest::{ConsumerEntry, Manifest},
    settings::{self, Delivery, Settings, sizes::PREFETCHED},
};

/// A consumer of the manifest, built for an app's state.
pub(crate) type Built<S> = (&'static ConsumerEntry, Arc<dyn Consumer<S>>);

/// Builds every consumer of an app.
pub(crate) fn build<S>(routes: Vec<Route<S>>, state: &S) -> Vec<Built<S>> {
    routes.into_iter().map(|route| (route.entry, (route.build)(state))).collect()
}

/// A topic's name in Kafka by its key in the manifest.
pub(crate) fn kafka_names(manifest: &Manifest, settings: &Settings) -> BTreeMap<&'static str, String> {
    manifest.topics.iter().map(|topic| (topic.key, kafka_name(settings, topic.key))).collect()
}

pub(super) fn kafka_name(settings: &Settings, key: &str) -> String {
    settings.topic(key).map_or_else(|| key.to_owned(), |topic| topic.name.clone())
}

/// A group with everything but its client.
pub(crate) struct Prepared {
    /// What its client is told.
    pub(crate) config: ClientConfig,
    /// The topics that it subscribes to.
    pub(crate) topics: BTreeMap<String, Positions>,
    pub(crate) signal: Arc<GroupSignal>,
    pub(super) watch: Arc<GroupWatch>,
    open_lane: OpenLane,
    pub(crate) session: Arc<Session>,
    runtime: Handle,
    pub(super) report: GroupReporter,
    stop_budget: Duration,
    drain: Duration,
    /// What that does not fit.
    pub(super) misfits: Vec<String>,
    pub(crate) commit_interval: Duration,
    controllers: BTreeMap<String, &'static str>,
    wait: Wait,
}

impl Prepared {
    /// The group, on its client.
    pub(crate) fn with(self, client: Box<dyn Client>) -> Group {
        let Self {
            signal,
            watch,
            open_lane,
            session,
            runtime,
            report,
            stop_budget,
            drain,
            commit_interval,
            controllers,
            wait,
            ..
        } = self;
        Group {
            client,
            open_lane,
            session,
            runtime,
            report,
            signal,
            stop_budget,
            drain,
            commit_interval,
            controllers,
            wait,
            watch,
        }
    }
}

/// Prepares a group of an app.
pub(crate) fn prepare<S: Send + Sync + 'static>(
    group: &settings::Group,
    settings: &Settings,
    brokers: &Brokers,
    consumers: &[Built<S>],
    app: &Arc<AppShared<S>>,
    reporter: &Arc<Reporter>,
    runtime: &Handle,
) -> Prepared {
    let routes = routes_of(group, settings, consumers, app);
    let report = GroupReporter { reporter: Arc::clone(reporter), group: Arc::from(group.id.as_str()), entry: None };
    let config = config::consumer(settings, group, brokers);
    let topics = routes.iter().map(|(topic, (consumer, _))| (topic.clone(), consumer.positions)).collect();
    let controllers = routes.iter().map(|(topic, (consumer, _))| (topic.clone(), consumer.entry.controller)).collect();
    let session = Arc::new(Session::new(config::standstill(&config, group.protocol)));
    let memory = group.memory - group.memory / PREFETCHED;
    let memory = Arc::new(MemoryBudget::new(usize::try_from(memory).unwrap_or(usize::MAX)));
    let watch = watch_of(&report.group, group.concurrency, &routes, &memory);
    let watch = Arc::new(watch.of_key(group.own_key()));
    let open_lane = open_lane(group, routes, Arc::clone(app), report.clone(), memory, Arc::clone(&session));
    let (signal, runtime, stop_budget) = (Arc::default(), runtime.clone(), settings.shutdown_timeout);
    let (drain, misfits) = (group.drain, config::misfits(settings, group, &config));
    let commit_interval = group.commit_interval;
    let wait = config::wait(group, &config);
    Prepared {
        config,
        topics,
        signal,
        watch,
        open_lane,
        session,
        runtime,
        report,
        stop_budget,
        drain,
        misfits,
        commit_interval,
        controllers,
        wait,
    }
}

/// The consumers of a group, by their topics' names in Kafka.
type Routes<S> = BTreeMap<String, (Arc<ConsumerSettings>, Arc<dyn Consumer<S>>)>;

fn routes_of<S>(group: &settings::Group, settings: &Settings, consumers: &[Built<S>], app: &AppShared<S>) -> Routes<S> {
    let mut routes = BTreeMap::new();
    for (entry, consumer) in consumers {
        let Some(found) = settings.consumer(entry) else { continue };
        if entry.group == group.name && found.selected {
            let at_most_once = group.delivery == Delivery::AtMostOnce;
            let enqueuer = found.queue.as_ref().and_then(|queue| app.queues.get(queue));
            let jobs = enqueuer.map(|enqueuer| JobRoute::new(entry.worker, entry.topic, found.job_attempts, enqueuer));
            let bounds = match &jobs {
                // An attempt is to admit and to push: that Redis is away is no failure, and the job has attempts of its own.
                Some(_) => Bounds { timeout: None, attempts: found.attempts },
                None => {
                    Bounds { timeout: found.timeout, attempts: if at_most_once { Some(1) } else { found.attempts } }
                }
            };
            let consumer_settings = Arc::new(ConsumerSettings {
                entry,
                tombstones: found.tombstones,
                backoff: found.backoff,
                bounds,
                dead_letter: found.dead_letter.clone(),
                ordering: group.ordering,
                commit_first: at_most_once.then(|| group.concurrency.max(driver::DRAIN)),
                window: group.window,
                jobs,
                batch: found.batch,
                positions: Positions { start: found.start, lost: found.lost_position },
                durations: app.measures.then(Arc::default),
            });
            routes.insert(kafka_name(settings, entry.topic), (consumer_settings, Arc::clone(consumer)));
        }
    }
    routes
}

fn watch_of<S>(group: &Arc<str>, concurrency: usize, routes: &Routes<S>, memory: &Arc<MemoryBudget>) -> GroupWatch {
    let consumers = routes.iter().map(|(topic, (consumer, _))| {
        let (timeout, durations) = (consumer.bounds.timeout, consumer.durations.clone());
        let (controller, enqueues) = (consumer.entry.controller, consumer.jobs.is_some());
        (topic.clone(), ConsumerWatch { controller, timeout, durations, enqueues })
    });
    let consumers = consumers.collect();
    GroupWatch::new(Arc::clone(group), concurrency, Arc::clone(memory), consumers, clock::now())
}

fn open_lane<S: Send + Sync + 'static>(
    group: &settings::Group,
    routes: Routes<S>,
    app: Arc<AppShared<S>>,
    report: GroupReporter,
    memory: Arc<MemoryBudget>,
    session: Arc<Session>,
) -> OpenLane {
    let permits = Arc::new(Semaphore::new(group.concurrency));
    Box::new(move |assigned, earlier, shared, runtime| {
        // Only topics that have a route are subscribed to.
        let (settings, consumer) = routes.get(&*assigned.partition.topic)?;
        let report = report.of(settings.entry);
        let (app, permits) = (Arc::clone(&app), Arc::clone(&permits));
        let (memory, session) = (Arc::clone(&memory), Arc::clone(&session));
        let lane = LaneParts {
            app,
            assigned,
            earlier,
            shared,
            consumer: Arc::clone(settings),
            permits,
            memory,
            session,
            report,
        };
        Some(consumer.open(lane, runtime))
    })
}
