//! What Kubernetes and Prometheus ask.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use karafka::health::Health;

/// `GET /ready` and `GET /metrics`.
pub fn routes(health: Health) -> Router {
    Router::new()
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// Whether the consumers have their partitions and all of them move.
async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let verdict = health.ready();
    let status = if verdict.passes() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, verdict.to_json())
}

async fn metrics(State(health): State<Health>) -> String {
    health.metrics()
}
