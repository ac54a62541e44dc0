//! Commands that have a name already, and nothing behind it yet.

use super::{Exit, WrongCall};

/// Whatever follows the command.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Reports that the console is not there yet, and what to do meanwhile.
pub(crate) fn refuse_console() -> anyhow::Result<Exit> {
    let words = "`karafka console` is not supported yet: it comes with a later version; `karafka flow`, `routes` and \
                 `info` show what there is until then";
    Err(WrongCall(words.to_owned()).into())
}
