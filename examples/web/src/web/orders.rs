//! Takes orders: stores each, and tells the rest of the shop of it through Kafka.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use karafka::{Topic, producer::Producer, trace::TraceContext};
use tokio::time::timeout;

use crate::{
    generated::{messages::Order, topics},
    state::State,
};

/// How long a customer waits for Kafka.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Desk {
    state: State,
    producer: Producer,
}

/// `POST /orders`.
pub fn routes(state: State, producer: Producer) -> Router {
    Router::new()
        .route("/orders", post(place))
        .layer(middleware::from_fn(traced))
        .with_state(Desk { state, producer })
}

/// Stores an order and sends it; 201 when both have been done.
///
/// Two systems cannot be written in one step, so the request is made to be repeated: after a 503 the client sends the same order
/// again. It is stored once, as it has an id, and consumers count it once, however often it was sent.
async fn place(
    Shared(desk): Shared<Desk>,
    Json(order): Json<Order>,
) -> Result<StatusCode, (StatusCode, String)> {
    if !desk.state.store(&order) {
        return Err((StatusCode::CONFLICT, "another order has this id".to_owned()));
    }
    let not_sent = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why);
    let record = topics::Orders.record(&order);
    let record = record.map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    match timeout(PATIENCE, desk.producer.send(record)).await {
        Ok(Ok(_)) => Ok(StatusCode::CREATED),
        Ok(Err(error)) => Err(not_sent(error.to_string())),
        // The record may still arrive, which does no harm.
        Err(_) => Err(not_sent("Kafka has not answered yet".to_owned())),
    }
}

/// Handles a request in the trace that it came with: what it sends is a part of it, and so is what consumers make of that.
async fn traced(request: Request, next: Next) -> Response {
    match trace_of(request.headers()) {
        Some(trace) => trace.scope(next.run(request)).await,
        None => next.run(request).await,
    }
}

fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    TraceContext::parse(header("traceparent")?, header("tracestate"))
}
