//! How to reach Redis.

#[cfg(feature = "ssl")]
use std::path::Path;

use super::*;
use crate::manifest::Setting;

/// If this fails, jobs go to another Redis than a person says, or `info` shows its password.
#[test]
fn redis_is_where_the_last_layer_says() {
    let redis = |manifest: &Manifest, given: &[(&str, &str)]| {
        let settings = Settings::read(manifest, &variables(given), &Flags::default()).unwrap();
        (settings.redis.clone().unwrap().url, rows(&settings, &["redis.url"]).concat())
    };
    let (url, shown) = redis(&QUEUED, &[PROD, ("REDIS_PASSWORD", "secret")]);
    assert_eq!(url, "redis://:secret@redis:6379");
    assert_eq!(shown, "redis.url = redis://:(redacted)@redis:6379  (karafka.yml through ${REDIS_PASSWORD})");
    let (url, shown) = redis(&QUEUED, &[DEV, ("REDIS_URL", "unix:///run/redis.sock?pass=secret")]);
    assert_eq!(url, "unix:///run/redis.sock?pass=secret");
    assert_eq!(shown, "redis.url = unix:///run/redis.sock?pass=(redacted)  (the variable REDIS_URL)");
    let (url, shown) = redis(&NOWHERE, &[DEV, ("REDIS_URL", "")]);
    assert_eq!(url, "redis://127.0.0.1:6379");
    assert_eq!(shown, "redis.url = redis://127.0.0.1:6379  (the default)");
}

/// An app whose jobs run on Redis, with these settings of it.
fn told(redis: &'static [Setting]) -> &'static Manifest {
    Box::leak(Box::new(Manifest { settings: redis, ..NOWHERE }))
}

/// If this fails, an app goes to a Redis over TLS by other certificates than a person says.
#[test]
#[cfg(feature = "ssl")]
fn certificates_are_those_that_are_said() {
    const FILES: &[Setting] = &[
        ("redis.ca_file", "${CERTIFICATES?}/ca.pem"),
        ("redis.certificate_file", "/run/app.pem"),
        ("redis.key_file", "/run/app.key"),
        ("redis.url", "rediss://redis:6380"),
    ];
    let read = |given: &[(&str, &str)]| {
        let settings = Settings::read(told(FILES), &variables(given), &Flags::default()).unwrap();
        (settings.redis.clone().unwrap(), rows(&settings, &["redis.ca_file"]))
    };
    let (redis, shown) = read(&[DEV, ("CERTIFICATES", "/etc/tls")]);
    assert_eq!(redis.ca.as_deref(), Some(Path::new("/etc/tls/ca.pem")));
    let identity = Identity { certificate: "/run/app.pem".into(), key: "/run/app.key".into() };
    assert_eq!(redis.identity, Some(identity));
    assert_eq!(shown, ["redis.ca_file = /etc/tls/ca.pem  (karafka.yml through ${CERTIFICATES})"]);
    let (redis, shown) = read(&[DEV]);
    assert_eq!((redis.ca, shown.len()), (None, 0), "an optional variable leaves it out");
}

/// If this fails, an app that was built without TLS goes to its Redis without, or nobody learns what to write in Cargo.toml.
#[test]
#[cfg(not(feature = "ssl"))]
fn without_tls_there_is_none_to_redis() {
    for url in ["rediss://redis:6380", "rediss+sentinel://one/jobs"] {
        let told = errors(&QUEUED, &[PROD, ("REDIS_URL", url)], &Flags::default());
        assert!(told.contains("add `features = [\"ssl\"]` to `karafka`"), "{told}");
    }
}

/// If this fails, somebody believes that jobs are encrypted, or that the app shows who it is, and they are not.
#[test]
fn what_certificates_do_not_go_with_is_refused() {
    for (settings, words) in [
        (&[("redis.ca_file", "/ca.pem")][..], "`redis.url` is not over TLS"),
        (&[("redis.ca_file", "/ca.pem"), ("redis.url", "redis://h")], "`redis.url` is not over TLS"),
        (&[("redis.ca_file", "/ca.pem"), ("redis.url", "unix:///run/redis.sock")], "is not over TLS"),
        (
            &[("redis.certificate_file", "/a.pem"), ("redis.url", "rediss://h")],
            "beside the other of `redis.certificate_file` and `redis.key_file`",
        ),
        (&[("redis.key_file", "/a.key"), ("redis.url", "rediss://h")], "beside the other of"),
        (&[("redis.ca_file", " "), ("redis.url", "rediss://h")], "the name of a file"),
        (&[("redis.cert", "/a.pem"), ("redis.url", "rediss://h")], "redis.cert"),
    ] {
        let told = errors(told(settings), &[DEV], &Flags::default());
        assert!(told.contains(words), "{settings:?}: {told}");
    }
    let wrong = &[("redis.ca_file", "/ca.pem"), ("redis.url", "no address")];
    let told = errors(told(wrong), &[DEV], &Flags::default());
    assert!(!told.contains("redis.ca_file"), "nothing is known of what it goes with: {told}");
}
