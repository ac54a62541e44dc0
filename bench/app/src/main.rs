//! Runs benched: `cargo run`, or `karafka server`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benched::generated::app().run(benched::state::State::build)
}
