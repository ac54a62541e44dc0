//! The web server, with the consumers beside its routes.

use std::{
    error::Error,
    future::{Future, IntoFuture},
};

use axum::{
    Router,
    extract::{Path, State as Shared},
    http::StatusCode,
    routing::get,
};
use karafka::{End, health::Health, settings::Settings};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{generated, state::State};

/// What the routes reach.
#[derive(Clone)]
struct Routes {
    state: State,
    health: Health,
}

/// Consumes and serves until `shutdown` is ready, or until the consumers or the server cannot go on.
///
/// Then the consumers end and commit what they have begun, while the routes still answer, and after that the server answers
/// what it has begun to answer.
///
/// # Errors
///
/// If the consumers do not start, or the server fails.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    state: State,
    shutdown: impl Future<Output = ()>,
) -> Result<End, Box<dyn Error + Send + Sync>> {
    let consumers = generated::app()
        .settings(settings)
        .start(state.clone())
        .await?;
    let routes = Routes {
        state,
        health: consumers.health(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, router(routes)).with_graceful_shutdown(async {
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
    Ok(end)
}

fn router(routes: Routes) -> Router {
    Router::new()
        .route("/totals/{customer}", get(total))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(routes)
}

async fn total(
    Shared(routes): Shared<Routes>,
    Path(customer): Path<String>,
) -> Result<String, StatusCode> {
    let total = routes.state.total(&customer).ok_or(StatusCode::NOT_FOUND)?;
    Ok(total.to_string())
}

/// Whether the consumers have their partitions and all of them move, for a probe.
async fn ready(Shared(routes): Shared<Routes>) -> (StatusCode, String) {
    let verdict = routes.health.ready();
    let status = if verdict.passes() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, verdict.to_json())
}

async fn metrics(Shared(routes): Shared<Routes>) -> String {
    routes.health.metrics()
}
