//! The HTTP side: a thread of its own, so that handlers that keep every other thread cannot keep it from answering.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    thread,
    time::Duration,
};

use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// How many callers are listened to at once; further ones wait for their turn.
const CONNECTIONS: usize = 32;

/// How long a caller may take to say what it wants.
const HEADERS: Duration = Duration::from_secs(5);

/// How long a caller may stay.
const CONNECTION: Duration = Duration::from_secs(10);

/// The longest request, in bytes: no probe says more.
const REQUEST: usize = 16 * 1024;

/// What a path answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// Answers a path.
pub(super) type Answers = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// A server; it ends when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Listens at an address.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub(super) fn start(address: SocketAddr, answers: Answers) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, mut stopped) = oneshot::channel::<()>();
        thread::Builder::new().name("karafka health".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = &mut stopped => {}
                    result = accept(listener, answers) => {
                        if let Err(error) = result {
                            tracing::error!(target: "karafka", "health is not served any more: {error}");
                        }
                    }
                }
            });
        })?;
        Ok(Self { address, _stop: stop })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: StdListener, answers: Answers) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or the caller has gone: neither is a reason to stop, or to spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let _ = timeout(CONNECTION, serve(stream, answers)).await;
            drop(place);
        });
    }
}

/// One request, one answer; what a caller does wrong is its own loss.
async fn serve(stream: TcpStream, answers: Answers) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = respond(&request, &answers);
        async move { Ok::<_, Infallible>(answer) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond(request: &Request<Incoming>, answers: &Answers) -> Response<String> {
    let answer = if [Method::GET, Method::HEAD].contains(request.method()) {
        answers(request.uri().path())
    } else {
        Answer { status: 405, content_type: "text/plain; charset=utf-8", body: "only GET is answered\n".to_owned() }
    };
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(answer.content_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    if answer.status == 405 {
        headers.insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}
