//! A port of the caller's choice: librdkafka's mock cluster takes any that is free, so connections to the chosen one are handed
//! on to it.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long nothing is accepted after the system has refused to: it may be out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A port of the loopback interface that leads to the broker; closed when it is dropped.
#[derive(Debug)]
pub(super) struct ChosenPort {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl ChosenPort {
    /// Takes the port, and nothing comes through yet.
    ///
    /// # Errors
    ///
    /// The system's, as when it is taken.
    pub(super) fn take(port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    /// Hands on what comes to `listener` to the broker at this address.
    ///
    /// # Errors
    ///
    /// The system's, when there can be no thread.
    pub(super) fn open(listener: TcpListener, broker: String) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let accept = move || {
            for client in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that cannot be handed on is closed, which a client of Kafka's tries again.
                if client.and_then(|client| hand_on(&client, &broker)).is_err() {
                    thread::sleep(PAUSE);
                }
            }
        };
        let accepting = thread::Builder::new().name("karafka port".to_owned()).spawn(accept)?;
        Ok(Self { address, over, accepting: Some(accepting) })
    }

    /// The port.
    pub(super) fn number(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for ChosenPort {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The thread sees it with its next connection.
        if TcpStream::connect(self.address).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            let _ = accepting.join();
        }
    }
}

/// Copies between a client and the broker, both ways, until either has closed.
fn hand_on(client: &TcpStream, broker: &str) -> io::Result<()> {
    let broker = TcpStream::connect(broker)?;
    for end in [client, &broker] {
        // Requests are written whole, and wait for nothing that would come with them.
        end.set_nodelay(true)?;
    }
    for (from, to) in [(client, &broker), (&broker, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        let copy = move || {
            let _ = io::copy(&mut from, &mut to);
            for end in [from, to] {
                let _ = end.shutdown(Shutdown::Both);
            }
        };
        thread::Builder::new().name("karafka port".to_owned()).spawn(copy)?;
    }
    Ok(())
}
