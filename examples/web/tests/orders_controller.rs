//! What `OrdersController` does with a message.

use karafka::testing::{Harness, Simulation};

use web::{generated::app, state::State};

const SAMPLE: &str = r#"{
  "id": "01adc22e-6759-470e-8c78-65b6526ee731",
  "customer": "c-4961",
  "total": "184.55"
}"#;

#[tokio::test]
async fn handles_a_message() {
    let harness = Harness::new(app(), State::default());
    let outcome = harness.consume("orders", SAMPLE).await;
    assert!(outcome.is_done(), "{outcome}");
}

#[tokio::test]
async fn tries_a_message_again() {
    let run = Simulation::new(app(), State::default());
    // The first attempt fails. The backoff before the second passes at once: time is virtual.
    run.fail("orders", 1, "not now");
    let message = run.send("orders", SAMPLE);
    run.settle().await;
    assert_eq!(run.attempts(&message), 2, "{}", run.history(&message));
    assert!(run.is_done(&message));
}
