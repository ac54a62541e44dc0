//! A bad network: a TCP proxy on loopback that delays what goes through it and cuts connections.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// Passes connections on to one address; perfect until it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

#[derive(Debug, Default)]
struct Network {
    /// What each chunk waits for at least, and at most beyond that, in milliseconds.
    delay_ms: AtomicU64,
    jitter_ms: AtomicU64,
    chunks: AtomicU64,
    closed: AtomicBool,
    /// Both ends of what is connected.
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy on a free port for what listens at `target`, now or later.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, network) = (listener.local_addr()?, Arc::new(Network::default()));
        let accepting = Arc::clone(&network);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.closed.load(Ordering::Acquire) {
                    break;
                }
                // A target that does not listen looks to the client as it would without a proxy: it hangs up.
                let Ok(client) = client else { continue };
                if let Ok(server) = TcpStream::connect(target) {
                    let _ = connect(&accepting, client, server);
                }
            }
        });
        Ok(Self { address, network })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delays everything, each way, by `delay` and up to `jitter` more. Bytes of a connection keep their order.
    pub fn delay(&self, delay: Duration, jitter: Duration) {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.network.delay_ms.store(milliseconds(delay), Ordering::Relaxed);
        self.network.jitter_ms.store(milliseconds(jitter), Ordering::Relaxed);
    }

    /// Cuts every connection; says how many there were.
    pub fn cut(&self) -> usize {
        let streams = std::mem::take(&mut *self.network.streams.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in &streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        streams.len() / 2
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.closed.store(true, Ordering::Release);
        self.cut();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(network: &Arc<Network>, client: TcpStream, server: TcpStream) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let both = [client.try_clone()?, server.try_clone()?];
    network.streams.lock().unwrap_or_else(PoisonError::into_inner).extend(both);
    pump(network, client.try_clone()?, server.try_clone()?);
    pump(network, server, client);
    Ok(())
}

/// One way of a connection: a thread reads and stamps, another writes when the time has come.
fn pump(network: &Arc<Network>, mut from: TcpStream, mut to: TcpStream) {
    let (sender, chunks) = mpsc::channel::<(Instant, Vec<u8>)>();
    let network = Arc::clone(network);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + network.latency(), buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, chunk) in chunks {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

impl Network {
    /// What the next chunk waits for: the same row of waits in each run.
    fn latency(&self) -> Duration {
        let jitter = self.jitter_ms.load(Ordering::Relaxed);
        let chunk = self.chunks.fetch_add(1, Ordering::Relaxed);
        let spread = if jitter == 0 { 0 } else { chunk.wrapping_mul(0x9e37_79b9_7f4a_7c15) % jitter };
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed) + spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends everything back.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let (mut from, mut to) = (stream.try_clone().expect("a clone"), stream);
                    let _ = std::io::copy(&mut from, &mut to);
                });
            }
        });
        address
    }

    fn say(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(words)?;
        let mut answer = vec![0; words.len()];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// If this fails, the tests of a slow or broken network run on a perfect one.
    #[test]
    fn delays_and_cuts() {
        let proxy = Proxy::start(echo()).expect("a proxy");
        let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
        assert_eq!(say(&mut stream, b"hello").expect("an answer"), b"hello");
        proxy.delay(Duration::from_millis(60), Duration::from_millis(40));
        let begun = Instant::now();
        assert_eq!(say(&mut stream, b"slow").expect("an answer"), b"slow");
        assert!(begun.elapsed() >= Duration::from_millis(120), "both ways are slow");
        proxy.delay(Duration::ZERO, Duration::ZERO);
        assert_eq!(proxy.cut(), 1);
        assert!(say(&mut stream, b"gone").is_err(), "the connection is cut");
        let mut stream = TcpStream::connect(proxy.address()).expect("a new connection");
        assert_eq!(say(&mut stream, b"again").expect("an answer"), b"again");
    }
}
