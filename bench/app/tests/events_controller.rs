//! What `EventsController` does with a message.

use karafka::testing::Harness;

use benched::{generated::app, state::State};

const SAMPLE: &str = r#"{
  "id": "01adc22e-6759-470e-8c78-65b6526ee731",
  "customer": "c-4961",
  "region": "cedar",
  "description": "All is well",
  "quantity": 4,
  "total": 184.75,
  "coupon": "linden",
  "status": "paid",
  "created_ms": 21
}"#;

#[tokio::test]
async fn handles_a_message() {
    let harness = Harness::new(app(), State::build().await.expect("the state is built"));
    let outcome = harness.consume("events", SAMPLE).await;
    assert!(outcome.is_done(), "{outcome}");
}
