//! Ports for servers that a test starts, kills and starts again.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, bail};

/// How many ports there are to choose from.
const COUNT: u16 = 10_000;

/// A free port on 127.0.0.1 that nobody in this process is given twice.
///
/// It lies below those that the system gives to clients: while its server is away nobody is given it, and no client that
/// tries again and again comes to be connected with itself.
///
/// # Errors
///
/// When a thousand ports in a row are taken.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = first_of(std::process::id());
    for _ in 0..1_000 {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port for a server")
}

/// Where a process begins: between the look at a port and a server's start seconds pass, in which another suite, whose
/// process has one of the next numbers, must not come to the same.
fn first_of(process: u32) -> u16 {
    // Coprime with the count, so that no two of as many processes in a row begin at one port.
    let spread = u64::from(process) * 997 % u64::from(COUNT);
    u16::try_from(spread).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// If this fails, two servers of a test, or of two suites that run beside each other, are started on one port.
    #[test]
    fn nobody_is_given_the_port_of_another() {
        let given: BTreeSet<u16> = (0..50).map(|_| free().expect("a port")).collect();
        assert_eq!(given.len(), 50);
        let firsts: Vec<u16> = (4_000..4_010).map(first_of).collect();
        for (place, one) in firsts.iter().enumerate() {
            assert!(firsts[place + 1..].iter().all(|other| one.abs_diff(*other) > 100), "{firsts:?}");
        }
    }
}
