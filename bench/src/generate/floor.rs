//! The least that a generator must do, as programs of their own.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use super::files;

/// Names the variable with the folder to read.
pub(crate) const FROM: &str = "BENCH_FROM";

/// Names the variable with the folder to write.
pub(crate) const TO: &str = "BENCH_TO";

/// Writes every file of the app anew.
pub(crate) fn copy_tree() -> Result<()> {
    let (from, to) = (folder(FROM)?, folder(TO)?);
    for file in files(&from)? {
        let copy = to.join(file.strip_prefix(&from)?);
        fs::create_dir_all(copy.parent().context("a file lies in a folder")?)?;
        fs::write(copy, fs::read(&file)?)?;
    }
    Ok(())
}

/// Reads every file of the app.
pub(crate) fn read_tree() -> Result<()> {
    let mut bytes = 0;
    for file in files(&folder(FROM)?)? {
        bytes += fs::read(&file)?.len();
    }
    ensure!(bytes > 0, "nothing to read");
    Ok(())
}

fn folder(variable: &str) -> Result<PathBuf> {
    Ok(env::var_os(variable).with_context(|| format!("{variable} is not set"))?.into())
}
