//! `worker`: takes jobs from their queues, performs them, and says to Redis what has become of each.
//!
//! A job is in progress at this process, in a list in Redis, from when it is taken until Redis has taken what became of it:
//! whatever happens to the process meanwhile, another finds the job there ([`orphans`]).

mod due;
mod fetch;
mod heartbeat;
mod in_progress;
mod orphans;
mod perform;
mod processor;
mod queues;
mod refusals;
mod scheduled;
mod strays;

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::future::BoxFuture;
use redis::RedisResult;
use tokio::{
    runtime::{Builder, Handle},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

pub(crate) use self::queues::Queues;
use self::{
    fetch::Fetchers,
    heartbeat::Told,
    in_progress::{Begun, InProgress},
    processor::Processor,
    refusals::Refusals,
};
use super::{
    job::Job,
    link::Link,
    moves::Refusal,
    now_ms,
    queues::{BATCH, Exchanged, exchange},
    verdict,
};
use crate::{
    Error, FailureKind,
    events::{Event, Listener},
    settings::{Backoff, Redis},
    sync::Mutex,
};

/// How often a worker with nothing to do looks up.
const IDLE: Duration = Duration::from_secs(1);

/// How long jobs whose time is up may take to end when they are told.
const LAST_WORD: Duration = Duration::from_millis(200);

/// How an attempt at a job ended.
pub(crate) type Performed = Result<(), NotPerformed>;

/// Why a job was not performed.
#[derive(Debug)]
pub(crate) enum NotPerformed {
    /// The attempt failed.
    Failed(Failure),
    /// It was told that the job is put back, and ended without having done it: that is no attempt.
    Taken,
}

/// Why an attempt at a job failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) error: Error,
    /// Whether there is no other attempt.
    pub(crate) is_last: bool,
    /// The manifest's backoff, if it has one.
    pub(crate) backoff: Option<Backoff>,
}

/// What performs jobs: the consumers of an app.
pub(crate) trait Perform: Send + Sync + 'static {
    /// Makes one attempt. Panics of an app's code are failures.
    fn perform<'a>(&'a self, job: &'a Job<'_>) -> BoxFuture<'a, Performed>;

    /// Tells what is at work that it is put back. Returns whether any of it listens.
    fn take_back(&self) -> bool {
        false
    }
}

/// What a worker is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Take jobs.
    Work,
    /// Take none, and end what was begun.
    Quiet,
    /// End what was begun, and then yourself, by then.
    Stop(Instant),
}

/// What a worker is made with.
pub(crate) struct WorkerParts<'a> {
    /// How to reach Redis.
    pub(crate) redis: &'a Redis,
    /// The app's name, which Sidekiq's page shows as a tag.
    pub(crate) app: &'static str,
    pub(crate) queues: Queues,
    /// How many jobs are performed at once.
    pub(crate) concurrency: usize,
    /// How long a stop may take that Sidekiq's page asks for.
    pub(crate) shutdown_timeout: Duration,
    pub(crate) perform: Arc<dyn Perform>,
    /// Where jobs are performed.
    pub(crate) runtime: Handle,
    pub(crate) listener: Arc<dyn Listener>,
}

/// A job that was begun and is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsettled {
    /// The worker's constant, the queue and the job's id.
    pub(crate) name: String,
    /// How long ago it was begun.
    pub(crate) age: Duration,
}

/// How a worker's run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WorkerEnd {
    /// Jobs that were performed.
    pub(crate) performed: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
    /// Jobs that were begun, did not end in time, and were put back.
    pub(crate) put_back: u64,
    /// Jobs that were begun and are still in progress here, because Redis did not take them back: another
    /// process finds them there in a minute.
    pub(crate) left: u64,
    /// Which ones these are, as far as they were begun.
    pub(crate) unsettled: Vec<Unsettled>,
}

/// What the tasks of a worker share.
pub(crate) struct Worker {
    /// `host:number:word`.
    identity: String,
    /// In seconds since 1970.
    started_at: f64,
    app: &'static str,
    queues: Queues,
    concurrency: usize,
    shutdown_timeout: Duration,
    link: Link,
    in_progress: InProgress,
    perform: Arc<dyn Perform>,
    runtime: Handle,
    listener: Arc<dyn Listener>,
    performed: AtomicU64,
    failed: AtomicU64,
    /// What Redis knows of both counters.
    told: Mutex<Told>,
    refusals: Mutex<Refusals>,
    signals: watch::Sender<Signal>,
}

impl Worker {
    /// A worker that does nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the address of Redis, or with a file.
    pub(crate) fn new(parts: WorkerParts<'_>) -> RedisResult<Arc<Self>> {
        let WorkerParts { redis, app, queues, concurrency, shutdown_timeout, perform, runtime, listener } = parts;
        Ok(Arc::new(Self {
            identity: heartbeat::identity(),
            started_at: verdict::seconds(now_ms()),
            app,
            queues,
            concurrency,
            shutdown_timeout,
            link: Link::new(redis, Arc::clone(&listener))?,
            in_progress: InProgress::default(),
            perform,
            runtime,
            listener,
            performed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            told: Mutex::default(),
            refusals: Mutex::default(),
            signals: watch::Sender::new(Signal::Work),
        }))
    }

    /// Sends a signal. One to stop is never taken back.
    pub(crate) fn send(&self, signal: Signal) {
        self.signals.send_if_modified(|current| {
            let is_new = *current != signal && !matches!(current, Signal::Stop(_));
            if is_new {
                *current = signal;
            }
            is_new
        });
    }

    /// What was begun is not waited for any longer.
    pub(crate) fn hurry(&self) {
        self.signals.send_replace(Signal::Stop(Instant::now()));
    }

    /// The name that Redis knows it by.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// What it is told to do at present: by the app, or by Sidekiq's page.
    pub(crate) fn signal(&self) -> Signal {
        *self.signals.borrow()
    }

    /// Runs until it is told to stop, on a thread and a runtime on which no code of the app is: a handler that keeps its
    /// thread must not keep this process from saying that it lives, or from ending.
    ///
    /// # Errors
    ///
    /// When there can be no further thread.
    pub(crate) fn spawn(self: &Arc<Self>) -> io::Result<JoinHandle<WorkerEnd>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let worker = Arc::clone(self);
        thread::Builder::new().name("karafka jobs".to_owned()).spawn(move || runtime.block_on(worker.run()))
    }

    async fn run(self: Arc<Self>) -> WorkerEnd {
        let mut signals = self.signals.subscribe();
        // Whoever looks for the dead must find this one alive before it has anything in progress.
        tokio::select! {
            () = self.register() => {}
            _ = signals.wait_for(|signal| matches!(signal, Signal::Stop(_))) => return WorkerEnd::default(),
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self).beat_on());
        tasks.spawn(Arc::clone(&self).recover_orphans());
        tasks.spawn(Arc::clone(&self).enqueue_scheduled());
        let processor = Arc::clone(&self).take_jobs().await;
        {
            let mut ended = pin!(async { tokio::join!(self.put_back_unknown(), processor.all_ended()) });
            tokio::select! {
                _ = &mut ended => {}
                () = self.out_of_time() => {
                    if self.perform.take_back() {
                        // Those that have heard it may end.
                        let _ = tokio::time::timeout(LAST_WORD, ended).await;
                    }
                }
            }
        }
        tasks.shutdown().await;
        let unsettled = self.unsettled();
        let mut put_back = 0;
        let farewell = async {
            self.put_back(self.in_progress.all(), &mut put_back).await;
            self.put_back_unknown().await;
            self.deregister().await;
        };
        // What Redis does not hear now it finds out when the heartbeat has expired.
        let _ = tokio::time::timeout(heartbeat::FAREWELL, farewell).await;
        WorkerEnd {
            performed: self.performed.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            put_back,
            left: self.in_progress.len(),
            unsettled,
        }
    }

    /// What was begun, and Redis does not know the end of.
    fn unsettled(&self) -> Vec<Unsettled> {
        let now = now_ms() / 1_000;
        let of = |begun: Begun| {
            let age = Duration::from_secs(u64::try_from(now - begun.at).unwrap_or(0));
            let name = match Job::read(&begun.shown) {
                Ok(Job { class, queue, jid, .. }) => format!("{class} {queue}/{jid}"),
                Err(error) => format!("a job that cannot be read ({error})"),
            };
            Unsettled { name, age }
        };
        self.in_progress.begun().into_iter().map(of).collect()
    }

    /// Takes jobs and begins them until it is told to stop. Returns what is at work then.
    async fn take_jobs(self: Arc<Self>) -> Processor {
        let mut signals = self.signals.subscribe();
        let slots = Arc::new(Semaphore::new(self.concurrency));
        let mut processor = Processor::new(&self);
        let mut fetchers = Fetchers::new(&self);
        let mut trouble = self.link.trouble();
        loop {
            let signal = *signals.borrow_and_update();
            match signal {
                Signal::Stop(_) => return processor,
                Signal::Quiet if fetchers.are_fetching() => {
                    fetchers = Fetchers::new(&self);
                    self.put_back_unknown().await;
                }
                Signal::Work | Signal::Quiet => {}
            }
            while let Some((job, slot)) = fetchers.fetched_already() {
                processor.begin(job, slot);
            }
            let mut free = if signal == Signal::Work { free(&slots) } else { Vec::new() };
            let performed = processor.performed();
            let mut pause = IDLE;
            if !free.is_empty() || !performed.is_empty() {
                let ended = performed.len();
                let wanted = if signal == Signal::Work { free.len() + ended } else { 0 };
                let exchanged = tokio::select! {
                    exchanged = self.exchange(&performed, wanted.min(BATCH)) => exchanged,
                    // What an answer that nobody hears has put in progress is unknown here, and put back.
                    () = self.out_of_time() => continue,
                };
                if let Ok(exchanged) = &exchanged {
                    trouble.over();
                    free.extend(processor.acknowledged(ended));
                    exchanged.iter().flat_map(|exchanged| &exchanged.refusals).for_each(|it| self.tell_refusal(it));
                }
                match exchanged {
                    Ok(Some(Exchanged { jobs, .. })) if jobs.is_empty() => {
                        if signal == Signal::Work {
                            fetchers.fetch(free);
                        }
                    }
                    Ok(Some(Exchanged { jobs, .. })) => {
                        jobs.into_iter().zip(free).for_each(|(job, slot)| processor.begin(job, slot));
                        continue;
                    }
                    Ok(None) => {
                        tokio::select! {
                            () = self.register() => {}
                            _ = signals.changed() => {}
                        }
                        continue;
                    }
                    Err(error) => {
                        self.link.failed(&error).await;
                        pause = trouble.met(&error);
                    }
                }
            }
            tokio::select! {
                _ = signals.changed() => {}
                Some((job, slot)) = fetchers.fetched() => processor.begin(job, slot),
                () = processor.told() => {}
                () = self.link.rest(pause) => {}
            }
        }
    }

    async fn exchange(&self, performed: &[&str], count: usize) -> RedisResult<Option<Exchanged>> {
        let mut connection = self.link.connection().await?;
        let order = self.queues.next_order();
        exchange(&mut connection, &self.identity, performed, &order, count).await
    }

    /// Comes when what was begun has no more time.
    async fn out_of_time(&self) {
        let mut signals = self.signals.subscribe();
        loop {
            let signal = *signals.borrow_and_update();
            let time = async move {
                match signal {
                    Signal::Stop(deadline) => tokio::time::sleep_until(deadline).await,
                    Signal::Work | Signal::Quiet => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time => return,
                // A second signal leaves less.
                _ = signals.changed() => {}
            }
        }
    }

    /// A key of Redis refuses jobs, which stay where they are: says so, but not again and again.
    fn tell_refusal(&self, refusal: &Refusal) {
        let mut refusals = self.refusals.lock();
        if refusals.is_news(&refusal.key, Instant::now()) {
            self.listener.on(&Event::JobsStay { key: &refusal.key, reason: &refusal.reason });
        }
    }
}

/// Every slot that is free, up to what one script moves.
fn free(slots: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    let next = || Arc::clone(slots).try_acquire_owned().ok();
    std::iter::from_fn(next).take(BATCH).collect()
}
