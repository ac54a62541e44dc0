//! `karafka broker`: Kafka for development, as a process of its own.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use karafka::{
    broker::{Beacon, BrokerError, EmbeddedBroker},
    foreign,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Exit, Shell, host,
    running::RunningApp,
    shell::{Tone, status_line},
};

/// How often the broker is asked what it has dropped.
const LOOK: Duration = Duration::from_secs(2);

/// Run Kafka for development in this process, with the app's topics: no Java, no Docker.
///
/// It keeps records in memory only, at most 5 MiB or 100,000 batches a partition, and says so when it drops some. The
/// app, `karafka send` and other processes of the app find it by themselves; a program that the app runs inside of is told
/// with KARAFKA_BROKERS, and so is one that only sends. Ctrl-C stops it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka broker                             then, in another terminal: cargo run
  karafka broker --port 9092                 where a program's settings expect it
  karafka send orders --sample 3")]
pub(crate) struct Args {
    /// The port that it listens on; by default any that is free
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before the broker is there, so that no signal leaves an address behind.
    let mut signals = runtime.block_on(async {
        let hang_ups = (!karafka::hang_up_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, hang_ups))
    })?;
    let Some(app) = RunningApp::find(shell)? else { return Ok(Exit::Wrong) };
    let settings = app.settings(Some("none:1"))?;
    match Beacon::find(&app.root) {
        Ok(Some(beacon)) => {
            bail!("a broker runs already for {}, at {} (process {})", app.manifest.app, beacon.address, beacon.pid)
        }
        Ok(None) => {}
        Err(distrust) => shell.progress(Tone::Notice, "ignored", &distrust.to_string()),
    }
    let topics = settings.development_topics();
    let broker = start(&topics, args.port)?;
    Beacon::of(&broker)
        .leave(&app.root)
        .with_context(|| format!("the broker's address cannot be left in `{}`", foreign::path(&app.root)))?;
    let consumed = app.manifest.consumers.first().map(|consumer| consumer.topic);
    let send = consumed.or_else(|| app.manifest.topics.first().map(|topic| topic.key)).unwrap_or("TOPIC");
    let user = match consumed {
        None => User::Sends,
        Some(_) if host::is_program(&app.root) => User::Program,
        Some(_) => User::Host,
    };
    shell.out(&page(app.manifest.app, broker.address(), &topics, send, user))?;

    let mut told = BTreeMap::new();
    loop {
        let signal = runtime.block_on(async {
            tokio::select! {
                _ = signals.0.recv() => true,
                _ = signals.1.recv() => true,
                Some(_) = async { signals.2.as_mut()?.recv().await } => true,
                () = tokio::time::sleep(LOOK) => false,
            }
        });
        let asked = Instant::now();
        for dropped in broker.dropped() {
            let partition = (dropped.topic.clone(), dropped.partition);
            if told.insert(partition, dropped.count) != Some(dropped.count) {
                let words = format!(
                    "the oldest {} records of {}/{}, read or not: a partition holds 5 MiB or 100,000 batches here; send less at once, or set \
                     KARAFKA_BROKERS to a real broker",
                    dropped.count, dropped.topic, dropped.partition
                );
                shell.err(&status_line(Tone::Bad, "dropped", &words, shell.color_err()));
            }
            if signal && asked.elapsed() > LOOK {
                break;
            }
        }
        if signal {
            break;
        }
    }
    Beacon::remove(&app.root);
    shell.progress(Tone::Calm, "stopped", "the broker and its records are gone");
    Ok(Exit::Done)
}

/// Starts the broker, on this port if one is named.
fn start(topics: &[(String, i32)], port: Option<u16>) -> anyhow::Result<EmbeddedBroker> {
    let started = match port {
        Some(port) => EmbeddedBroker::start_on(topics, port),
        None => EmbeddedBroker::start(topics),
    };
    match started {
        Err(BrokerError::Port { port, source }) if source.kind() == io::ErrorKind::AddrInUse => {
            bail!(
                "port {port} of 127.0.0.1 is taken by another process\n  name another one, or leave `--port` out: then it takes one that is free"
            )
        }
        started => Ok(started?),
    }
}

/// What an app's code is in, and so how it hears of a broker.
#[derive(Clone, Copy)]
enum User {
    /// A program of the app's own, which finds the broker.
    Program,
    /// Another program, inside of which the app consumes.
    Host,
    /// A program that sends to the app's topics: nothing is consumed.
    Sends,
}

/// Where the broker is and how to use it.
fn page(app: &str, address: &str, topics: &[(String, i32)], send: &str, user: User) -> String {
    let mut page = status_line(Tone::Good, "broker", &format!("{address}, for {app}"), false);
    let rows: Vec<_> = topics
        .iter()
        .map(|(topic, partitions)| {
            let noun = if *partitions == 1 { "partition" } else { "partitions" };
            vec![topic.clone(), format!("{partitions} {noun}")]
        })
        .collect();
    page.push_str(&karafka::topology::table(&rows, "              ", "   "));
    let finds = format!("`karafka send {send} --sample 3` finds it");
    // Where Kafka is, is the program's to say: from the environment where it takes settings from there.
    let users = match user {
        User::Program => format!(
            "the app finds it: `cargo run`; so does `karafka send {send} --sample 3`\n              others: \
             KARAFKA_BROKERS={address}"
        ),
        User::Host => format!(
            "{finds}\n              the program that the app runs in: KARAFKA_BROKERS={address} cargo run, if it takes its \
             settings `with_env`"
        ),
        User::Sends => format!(
            "{finds}\n              a program that sends: KARAFKA_BROKERS={address} cargo run, if its producer has its settings \
             by `Settings::from_env`"
        ),
    };
    page.push_str(&format!("\n              {users}\n              Ctrl-C stops it, and its records are gone\n"));
    page
}

#[cfg(test)]
mod tests {
    use super::User;

    /// If this fails, a person who starts a broker is not told how to use it, or of calls that the app does not have.
    #[test]
    fn the_page_says_what_to_do() {
        let topics = [("orders".to_owned(), 4), ("video.details".to_owned(), 1)];
        let page = |user| super::page("shop", "127.0.0.1:40213", &topics, "orders", user);
        insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("broker_start", page(User::Program));
            insta::assert_snapshot!("broker_start_inside", page(User::Host));
            insta::assert_snapshot!("broker_start_sends", page(User::Sends));
        });
    }
}
