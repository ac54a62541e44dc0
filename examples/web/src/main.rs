//! Runs web: `KARAFKA_BROKERS=localhost:9092 cargo run -p web`, then `curl localhost:3000/totals/c-1`.

use std::{error::Error, process::ExitCode};

use karafka::settings::Settings;
use tokio::{net::TcpListener, signal};

use web::{generated, state::State};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let settings = Settings::from_env(generated::app().manifest())?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let shutdown = async {
        // Without a way to hear of Ctrl-C it is better to end at once than never.
        let _ = signal::ctrl_c().await;
    };
    let end = web::web::run(listener, settings, State::default(), shutdown).await?;
    println!("{end}");
    Ok(if end.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
