//! The HTTP side: a thread of its own, so that handlers that keep every other thread cannot keep it from answering.
//!
//! Who comes is let in at once, whatever others do: [`Callers`] says who goes instead.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::FutureExt as _;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::yield_now,
    time::timeout,
};

use super::callers::Callers;
use crate::sync::{Mutex, MutexGuard};

/// The longest request, in bytes: no probe says more.
const REQUEST: usize = 16 * 1024;

/// How many callers the system keeps for the moment until they are let in.
const BACKLOG: u32 = 1_024;

/// The path whose answer takes long to make, and is long.
const LONG: &str = "/metrics";

/// What callers may take of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many are held at once.
    pub(super) room: usize,
    /// How many bytes of answers that they have not read yet.
    pub(super) memory: usize,
    /// How long a caller may take to say what it wants.
    pub(super) headers: Duration,
    /// How long a caller may stay.
    pub(super) connection: Duration,
}

impl Limits {
    /// For a process that may have so many files open, connections counted; `None`: any number.
    ///
    /// An eighth of them is for callers at most: those of Kafka come first.
    pub(super) fn for_files(files: Option<u64>) -> Self {
        let eighth = files.and_then(|files| usize::try_from(files / 8).ok());
        Self {
            room: eighth.map_or(256, |eighth| eighth.clamp(16, 256)),
            memory: 64 << 20,
            headers: Duration::from_secs(1),
            connection: Duration::from_secs(5),
        }
    }

    /// For this process.
    pub(super) fn of_process() -> Self {
        Self::for_files(getrlimit(Resource::Nofile).current)
    }
}

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
    pub(super) fn start(address: SocketAddr, answers: Answers, limits: Limits) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // As the standard library does, so that a process that starts again gets its port.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name("karafka health".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = Acceptor::new(answers, limits).keep(listener) => {}
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

/// Accepts callers, and answers them.
#[derive(Clone)]
struct Acceptor {
    answers: Answers,
    limits: Limits,
    /// Those inside; who is dropped from here is gone at its next turn.
    callers: Arc<Mutex<Callers<oneshot::Sender<()>>>>,
    /// Whether somebody stands before the door.
    crowded: Arc<AtomicBool>,
    /// Long answers are made one at a time.
    long: Arc<Semaphore>,
}

impl Acceptor {
    fn new(answers: Answers, limits: Limits) -> Self {
        let callers = Arc::new(Mutex::new(Callers::new(limits.room, limits.memory)));
        Self { answers, limits, callers, crowded: Arc::default(), long: Arc::new(Semaphore::new(1)) }
    }

    fn callers(&self) -> MutexGuard<'_, Callers<oneshot::Sender<()>>> {
        self.callers.lock()
    }

    /// Accepts callers for ever.
    async fn keep(self, listener: TcpListener) {
        loop {
            let came = listener.accept().now_or_never();
            self.crowded.store(came.is_some(), Ordering::Relaxed);
            let came = match came {
                Some(came) => came,
                None => listener.accept().await,
            };
            match came {
                Ok((stream, _)) => self.let_in(stream),
                // Out of file handles, most likely: one that is held for a stranger is given back. Without any, it is
                // somebody else's turn to give some back, and asking again at once would only keep a core busy.
                Err(_) if self.callers().release().is_none() => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(_) => {}
            }
            // Who has been let in is heard, and who has to go has gone, before the next one comes.
            yield_now().await;
        }
    }

    fn let_in(&self, stream: TcpStream) {
        let (hold, mut dropped) = oneshot::channel();
        let (caller, _goes) = self.callers().admit(hold);
        let door = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = &mut dropped => {}
                _ = timeout(door.limits.connection, door.serve(stream, caller)) => {}
            }
            door.callers().gone(caller);
        });
    }

    /// One request, one answer; what a caller does wrong is its own loss.
    async fn serve(&self, stream: TcpStream, caller: u64) {
        let service = service_fn(move |request: Request<Incoming>| async move {
            Ok::<_, Infallible>(self.answer(&request, caller).await)
        });
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.headers)
            .max_buf_size(REQUEST)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: &Request<Incoming>, caller: u64) -> Response<String> {
        let turn = if request.uri().path() == LONG { self.turn().await } else { None };
        let response = respond(request, &self.answers);
        drop(self.callers().answer(caller, response.body().len()));
        if turn.is_some() {
            // Everybody else is answered between two long answers.
            yield_now().await;
        }
        response
    }

    /// Waits for the turn of a long answer: it comes when who stood before the door is inside, as probes may be among
    /// them, but not never.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = self.long.acquire().await.ok();
        for _ in 0..BACKLOG {
            if !self.crowded.load(Ordering::Relaxed) {
                break;
            }
            yield_now().await;
        }
        turn
    }
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
