//! Where a new app finds the runtime, and how its build shares what a checkout has built already.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};
use karafka::foreign;
use karafka_generator::{
    model::Model,
    plan::Edit,
    render::{Dependency, Renderer, cargo_config},
};

use super::{Shell, shell::Tone, surroundings::Above};

/// Which `karafka` crate the app depends on.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Runtime {
    /// Depend on the runtime in this folder
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        help_heading = "The dependency on karafka, where there is none yet"
    )]
    karafka_path: Option<PathBuf>,

    /// Depend on the runtime in this git repository
    #[arg(
        long,
        value_name = "URL",
        global = true,
        help_heading = "The dependency on karafka, where there is none yet"
    )]
    karafka_git: Option<String>,

    /// Depend on this published version of the runtime
    #[arg(
        long,
        value_name = "VERSION",
        global = true,
        help_heading = "The dependency on karafka, where there is none yet"
    )]
    karafka_version: Option<String>,
}

impl Runtime {
    /// What `Cargo.toml` of an app at `root` says about `karafka`.
    ///
    /// A command that was built in a checkout takes the runtime beside it; any other one takes the version that it has
    /// itself.
    fn dependency(&self, root: &Path) -> anyhow::Result<Dependency> {
        if let Some(folder) = &self.karafka_path {
            if !is_runtime(folder) {
                bail!("`--karafka-path {}`: there is no Cargo.toml of karafka", foreign::path(folder));
            }
            let folder = fs::canonicalize(folder)?;
            let beside = folder.parent().and_then(Path::parent).map(Path::to_path_buf);
            return path_dependency(&folder, root, beside.as_deref());
        }
        if let Some(url) = &self.karafka_git {
            return Ok(Dependency::Git(url.clone()));
        }
        if let Some(version) = &self.karafka_version {
            return Ok(Dependency::Version(version.clone()));
        }
        match checkout() {
            Some(checkout) => path_dependency(&checkout.join("runtime"), root, checkout.parent()),
            None => Ok(Dependency::Version(env!("CARGO_PKG_VERSION").to_owned())),
        }
    }

    /// What `Cargo.toml` of a member of this workspace says about `karafka`: as its other members, where they have it.
    fn dependency_in(&self, root: &Path, above: Option<&Above>) -> anyhow::Result<Dependency> {
        match above {
            Some(above) if !self.is_given() && above.workspace.inherited().dependencies.contains_key("karafka") => {
                Ok(Dependency::Workspace)
            }
            _ => self.dependency(root),
        }
    }

    /// Says what ties a new app to the checkout that it was made from.
    pub(crate) fn say_what_is_shared(&self, app: &Path, from: &Dependency, has_shared_build: bool, shell: &Shell) {
        // A member may have it from where its workspace says.
        let is_tied = matches!(from, Dependency::Path(_)) && !self.is_given();
        let Some(checkout) = checkout().filter(|_| is_tied) else { return };
        let is_near = checkout.parent().is_some_and(|folder| app.starts_with(folder));
        let shown = foreign::path(&if is_near { relative(&checkout, app) } else { checkout });
        let words = format!("on the checkout in {shown}; `--karafka-git URL` makes an app that leaves this machine");
        shell.progress(Tone::Notice, "depends", &words);
        if has_shared_build {
            let words = "what the checkout has built; `cargo clean` in either empties it for both";
            shell.progress(Tone::Notice, "shares", words);
        }
    }

    fn is_given(&self) -> bool {
        self.karafka_path.is_some() || self.karafka_git.is_some() || self.karafka_version.is_some()
    }

    /// What renders the app at `root`, as a member of the workspace above it if there is one.
    pub(crate) fn renderer<'m>(
        &self,
        model: &'m Model,
        root: &Path,
        above: Option<&Above>,
    ) -> anyhow::Result<Renderer<'m>> {
        let renderer = Renderer::new(model, self.dependency_in(root, above)?);
        Ok(match above {
            Some(above) => renderer.member(above.workspace.inherited()),
            None => renderer,
        })
    }

    /// Files that let the build of a new app use what the checkout has built: where cargo keeps what it builds,
    /// and which version of each crate it takes.
    pub(crate) fn shared_build(&self) -> Vec<Edit> {
        let Some(checkout) = checkout().filter(|_| !self.is_given()) else { return Vec::new() };
        let mut edits = Vec::new();
        // Whoever builds everything into one folder has it shared already. Named twice, and in two ways, cargo would lock it
        // twice, and wait for itself.
        let is_shared = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        let target = if is_shared { None } else { target_dir(&checkout) };
        if is_shared || target.is_some() {
            let target = target.as_ref().map(|target| target.to_string_lossy());
            edits.push(create(".cargo/config.toml", cargo_config(target.as_deref())));
        }
        if let Ok(lock) = fs::read_to_string(checkout.join("Cargo.lock")) {
            edits.push(create("Cargo.lock", lock));
        }
        edits
    }
}

fn create(path: &str, after: String) -> Edit {
    Edit { path: path.to_owned(), before: None, after }
}

/// The checkout that this command was built in, if it is still there.
pub(crate) fn checkout() -> Option<PathBuf> {
    let folder = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).parent()?).ok()?;
    is_runtime(&folder.join("runtime")).then_some(folder)
}

fn is_runtime(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line == "name = \"karafka\""))
}

/// The folder that this command was built into, or else the one that cargo would build the checkout into.
fn target_dir(checkout: &Path) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_path_buf()));
    if let Some(folder) = beside.filter(|folder| folder.join("CACHEDIR.TAG").is_file()) {
        return Some(folder);
    }
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(checkout.join("Cargo.toml"))
        // Cargo and rustup take settings, and programs to run, from the folder that they are called in.
        .current_dir(checkout)
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .ok()?;
    Some(metadata.target_directory.into_std_path_buf())
}

fn path_dependency(runtime: &Path, root: &Path, neighbourhood: Option<&Path>) -> anyhow::Result<Dependency> {
    Ok(Dependency::Path(short_path(runtime, &absolute(root)?, neighbourhood)))
}

/// `to` as seen from `from` when both lie in the neighbourhood (so that they can be moved together), else absolute.
fn short_path(to: &Path, from: &Path, neighbourhood: Option<&Path>) -> String {
    let near = neighbourhood.filter(|folder| folder.parent().is_some());
    let path = match near {
        Some(folder) if from.starts_with(folder) && to.starts_with(folder) => relative(to, from),
        _ => to.to_path_buf(),
    };
    // Cargo takes `/` everywhere.
    path.to_string_lossy().replace('\\', "/")
}

fn relative(to: &Path, from: &Path) -> PathBuf {
    let common = to.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

/// The absolute path, without links, of a folder that need not be there yet.
pub(crate) fn absolute(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder).context("the current folder cannot be read")?;
    let there = folder.ancestors().find(|at| at.exists()).unwrap_or(&folder);
    let rest = folder.strip_prefix(there).unwrap_or(Path::new(""));
    Ok(fs::canonicalize(there)?.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an app beside the checkout breaks when the two are moved together.
    #[test]
    fn paths_are_relative_in_the_neighbourhood_and_absolute_elsewhere() {
        let path = |from: &str| short_path(Path::new("/a/karafka/runtime"), Path::new(from), Some(Path::new("/a")));
        assert_eq!(path("/a/myapp"), "../karafka/runtime");
        assert_eq!(path("/a/karafka/tmp/myapp"), "../../runtime");
        assert_eq!(path("/b/myapp"), "/a/karafka/runtime");
    }
}
