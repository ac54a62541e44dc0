//! The whole program, on a Kafka in the process: routes and consumers beside each other.

use std::time::Duration;

use karafka::{
    broker::EmbeddedBroker,
    producer::{Producer, ProducerRecord},
    settings::Settings,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::{sleep, timeout},
};

use web::{generated, state::State};

/// What the server at `address` answers to a request: status line, headers and body.
async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer
}

/// If this fails, a web server cannot have its consumers beside its routes: it does not answer from what they have read, or
/// does not stop with them.
#[tokio::test]
async fn routes_answer_from_what_consumers_have_read() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 2)]).expect("a broker");
    let producer = Producer::builder()
        .brokers(broker.address())
        .start()
        .expect("a producer");
    for number in 0..10 {
        let order = format!(
            r#"{{ "id": "3f2c8f6e-5a57-4c9e-9d0c-6f1f6c1d8a{number:02}", "customer": "c-{}", "total": "1.50" }}"#,
            number % 2
        );
        let record = ProducerRecord::to("orders")
            .key(format!("c-{}", number % 2))
            .value(order);
        producer.send(record).await.expect("sent");
    }

    let mut settings = Settings::from_manifest(generated::app().manifest()).expect("settings");
    settings.brokers = Some(broker.address().to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let state = State::default();
    let seen = state.clone();
    let running = tokio::spawn(web::web::run(listener, settings, state, async {
        let _ = stopped.await;
    }));

    let all = |customer| seen.total(customer).map(|total| total.to_string());
    let read = async {
        while (all("c-0"), all("c-1")) != (Some("7.50".to_owned()), Some("7.50".to_owned())) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), read)
        .await
        .expect("ten records within a minute");
    let total = get(at, "/totals/c-1").await;
    assert!(
        total.starts_with("HTTP/1.1 200 ") && total.ends_with("\r\n\r\n7.50"),
        "{total}"
    );
    let unknown = get(at, "/totals/nobody").await;
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let ready = get(at, "/ready").await;
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");

    drop(stop);
    let end = timeout(Duration::from_secs(30), running)
        .await
        .expect("it stops within 30 s");
    let end = end.expect("no panic").expect("it has run");
    assert!(end.is_clean() && end.handled == 10, "{end}");
    assert!(
        TcpStream::connect(at).await.is_err(),
        "nobody listens any more"
    );
}
