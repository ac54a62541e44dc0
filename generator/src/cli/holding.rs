//! Holding an app while a command reads and changes it, and waiting for another one that does.

use std::{
    path::Path,
    process, thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use karafka::foreign;
use karafka_generator::plan::{Held, Holder};

use super::{
    Shell,
    interrupted::{Access, journals},
    shell::Tone,
};

/// How long a command waits until another one has done its work on the same app.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long it waits in silence.
const SILENCE: Duration = Duration::from_secs(1);

/// How long it waits until it asks again.
const PAUSE: Duration = Duration::from_millis(10);

/// Holds the app at `root`, which need not be there, and waits for a while if another command holds it.
pub(crate) fn hold(root: &Path, shell: &Shell, access: Access) -> anyhow::Result<Held> {
    let journals = journals();
    let begun = Instant::now();
    let mut told = false;
    loop {
        let held = match access {
            Access::Write(command) => {
                Held::to_write(root, Holder { process: process::id(), command: command.to_owned() })
            }
            Access::Read => Held::to_read(root),
        };
        if let Some(held) = held {
            return Ok(held);
        }
        let waited = begun.elapsed();
        if waited >= PATIENCE {
            bail!(
                "{} is changing `{}`, and was not done after {} s\n  nothing was written; try again when it is done",
                name(journals.holder(root)),
                foreign::path(root),
                PATIENCE.as_secs()
            );
        }
        if !told && waited >= SILENCE {
            shell.progress(Tone::Notice, "waiting", &format!("for {}", name(journals.holder(root))));
            told = true;
        }
        thread::sleep(PAUSE);
    }
}

fn name(holder: Option<Holder>) -> String {
    match holder {
        Some(Holder { process, command }) => format!("process {process} (`karafka {}`)", foreign::line(&command)),
        None => "another karafka command".to_owned(),
    }
}
