//! What an app costs while there is nothing to do: itself, and the brokers that it asks for news.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use benched::probe::MARK;
use clap::Args;
use karafka_tests::process::{Process, Signal};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    Common,
    contest::{self, Named},
    report::{Aim::AtMost, Comparison, Figure::More, Report, Run},
    role,
    stage::{Brokers, Stage},
};

/// The part of this program that has two consumers and does nothing with them.
pub(crate) const BY_HAND: &str = "idle-by-hand";

/// What the consumers by hand set, beside where and who they are, the client's defaults otherwise.
const BY_HAND_WAIT: Duration = Duration::from_millis(100);

/// The variable of the setting that is tried.
const WAIT: &str = "KARAFKA_OPTIONS_FETCH_WAIT_MAX_MS";

/// Percent of a core.
const OWN: &str = "own_%";
const BROKER: &str = "broker_%";
/// What both have more than the broker has when nobody is there.
const ADDED: &str = "added_%";

/// The topics of the two groups, keys of the app's manifest, and their variables.
const TOPICS: [(&str, &str); 2] = [("ticks", "BENCH_TICKS"), ("raw", "BENCH_RAW")];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each is watched.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long each may settle before.
    #[arg(long, default_value_t = 5)]
    settle: u64,
    /// Partitions of each of the two topics.
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// `fetch.wait.max.ms` of further apps, beside the one that has karafka's own.
    #[arg(long, value_delimiter = ',')]
    waits: Vec<u64>,
    #[command(flatten)]
    brokers: Brokers,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, settle: 5, partitions: 4, waits: Vec::new(), brokers: Brokers::default() }
    }
}

#[derive(Debug, Clone)]
struct Idle {
    name: String,
    who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    /// With this wait, or with karafka's own.
    App(Option<u64>),
    ByHand,
}

impl Named for Idle {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let (seconds, settle) = if common.smoke { (1, 0) } else { (options.seconds, options.settle) };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 5 });
    let topics = TOPICS.map(|(key, _)| (key, options.partitions));
    let stage = Stage::set(&options.brokers, &topics)?;
    ensure!(!stage.processes().is_empty(), "the CPU of brokers elsewhere is not known here: give `--kafka`");
    // One record each, so that a contender can say that both of its groups are at work.
    for place in 0..TOPICS.len() {
        stage.fill(place, 1, |_| Ok((String::new(), "none".to_owned())))?;
    }
    let mut contenders = vec![
        Idle { name: "nobody".to_owned(), who: Who::Nobody },
        Idle { name: "karafka".to_owned(), who: Who::App(None) },
        Idle { name: "by-hand-defaults".to_owned(), who: Who::ByHand },
    ];
    contenders.extend(
        options.waits.iter().map(|wait| Idle { name: format!("karafka, {wait} ms"), who: Who::App(Some(*wait)) }),
    );
    let watch = |contender: &Idle, round: &str, time: Duration| {
        let mut process = contender.start(&stage, round)?;
        std::thread::sleep(Duration::from_secs(settle));
        let run = watch(process.as_ref(), &stage, time)?;
        if let Some(mut process) = process.take() {
            process.signal(Signal::TERM)?;
            process.wait(role::PATIENCE)?;
        }
        Ok(run)
    };
    if !common.smoke {
        // What the broker compiles when it is first asked is nobody's.
        contenders.iter().try_for_each(|one| watch(one, "before", Duration::from_secs(5)).map(drop))?;
    }
    let mut rows = contest::hold(&contenders, rounds, |contender, round| {
        watch(contender, &round.to_string(), Duration::from_secs(seconds))
    })?;
    let alone: Vec<f64> = rows[0].runs.iter().map(|run| figure(run, BROKER)).collect();
    for row in rows.iter_mut().skip(1) {
        for (run, alone) in row.runs.iter_mut().zip(&alone) {
            let added = figure(run, OWN) + figure(run, BROKER) - alone;
            run.more.push((ADDED, added));
        }
    }
    let apps = contenders.iter().filter(|contender| matches!(contender.who, Who::App(_)));
    let comparisons = apps.flat_map(|app| {
        let added = Comparison::of(&app.name, More(ADDED), "by-hand-defaults");
        let added = if app.who == Who::App(None) { added.aims(AtMost(2.0)) } else { added };
        [added, Comparison::of(&app.name, More(OWN), "by-hand-defaults")]
    });
    Ok(Report { bench: "idle", messages: 0, comparisons: comparisons.collect(), rows })
}

impl Idle {
    /// Starts it with groups of its own, and waits until both have handled their record.
    fn start(&self, stage: &Stage, round: &str) -> Result<Option<Process>> {
        let group = format!("{}-{round}", self.name.replace([' ', ','], "-"));
        let mut variables = vec![
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_BROKERS", stage.address()),
            ("BENCH_GROUP", &group),
            ("BENCH_MESSAGES", "2"),
        ];
        variables.extend(TOPICS.iter().enumerate().map(|(place, (_, variable))| (*variable, stage.topic(place))));
        let mut process = match self.who {
            Who::Nobody => return Ok(None),
            Who::ByHand => role::spawn(BY_HAND, &[], &variables)?,
            Who::App(wait) => {
                let wait = wait.map(|wait| wait.to_string());
                variables.extend(wait.as_deref().map(|wait| (WAIT, wait)));
                let [(one, _), (other, _)] = TOPICS;
                role::spawn(role::APP, &["server", "--topics", &format!("{one},{other}")], &variables)?
            }
        };
        role::word(&mut process)?;
        Ok(Some(process))
    }
}

/// What this contender and the brokers take in that time, in percent of a core.
fn watch(contender: Option<&Process>, stage: &Stage, time: Duration) -> Result<Run> {
    let own = || contender.map_or(Ok(Duration::ZERO), |process| cpu_of(process.id()));
    let brokers = || stage.processes().into_iter().map(cpu_of).sum::<Result<Duration>>();
    let (begun, own_before, brokers_before) = (Instant::now(), own()?, brokers()?);
    std::thread::sleep(time);
    let (own, brokers) = (own()? - own_before, brokers()? - brokers_before);
    let wall_s = begun.elapsed().as_secs_f64();
    let percent = |cpu: Duration| cpu.as_secs_f64() / wall_s * 100.0;
    Ok(Run { wall_s, more: vec![(OWN, percent(own)), (BROKER, percent(brokers))], ..Run::default() })
}

fn figure(run: &Run, name: &str) -> f64 {
    run.more.iter().find(|(other, _)| *other == name).map_or(0.0, |(_, figure)| *figure)
}

/// The time that all threads of a process have had, of the user and of the system: in hundredths of a second.
fn cpu_of(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .with_context(|| format!("process {process} has no times: is this Linux, and does it run?"))?;
    // Its name may hold anything, a bracket too.
    let behind_name = stat.rsplit_once(')').context("no name")?.1;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut ticks = || -> Result<u64> { Ok(fields.next().context("no times")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

/// Two consumers with the client's defaults, each in a loop of its own that polls and does nothing.
pub(crate) fn by_hand() -> Result<()> {
    let group = env::var("BENCH_GROUP")?;
    let consumers = TOPICS.map(|(key, variable)| -> Result<BaseConsumer> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", env::var("KARAFKA_BROKERS")?)
            .set("group.id", format!("{group}-{key}"))
            .set("auto.offset.reset", "earliest")
            .create()?;
        consumer.subscribe(&[&env::var(variable)?])?;
        while consumer.poll(BY_HAND_WAIT).transpose()?.is_none() {}
        Ok(consumer)
    });
    println!("{MARK}{{}}");
    let threads = consumers.map(|consumer| {
        consumer.map(|consumer| {
            std::thread::spawn(move || -> Result<()> {
                loop {
                    consumer.poll(BY_HAND_WAIT).transpose()?;
                }
            })
        })
    });
    for thread in threads {
        thread?.join().map_err(|_| anyhow::anyhow!("a consumer's thread has ended"))??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, what is published as the cost of an idle app is another number of the process.
    #[test]
    fn the_time_of_a_process_is_its_own() {
        let begun = Instant::now();
        let before = cpu_of(std::process::id()).expect("it runs");
        let mut number = 0_u64;
        while begun.elapsed() < Duration::from_millis(300) {
            number = std::hint::black_box(number.wrapping_add(1));
        }
        let taken = cpu_of(std::process::id()).expect("it runs") - before;
        // Other tests run in this process, and others on this machine.
        assert!(taken >= Duration::from_millis(30), "{taken:?} of CPU in 300 ms of counting");
    }
}
