//! Apps that run on the broker inside them.

use std::{path::Path, process::Command, time::Duration};

use karafka_tests::{
    checkout,
    process::{self, Process, Signal},
};

use crate::{every_key, new_app, slide};

/// Long enough on a busy machine; what is waited for takes two seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts an app in development, in its own folder, and waits until it says that it consumes.
fn develop(command: &mut Command) -> Process {
    let mut app = Process::start(command.env("KARAFKA_ENV", "development")).expect("the app starts");
    app.wait_for_line("the broker's address", PATIENCE, |line| {
        line.contains("embedded") && line.contains("127.0.0.1:")
    })
    .expect("the app says where its broker is");
    app
}

/// Waits until the app has shown so many messages of `topic` as done.
fn wait_for_done(app: &mut Process, topic: &str, count: usize) {
    let of_topic = format!("{topic}/");
    let done = |line: &str| line.contains(&of_topic) && line.contains("done in");
    app.wait_for_lines(&format!("{count} messages of {topic}"), count, PATIENCE, done).expect("messages are handled");
}

/// Ctrl-C; gives what the app said at last.
fn interrupt(mut app: Process) -> String {
    app.signal(Signal::INT).expect("it still runs");
    app.wait(PATIENCE).and_then(|ended| ended.expect_code(0)).expect("a clean stop").text()
}

/// Sends lines to a topic of the app in `folder`, as its user would from another terminal.
fn send(folder: &Path, args: &[&str], lines: &str) {
    let mut karafka = checkout::karafka_command(folder).expect("karafka builds");
    let sent = Process::start_with_input(karafka.arg("send").args(args), lines);
    sent.and_then(|sent| sent.wait(PATIENCE)?.expect_code(0)).expect("karafka send works");
}

/// If this fails, a new app does not run without Kafka, or its user cannot see that a message was handled.
#[test]
fn a_new_app_handles_samples_and_stops_cleanly() {
    let hello = new_app::hello();
    let mut app = develop(&mut new_app::built_hello().command());
    send(hello.folder(), &["orders", "--sample", "3"], "");
    wait_for_done(&mut app, "orders", 3);
    let said = interrupt(app);
    assert!(said.contains("3 handled, 0 failed, 0 to repeat"), "{said}");
}

/// If this fails, the slide's app compiles but does not work.
#[test]
fn the_slide_app_handles_messages_of_both_topics() {
    let slide = slide::slide();
    let mut app = develop(&mut slide.build().expect("the app builds").command());
    send(slide.folder(), &["new_videos"], "{\"id\":1}\n{\"id\":2}\n");
    send(slide.folder(), &["incoming_messages"], "{\"id\":3}\n");
    wait_for_done(&mut app, "new_videos", 2);
    wait_for_done(&mut app, "incoming_messages", 1);
    let said = interrupt(app);
    assert!(said.contains("3 handled, 0 failed, 0 to repeat"), "{said}");
}

/// If this fails, an app with groups, protocols, parsers and names of its own stumbles where a plain one runs, or
/// `karafka broker` is no Kafka for it.
#[test]
fn the_app_with_every_key_handles_messages_on_a_broker_of_its_own() {
    let studio = every_key::studio();
    let mut broker = checkout::karafka_command(studio.folder()).expect("karafka builds");
    let mut broker = Process::start(broker.arg("broker")).expect("karafka broker starts");
    let line = broker.wait_for_line("its address", PATIENCE, |line| line.contains("127.0.0.1:"));
    let line = line.expect("the broker says where it is");
    let address = line.split(|c: char| c.is_whitespace() || c == ',').find(|word| word.starts_with("127.0.0.1:"));
    let address = address.expect("an address in the line");

    let mut command = studio.build().expect("the app builds").command();
    let variables = [("KARAFKA_ENV", "development"), ("KARAFKA_BROKERS", address), ("STUDIO_GROUP", "encoders-eu")];
    let mut app = Process::start(command.envs(variables));
    let app = app.as_mut().expect("the app starts");
    // One of its topics begins at a time that the broker cannot look up: at its end, then, which must not lie behind
    // what is sent here.
    // A group is in Kafka by its id, which comes from the environment.
    for group in ["group encoders-eu has", "group studio has"] {
        app.wait_for_line(group, PATIENCE, |line| line.contains(group)).expect("the group has its partitions");
    }
    for topic in ["new_videos", "order-events", "plans"] {
        send(studio.folder(), &[topic, "--sample", "2", "--brokers", address], "");
    }
    wait_for_done(app, "new-videos", 2);
    wait_for_done(app, "order-events", 2);
    wait_for_done(app, "plans", 2);
}

/// If this fails, a production app without brokers consumes from an empty toy instead of failing its deployment.
#[test]
fn in_production_a_missing_broker_is_an_error_at_the_start() {
    let mut command = new_app::built_hello().command();
    let refused = process::run(command.env("KARAFKA_ENV", "production"), PATIENCE).expect("the app ends");
    let said = refused.expect_code(1).expect("a failed start").text();
    assert!(said.contains("no brokers are configured") && said.contains("KARAFKA_BROKERS"), "{said}");
}
