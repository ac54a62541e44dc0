//! What an app says that was built without jobs on Redis, and has some. `.ci/run features` runs it; with the feature `jobs`
//! there is nothing in here.
#![cfg(all(feature = "consumer", not(feature = "jobs")))]

use karafka::{
    StartError,
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    settings::{SettingError, Settings},
};

static MANIFEST: Manifest = Manifest {
    app: "shop",
    settings: &[("kafka.brokers", "kafka:9092"), ("redis.url", "redis://redis:6379")],
    groups: &[GroupEntry { name: "shop", ..GroupEntry::NEW }],
    topics: &[TopicEntry { key: "orders", ..TopicEntry::NEW }],
    consumers: &[ConsumerEntry {
        topic: "orders",
        group: "shop",
        settings: &[("jobs", "redis"), ("queue", "critical")],
        ..ConsumerEntry::NEW
    }],
    ..Manifest::NEW
};

/// If this fails, an app that was built without jobs performs in its server what was to be a job, or says something of Redis
/// that helps nobody.
#[test]
fn jobs_on_redis_name_the_feature_that_is_missing() {
    let errors = Settings::from_manifest(&MANIFEST).expect_err("its jobs cannot be pushed").0;
    assert_eq!(errors, [SettingError::JobsNotCompiledIn { topics: vec!["orders".to_owned()] }]);
    for words in [errors[0].to_string(), StartError::JobsNotCompiledIn.to_string()] {
        assert!(words.contains("`jobs: redis`") && words.contains("features = [\"jobs\"]"), "{words}");
    }
}
