//! A name that leads to one server and later to another: a forwarder of connections on loopback.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

/// Forwards new connections to where it points; those that there are stay with what they have reached.
pub(super) struct Forwarder {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Forwarder {
    /// Points at a port of this machine. Its threads end with the process.
    pub(super) fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Arc::new(AtomicU16::new(target));
        let points_at = Arc::clone(&target);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { continue };
                if let Ok(server) = TcpStream::connect(("127.0.0.1", points_at.load(Ordering::Relaxed))) {
                    join(&client, &server).expect("two directions");
                }
            }
        });
        Self { port, target }
    }

    /// Where it points from now on.
    pub(super) fn point_at(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Passes bytes on between both, until either hangs up.
fn join(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            for stream in [from, to] {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
    Ok(())
}
