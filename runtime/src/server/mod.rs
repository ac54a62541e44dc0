//! The app's binary: its command line, its start and its stop.

mod bootstrap;
mod command_line;
mod complaints;
mod development_broker;
mod panics;
mod serve;
mod signals;
mod startup;
mod stop;
#[cfg_attr(not(feature = "jobs"), path = "no_work.rs")]
mod work;

use std::{
    ffi::OsString,
    future::Future,
    io::{self, Write as _},
    process::ExitCode,
};

use command_line::{Command, FlowFormat, RoutesFormat};
use signals::Signals;
pub use signals::{hang_up_is_ignored, shutdown_signal};

use crate::{
    App, Result, foreign, info,
    manifest::Manifest,
    settings::{Flags, Settings, process_variables, questions},
    topology::Topology,
};

/// The process's exit status.
type Status = u8;

/// Done; or stopped, and nothing that was begun is left.
const CLEAN: Status = 0;

/// Did not start, or could not go on.
const FAILED: Status = 1;

/// Stopped, and something is done again or was cut off.
const FORCED: Status = 2;

/// The call is wrong, and nothing was started: EX_USAGE of sysexits.h.
const WRONG_CALL: Status = 64;

impl<S: Send + Sync + 'static> App<S> {
    /// Runs what the command line says, `server` if it says nothing, and gives the exit status: 0 after a clean end,
    /// 1 when the app could not start or a client of its gave up, 2 when a stop had to be forced or something is done again
    /// that was begun or finished, 64 when the call is wrong.
    ///
    /// `build_state` is called once, before the first record. From then on karafka tells of panics: of a handler's with the
    /// event of its attempt, of others in development on standard error and elsewhere in the log. A panic hook that is set
    /// in `build_state` comes before that, and hands on what it was told; one that was set earlier is replaced.
    pub fn run<F, Fut>(self, build_state: F) -> ExitCode
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<S>>,
    {
        ExitCode::from(run(self, build_state, std::env::args_os().collect()))
    }
}

/// As [`App::run`], with the words of the command line given.
fn run<S, F, Fut>(app: App<S>, build_state: F, words: Vec<OsString>) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    // Before anything else, so that no signal finds a process that does not listen.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("signals cannot be heard: {error}")),
    };
    let line = match command_line::parse(app.manifest, words) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let page = match line.command {
        None => return serve::serve(app, build_state, &line.server.into(), &signals),
        Some(Command::Server(args)) => return serve::serve(app, build_state, &args.into(), &signals),
        Some(Command::Worker(args)) => {
            let queues = args.queues.clone();
            return work::work(app, build_state, &args.into(), &queues, &signals);
        }
        Some(Command::Flow { format }) => flow(app.manifest, format),
        Some(Command::Routes { format }) => routes(app.manifest, format),
        Some(Command::Info) => {
            let variables = process_variables();
            let (settings, mut errors) = Settings::examine(app.manifest, &variables, &Flags::default());
            for checked in [settings.check_options(), settings.check_files()] {
                errors.extend(checked.err().unwrap_or_default());
            }
            info::text(app.manifest, &settings, &questions(app.manifest, &variables), &errors, &[])
        }
        Some(Command::Version) => {
            let Manifest { app, version, .. } = app.manifest;
            format!("{app} {version} (karafka {}, librdkafka {})\n", info::VERSION, info::librdkafka_version())
        }
    };
    show(&page)
}

fn flow(manifest: &Manifest, format: FlowFormat) -> String {
    let topology = Topology::from(manifest);
    match format {
        FlowFormat::Text => topology.flow_text(),
        FlowFormat::Mermaid => topology.flow_mermaid(),
        FlowFormat::Dot => topology.flow_dot(),
        FlowFormat::Json => topology.flow_json(),
    }
}

fn routes(manifest: &Manifest, format: RoutesFormat) -> String {
    let topology = Topology::from(manifest);
    match format {
        RoutesFormat::Text => topology.routes_text(),
        RoutesFormat::Json => topology.routes_json(),
    }
}

/// Prints a result. A reader that has gone away, as `head` does, is no error.
fn show(text: &str) -> Status {
    match io::stdout().lock().write_all(foreign::page(text, false).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&format!("cannot write: {error}")),
        _ => CLEAN,
    }
}

/// Prints on standard error why the app ends.
fn fail(reason: &str) -> Status {
    complaints::print(reason);
    FAILED
}

#[cfg(test)]
mod tests;
