//! Handing over to the app's own binary, which cargo builds first.

use std::{fs, os::unix::process::CommandExt as _, path::Path, process::Command};

use anyhow::{Context as _, bail};
use cargo_metadata::{MetadataCommand, Package, TargetKind};
use karafka::foreign;
use karafka_generator::model::Model;

use super::{App, Exit, Shell, advice, settled::cargo, shell::Tone};

/// How the app is built, and what it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Handover {
    /// Build with optimizations
    #[arg(long, conflicts_with = "profile")]
    release: bool,

    /// Build with this profile of cargo's
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Which of the crate's binaries; by default that of `src/main.rs`
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,

    /// What the app is told
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

/// Refuses an app without a crate.
pub(crate) fn check_crate(app: &App) -> anyhow::Result<()> {
    if !app.root.join("Cargo.toml").is_file() {
        bail!("there is no crate beside karafka.yml yet\n  make it with `karafka generate`");
    }
    Ok(())
}

/// Refuses an app that is no process of its own.
pub(crate) fn check_consumes(model: &Model) -> anyhow::Result<()> {
    if !model.consumes() {
        bail!(
            "this app consumes nothing, so there is nothing to run: programs send with its `generated::producer`\n  \
             `karafka generate controller NAME` adds a consumer"
        );
    }
    Ok(())
}

/// Lets the app take the place of this process, with `command` before its arguments.
pub(crate) fn hand_over(app: &App, command: &str, args: &Handover, shell: &Shell) -> anyhow::Result<Exit> {
    let binary = match &args.bin {
        Some(name) => name.clone(),
        None => binary(&app.root)?,
    };
    let mut cargo = Command::new(cargo());
    cargo.arg("run").arg("--manifest-path").arg(app.root.join("Cargo.toml")).args(["--bin", &binary]);
    if args.release {
        cargo.arg("--release");
    }
    if let Some(profile) = &args.profile {
        cargo.args(["--profile", profile]);
    }
    if shell.quiet {
        cargo.arg("--quiet");
    }
    cargo.args(["--", command]).args(&args.arguments);
    // Of a crate that is built already cargo says nothing for a while, and into a file no progress at all.
    shell.progress(Tone::Good, "building", &format!("{}, with cargo", foreign::line(&binary)));
    // Returns only if cargo cannot be started.
    let error = cargo.exec();
    bail!("cargo cannot be started: {error}")
}

/// The binary that runs the app at `root`: whatever the package is called, and however many there are.
pub(crate) fn binary(root: &Path) -> anyhow::Result<String> {
    let root = fs::canonicalize(root).with_context(|| format!("`{}` cannot be found", foreign::path(root)))?;
    let manifest = root.join("Cargo.toml");
    let mut command = MetadataCommand::new();
    let metadata = command.cargo_path(cargo()).current_dir(&root).manifest_path(&manifest).no_deps().exec();
    let metadata = match metadata {
        Ok(metadata) => metadata,
        // Cargo has said what is wrong; its own words are the ones to read.
        Err(cargo_metadata::Error::CargoMetadata { stderr }) => {
            bail!("cargo cannot read the crate\n{}", stderr.trim_end())
        }
        Err(error) => return Err(error).context("cargo cannot read the crate"),
    };
    let package = metadata.packages.iter().find(|package| package.manifest_path.as_std_path() == manifest);
    let package = package.with_context(|| format!("`{}` is not that of a crate", foreign::path(&manifest)))?;
    choose(package, &root)
}

/// That of `main`, or else what cargo itself would run, or the only one.
fn choose(package: &Package, root: &Path) -> anyhow::Result<String> {
    let main = root.join("src/main.rs");
    let binaries: Vec<_> = package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Bin)).collect();
    let of_main = binaries.iter().find(|target| target.src_path.as_std_path() == main);
    match (of_main, &package.default_run, binaries.as_slice()) {
        (Some(target), _, _) => Ok(target.name.clone()),
        (None, Some(name), _) => Ok(name.clone()),
        (None, None, [only]) => Ok(only.name.clone()),
        (None, None, []) => {
            let library = package.targets.iter().find(|target| target.kind.contains(&TargetKind::Lib));
            let name = library.map_or_else(|| package.name.replace('-', "_"), |library| library.name.clone());
            let call = advice::alone(root, &name);
            bail!(
                "the crate `{}` has no binary\n  make one: a src/main.rs that calls `{}`",
                foreign::line(&package.name),
                foreign::line(&call)
            )
        }
        (None, None, many) => {
            let names: Vec<_> = many.iter().map(|target| format!("`{}`", foreign::line(&target.name))).collect();
            bail!("none of {} is made of src/main.rs\n  say which one runs the app: `--bin NAME`", names.join(", "))
        }
    }
}
