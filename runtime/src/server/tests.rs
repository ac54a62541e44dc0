mod process;

use super::*;
use crate::manifest::{ConsumerEntry, GroupEntry, TopicEntry};

static SHOP: Manifest = Manifest {
    app: "shop",
    version: "0.3.1",
    root: "/srv/shop",
    settings: &[("concurrency", "16"), ("kafka.options.sasl.password", "${PASSWORD?}")],
    environments: &[],
    groups: &[
        GroupEntry { name: "audit", settings: &[("concurrency", "4"), ("ordering", "key")] },
        GroupEntry { name: "${PREFIX:-}shop", settings: &[] },
    ],
    topics: &[
        TopicEntry { key: "order_confirmed", message: "Order", settings: &[] },
        TopicEntry { key: "orders", message: "Order", settings: &[] },
        TopicEntry { key: "video.details", message: "json", settings: &[("partitions", "12")] },
    ],
    consumers: &[
        entry("orders", "${PREFIX:-}shop", "OrdersController", &["order_confirmed"]),
        entry("orders", "audit", "Audit::OrdersController", &[]),
        entry("video.details", "${PREFIX:-}shop", "Videos::DetailsController", &[]),
    ],
};

const fn entry(
    topic: &'static str,
    group: &'static str,
    controller: &'static str,
    emits: &'static [&'static str],
) -> ConsumerEntry {
    let settings = &[];
    ConsumerEntry { topic, group, controller, worker: "W", parser: "json", interchanger: "json", emits, settings }
}

fn settings(given: &[(&str, &str)]) -> Settings {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::read(&SHOP, &given, &Flags::default()).unwrap()
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../../tests/snapshots",
        prepend_module_to_snapshot => false,
        filters => [(r"(karafka +)\d+\.\d+\.\d+", "$1[version]"), (r"(librdkafka +)\d+\.\d+\.\d+ \(.*\)", "$1[version]")],
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// If this fails, the first page that a person sees does not say what runs where.
#[test]
fn the_start_is_worth_reading() {
    let mut settings = settings(&[("KARAFKA_ENV", "development"), ("PREFIX", "eu.")]);
    let address = "127.0.0.1:40213";
    let health = Some("127.0.0.1:40214".parse().unwrap());
    snapshot("server_start_embedded", &startup::page(&SHOP, &settings, startup::Place::Embedded, address, health));
    settings.groups[0].selected = false;
    snapshot("server_start_beside", &startup::page(&SHOP, &settings, startup::Place::Beside, address, None));
}

/// If this fails, a person who types `--help` is not told what the app can do, or scripts break over a changed flag.
#[test]
fn help_teaches() {
    let mut command = command_line::command(&SHOP).term_width(100);
    command.build();
    snapshot("server_help", &command.render_help().to_string());
    let server = command.find_subcommand_mut("server").unwrap();
    snapshot("server_help_server", &server.render_help().to_string());
}

/// If this fails, flags mean something else without the word `server` than with it.
#[test]
fn server_is_the_default() {
    use clap::FromArgMatches as _;
    let flags = |words: &[&str]| {
        let matches = command_line::command(&SHOP).try_get_matches_from(words).unwrap();
        let line = command_line::CommandLine::from_arg_matches(&matches).unwrap();
        match line.command {
            None => Flags::from(line.server),
            Some(Command::Server(args)) => Flags::from(args),
            Some(other) => panic!("{other:?}"),
        }
    };
    let wanted = Flags {
        groups: vec!["a".to_owned(), "b".to_owned()],
        exclude_topics: vec!["t".to_owned()],
        concurrency: Some("8".to_owned()),
        ..Flags::default()
    };
    assert_eq!(flags(&["shop", "--groups", "a,b", "--exclude-topics", "t", "--concurrency", "8"]), wanted);
    assert_eq!(flags(&["shop", "server", "--groups", "a,b", "--exclude-topics=t", "--concurrency=8"]), wanted);
    assert_eq!(flags(&["shop"]), Flags::default());
}

/// If this fails, `info` leaves out where a value came from, or shows a password.
#[test]
fn info_redacts() {
    let given =
        [("KARAFKA_ENV", "production"), ("KARAFKA_BROKERS", "kafka:9092"), ("PASSWORD", "hunter2"), ("PREFIX", "eu.")];
    let settings = settings(&given);
    let text = info::text(&SHOP, &settings, &[], &[("rustc", "1.95.0".to_owned())]);
    assert!(!text.contains("hunter2"));
    snapshot("info_production", &text);
    let (settings, errors) = Settings::examine(&SHOP, &BTreeMap::new(), &Flags::default());
    snapshot("info_without_brokers", &info::text(&SHOP, &settings, &errors, &[]));
}
