//! The `karafka` command: a thin shell around [`karafka_generator`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
