//! What `EventsController` does with a message.

use karafka::testing::Harness;

use benched::{generated::app, state::State};

const SAMPLE: &str = r#"{
  "sample": "`Message(\"Event\")`"
}"#;

#[tokio::test]
async fn handles_a_message() {
    let harness = Harness::new(app(), State::build().await.expect("the state is built"));
    let outcome = harness.consume("events", SAMPLE).await;
    assert!(outcome.is_done(), "{outcome}");
}
