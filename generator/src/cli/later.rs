//! Commands that have a name already, and nothing behind it yet.

use super::{Exit, WrongCall};

/// Whatever follows the command.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Says that `command` is not there yet, and what to do meanwhile.
pub(crate) fn refuse(command: &str) -> anyhow::Result<Exit> {
    let (what, meanwhile) = match command {
        "worker" => ("jobs on Redis come with a later version", "jobs run inside `karafka server` until then"),
        _ => ("it comes with a later version", "`karafka flow`, `routes` and `info` show what there is until then"),
    };
    Err(WrongCall(format!("`karafka {command}` is not supported yet: {what}; {meanwhile}")).into())
}
