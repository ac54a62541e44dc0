//! What a program that embeds an app shows of its log.

use std::{env, process::Command};

use tracing::{Level, enabled};

const TEST: &str = "a_subscriber_as_the_book_sets_it_shows_what_karafka_logs";

/// If this fails, whoever sets a subscriber as the book has it is not told that a broker is away, or that Kafka has taken
/// partitions back: cargo unites what all of a program wants of a crate, and karafka has brought in a feature of
/// tracing-subscriber by which `init` shows errors alone.
#[test]
fn a_subscriber_as_the_book_sets_it_shows_what_karafka_logs() {
    // What the machine that tests has to say of logs is for another process.
    if env::var_os("RUST_LOG").is_some() {
        let mut again = Command::new(env::current_exe().expect("this test"));
        again.args([TEST, "--exact"]).env_remove("RUST_LOG");
        assert!(again.status().expect("it runs").success());
        return;
    }
    tracing_subscriber::fmt::init();
    assert!(enabled!(target: "karafka", Level::INFO) && enabled!(target: "karafka", Level::WARN));
    assert!(
        !enabled!(target: "karafka", Level::DEBUG),
        "and it is no flood"
    );
}
