//! Answers how much a customer has ordered, from what the consumers have read.

use axum::{
    Router,
    extract::{Path, State as Shared},
    http::StatusCode,
    routing::get,
};

use crate::{rates::Rates, state::State};

#[derive(Clone)]
struct Books {
    state: State,
    rates: Rates,
}

/// `GET /totals/{customer}`, and `GET /totals/{customer}/in/{currency}`.
pub fn routes(state: State, rates: Rates) -> Router {
    Router::new()
        .route("/totals/{customer}", get(total))
        .route("/totals/{customer}/in/{currency}", get(total_in))
        .with_state(Books { state, rates })
}

async fn total(
    Shared(books): Shared<Books>,
    Path(customer): Path<String>,
) -> Result<String, StatusCode> {
    let total = books.state.total(&customer).ok_or(StatusCode::NOT_FOUND)?;
    Ok(total.to_string())
}

/// 404 for a currency that nobody knows, 503 where the rates service does not answer in time.
async fn total_in(
    Shared(books): Shared<Books>,
    Path((customer, currency)): Path<(String, String)>,
) -> Result<String, (StatusCode, String)> {
    let total = books.state.total(&customer);
    let total = total.ok_or((StatusCode::NOT_FOUND, "no such customer".to_owned()))?;
    match books.rates.rate(&currency).await {
        Ok(rate) => Ok((total * rate).to_string()),
        Err(error) if error.is_permanent() => Err((StatusCode::NOT_FOUND, error.to_string())),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}
