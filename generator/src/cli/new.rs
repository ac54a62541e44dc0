//! `karafka new`: makes an app.

use std::{
    fs, io,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use karafka::foreign;
use karafka_generator::{
    memory, names,
    plan::{Edit, Options, Plan, Tree, read_stream},
    render::{Renderer, starter_manifest},
    source::Source,
};

use super::{
    Exit, Shell, WrongCall,
    app::{self, MANIFEST},
    files::{self, Mode},
    interrupted::{self, Access},
    run,
    runtime::Runtime,
};

/// Make an app: manifest, crate, one controller, one test, README.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka new myapp --run                   builds and starts it, and sends it sample messages
  karafka new services/billing              the folder's last name is the app's
  karafka new myapp --manifest mine.yml     from your manifest; `-` is standard input")]
pub(crate) struct Args {
    /// The app's name, or the path of its folder
    #[arg(value_name = "NAME")]
    folder: PathBuf,

    /// Start from this manifest; `-` is standard input
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Build and start it at once, and send it five sample messages
    #[arg(long, conflicts_with = "dry_run")]
    run: bool,

    /// Show what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    runtime: Runtime,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    if shell.app.is_some() {
        return Err(
            WrongCall("`--app` is for an app that is there; `karafka new DIR` makes one in DIR".to_owned()).into()
        );
    }
    memory::take(app::MEMORY);
    let root = &args.folder;
    let name = folder_name(root)?;
    let mend = format!("karafka new {}", foreign::path(root));
    interrupted::settle(root, shell, Access::unless(args.dry_run), &mend)?;
    refuse_full_folder(root)?;
    let source = match &args.manifest {
        None => {
            names::app_name(&name).map_err(|error| WrongCall(error.to_string()))?;
            Source::new(MANIFEST, starter_manifest(&name))
        }
        Some(path) if path == Path::new("-") => {
            let bytes = read_stream(io::stdin().lock()).context("standard input cannot be read")?;
            Source::from_bytes("<stdin>", &bytes)
        }
        // A pipe too, such as `<(envsubst < mine.yml)`: a person has named it, and waits for it.
        Some(path) => {
            let bytes = fs::File::open(path).and_then(read_stream);
            let bytes = bytes.with_context(|| format!("`{}` cannot be read", foreign::path(path)))?;
            Source::from_bytes(path.to_string_lossy(), &bytes)
        }
    };
    let Some(model) = app::model(&source, shell) else { return Ok(Exit::Wrong) };

    let mut renderer = Renderer::new(&model, args.runtime.dependency(root)?);
    if args.manifest.is_none() {
        renderer = renderer.starter();
    }
    let mut edits = vec![Edit { path: MANIFEST.to_owned(), before: None, after: source.text }];
    edits.extend(args.runtime.shared_build(root)?);
    let tree = Tree::read(root)?;
    // All its texts at once: the system takes their memory back faster than we could.
    let plan = ManuallyDrop::new(Plan::new(&model, &renderer, &tree, edits, Options::default()));
    let exit = files::carry_out(shell, root, &plan, Mode { dry_run: args.dry_run, ..Mode::default() })?;
    if exit != Exit::Done || args.dry_run {
        return Ok(exit);
    }
    if args.run {
        return run::run(shell, root, &model);
    }
    let folder = foreign::path(root);
    shell.next(&format!("cd {folder} && cargo run"));
    Ok(Exit::Done)
}

fn folder_name(root: &Path) -> anyhow::Result<String> {
    // `new .` and `new ..` have no last name, and a manifest's folder is empty anyway.
    match root.file_name() {
        Some(name) => match name.to_str() {
            Some(name) => Ok(name.to_owned()),
            None => Err(WrongCall(format!("`{}` is not UTF-8", foreign::path(root))).into()),
        },
        None => Err(WrongCall(format!("`{}` does not end in a name", foreign::path(root))).into()),
    }
}

fn refuse_full_folder(root: &Path) -> anyhow::Result<()> {
    match fs::read_dir(root) {
        Ok(mut listing) => {
            if listing.next().is_some() {
                bail!(
                    "`{}` is there already, and not empty\n  take another name, or make the crate beside a karafka.yml of yours with `karafka generate`",
                    foreign::path(root)
                );
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && root.symlink_metadata().is_ok() => {
            bail!("`{}` is a file; take another name", foreign::path(root))
        }
        Err(error) => Err(error).with_context(|| format!("`{}` cannot be made", foreign::path(root))),
    }
}
