//! The whole program, on a Kafka in the process: routes and consumers beside each other.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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

use tracing_subscriber::fmt::format::FmtSpan;

use web::{generated, rates::Rates, state::State};

/// What the program logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1"), "").await
}

/// What the server at `address` answers to a request, begun with these lines: status line, headers and body.
async fn ask(address: SocketAddr, begin: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = body.len();
    let request = format!(
        "{begin}\r\nhost: web\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer
}

/// If this fails, a web server cannot have its consumers beside its routes: it does not answer from what they have read, or
/// does not stop with them.
#[tokio::test]
async fn routes_answer_from_what_consumers_have_read() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::NEW)
        .with_writer(move || writer.clone())
        .init();
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
    let no_rates = Rates::at(SocketAddr::from(([127, 0, 0, 1], 9)));
    let state = State::default();
    let seen = state.clone();
    let running = tokio::spawn(web::web::run(listener, settings, state, no_rates, async {
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

    // One that comes by the server itself: through Kafka, and back into the total, in the trace of the request.
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let placed = ask(
        at,
        &format!(
            "POST /orders HTTP/1.1\r\ncontent-type: application/json\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01"
        ),
        r#"{ "id": "01adc22e-6759-470e-8c78-65b6526ee731", "customer": "c-9", "total": "184.55" }"#,
    )
    .await;
    assert!(placed.starts_with("HTTP/1.1 201 "), "{placed}");
    let read = async {
        while seen.total("c-9").is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), read)
        .await
        .expect("the order within a minute");
    let performed = log.text();
    let performed = performed.lines().find(|line| line.contains("perform{"));
    let performed = performed.expect("a span for a record with a trace");
    assert!(
        performed.contains(&format!("trace_id={trace}")),
        "{performed}"
    );

    drop(stop);
    let end = timeout(Duration::from_secs(30), running)
        .await
        .expect("it stops within 30 s");
    let end = end.expect("no panic").expect("it has run");
    assert!(end.is_clean() && end.handled == 11, "{end}");
    assert!(
        TcpStream::connect(at).await.is_err(),
        "nobody listens any more"
    );
}
