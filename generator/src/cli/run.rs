//! `karafka new --run`: builds the new app, starts it, and sends it something to do.

use std::{
    fs,
    io::{self, BufReader, IsTerminal},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use cargo_metadata::Message;
use indicatif::{ProgressBar, ProgressStyle};
use karafka::{broker::Beacon, foreign};
use karafka_generator::{
    model::{Consumer, Model, PartRef},
    plan,
};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::{
    Exit, Shell,
    files::interruption,
    settled::cargo,
    shell::Tone,
    typed::{ourselves, word},
};

/// How many sample messages a new app gets.
const SAMPLES: usize = 5;

/// How long an app may take until its embedded broker answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds and starts the app at `root`, and gives its exit status.
///
/// The app is in our process group: Ctrl-C reaches both, and we wait for it to stop in its own time.
pub(crate) fn run(shell: &Shell, root: &Path, model: &Model) -> anyhow::Result<Exit> {
    let is_hang_up_ignored = karafka::hang_up_is_ignored();
    let interrupted = interruption()?;
    let folder = root;
    let root = &fs::canonicalize(root)?;
    let Some(program) = build(shell, root, model)? else {
        return Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Wrong });
    };
    // Unlike Ctrl-C, these reach only us, or perhaps only us: the app counts hang-ups once.
    let signals = [(SIGTERM, "-TERM"), (SIGHUP, "-HUP")];
    let handed_on = signals.map(|(signal, name)| (signal, name, Arc::new(AtomicBool::new(false))));
    for (signal, _, heard) in &handed_on {
        if *signal != SIGHUP || !is_hang_up_ignored {
            signal_hook::flag::register(*signal, Arc::clone(heard))?;
        }
    }
    let mut app = Command::new(&program)
        .current_dir(root)
        .env("KARAFKA_ENV", "development")
        .spawn()
        .with_context(|| format!("`{}` cannot be started", foreign::path(&program)))?;
    let ended = AtomicBool::new(false);
    let status = thread::scope(|scope| {
        scope.spawn(|| {
            feed(shell, root, folder, model, &|| ended.load(Ordering::Relaxed) || interrupted.load(Ordering::Relaxed));
        });
        let status = wait(&mut app, &handed_on);
        ended.store(true, Ordering::Relaxed);
        status
    });
    Ok(exit(status.context("the app was started, and is lost")?))
}

/// Waits for the app to end, and hands on signals that ask for it.
fn wait(app: &mut Child, signals: &[(i32, &str, Arc<AtomicBool>)]) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = app.try_wait()? {
            return Ok(status);
        }
        for (_, name, heard) in signals {
            if heard.swap(false, Ordering::Relaxed) {
                Command::new("kill").args([*name, app.id().to_string().as_str()]).status()?;
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends sample messages to the app's own broker as soon as it answers; never to another one.
///
/// `karafka send` does it, as a process of its own, so that what is shown stays the app's.
/// `folder` is the app's, as the user called it.
fn feed(shell: &Shell, root: &Path, folder: &Path, model: &Model, is_over: &dyn Fn() -> bool) {
    // A parser of the app's own may not read what samples are written in.
    let built_in = |consumer: &&Consumer| matches!(consumer.parser, PartRef::BuiltIn(_));
    let Some(consumer) = model.consumers.iter().find(built_in) else { return };
    let began = Instant::now();
    let beacon = loop {
        if is_over() || began.elapsed() > PATIENCE {
            return;
        }
        match Beacon::find(root) {
            Ok(Some(beacon)) => break beacon,
            _ => thread::sleep(Duration::from_millis(50)),
        }
    };
    let topic = &consumer.topic;
    shell.progress(Tone::Good, "sending", &format!("{SAMPLES} sample messages to {topic}, one each second"));
    let Ok(karafka) = std::env::current_exe() else { return };
    let mut send = Command::new(karafka);
    send.args(["send", topic, "--sample", &SAMPLES.to_string(), "--interval", "1s", "--quiet", "--brokers"]);
    send.arg(&beacon.address).arg("--app").arg(root).stdin(Stdio::null()).stdout(Stdio::null());
    if matches!(send.status(), Ok(status) if status.success()) && !is_over() {
        shell.next(&format!(
            "open {}; send your own, in another terminal, with `{} send {topic} --sample 1 --app {}`; Ctrl-C stops",
            foreign::path(&folder.join(consumer.controller.file())),
            ourselves(),
            word(root),
        ));
    }
}

/// What a child's end means for us: its own status, or 128 and the signal as shells have it.
pub(crate) fn exit(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Exit::Status(u8::try_from(128 + signal).unwrap_or(1));
    }
    match status.code() {
        Some(0) => Exit::Done,
        Some(code) => Exit::Status(u8::try_from(code).unwrap_or(1)),
        None => Exit::Wrong,
    }
}

/// Builds the app as this command was built (release or not), and gives its binary; `None` when it does not compile,
/// and cargo has said why.
pub(crate) fn build(shell: &Shell, root: &Path, model: &Model) -> anyhow::Result<Option<PathBuf>> {
    let mut command = Command::new(cargo());
    command.current_dir(root).args(["build", "--bin", &model.app, "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // On a terminal our own words say how far it is. Elsewhere nothing can move, and cargo's lines tell that it works.
    if shell.quiet || shows_bar(shell) {
        command.arg("--quiet");
    }
    // `cargo run` sets these for us, about our own package.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR") {
            command.env_remove(name);
        }
    }
    if !shell.quiet && !shows_bar(shell) {
        let (app, crates) = (&model.app, crates(root));
        shell.progress(
            Tone::Good,
            "building",
            &format!("{app} and up to {crates} crates, which takes minutes the first time"),
        );
    }
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo cannot be started; is it installed?")?;
    let program = follow(shell, root, model, &mut child)?;
    let status = child.wait()?;
    if !status.success() {
        return Ok(None);
    }
    match program {
        Some(program) => Ok(Some(program)),
        None => bail!("cargo built no binary called `{}`", model.app),
    }
}

/// Whether a bar on the terminal says how far the build is.
fn shows_bar(shell: &Shell) -> bool {
    !shell.quiet && !shell.verbose && io::stderr().is_terminal()
}

/// Reads cargo's messages as they come, shows how far the build is, and gives the binary's path.
fn follow(shell: &Shell, root: &Path, model: &Model, child: &mut Child) -> anyhow::Result<Option<PathBuf>> {
    let Some(messages) = child.stdout.take() else { return Ok(None) };
    let total = crates(root);
    let bar = shows_bar(shell).then(|| {
        let style = ProgressStyle::with_template("{prefix:>12}  {msg}  [{bar:28.green}] {pos}/{len}")
            .map(|style| style.progress_chars("=> "));
        let bar = ProgressBar::new(total);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix("building");
        bar.set_message(model.app.clone());
        bar
    });
    let mut program = None;
    let mut built = std::collections::HashSet::new();
    for message in Message::parse_stream(BufReader::new(messages)) {
        match message? {
            Message::CompilerArtifact(artifact) => {
                if artifact.target.name == model.app
                    && let Some(path) = artifact.executable
                {
                    program = Some(path.into_std_path_buf());
                }
                built.insert(artifact.package_id);
                if let Some(bar) = &bar {
                    bar.set_position(total.min(built.len() as u64));
                }
            }
            Message::CompilerMessage(message) => {
                if let Some(text) = message.message.rendered {
                    shell.err(&text);
                }
            }
            _ => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(program)
}

/// About how many crates the build is made of: what its lock file lists, until cargo has dropped what it does not use.
fn crates(root: &Path) -> u64 {
    let lock = plan::read_file(&root.join("Cargo.lock")).unwrap_or_default();
    lock.split(|byte| *byte == b'\n').filter(|line| *line == b"[[package]]").count() as u64
}
