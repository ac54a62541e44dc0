//! An app whose manifest names no controller: types and a producer, for a program that sends.

use std::{fs, sync::OnceLock};

use karafka_tests::{app::App, process::Stream};

use crate::app_checks;

const MANIFEST: &str = include_str!("manifests/producer.yml");

/// What its author tests: a message's bytes, its key, the topic's name in Kafka.
const TEST: &str = r###"//! What goes to Kafka.

use karafka::{
    producer::{ProducerBuilder, StartError, TestProducer},
    types::Uuid,
};
use orders_api::generated::{self, Settings, Topic, messages, topics};

#[tokio::test]
async fn a_message_goes_to_the_topics_name_in_kafka() -> karafka::Result {
    let settings = Settings::from_manifest(generated::manifest())?;
    let kafka = TestProducer::new();
    let producer = kafka.built(ProducerBuilder::from_settings(&settings)?);
    let why = messages::OrderCancelledWhy::Late;
    let cancelled = messages::OrderCancelled {
        id: Uuid::nil(),
        why,
    };
    let event = messages::OrderEvent::Cancelled(cancelled);
    producer.send(topics::OrderEvents.record(&event)?).await?;
    producer.send(topics::Audit.tombstone("c-7")).await?;

    let records = kafka.records();
    assert_eq!(records[0].topic, "orders.events");
    assert_eq!(records[0].key, Some(Uuid::nil().to_string().into_bytes()));
    let text = r##"{"type":"cancelled","id":"00000000-0000-0000-0000-000000000000","why":"late"}"##;
    assert_eq!(records[0].value.as_deref(), Some(text.as_bytes()));
    assert_eq!(records[1].topic, "audit");
    assert_eq!(records[1].value, None);
    assert_eq!(kafka.messages(topics::OrderEvents)?, [event]);
    Ok(())
}

#[test]
fn the_apps_producer_goes_where_its_settings_say() -> karafka::Result {
    let mut settings = Settings::from_manifest(generated::manifest())?;
    let without = generated::producer(&settings);
    assert!(matches!(without, Err(StartError::NoBrokers)));
    settings.brokers = Some("127.0.0.1:9".to_owned());
    assert_eq!(generated::producer(&settings)?.in_flight(), 0);
    Ok(())
}
"###;

/// A program that sends as the README and `karafka new` show it, with nothing but the app's crate.
const PROGRAM: &str = r#"//! Sends as the README shows it.

use std::time::Duration;

use orders_api::generated::{self, Settings, Topic, topics};

async fn sends(
    message: <topics::Audit as Topic>::Message,
) -> Result<(), Box<dyn std::error::Error>> {
    let producer = generated::producer(&Settings::from_env(generated::manifest())?)?;
    let delivered = producer.send(topics::Audit.record(&message)?).await?;
    // At the end of the program: what is on its way still arrives.
    producer.close(Duration::from_secs(10)).await?;
    println!("{delivered:?}");
    Ok(())
}

fn main() {
    let _ = sends;
}
"#;

/// Its app; one for all tests.
fn orders_api() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| {
        let app = App::from_manifest("orders-api", MANIFEST).expect("`karafka new --manifest` takes it");
        fs::create_dir(app.folder().join("tests")).expect("a new app that consumes nothing has no tests");
        fs::write(app.folder().join("tests/sends.rs"), TEST).expect("the test is written");
        fs::create_dir(app.folder().join("examples")).expect("nor has it examples");
        fs::write(app.folder().join("examples/sends.rs"), PROGRAM).expect("the program is written");
        app
    })
}

/// If this fails, a program that only sends gets code that does not compile or that a linter complains of, or builds an engine
/// and a client of Redis for it.
#[test]
fn what_only_sends_is_built_with_a_producer_alone() {
    let app = orders_api();
    let readme = app.read("README.md").expect("there is a README");
    let (shown, _) =
        readme.split_once("```rust\n").and_then(|(_, rest)| rest.split_once("```")).expect("it shows how to send");
    for line in shown.lines().map(str::trim) {
        assert!(PROGRAM.lines().any(|known| known.trim() == line) && !line.contains("karafka::"), "{line}");
    }
    app_checks::check(app);
    let tree = app.cargo().expect("cargo is there").run("tree", &["--prefix", "none", "--edges", "normal,build"]);
    let tree = tree.expect("cargo runs").expect_code(0).expect("cargo lists what it builds").stream(Stream::Out);
    let built = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(built("rdkafka") && built("openssl-src") && built("zstd-sys"), "{tree}");
    for name in ["clap", "hyper", "redis", "tracing-subscriber"] {
        assert!(!built(name), "{name}");
    }
}

/// If this fails, an app that gets its first controller does not compile, or one that loses its last one loses files of its
/// author's with it.
#[test]
fn a_controller_comes_and_goes() {
    let app = App::from_manifest("orders-hub", &MANIFEST.replace("orders-api", "orders-hub")).expect("it is made");
    let karafka = |args: &[&str]| {
        let ended = app.karafka(args).expect("karafka runs").expect_code(0).expect("it does what it is told");
        ended.stream(Stream::Err)
    };
    let check = |args: &[&str]| {
        let checked = app.cargo().expect("cargo is there").run("check", args).expect("cargo runs").expect_code(0);
        checked.expect("it compiles");
    };
    let is_there = |path: &str| app.folder().join(path).is_file();
    let manifest = app.read("karafka.yml").expect("there is a manifest");
    for path in ["src/main.rs", "src/state.rs", "src/generated/prelude.rs", "src/generated/routes.rs"] {
        assert!(!is_there(path), "{path}");
    }

    karafka(&["generate", "controller", "Orders", "--topic", "order_events"]);
    assert!(is_there("src/main.rs"), "what runs it");
    check(&["--all-targets"]);
    karafka(&["check"]);

    app.rewrite("karafka.yml", &manifest).expect("written");
    let said = karafka(&["generate"]);
    assert!(said.contains("src/main.rs is yours, and uses `generated::app`"), "{said}");
    for path in ["src/generated/prelude.rs", "src/generated/routes.rs", "src/generated/workers.rs"] {
        assert!(!is_there(path), "{path}");
    }
    for path in ["src/main.rs", "src/state.rs", "src/controllers/orders_controller.rs", "tests/orders_controller.rs"] {
        assert!(is_there(path), "{path}");
    }
    check(&["--lib"]);
}
