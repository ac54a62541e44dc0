//! What the manifest connects, shown by `flow` and `routes`.

use karafka::topology::Topology;
use karafka_generator::compiled::compiled_in;

use super::{App, Exit, Shell};

/// Shows what `write` makes of the manifest.
pub(crate) fn show(shell: &Shell, write: impl FnOnce(&Topology) -> String) -> anyhow::Result<Exit> {
    let Some(model) = App::find(shell)?.model(shell)? else { return Ok(Exit::Wrong) };
    shell.out(&write(&Topology::from(compiled_in(&model, "", ""))))?;
    Ok(Exit::Done)
}
