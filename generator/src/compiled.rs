//! The model as an app has it compiled in, so that commands read settings and routes as the app itself does.

use karafka::manifest::{ConsumerEntry, GroupEntry, Manifest, Setting, TopicEntry};

use crate::model::{Consumer, Group, Model, PartRef, Payload, Topic};

/// What `manifest.rs` of the generated app holds: it is written from this.
///
/// Its texts live as long as the process: the runtime takes them from an app's program text, where they do too. Call it
/// once a command.
#[must_use]
pub fn compiled_in(model: &Model, version: &str, root: &str) -> &'static Manifest {
    let environments: Vec<(&'static str, &'static [Setting])> =
        model.environments.iter().map(|(name, values)| (text(name), settings(values))).collect();
    Box::leak(Box::new(Manifest {
        app: text(&model.app),
        version: text(version),
        root: text(root),
        settings: settings(&model.settings),
        environments: Vec::leak(environments),
        groups: Vec::leak(model.groups.iter().map(group).collect()),
        topics: Vec::leak(model.topics.iter().map(topic).collect()),
        consumers: Vec::leak(model.consumers.iter().map(consumer).collect()),
    }))
}

fn group(group: &Group) -> GroupEntry {
    GroupEntry { name: text(&group.name), settings: settings(&group.settings) }
}

fn topic(topic: &Topic) -> TopicEntry {
    TopicEntry { key: text(&topic.key), message: payload(&topic.payload), settings: settings(&topic.settings) }
}

fn consumer(consumer: &Consumer) -> ConsumerEntry {
    ConsumerEntry {
        topic: text(&consumer.topic),
        group: text(&consumer.group),
        controller: text(consumer.controller.as_str()),
        worker: text(consumer.worker.as_str()),
        parser: part(&consumer.parser),
        interchanger: part(&consumer.interchanger),
        emits: Vec::leak(consumer.emits.iter().map(|topic| text(topic)).collect()),
        settings: settings(&consumer.settings),
    }
}

fn text(text: &str) -> &'static str {
    Box::leak(text.into())
}

fn settings(settings: &[(String, String)]) -> &'static [Setting] {
    Vec::leak(settings.iter().map(|(key, value)| (text(key), text(value))).collect())
}

fn payload(payload: &Payload) -> &'static str {
    match payload {
        Payload::Message(name) => text(name),
        Payload::Json => "json",
        Payload::Bytes => "bytes",
        Payload::Text => "text",
    }
}

fn part(part: &PartRef) -> &'static str {
    match part {
        PartRef::BuiltIn(name) => name,
        PartRef::Own(constant) => text(constant.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use karafka::topology::Topology;

    use super::*;
    use crate::{compile, source::Source};

    fn manifest(text: &str) -> &'static Manifest {
        let compiled = compile(&Source::new("karafka.yml", text));
        assert!(compiled.model.is_some(), "{:?}", compiled.diagnostics);
        compiled_in(&compiled.model.unwrap(), "0.1.0", "/srv/app")
    }

    fn snapshot(name: &str, text: &str) {
        insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, text);
        });
    }

    /// If this fails, `karafka flow` and `karafka routes` show the slide's app otherwise than it is.
    #[test]
    fn the_slides_flow_and_routes() {
        let topology = Topology::from(manifest(
            "app: myapp
topics:
  incoming_messages:
    group: composed_application
    controller: Videos::DetailsController
    worker: Workers::DetailsWorker
    parser: Parsers::BinaryToJson
    interchanger: Interchangers::Binary

  # For JSON data only a controller is required.
  new_videos:
    controller: Videos::NewVideosController
",
        ));
        snapshot("flow_slide", &topology.flow_text());
        snapshot("routes_slide", &topology.routes_text());
    }

    /// If this fails, `karafka send` and `karafka info` read other settings than the app does.
    #[test]
    fn settings_are_those_of_the_app() {
        use karafka::settings::{Flags, Settings};
        let manifest = manifest(
            "app: studio
kafka:
  brokers: ${KAFKA_BROKERS:-localhost:9092}
  options: { client.id: studio-eu }
environments:
  production: { concurrency: 64 }
topics:
  orders: { name: \"${PREFIX:-}orders\", partitions: 12, controller: OrdersController, tombstones: skip }
",
        );
        let settings = Settings::read(manifest, &[("PREFIX".to_owned(), "eu.".to_owned())].into(), &Flags::default());
        let settings = settings.unwrap();
        assert_eq!((settings.concurrency, settings.client_id.as_str()), (64, "studio-eu"));
        assert_eq!(settings.brokers.as_deref(), Some("localhost:9092"));
        assert_eq!((settings.topics[0].name.as_str(), settings.topics[0].partitions), ("eu.orders", Some(12)));
        assert_eq!(settings.consumers[0].tombstones, karafka::settings::Tombstones::Skip);
    }

    /// If this fails, what a group or a consumer says of its engine stands in the app and is not obeyed.
    #[test]
    fn the_engines_settings_are_read() {
        use karafka::settings::{Flags, Ordering, Settings};
        let manifest = manifest(
            "app: shop
groups: { shop: { ordering: none, window: 500, delivery: at_least_once } }
topics:
  orders: { controller: OrdersController, timeout: 5s, dead_letter: dead, retry: { attempts: 2, backoff: 1s..2s } }
",
        );
        let settings = Settings::examine(manifest, &std::collections::BTreeMap::new(), &Flags::default()).0;
        assert_eq!((settings.groups[0].ordering, settings.groups[0].window), (Ordering::None, 500));
        let consumer = &settings.consumers[0];
        assert_eq!((consumer.attempts, consumer.dead_letter.as_deref()), (Some(2), Some("dead")));
        assert_eq!(consumer.timeout, Some(std::time::Duration::from_secs(5)));
    }
}
