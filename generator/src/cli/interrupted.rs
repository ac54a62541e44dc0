//! What an earlier command left half done: taken back by commands that write, and only shown by those that read.

use std::{env, path::PathBuf};

use anyhow::bail;
use karafka_generator::plan::{Held, Journals, Left, Unknown};

use super::{Shell, app::count, shell::Tone};

/// What a command does to an app's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It touches nothing.
    Read,
    /// It writes, and has this name.
    Write(&'static str),
}

impl Access {
    /// Of a command that writes, unless it only shows what it would do.
    pub(crate) fn of(command: &'static str, dry_run: bool) -> Self {
        if dry_run { Self::Read } else { Self::Write(command) }
    }
}

/// Where this user's journals lie: in `$XDG_STATE_HOME/karafka`, or `~/.local/state/karafka`.
pub(crate) fn journals() -> Journals {
    // By the XDG base directory specification a relative one does not count.
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".local/state"));
    Journals::new(state.or_else(home).map(|folder| folder.join("karafka")))
}

/// Sees to what an interrupted command has left in the app; `mend` is the command that takes it back.
pub(crate) fn settle(held: &Held, shell: &Shell, access: Access, mend: &str) -> anyhow::Result<()> {
    let journals = journals();
    let found = held.look(&journals)?;
    for unknown in &found.unknown {
        shell.progress(Tone::Notice, "ignored", &ignored(unknown));
    }
    match (found.interrupted, access) {
        (Some(paths), Access::Read) => bail!(
            "an interrupted change lies here: run `{mend}`\n  it takes back what was done to {}: {}",
            count(paths.len(), "path"),
            some(&paths)
        ),
        (_, Access::Read) => {}
        // A journal of a run that was done, or of another checkout in the same place, is forgotten with it.
        (_, Access::Write(_)) => {
            if let Some(recovered) = held.recover(&journals)? {
                shell.progress(Tone::Notice, "restored", "what an interrupted command had begun was taken back");
                for left in &recovered.left {
                    shell.progress(Tone::Notice, "left", &left_alone(left));
                }
            }
        }
    }
    Ok(())
}

fn ignored(unknown: &Unknown) -> String {
    let at = &unknown.at;
    let names = if unknown.paths.is_empty() { String::new() } else { format!("; it names {}", some(&unknown.paths)) };
    format!(
        "`{at}` was not written by a command of this user on this machine; nothing was undone{names}; delete `{at}` if you \
         do not know it"
    )
}

fn left_alone(left: &Left) -> String {
    match &left.saved {
        Some(saved) => format!("`{}` was changed since; what stood there before is in `{saved}`", left.path),
        None => format!("`{}` was changed since, and stays", left.path),
    }
}

/// The first paths, and how many more there are.
fn some(paths: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    if paths.len() > SHOWN {
        text.push_str(&format!(" and {} more", paths.len() - SHOWN));
    }
    text
}
