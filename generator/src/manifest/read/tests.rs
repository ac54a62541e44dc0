//! What is taken, and what each mistake looks like.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::manifest::{MessageBody, Type};

fn take(text: &str) -> Manifest {
    let (manifest, diagnostics) = read(&Source::new("karafka.yml", text));
    assert_eq!(diagnostics, [], "of\n{text}");
    manifest.unwrap()
}

/// If this fails, a manifest of the documentation is refused.
#[test]
fn the_manifests_of_the_documentation_are_taken() {
    for text in [
        include_str!("../../../../tests/manifests/smallest.yml"),
        include_str!("../../../../tests/manifests/slide.yml"),
        include_str!("../../../../tests/manifests/everything.yml"),
    ] {
        take(text);
    }
}

/// If this fails, a value of the manifest gets lost between the text and the app.
#[test]
fn every_value_arrives() {
    let text = include_str!("../../../../tests/manifests/everything.yml");
    let manifest = take(text);
    let slice = |text_: &Text| &text[text_.span.start..text_.span.end];
    assert_eq!(manifest.app.as_ref().unwrap().value, "studio");
    assert_eq!(slice(manifest.app.as_ref().unwrap()), "studio");
    assert_eq!(manifest.kafka.brokers.as_ref().unwrap().value, "${KAFKA_BROKERS:-localhost:9092}");
    assert_eq!(manifest.kafka.options.len(), 3);
    assert_eq!(manifest.kafka.options[1].1.value, "${KAFKA_PASSWORD?}");
    assert_eq!(slice(&manifest.kafka.options[1].1), "\"${KAFKA_PASSWORD?}\"");
    assert_eq!(manifest.environments[1].kafka.brokers.as_ref().unwrap().value, "${STAGING_1}:9092,staging-2:9092");
    assert_eq!(manifest.environments[0].concurrency.as_ref().unwrap().value, "64");
    assert_eq!(manifest.concurrency.as_ref().unwrap().value, "32");
    assert_eq!(manifest.defaults.backoff.as_ref().unwrap().value, "1s..30s");
    assert_eq!(manifest.groups[0].settings.len(), 7);
    let MessageBody::Fields(fields) = &manifest.messages[0].body else { panic!("a record") };
    assert_eq!((fields[2].name.value.as_str(), fields[2].optional), ("duration_seconds", true));
    assert!(matches!(fields[3].kind.value, Type::List(_)));
    assert!(matches!(fields[4].kind.value, Type::Map(_)));
    let Type::Enum(words) = &fields[5].kind.value else { panic!("an enum") };
    assert_eq!((words[0].value.as_str(), slice(&words[1])), ("draft", "published"));
    assert!(matches!(&fields[6].kind.value, Type::Record(fields) if fields[1].optional));
    assert!(
        matches!(&manifest.messages[5].body, MessageBody::OneOf { variants, by } if variants.len() == 2 && by.value == "type")
    );
    let new_videos = &manifest.topics[0];
    assert_eq!(new_videos.key_field.as_ref().unwrap().value, "id");
    assert_eq!(new_videos.partitions.as_ref().unwrap().value, "12");
    let consumer = &new_videos.consumers[0];
    assert_eq!(consumer.controller.value, "Videos::NewVideosController");
    assert_eq!(consumer.emits[0].value, "video_encoded");
    assert_eq!(consumer.settings.tombstones.as_ref().unwrap().value, "skip");
    assert_eq!(manifest.topics[1].consumers.len(), 0);
    assert_eq!(manifest.topics[4].consumers.len(), 2);
    assert_eq!(manifest.topics[4].consumers[1].settings.group.as_ref().unwrap().value, "audit");
}

/// If this fails, YAML's own meaning of a word changes a name: Norway's country code, a version, an octal number.
#[test]
fn texts_keep_their_letters() {
    let manifest = take(
        "app: no\ntopics:\n  on: { controller: Yes }\n  1.10: { group: 0o17, controller: Off }\n  2024-01-01: {}\n  null: {}\n",
    );
    assert_eq!(manifest.app.unwrap().value, "no");
    let keys: Vec<_> = manifest.topics.iter().map(|topic| topic.key.value.as_str()).collect();
    assert_eq!(keys, ["on", "1.10", "2024-01-01", "null"]);
    assert_eq!(manifest.topics[1].consumers[0].settings.group.as_ref().unwrap().value, "0o17");
}

/// If this fails, several topics cannot share what they have in common.
#[test]
fn aliases_and_merge_keys_bring_what_they_name() {
    let manifest = take(
        "app: a\ntopics:\n  x: &common { group: g, parser: text, controller: X }\n  y: { <<: *common, controller: Y }\n  z: *common\n",
    );
    assert_eq!(manifest.topics[1].consumers[0].controller.value, "Y");
    assert_eq!(manifest.topics[1].consumers[0].settings.group.as_ref().unwrap().value, "g");
    assert_eq!(manifest.topics[2].consumers[0].settings.parser.as_ref().unwrap().value, "text");
}
