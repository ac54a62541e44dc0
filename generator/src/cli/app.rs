//! Finding the app and reading its manifest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use karafka_generator::{model::Model, source::Source};

use super::{Shell, WrongCall};

/// The file that makes a folder an app.
pub(crate) const MANIFEST: &str = "karafka.yml";

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
                return Err(WrongCall(format!("`--app {}`: there is no {MANIFEST}", root.display())).into());
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

    /// The manifest's text.
    pub(crate) fn source(&self) -> anyhow::Result<Source> {
        Ok(Source::new(MANIFEST, read_text(&self.root.join(MANIFEST))?))
    }

    /// The resolved app; `None` when the manifest has errors, which have been shown.
    pub(crate) fn model(&self, _shell: &Shell) -> anyhow::Result<Option<Model>> {
        let _source = self.source()?;
        bail!("the manifest cannot be read yet")
    }
}

/// A file's text, with an error that names the file.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::Error::new(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("`{}` is not UTF-8 (byte {at}); save it as UTF-8", path.display()),
        ))
    })
}
