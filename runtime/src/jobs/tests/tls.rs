//! Redis over TLS: who is trusted, and who is not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::server::Server;
use crate::{
    jobs::link::Link,
    settings::{Identity, Redis},
};

/// A file that `certificates/make.sh` has made.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/jobs/tests/certificates").join(name)
}

fn identity(stem: &str) -> Identity {
    Identity { certificate: file(&format!("{stem}.crt")), key: file(&format!("{stem}.key")) }
}

/// What Redis answers through a link, or why it does not.
async fn ask(redis: &Redis) -> Result<String, String> {
    let asked = async {
        let link = Link::new(redis, Arc::new(()))?;
        redis::cmd("PING").query_async(&mut link.connection().await?).await
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), asked).await.expect("an end");
    answer.map_err(|error: redis::RedisError| error.to_string())
}

/// If this fails, jobs go to whoever answers in Redis' place, or an app does not reach its own, and nobody learns why.
#[tokio::test]
async fn jobs_go_to_whom_the_certificates_name() {
    let (ca, other_ca) = (file("ours.crt"), file("others.crt"));
    let (server, known, stranger) = (identity("server"), identity("known"), identity("stranger"));
    let [certificate, key, authorities] =
        [&server.certificate, &server.key, &ca].map(|file| file.to_str().expect("a path"));
    let files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authorities];
    let open = Server::start_over_tls(&[&files[..], &["--tls-auth-clients", "no"]].concat());
    let closed = Server::start_over_tls(&files);
    let plain = Server::start();
    let at = |server: &Server, scheme: &str, host: &str| format!("{scheme}://{host}:{}", server.port);
    plain.connect().await;
    let trusting =
        |server: &Server, ca: &Path| Redis { ca: Some(ca.to_owned()), ..Redis::at(at(server, "rediss", "127.0.0.1")) };
    // Both need a moment to start.
    let mut tries = 0;
    while ask(&trusting(&open, &ca)).await.is_err() && tries < 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        tries += 1;
    }

    let own = |identity: &Identity| Redis { identity: Some(identity.clone()), ..trusting(&closed, &ca) };
    let localhost = Redis { url: at(&open, "rediss", "localhost"), ..trusting(&open, &ca) };
    for (case, redis, refused) in [
        ("the right authority", trusting(&open, &ca), None),
        ("another authority", trusting(&open, &other_ca), Some("UnknownIssuer")),
        ("whom the system trusts", Redis::at(at(&open, "rediss", "127.0.0.1")), Some("certificate")),
        ("another name", localhost, Some("not valid for name")),
        ("a certificate of one's own", own(&known), None),
        ("none where one is asked for", trusting(&closed, &ca), Some("CertificateRequired")),
        ("one from another authority", own(&stranger), Some("UnknownCA")),
        ("TLS to a server without", trusting(&plain, &ca), Some("timed out")),
        ("no TLS to a server with", Redis::at(at(&open, "redis", "127.0.0.1")), Some("")),
        ("a file that is not there", trusting(&open, &file("gone")), Some("gone` cannot be read")),
        ("a key for an authority", trusting(&open, &server.key), Some("server.key` has no certificate")),
        (
            "a certificate for a key",
            own(&Identity { key: known.certificate.clone(), ..known.clone() }),
            Some("known.crt` has no private key"),
        ),
    ] {
        let answer = ask(&redis).await;
        match refused {
            None => assert_eq!(answer.as_deref(), Ok("PONG"), "{case}"),
            Some(words) => {
                let error = answer.expect_err(case);
                assert!(error.contains(words), "{case}: {error}");
            }
        }
    }
}
