//! `karafka new` and `karafka install`: make an app, in a folder of its own or in a crate that is there.

use std::{
    fs, io,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use karafka::foreign;
use karafka_generator::{
    memory,
    model::Model,
    names,
    plan::{Edit, Options, Plan, Tree, read_stream},
    render::starter_manifest,
    source::Source,
};

use super::{
    Exit, Shell, WrongCall, advice,
    app::{self, MANIFEST},
    files::{self, Mode},
    holding,
    interrupted::{self, Access},
    run,
    runtime::{Runtime, absolute},
    rust_version, settled,
    shell::Tone,
    surroundings::{self, Above},
    typed::word,
};

/// Make an app: manifest, crate, one controller, one test, README
///
/// Below a cargo workspace the app becomes a member of it, as with `cargo new`. `karafka new .`, which is also called
/// `karafka install`, puts consumers into the crate that is here: manifest, modules, dependencies, and nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka new myapp --run                   builds and starts it, and sends it sample messages
  karafka new services/billing              the folder's last name is the app's
  karafka new myapp --manifest mine.yml     from your manifest; `-` is standard input
  karafka new .                             consumers in the crate that is here")]
pub(crate) struct Args {
    /// The app's name, or the path of its folder; `.` is the folder that you are in
    #[arg(value_name = "NAME")]
    folder: PathBuf,

    /// Build and start it at once, and send it five sample messages
    #[arg(long, conflicts_with = "dry_run")]
    run: bool,

    #[command(flatten)]
    making: Making,
}

/// Put consumers into the crate that is here: manifest, modules, dependencies, and nothing else
///
/// The same as `karafka new .`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cd my-web-app && karafka install
  karafka install --manifest mine.yml       from your manifest; `-` is standard input
  karafka install --dry-run                 what would change")]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    making: Making,
}

/// How an app is made.
#[derive(Debug, clap::Args)]
struct Making {
    /// Start from this manifest; `-` is standard input
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Show what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,

    /// The repository of a new app, unless it lies in one already
    #[arg(long, value_name = "git|none", default_value = "git", hide_possible_values = true)]
    vcs: Vcs,

    #[command(flatten)]
    runtime: Runtime,
}

/// What keeps the versions of a new app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vcs {
    /// `git init` is called.
    Git,
    /// Nothing.
    None,
}

/// Where an app is made.
#[derive(Debug)]
enum Place {
    /// In a folder of its own.
    Folder,
    /// In a crate that is there.
    Crate {
        /// The name of its library.
        name: String,
    },
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let (root, making) = (&args.folder, &args.making);
    let (exit, model) = make(root, making, args.run, shell)?;
    match model {
        Some(model) if args.run && exit == Exit::Done => run::run(shell, root, &model),
        _ => Ok(exit),
    }
}

pub(crate) fn install(args: &InstallArgs, shell: &Shell) -> anyhow::Result<Exit> {
    Ok(make(Path::new("."), &args.making, false, shell)?.0)
}

/// Makes the app in the folder `root`; gives it, too, if it is there now. `runs` if it is built and started next.
fn make(root: &Path, making: &Making, runs: bool, shell: &Shell) -> anyhow::Result<(Exit, Option<Model>)> {
    if shell.app.is_some() {
        let words = "`--app` is for an app that is there; `karafka new DIR` makes one in DIR";
        return Err(WrongCall(words.to_owned()).into());
    }
    memory::take(app::MEMORY);
    let access = Access::of("new", making.dry_run);
    let held = holding::hold(root, shell, access)?;
    interrupted::settle(&held, shell, access, &format!("karafka new {}", word(root)))?;
    let place = Place::at(root)?;
    if runs && matches!(place, Place::Crate { .. }) {
        let words = "`--run` is for a new app; in a crate that is there your own program starts the consumers";
        return Err(WrongCall(words.to_owned()).into());
    }
    let source = making.source(root, &place)?;
    let Some(model) = app::model(&source, shell) else { return Ok((Exit::Wrong, None)) };
    if runs && !model.consumes() {
        let words = "`--run` is for an app that consumes; in this manifest no topic has a `controller:`";
        return Err(WrongCall(words.to_owned()).into());
    }
    let folder = absolute(root)?;
    let (above, shared) = match place {
        Place::Folder => {
            let above = Above::find(&folder);
            if let Some(above) = &above
                && let Some(namesake) = above.namesake(&model.app)
            {
                bail!(
                    "the workspace of `{}` has a package `{}` already, in `{}`, and cargo takes no two of one name; give this \
                     one another, as that of its folder",
                    foreign::path(&above.root.join("Cargo.toml")),
                    model.app,
                    foreign::line(&namesake),
                );
            }
            // A member builds where its workspace builds.
            let shared = if above.is_none() { making.runtime.shared_build() } else { Vec::new() };
            (above, shared)
        }
        Place::Crate { .. } => (Above::of(&folder), Vec::new()),
    };
    let mut renderer = making.runtime.renderer(&model, root, above.as_ref())?;
    if making.manifest.is_none() {
        renderer = renderer.starter();
    }
    let has_shared = !shared.is_empty();
    let mut edits = vec![Edit { path: MANIFEST.to_owned(), before: None, after: source.text.clone() }];
    edits.extend(shared);
    let tree = Tree::read(root)?;
    // All its texts at once: the system takes their memory back faster than we could.
    let plan = ManuallyDrop::new(Plan::new(&model, &renderer, &tree, edits, Options::default()));
    let mode = Mode { dry_run: making.dry_run, ..Mode::default() };
    let notes = match place {
        Place::Crate { .. } => advice::notes(root, &model, &plan),
        Place::Folder => Vec::new(),
    };
    let exit = files::carry_out(shell, &held, &plan, (&tree, &source), mode)?;
    if exit != Exit::Done {
        return Ok((exit, None));
    }
    if let Some(words) = rust_version::too_old(&folder, above.as_ref()) {
        shell.progress(Tone::Bad, "too old", &words);
    }
    let joins = above.as_ref().filter(|above| matches!(place, Place::Folder) && !above.has_member());
    if let Some(above) = joins {
        shell.progress(Tone::Good, "update", &above.new_member());
    }
    if making.dry_run {
        making.runtime.say_what_is_shared(&folder, renderer.dependency(), has_shared, shell);
        notes.iter().for_each(|note| shell.progress(Tone::Notice, "note", note));
        return Ok((exit, None));
    }
    // What follows takes its time, and reads nothing that it would have to keep from others.
    drop(held);
    match &place {
        Place::Crate { .. } => {
            making.runtime.say_what_is_shared(&folder, renderer.dependency(), false, shell);
            shell.next(&advice::calls(root, &model, &notes));
        }
        Place::Folder => {
            if let Some(above) = joins {
                above.add_member(shell)?;
            }
            // That of a member is its workspace's, if there is one.
            if making.vcs == Vcs::Git && above.is_none() && surroundings::repository(&folder).is_none() {
                settled::make_repository(&folder, shell);
            }
            if !runs && (has_shared || above.is_some()) {
                settled::settle_lock_file(&folder);
            }
            making.runtime.say_what_is_shared(&folder, renderer.dependency(), has_shared, shell);
            if !model.consumes() {
                shell.next(&advice::sends(&model));
            } else if !runs {
                shell.next(&format!("cd {} && cargo run", word(root)));
            }
        }
    }
    Ok((Exit::Done, Some(model)))
}

impl Making {
    /// The manifest, from where the call says, or the one that every app starts from.
    fn source(&self, root: &Path, place: &Place) -> anyhow::Result<Source> {
        match &self.manifest {
            None => {
                let name = match place {
                    Place::Folder => folder_name(root)?,
                    Place::Crate { name } => name.clone(),
                };
                names::app_name(&name).map_err(|error| WrongCall(error.to_string()))?;
                Ok(Source::new(MANIFEST, starter_manifest(&name)))
            }
            Some(path) if path == Path::new("-") => {
                let bytes = read_stream(io::stdin().lock()).context("standard input cannot be read")?;
                Ok(Source::from_bytes("<stdin>", &bytes))
            }
            // A pipe too, such as `<(envsubst < mine.yml)`: a person has named it, and waits for it.
            Some(path) => {
                let bytes = fs::File::open(path).and_then(read_stream);
                let bytes = bytes.with_context(|| format!("`{}` cannot be read", foreign::path(path)))?;
                Ok(Source::from_bytes(path.to_string_lossy(), &bytes))
            }
        }
    }
}

impl Place {
    /// What is in the folder; an error if no app can be made there.
    fn at(root: &Path) -> anyhow::Result<Self> {
        // Whoever stands in a folder means it, with what is in it.
        if !is_here(root) {
            refuse_full_folder(root)?;
            return Ok(Self::Folder);
        }
        if root.join(MANIFEST).symlink_metadata().is_ok() {
            bail!("there is a {MANIFEST} here already\n  edit it and call `karafka generate`");
        }
        let Some(cargo) = surroundings::text(root) else { return Ok(Self::Folder) };
        let Some(name) = names_of_crate(&cargo) else {
            bail!(
                "the Cargo.toml here is that of no crate\n  in a workspace, make a member with `karafka new PATH`, or call \
                 `karafka new .` in one of them"
            );
        };
        Ok(Self::Crate { name })
    }
}

/// The library's name in a crate's `Cargo.toml`, or else the package's.
fn names_of_crate(cargo: &str) -> Option<String> {
    let document: toml_edit::DocumentMut = cargo.parse().ok()?;
    let name = |table: &str| document.get(table)?.get("name")?.as_str().map(str::to_owned);
    let package = name("package")?;
    Some(name("lib").unwrap_or(package))
}

/// Whether this is `.`, however it is written.
fn is_here(root: &Path) -> bool {
    let mut components = root.components().peekable();
    components.peek().is_some() && components.all(|component| component == std::path::Component::CurDir)
}

fn folder_name(root: &Path) -> anyhow::Result<String> {
    // `.` has no name of its own, and `..` is not what anybody means.
    let named = match is_here(root) {
        true => fs::canonicalize(root).with_context(|| format!("`{}` cannot be read", foreign::path(root)))?,
        false => root.to_path_buf(),
    };
    match named.file_name() {
        Some(name) => match name.to_str() {
            Some(name) => Ok(name.to_owned()),
            None => Err(WrongCall(format!("`{}` is not UTF-8", foreign::path(&named))).into()),
        },
        None => Err(WrongCall(format!("`{}` does not end in a name", foreign::path(&named))).into()),
    }
}

fn refuse_full_folder(root: &Path) -> anyhow::Result<()> {
    match fs::read_dir(root) {
        Ok(mut listing) => {
            if listing.next().is_some() {
                bail!(
                    "`{}` is there already, and not empty\n  take another name; or call `karafka new .` in it, which puts consumers \
                     beside what is there",
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
