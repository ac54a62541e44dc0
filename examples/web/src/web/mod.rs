//! The web server, with the consumers beside its routes.

pub mod orders;
pub mod probes;
pub mod totals;

use std::{
    error::Error,
    future::{Future, IntoFuture},
    time::Duration,
};

use axum::Router;
use karafka::{End, settings::Settings};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{generated, rates::Rates, state::State};

/// How long orders that are on their way to Kafka are waited for at the end.
const LAST_ORDERS: Duration = Duration::from_secs(10);

/// Consumes and serves until `shutdown` is ready, or until the consumers or the server cannot go on.
///
/// Then the consumers end and commit what they have begun, while the routes still answer; after that the server answers what it
/// has begun to answer, and the producer waits for what is on its way.
///
/// # Errors
///
/// If the consumers or the producer do not start, the server fails, or an order on its way was not acknowledged.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    state: State,
    rates: Rates,
    shutdown: impl Future<Output = ()>,
) -> Result<End, Box<dyn Error + Send + Sync>> {
    let producer = generated::producer(&settings)?;
    let consumers = generated::app()
        .settings(settings)
        .start(state.clone())
        .await?;
    let routes = Router::new()
        .merge(orders::routes(state.clone(), producer.clone()))
        .merge(totals::routes(state, rates))
        .merge(probes::routes(consumers.health()));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async {
        // It is ready when `stop` is dropped.
        let _ = stopped.await;
    });
    let mut server = tokio::spawn(server.into_future());
    let mut served = None;
    let end = consumers
        .until(async {
            tokio::select! {
                () = shutdown => {}
                ended = &mut server => served = Some(ended),
            }
        })
        .await;
    drop(stop);
    match served {
        Some(ended) => ended,
        None => server.await,
    }??;
    producer.close(LAST_ORDERS).await?;
    Ok(end)
}
