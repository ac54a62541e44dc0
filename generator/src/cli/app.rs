//! Finding the app and reading its manifest.

use std::{
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, bail};
use karafka::foreign;
use karafka_generator::{
    Compiled, compile,
    diagnostic::{Diagnostic, Severity},
    memory,
    model::Model,
    plan::{self, Held, Tree, TreeError},
    source::Source,
};

use super::{
    Shell, WrongCall, holding,
    interrupted::{self, Access},
};

/// The file that makes a folder an app.
pub(crate) const MANIFEST: &str = "karafka.yml";

/// About what the model of a large manifest takes.
pub(crate) const MEMORY: usize = 15 << 20;

/// An app on the disk.
#[derive(Debug)]
pub(crate) struct App {
    /// The folder that holds `karafka.yml`.
    pub(crate) root: PathBuf,
}

impl App {
    /// The app of `--app`, or else the first folder with a manifest, from here upwards.
    pub(crate) fn find(shell: &Shell) -> anyhow::Result<Self> {
        if let Some(root) = &shell.app {
            if !root.join(MANIFEST).is_file() {
                return Err(WrongCall(format!("`--app {}`: there is no {MANIFEST}", foreign::path(root))).into());
            }
            return Ok(Self { root: root.clone() });
        }
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        match here.ancestors().find(|folder| folder.join(MANIFEST).is_file()) {
            // The folder that a person is in needs no name in front of each file.
            Some(root) if root == here => Ok(Self { root: PathBuf::from(".") }),
            Some(root) => Ok(Self { root: root.to_path_buf() }),
            None => bail!(
                "no {MANIFEST} here or in a folder above\n  make an app with `karafka new NAME`, or say where it is with `--app DIR`"
            ),
        }
    }

    /// Holds the app: nobody changes it meanwhile. What a command that was killed left half done is taken back first, or
    /// refused if this one only reads.
    pub(crate) fn hold(&self, shell: &Shell, access: Access) -> anyhow::Result<Held> {
        let held = holding::hold(&self.root, shell, access)?;
        interrupted::settle(&held, shell, access, "karafka generate")?;
        Ok(held)
    }

    /// The manifest's text.
    pub(crate) fn source(&self) -> anyhow::Result<Source> {
        read(MANIFEST, &self.root.join(MANIFEST))
    }

    /// The resolved manifest, and the app's folders, which are read meanwhile.
    pub(crate) fn compile(&self, source: &Source) -> (Compiled, Result<Tree, TreeError>) {
        memory::take(MEMORY);
        thread::scope(|scope| {
            let tree = scope.spawn(|| {
                memory::take(MEMORY / 4);
                Tree::read(&self.root)
            });
            let compiled = compile(source);
            (compiled, tree.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// The resolved app, for a command that only looks at it; `None` when the manifest has errors. What was found in it
    /// goes to standard error.
    pub(crate) fn model(&self, shell: &Shell) -> anyhow::Result<Option<Model>> {
        let held = self.hold(shell, Access::Read)?;
        let source = self.source()?;
        drop(held);
        Ok(shown(compile(&source), &source, shell, ""))
    }
}

/// The resolved app of a manifest, for a command that writes; `None` when it has errors. What was found in it goes to
/// standard error.
pub(crate) fn model(source: &Source, shell: &Shell) -> Option<Model> {
    right(compile(source), source, shell)
}

/// The resolved app of a manifest that was compiled, for a command that writes; `None` when it has errors. What was
/// found in it goes to standard error.
pub(crate) fn right(compiled: Compiled, source: &Source, shell: &Shell) -> Option<Model> {
    shown(compiled, source, shell, "; nothing was written")
}

/// The resolved app, after what was found in its manifest was shown; `consequence` follows the number of errors.
fn shown(compiled: Compiled, source: &Source, shell: &Shell, consequence: &str) -> Option<Model> {
    let of_weight: Vec<_> =
        compiled.diagnostics.iter().filter(|diagnostic| diagnostic.severity != Severity::Note).cloned().collect();
    shell.err(&shell.diagnostics(source, &of_weight, shell.color_err()));
    if compiled.model.is_none() {
        let errors = count(errors(&compiled.diagnostics), "error");
        shell.summary(&format!("{errors}{consequence}"));
    }
    compiled.model
}

/// How many of these are errors.
pub(crate) fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A manifest under the name that messages show. What is not UTF-8 in it is a mistake like any other.
pub(crate) fn read(name: impl Into<String>, path: &Path) -> anyhow::Result<Source> {
    let bytes = plan::read_file(path).with_context(|| format!("`{}` cannot be read", foreign::path(path)))?;
    Ok(Source::from_bytes(name, &bytes))
}
