//! What the app's binary can be told.

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::{CLEAN, Status, WRONG_CALL};
use crate::{manifest::Manifest, settings::Flags};

/// Consumes Kafka as karafka.yml says; `server` if no command is named.
#[derive(Debug, Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Settings come from karafka.yml as it was compiled in, then from the environment, then from flags;
`info` shows each value with where it came from.
  KARAFKA_ENV               development (when cargo runs the app) or production (otherwise)
  KARAFKA_BROKERS           host:port, or several with commas; development needs none, nor does a
                            worker whose jobs emit nothing
  REDIS_URL                 where Redis is, for consumers with `jobs: redis`
  KARAFKA_CONCURRENCY       how many messages a group, or a worker, handles at once
  KARAFKA_SHUTDOWN_TIMEOUT  how long a stop may take, such as 30s
  KARAFKA_HEALTH            where /live, /ready and /metrics are, such as 127.0.0.1:9394, or off
  TOKIO_WORKER_THREADS      how many threads the app's code has; one a core and 8 more by default
  KARAFKA_OPTIONS_…         any librdkafka property: …_SECURITY_PROTOCOL is security.protocol
  KARAFKA_LOG               which logs are written, such as debug or karafka=debug,warn

Signals of `server` and `worker`:
  TERM, INT   stop: what was begun may end; a second one forces it
  HUP         stop, unless started under nohup; never forces
  TSTP        quiet: begin nothing new, keep the partitions (so Ctrl-Z does not suspend); CONT goes on

Exit status of `server` and `worker`:
   0 stopped cleanly: nothing is done again
   1 could not start, or could not go on
   2 the stop was forced, or records are done again: how many, and where, is said
  64 the call is wrong"
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Consume until SIGTERM or Ctrl-C; a second signal forces the stop
    #[command(visible_alias = "s")]
    Server(ServerArgs),
    /// Perform jobs from Redis, those of consumers with `jobs: redis`, until SIGTERM or Ctrl-C
    #[command(visible_alias = "w")]
    Worker(WorkerArgs),
    /// Show what goes where: topic ⇒ controller ⇒ topics that it emits to
    Flow {
        /// How it is written
        #[arg(long, value_enum, default_value = "text")]
        format: FlowFormat,
    },
    /// List who consumes what, a row a consumer
    Routes {
        /// How it is written
        #[arg(long, value_enum, default_value = "text")]
        format: RoutesFormat,
    },
    /// Show versions, environment, brokers, and each setting with where it came from
    Info,
    /// Show the app's version and karafka's
    Version,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of server")]
pub(super) struct ServerArgs {
    /// Consume for these groups only: their keys in karafka.yml, whatever their ids in Kafka
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    groups: Vec<String>,
    /// Consume these topics only
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    topics: Vec<String>,
    /// Consume all topics but these
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    exclude_topics: Vec<String>,
    /// How many messages a group handles at once
    #[arg(long, value_name = "N")]
    concurrency: Option<String>,
    /// Where Kafka is: host:port, or several with commas
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// How long a stop may take, such as 30s
    #[arg(long, value_name = "TIME")]
    shutdown_timeout: Option<String>,
    /// Where /live, /ready and /metrics are served: an address and port, a port on loopback, or `off`
    #[arg(long, value_name = "ADDRESS")]
    health: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct WorkerArgs {
    /// Take jobs of these queues only: in this order, or, with weights, each as often as its share
    ///
    /// `--queues critical default` empties `critical` first; `--queues critical,3 default,1` looks there first three times
    /// out of four. All queues of karafka.yml, with the same weight, if nothing is said.
    #[arg(long, value_name = "NAME[,WEIGHT]", num_args = 1..)]
    pub(super) queues: Vec<String>,
    /// How many jobs are performed at once
    #[arg(long, value_name = "N")]
    concurrency: Option<String>,
    /// Where Kafka is, for what jobs emit: host:port, or several with commas
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// How long a stop may take, such as 30s; what has not ended by then is put back
    #[arg(long, value_name = "TIME")]
    shutdown_timeout: Option<String>,
    /// Where /live, /ready and /metrics are served: an address and port, a port on loopback, or `off`
    #[arg(long, value_name = "ADDRESS")]
    health: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FlowFormat {
    Text,
    Mermaid,
    Dot,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoutesFormat {
    Text,
    Json,
}

impl From<ServerArgs> for Flags {
    fn from(args: ServerArgs) -> Self {
        let ServerArgs { groups, topics, exclude_topics, concurrency, brokers, shutdown_timeout, health } = args;
        let default_environment = None;
        Self { brokers, concurrency, shutdown_timeout, health, groups, topics, exclude_topics, default_environment }
    }
}

impl From<WorkerArgs> for Flags {
    fn from(args: WorkerArgs) -> Self {
        let WorkerArgs { queues: _, concurrency, brokers, shutdown_timeout, health } = args;
        Self { brokers, concurrency, shutdown_timeout, health, ..Self::default() }
    }
}

/// The command line under the app's own name.
pub(super) fn command(manifest: &Manifest) -> clap::Command {
    CommandLine::command().name(manifest.app).version(manifest.version)
}

/// Reads the words of a command line; or prints what is wrong with them, or what `--help` asks for, and gives the exit
/// status.
pub(super) fn parse(manifest: &Manifest, words: Vec<OsString>) -> Result<CommandLine, Status> {
    let matches = command(manifest).try_get_matches_from(words);
    matches.and_then(|matches| CommandLine::from_arg_matches(&matches)).map_err(|error| {
        // A reader that has gone away is no error.
        let _ = error.print();
        if error.use_stderr() { WRONG_CALL } else { CLEAN }
    })
}
