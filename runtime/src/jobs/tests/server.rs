//! A real Redis for a test.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use redis::aio::MultiplexedConnection;

/// A Redis of this test, gone with its process.
pub(crate) struct Server {
    child: Child,
    pub(super) port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these arguments beside the usual ones.
    pub(crate) fn start_with(more: &[&str]) -> Self {
        Self::start_on(free_port(), more)
    }

    /// Over TLS alone, with these arguments about certificates.
    #[cfg(feature = "ssl")]
    pub(super) fn start_over_tls(more: &[&str]) -> Self {
        let port = free_port();
        Self::start_on(port, &[&["--tls-port", &port.to_string(), "--port", "0"], more].concat())
    }

    fn start_on(port: u16, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server, which Debian's package of that name has");
        Self { child, port, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url()).await
    }
}

/// A connection to what has just been started.
pub(super) async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    let began = Instant::now();
    loop {
        match client.get_multiplexed_async_connection().await {
            Ok(connection) => return connection,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(20), "Redis does not start: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A free port below those that the system gives to clients: between the look and the start nobody is given it.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).expect("small");
    let mut ports = (0..1_000).map(|_| 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
