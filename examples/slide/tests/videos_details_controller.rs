//! What `Videos::DetailsController` does with a message.

use karafka::testing::{Harness, Simulation};

use myapp::{frames, generated::app, state::State};

fn details() -> Vec<u8> {
    let message = [("id", "v-1"), ("title", "Cats, again")];
    frames::write(&message.into_iter().collect()).expect("an object of texts")
}

/// If this fails, a binary record does not reach the catalogue.
#[tokio::test]
async fn a_known_video_gets_its_new_title() {
    let state = State::build().await.expect("the state is built");
    state.set_title("v-1", "Cats");
    let harness = Harness::new(app(), state);
    let outcome = harness.consume("incoming_messages", details()).await;
    assert!(outcome.is_done(), "{outcome}");
    assert_eq!(harness.state().title("v-1").as_deref(), Some("Cats, again"));
}

/// If this fails, details that come before their video are lost instead of tried again.
#[tokio::test]
async fn details_of_an_unknown_video_are_not_done() {
    let harness = Harness::new(app(), State::build().await.expect("the state is built"));
    let outcome = harness.consume("incoming_messages", details()).await;
    assert!(!outcome.is_done(), "{outcome}");
}

/// If this fails, they are tried again, and still lost.
#[tokio::test]
async fn details_wait_for_their_video() {
    let run = Simulation::new(app(), State::build().await.expect("the state is built"));
    let details = run.send("incoming_messages", details());
    run.until(|run| run.attempts(&details) == 3).await;
    assert_eq!(run.lag("incoming_messages"), 1);
    run.state().set_title("v-1", "Cats");
    run.settle().await;
    assert!(run.is_done(&details), "{}", run.history(&details));
    assert_eq!(run.state().title("v-1").as_deref(), Some("Cats, again"));
}

/// If this fails, a broken record passes for a message.
#[tokio::test]
async fn a_record_that_ends_inside_a_frame_is_not_done() {
    let harness = Harness::new(app(), State::build().await.expect("the state is built"));
    let record = details();
    let outcome = harness
        .consume("incoming_messages", &record[..record.len() - 1])
        .await;
    assert!(!outcome.is_done(), "{outcome}");
}
