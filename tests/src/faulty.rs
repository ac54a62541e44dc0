//! An app that does what its records tell it to, and what a trial of it needs: topic, group, log, judgement.
//!
//! Its part is `faulty_app/`; a line of its log is `what partition offset process attempt milliseconds`.

use std::{
    collections::{BTreeMap, HashSet},
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    app::{App, Built},
    checker::{self, DeadLetter, Event, Kind, Order, Place, Produced, Run, Verdict},
    growing::{self, Growing},
    kafka::{Found, Kafka, Offsets, Producer},
    process::{Process, Signal, Stream},
    redis::{Jobs, Redis},
};

/// Which of the app's consumers runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `ordering: partition`, tried for ever.
    Ordered,
    /// `ordering: key`, three attempts, then the dead letter topic.
    Keyed,
    /// `ordering: partition`, three attempts, then the dead letter topic; `tombstones: skip`.
    Buried,
    /// As `Keyed`, with `instance_id`.
    Named,
    /// `ordering: key`, `delivery: at_most_once`.
    Once,
    /// As `Ordered`, with `lost_position: earliest`.
    Following,
    /// `ordering: key`, tried for ever.
    Patient,
    /// As `Named`, in batches of up to 20.
    Batched,
    /// As `Patient`, with `protocol: consumer` (KIP-848).
    Shared,
    /// As `Patient`, with `assignor: range`.
    Ranged,
    /// As `Patient`, with `assignor: roundrobin`.
    Robin,
    /// `jobs: redis`, retried as Sidekiq does it.
    Queued,
    /// `jobs: redis` in a queue of its own, three attempts; `tombstones: deliver`.
    Retried,
}

impl Route {
    fn key(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Keyed => "keyed",
            Self::Buried => "buried",
            Self::Named => "named",
            Self::Once => "once",
            Self::Following => "following",
            Self::Patient => "patient",
            Self::Batched => "batched",
            Self::Shared => "shared",
            Self::Ranged => "ranged",
            Self::Robin => "robin",
            Self::Queued => "queued",
            Self::Retried => "retried",
        }
    }

    fn order(self) -> Order {
        match self {
            Self::Ordered | Self::Buried | Self::Following => Order::Partition,
            Self::Queued | Self::Retried => Order::None,
            Self::Keyed
            | Self::Named
            | Self::Once
            | Self::Patient
            | Self::Batched
            | Self::Shared
            | Self::Ranged
            | Self::Robin => Order::Key,
        }
    }
}

/// Builds the app.
///
/// # Errors
///
/// When it does not compile.
pub fn build(release: bool) -> Result<Built> {
    let app = App::from_manifest("faulty", include_str!("../faulty_app/karafka.yml"))?;
    app.rewrite("src/state.rs", include_str!("../faulty_app/state.rs"))?;
    for controller in
        ["Ordered", "Keyed", "Buried", "Named", "Once", "Following", "Patient", "Shared", "Ranged", "Robin"]
    {
        let topic = controller.to_lowercase();
        let text = include_str!("../faulty_app/controller.rs");
        let text = text.replace("{topic}", &topic).replace("{Controller}", &format!("{controller}Controller"));
        app.rewrite(&format!("src/controllers/{topic}_controller.rs"), &text)?;
    }
    app.rewrite("src/controllers/batched_controller.rs", include_str!("../faulty_app/batched_controller.rs"))?;
    for (controller, file) in
        [("QueuedController", "queued_controller"), ("EntriesController", "retried/entries_controller")]
    {
        let text = include_str!("../faulty_app/job_controller.rs").replace("{Controller}", controller);
        app.rewrite(&format!("src/controllers/{file}.rs"), &text)?;
    }
    let dependencies = "[dependencies]\n";
    let more = "serde_json = \"1\"\n";
    let with_more = format!("{dependencies}{more}");
    app.rewrite("Cargo.toml", &app.read("Cargo.toml")?.replacen(dependencies, &with_more, 1))?;
    let built = if release { app.build_release() } else { app.build() };
    built.context("the faulty app does not build")
}

/// A topic with its dead letter topic, and a log.
pub struct Trial<'a> {
    kafka: &'a Kafka,
    app: &'a Built,
    topic: String,
    route: Route,
    variables: BTreeMap<String, String>,
    /// What the processes have logged.
    pub log: Log,
    /// What was seen of the group's offsets, in order.
    commits: Vec<Place>,
    /// Where its jobs are, if it has any.
    redis: Option<&'a Redis>,
    folder: TempDir,
}

impl<'a> Trial<'a> {
    /// A trial of this name: a new topic of so many partitions, with one for dead letters. All trials of a route share
    /// its group.
    ///
    /// # Errors
    ///
    /// When Kafka refuses the topics.
    pub fn new(kafka: &'a Kafka, app: &'a Built, name: &str, route: Route, partitions: i32) -> Result<Self> {
        let trial = Self::without_topics(kafka, app, name, route)?;
        kafka.create_topic(trial.topic(), partitions)?;
        kafka.create_topic(&trial.dead_topic(), 1)?;
        Ok(trial)
    }

    /// The same without the topics.
    ///
    /// # Errors
    ///
    /// When there is no folder for the log.
    pub fn without_topics(kafka: &'a Kafka, app: &'a Built, name: &str, route: Route) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = Log::within(folder.path());
        let variables = [
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_BROKERS", kafka.address()),
            // As short as a busy machine bears, so that a trial of a crash takes seconds.
            ("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "3000"),
            ("KARAFKA_OPTIONS_HEARTBEAT_INTERVAL_MS", "500"),
            ("FAULTY_TRIAL", name),
            ("FAULTY_LOG", &log.file.path().to_string_lossy()),
        ];
        let mut variables: BTreeMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if route == Route::Shared {
            // There they are the broker's.
            variables.retain(|name, _| !name.starts_with("KARAFKA_OPTIONS_"));
        }
        let topic = format!("{name}-{}", route.key());
        Ok(Self { kafka, app, topic, route, variables, log, commits: Vec::new(), redis: None, folder })
    }

    /// The same, and its processes get this variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with its jobs in this Redis.
    #[must_use]
    pub fn on(mut self, redis: &'a Redis) -> Self {
        self.redis = Some(redis);
        self.with("REDIS_URL", &redis.url())
    }

    /// The source topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The dead letter topic.
    #[must_use]
    pub fn dead_topic(&self) -> String {
        format!("{}.dead", self.topic)
    }

    /// The group's id.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.route.key()
    }

    /// A file in the trial's own folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a process of the app.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self) -> Result<Process> {
        self.start_with(&[])
    }

    /// As [`Trial::start`], with these variables as well.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_with(&self, variables: &[(&str, &str)]) -> Result<Process> {
        let mut command = self.app.command();
        command.args(["server", "--topics", self.route.key()]).envs(&self.variables).envs(variables.iter().copied());
        Process::start(&mut command)
    }

    /// Starts a worker of the app: `worker ARGS`, with these variables as well.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_worker(&self, args: &[&str], variables: &[(&str, &str)]) -> Result<Process> {
        let mut command = self.app.command();
        command.arg("worker").args(args).envs(&self.variables).envs(variables.iter().copied());
        Process::start(&mut command)
    }

    /// Kills a process with `kill -9`, and notes that it is gone.
    ///
    /// # Errors
    ///
    /// When it does not go.
    pub fn kill(&self, process: Process) -> Result<()> {
        let id = process.id();
        process.kill()?;
        self.note_gone(id)
    }

    /// Stops a process with SIGTERM; it must end well. Returns the time that it took.
    ///
    /// # Errors
    ///
    /// When it does not end, or with another code than 0.
    pub fn stop(&self, mut process: Process) -> Result<Duration> {
        let (id, begun) = (process.id(), Instant::now());
        process.signal(Signal::TERM)?;
        process.wait(Duration::from_secs(60))?.expect_code(0)?;
        self.note_gone(id)?;
        Ok(begun.elapsed())
    }

    /// Stops a process with SIGTERM that may have lost partitions before. Returns how many records it says are done again; its
    /// exit status must say the same.
    ///
    /// # Errors
    ///
    /// When it does not end, does not say it, or ends with 2 where there are none, or not with 2 where there are some.
    pub fn stop_after_a_loss(&self, mut process: Process) -> Result<u64> {
        let id = process.id();
        process.signal(Signal::TERM)?;
        let ended = process.wait(Duration::from_secs(60))?;
        self.note_gone(id)?;
        let output = ended.stream(Stream::Out);
        let last = output.lines().rfind(|line| line.contains("\"stopped\"")).context("no last line")?;
        let last: serde_json::Value = serde_json::from_str(last)?;
        let again = last["to_repeat"].as_u64().context("no number")?;
        ended.expect_code(if again == 0 { 0 } else { 2 })?;
        Ok(again)
    }

    /// Notes that a process is gone, whatever it was at.
    ///
    /// # Errors
    ///
    /// When the log cannot be written.
    pub fn note_gone(&self, process: u32) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        let mut log = OpenOptions::new().create(true).append(true).open(self.log.file.path())?;
        Ok(log.write_all(format!("G 0 0 {process} 0 {now}\n").as_bytes())?)
    }

    /// Waits until this many records are done, each counted once.
    ///
    /// # Errors
    ///
    /// When that does not come within `limit`, or one of `processes` ends first.
    pub fn wait_done(&mut self, count: usize, processes: &mut [&mut Process], limit: Duration) -> Result<()> {
        self.wait_until(&format!("{count} records done"), processes, limit, |log| log.done() >= count)
    }

    /// Waits until the log is as `wanted` says.
    ///
    /// # Errors
    ///
    /// As for [`Trial::wait_done`].
    pub fn wait_until(
        &mut self,
        what: &str,
        processes: &mut [&mut Process],
        limit: Duration,
        wanted: impl Fn(&Log) -> bool,
    ) -> Result<()> {
        growing::wait_until(what, processes, limit, || {
            self.log.read()?;
            Ok((wanted(&self.log), self.log.done()))
        })
    }

    /// Waits until the group has no lag: every partition is committed up to its end.
    ///
    /// # Errors
    ///
    /// When that does not come within `limit`.
    pub fn wait_committed(&mut self, limit: Duration) -> Result<()> {
        let mut ends = self.kafka.ends(&self.topic)?;
        ends.retain(|_, end| *end > 0);
        let deadline = Instant::now() + limit;
        loop {
            let committed = match self.committed() {
                // As long as nobody coordinates the group.
                Err(_) if Instant::now() < deadline => Offsets::new(),
                answer => answer?,
            };
            let behind = ends.iter().find(|(partition, end)| committed.get(partition).is_none_or(|next| next < end));
            let Some((partition, end)) = behind else { return Ok(()) };
            let at = committed.get(partition);
            ensure!(Instant::now() < deadline, "partition {partition} ends at {end} and is committed at {at:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the group has committed now. No offset that was seen here may move back later.
    ///
    /// # Errors
    ///
    /// When Kafka does not say.
    pub fn committed(&mut self) -> Result<Offsets> {
        let committed = self.kafka.committed(self.group(), &self.topic)?;
        self.commits.extend(committed.iter().map(|(partition, next)| (*partition, *next)));
        Ok(committed)
    }

    /// What was begun and is not committed now: what a crash at this moment repeats at most.
    ///
    /// # Errors
    ///
    /// When Kafka or the log cannot be read.
    pub fn uncommitted(&mut self) -> Result<usize> {
        let committed = self.committed()?;
        self.log.read()?;
        let begun: HashSet<Place> =
            self.log.events.iter().filter(|event| event.kind == Kind::Begun).map(|event| event.place).collect();
        let open = |place: &&Place| committed.get(&place.0).is_none_or(|next| place.1 >= *next);
        Ok(begun.iter().filter(open).count())
    }

    /// The same of what this process has begun.
    ///
    /// # Errors
    ///
    /// As for [`Trial::uncommitted`].
    pub fn uncommitted_of(&mut self, process: u32) -> Result<usize> {
        let committed = self.committed()?;
        self.log.read()?;
        let begun = self.log.events.iter().filter(|event| event.kind == Kind::Begun && event.process == process);
        let open = begun.filter(|event| committed.get(&event.place.0).is_none_or(|next| event.place.1 >= *next));
        Ok(open.map(|event| event.place).collect::<HashSet<Place>>().len())
    }

    /// What the group has committed when that has stood still for a second, longer than what is acknowledged waits for
    /// its commit.
    ///
    /// # Errors
    ///
    /// When Kafka does not say, or it does not come to rest.
    pub fn committed_at_rest(&mut self) -> Result<Offsets> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let (mut committed, mut since) = (self.committed()?, Instant::now());
        while since.elapsed() < Duration::from_secs(1) {
            ensure!(Instant::now() < deadline, "commits go on: {committed:?}");
            std::thread::sleep(Duration::from_millis(50));
            let now = self.committed()?;
            if now != committed {
                (committed, since) = (now, Instant::now());
            }
        }
        Ok(committed)
    }

    /// Checks that each record below these commits is one of `jobs`, or done: the queue is behind no commit. The commits
    /// must have been read before the jobs.
    ///
    /// # Errors
    ///
    /// The first that is neither.
    pub fn expect_jobs_behind(&mut self, committed: &Offsets, jobs: &Jobs) -> Result<()> {
        self.log.read()?;
        let mut known: HashSet<Place> = jobs.open_places()?.into_iter().collect();
        for job in &jobs.dead {
            known.insert(job.place()?);
        }
        known.extend(&self.log.done);
        let below = committed.iter().flat_map(|(partition, next)| (0..*next).map(|offset| (*partition, offset)));
        let passed: Vec<_> = below.filter(|place| !known.contains(place)).collect();
        ensure!(
            passed.is_empty(),
            "commits {committed:?} have passed {} records that Redis does not have, the first {:?}",
            passed.len(),
            passed[0]
        );
        Ok(())
    }

    /// Judges what comes from here on by itself: the topic has been recreated, and its offsets are those of others now.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn begin_anew(&mut self) -> Result<()> {
        self.log.read()?;
        self.log.events.clear();
        self.log.done.clear();
        self.commits.clear();
        Ok(())
    }

    /// The letters in the dead letter topic.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn dead_letters(&self) -> Result<Vec<Found>> {
        self.kafka.records(&self.dead_topic())
    }

    /// Judges the trial: what was produced is what Kafka holds.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub fn judge(&mut self) -> Result<Verdict> {
        // Read before the log: what leaves Redis in between is in the log.
        let jobs = self.redis.map_or_else(|| Ok(Jobs::default()), Redis::jobs)?;
        self.log.read()?;
        let dead = match self.route {
            Route::Ordered | Route::Once | Route::Following | Route::Patient => Vec::new(),
            Route::Queued | Route::Retried => {
                jobs.dead.iter().map(|job| Ok(DeadLetter { source: job.place()? })).collect::<Result<_>>()?
            }
            _ => self.dead_letters()?.iter().map(source_of).collect::<Result<_>>()?,
        };
        let mut records = self.kafka.records(&self.topic)?;
        if self.route == Route::Buried {
            // What is skipped, nobody is to see: begun all the same, it would count as never produced.
            records.retain(|found| found.value.is_some());
        }
        let produced =
            records.into_iter().map(|found| Produced { place: (found.partition, found.offset), key: found.key });
        let run = Run {
            produced: produced.collect(),
            log: self.log.events.clone(),
            dead,
            jobs: jobs.open_places()?.into_iter().collect(),
            committed: self.committed()?,
            commits: self.commits.clone(),
            ends: self.kafka.ends(&self.topic)?,
        };
        Ok(checker::check(&run, self.route.order()))
    }
}

fn source_of(letter: &Found) -> Result<DeadLetter> {
    let number = |name: &str| -> Result<i64> {
        let bytes = letter.headers.get(name).with_context(|| format!("a dead letter without `{name}`"))?;
        Ok(std::str::from_utf8(bytes)?.parse()?)
    };
    let partition = i32::try_from(number("karafka.source.partition")?)?;
    Ok(DeadLetter { source: (partition, number("karafka.source.offset")?) })
}

/// Sends a record that tells the app what to do.
///
/// # Errors
///
/// When the producer does not take it.
pub fn send(producer: &Producer, topic: &str, partition: i32, key: &str, id: u64, act: &str) -> Result<()> {
    producer.send(topic, partition, key, &format!(r#"{{"id":{id},"act":"{act}"}}"#))
}

/// The log of a trial, read as it grows.
#[derive(Debug)]
pub struct Log {
    file: Growing,
    /// Every line so far.
    pub events: Vec<Event>,
    done: HashSet<Place>,
}

impl Log {
    fn within(folder: &Path) -> Self {
        Self { file: Growing::at(folder.join("log")), events: Vec::new(), done: HashSet::new() }
    }

    /// How many records are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done.len()
    }

    /// How many attempts have begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.events.iter().filter(|event| event.kind == Kind::Begun).count()
    }

    /// How many attempts a process has begun.
    #[must_use]
    pub fn begun_by(&self, process: u32) -> usize {
        self.events.iter().filter(|event| event.kind == Kind::Begun && event.process == process).count()
    }

    /// Reads what is new.
    ///
    /// # Errors
    ///
    /// When a line is not one of the app's: a torn write would hide a lost record.
    pub fn read(&mut self) -> Result<()> {
        for event in self.file.read(event_of)? {
            if event.kind == Kind::Done {
                self.done.insert(event.place);
            }
            self.events.push(event);
        }
        Ok(())
    }
}

fn event_of(line: &str) -> Option<Event> {
    let mut words = line.split(' ');
    let kind = match words.next()? {
        "B" => Kind::Begun,
        "D" => Kind::Done,
        "F" => Kind::Failed,
        "G" => Kind::Gone,
        _ => return None,
    };
    let event = Event {
        kind,
        place: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        process: words.next()?.parse().ok()?,
        attempt: words.next()?.parse().ok()?,
        at_ms: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a torn line is taken for something that happened.
    #[test]
    fn a_torn_line_is_refused() {
        let event = Event { kind: Kind::Begun, place: (3, 14), process: 15, attempt: 1, at_ms: 92 };
        assert_eq!(event_of("B 3 14 15 1 92"), Some(event));
        for torn in ["B 3 14 15 1", "B 3 14 15 1 92 6", "X 3 14 15 1 92", "3 14 15 1 92", ""] {
            assert_eq!(event_of(torn), None, "{torn}");
        }
    }
}
