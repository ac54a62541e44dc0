//! What a job is in Redis, and what becomes of it.

#[cfg(feature = "real-redis")]
mod failover;
mod format;
#[cfg(feature = "real-redis")]
mod forwarder;
#[cfg(feature = "real-redis")]
mod histories;
#[cfg(feature = "real-redis")]
mod refusals;
#[cfg(feature = "real-redis")]
mod sentinels;
#[cfg(feature = "real-redis")]
mod server;
#[cfg(feature = "real-redis")]
mod tells;
#[cfg(feature = "real-redis")]
mod theirs;
#[cfg(all(feature = "real-redis", feature = "ssl"))]
mod tls;
#[cfg(feature = "real-redis")]
mod worker;

#[cfg(feature = "real-redis")]
pub(crate) use server::Server;

/// A job of the queue `default`.
#[cfg(feature = "real-redis")]
fn job(jid: &str) -> String {
    format!(r#"{{"class":"W","args":["t","x"],"queue":"default","jid":"{jid}"}}"#)
}
