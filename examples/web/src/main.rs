//! Runs web: `KARAFKA_BROKERS=localhost:9092 cargo run -p web`, then `curl localhost:3000/totals/c-1`.
//!
//! `RATES` says where the rates service is; without it that is looked for on port 4000 of this machine.

use std::{env, error::Error, net::SocketAddr, process::ExitCode};

use karafka::settings::Settings;
use tokio::net::TcpListener;

use web::{generated, rates::Rates, state::State};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    // First of all, so that no signal ends the process before it can stop well.
    let shutdown = karafka::shutdown_signal()?;
    let settings = Settings::from_env(generated::app().manifest())?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let rates = match env::var("RATES") {
        Ok(address) => address.parse()?,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 4000)),
    };
    let end = web::web::run(
        listener,
        settings,
        State::default(),
        Rates::at(rates),
        shutdown,
    )
    .await?;
    println!("{end}");
    Ok(if end.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
