//! Runs myapp: `cargo run`, or `karafka server`.

use std::process::ExitCode;

use myapp::{generated, state::State};

fn main() -> ExitCode {
    generated::app().run(State::build)
}
