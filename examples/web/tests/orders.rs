//! The route that stores an order and sends it, without a Kafka.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use karafka::producer::{SendError, TestProducer};
use tower::ServiceExt;

use web::{generated::topics, state::State, web::orders};

const ORDER: &str =
    r#"{ "id": "01adc22e-6759-470e-8c78-65b6526ee731", "customer": "c-7", "total": "184.55" }"#;
const ANOTHER: &str =
    r#"{ "id": "01adc22e-6759-470e-8c78-65b6526ee731", "customer": "c-8", "total": "1.00" }"#;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What the route says to an order, in a trace.
async fn place(kafka: &TestProducer, state: &State, order: &'static str) -> StatusCode {
    let request = Request::post("/orders")
        .header("content-type", "application/json")
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .body(Body::from(order))
        .expect("a request");
    let routes = orders::routes(state.clone(), kafka.producer());
    routes.oneshot(request).await.expect("an answer").status()
}

/// If this fails, an order is taken that nobody else hears of, or its consumers do not know from which request it came.
#[tokio::test]
async fn an_order_is_sent_in_the_trace_of_its_request() {
    let (kafka, state) = (TestProducer::new(), State::default());
    assert_eq!(place(&kafka, &state, ORDER).await, StatusCode::CREATED);
    let sent = kafka.messages(topics::Orders).expect("orders");
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (
            sent[0].customer.as_str(),
            sent[0].total.to_string().as_str()
        ),
        ("c-7", "184.55")
    );
    let record = &kafka.records()[0];
    assert_eq!(record.key.as_deref(), Some(b"c-7".as_slice()));
    let (name, value) = &record.headers[0];
    let value = String::from_utf8_lossy(value.as_deref().expect("a value"));
    assert_eq!(name, b"traceparent");
    assert!(value.starts_with(&format!("00-{TRACE}-")), "{value}");
}

/// If this fails, a customer whose order did not reach Kafka cannot send it again, or is told that it did.
#[tokio::test]
async fn an_order_that_kafka_has_not_can_be_sent_again() {
    let (kafka, state) = (TestProducer::new(), State::default());
    kafka.fail_if(|topic| {
        Some(SendError::Full {
            topic: topic.to_owned(),
        })
    });
    let refused = place(&kafka, &state, ORDER).await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    assert!(kafka.records().is_empty());

    kafka.fail_if(|_| None);
    assert_eq!(place(&kafka, &state, ORDER).await, StatusCode::CREATED);
    assert_eq!(place(&kafka, &state, ANOTHER).await, StatusCode::CONFLICT);
    assert_eq!(
        kafka.records().len(),
        1,
        "nothing is sent of another order of its id"
    );
}
