//! The route that asks a slow service.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use karafka::types::Uuid;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tower::ServiceExt;

use web::{generated::messages::Order, rates::Rates, state::State, web::totals};

/// A rates service that knows one currency, and says nothing the first `silent` times; and how often it was asked.
async fn service(silent: u32) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            if counted.fetch_add(1, Ordering::SeqCst) < silent {
                waiting.push(stream);
                continue;
            }
            let mut currency = String::new();
            let read = stream.read_line(&mut currency).await;
            read.expect("a question");
            let answer = if currency == "EUR\n" { "0.5\n" } else { "\n" };
            let written = stream.write_all(answer.as_bytes()).await;
            written.expect("answered");
        }
    });
    (address, asked)
}

/// The answer for a customer who has ordered for 3.00.
async fn ask(address: SocketAddr, currency: &str) -> (StatusCode, String) {
    let state = State::default();
    state.add(&Order {
        id: Uuid::nil(),
        customer: "c-7".to_owned(),
        total: "3.00".parse().expect("a total"),
    });
    let request = Request::get(format!("/totals/c-7/in/{currency}"));
    let request = request.body(Body::empty()).expect("a request");
    let routes = totals::routes(state, Rates::at(address));
    let answer = routes.oneshot(request).await.expect("an answer");
    let (status, body) = (answer.status(), answer.into_body());
    let body = to_bytes(body, 1_000).await.expect("a body");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// If this fails, one slow answer of another service is an error page.
#[tokio::test]
async fn a_service_that_is_slow_once_is_asked_again() {
    let (address, asked) = service(1).await;
    assert_eq!(
        ask(address, "EUR").await,
        (StatusCode::OK, "1.500".to_owned())
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// If this fails, a page hangs with the service that it asks, or asks again what will never be known.
#[tokio::test]
async fn there_is_an_answer_whatever_the_service_does() {
    let (address, asked) = service(u32::MAX).await;
    let (status, why) = ask(address, "EUR").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{why}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);

    let (address, asked) = service(0).await;
    let (status, why) = ask(address, "XXX").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{why}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
