//! The checkout under test: where it is, where cargo builds it, the `karafka` binary, a copy of it.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail};
use cargo_metadata::MetadataCommand;

use crate::{cargo::Cargo, environment};

/// The checkout's top folder.
///
/// # Panics
///
/// Never: this package lies one folder below.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// The target directory that this run uses, and that every nested build shares.
///
/// # Errors
///
/// When cargo cannot read the workspace.
pub fn target_directory() -> Result<&'static Path> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found);
    }
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().context("cargo metadata failed")?;
    Ok(FOUND.get_or_init(|| metadata.target_directory.into_std_path_buf()))
}

/// The `karafka` command, built from this checkout once a run.
///
/// # Errors
///
/// When it does not build.
pub fn karafka() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build_karafka().map_err(|error| format!("{error:?}")));
    built.as_deref().map_err(|words| anyhow!("{words}"))
}

fn build_karafka() -> Result<PathBuf> {
    // With the features of the whole workspace, as CI has built it already: `-p` would choose others, for which half of
    // the dependencies are compiled once more.
    let build = Cargo::within(root())?.build(&["--workspace", "--bin", "karafka"])?;
    build.executable("karafka")
}

/// Copies the checkout to `to`: what a clone would hold if everything here were committed.
///
/// # Errors
///
/// When a file cannot be copied.
pub fn copy(to: &Path) -> Result<()> {
    for file in listed()? {
        let (from, to) = (root().join(&file), to.join(&file));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let copied = match fs::read_link(&from) {
            Ok(target) => std::os::unix::fs::symlink(target, &to).map(|()| 0),
            Err(_) => fs::copy(&from, &to),
        };
        match copied {
            // Another test has an app in the checkout for a while, and no clone holds that.
            Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {}
            copied => drop(copied.with_context(|| format!("cannot copy {}", from.display()))?),
        }
    }
    Ok(())
}

/// The files that git tracks or would track, relative to the top.
///
/// # Errors
///
/// When git is missing, or this is no checkout.
pub fn files() -> Result<Vec<PathBuf>> {
    // A file that is deleted but not yet committed is still listed.
    Ok(listed()?.into_iter().filter(|name| root().join(name).is_file()).collect())
}

/// Links to folders among what git tracks or would track, relative to the top, and where each leads.
///
/// # Errors
///
/// As [`files`].
pub fn links() -> Result<Vec<(PathBuf, PathBuf)>> {
    let led = |name: PathBuf| Some((name.clone(), fs::read_link(root().join(name)).ok()?));
    Ok(listed()?.into_iter().filter(|name| root().join(name).is_dir()).filter_map(led).collect())
}

/// The same, with what is only a link to a folder, or gone.
fn listed() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let listed = git.output().context("the copy holds what `git ls-files` lists; install git")?;
    if !listed.status.success() {
        bail!("`git ls-files` failed:\n{}", String::from_utf8_lossy(&listed.stderr));
    }
    let names = listed.stdout.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())).collect())
}

/// The `karafka` command, to be run in `folder`, without arguments as yet.
///
/// # Errors
///
/// When it cannot be built.
pub fn karafka_command(folder: &Path) -> Result<Command> {
    let mut command = Command::new(karafka()?);
    command.current_dir(folder).env("CARGO_TARGET_DIR", target_directory()?);
    environment::clean(&mut command);
    Ok(command)
}
