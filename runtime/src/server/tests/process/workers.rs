//! Workers, and the Kafka that they need or do not need.

use super::*;
use crate::jobs::{queues, tests::Server};

/// If this fails, a worker whose jobs send nothing has to be told where a Kafka is that it never talks to, starts one, or says
/// that it is away; or the job of another app that it meets is said to have wrong arguments.
#[test]
fn a_worker_that_emits_nothing_does_without_kafka() {
    let redis = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut connection = runtime.block_on(redis.connect());
    let url = redis.url();
    for environment in ["development", "production"] {
        // Whatever is nearly right about brokers is nothing to it, either.
        let variables = [("KARAFKA_ENV", environment), ("REDIS_URL", &*url), ("KARAFKA_BROKRS", "kafka:9092")];
        let mut app = Process::start("worker", &variables);
        app.wait_for("started");
        for (class, args) in [("OrdersWorker", r#"["orders","1"]"#), ("Mail::SendWorker", r#"[{"user_id":12}]"#)] {
            let job =
                format!(r#"{{"class":"{class}","args":{args},"queue":"default","jid":"{environment}","retry":false}}"#);
            runtime.block_on(queues::push(&mut connection, "default", &[&job])).unwrap();
        }
        app.wait_for("no worker of this app is called Mail::SendWorker: ");
        let mut said = String::new();
        if environment == "development" {
            said.extend(["/live", "/ready"].map(|path| app.ask(path)));
        }
        assert!(!Beacon::path(app.root.path()).exists(), "it has started a broker");
        app.signal("-TERM");
        assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
        said += &(app.text("output") + &app.text("errors"));
        assert!(said.contains("1 handled, 1 failed") || said.contains(r#""handled":1,"failed":1"#), "{said}");
        for word in ["broker", "brokrs", "argument"] {
            assert!(!said.to_lowercase().contains(word), "{word} in:\n{said}");
        }
    }
}

/// If this fails, a worker whose jobs send to Kafka starts where nobody has said where that is, and fails with each job.
#[test]
fn a_worker_that_emits_is_told_where_kafka_is() {
    let emits = [("REDIS_URL", "redis://127.0.0.1:1"), ("TEST_APP_EMITS", "orders"), ("KARAFKA_ENV", "production")];
    let mut app = Process::start("worker", &emits);
    assert_eq!(app.status(), Some(1));
    let said = app.text("output");
    assert!(said.contains(r#""level":"ERROR","message":"no brokers are configured"#), "{said}");
}
