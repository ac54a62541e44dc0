//! Runs shop: `cargo run`, or `karafka server`.

use std::process::ExitCode;

use shop::{generated, state::State};

fn main() -> ExitCode {
    generated::app().run(State::build)
}
