//! What `Videos::NewVideosController` does with a message.

use karafka::testing::Harness;

use myapp::{generated::app, state::State};

const SAMPLE: &str = r#"{ "id": "v-1", "title": "Cats" }"#;

#[tokio::test]
async fn a_new_video_is_in_the_catalogue() {
    let harness = Harness::new(app(), State::build().await.expect("the state is built"));
    let outcome = harness.consume("new_videos", SAMPLE).await;
    assert!(outcome.is_done(), "{outcome}");
    assert_eq!(harness.state().title("v-1").as_deref(), Some("Cats"));
}
