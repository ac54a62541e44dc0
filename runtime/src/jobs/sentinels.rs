//! Sentinels, which know where the master is that goes by a name.
//!
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

use std::{io, time::Duration};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    RedisResult, Value, aio::MultiplexedConnection,
};

use super::certificates::Certificates;
use crate::settings::{Redis, SentinelUrl};

/// How long one Sentinel may take to say where the master is: the others know it, too.
const ASK: Duration = Duration::from_secs(2);

/// Where Sentinels listen, if nobody says another port.
const PORT: u16 = 26379;

/// Those who know where Redis is.
pub(super) struct Sentinels {
    at: Vec<ConnectionInfo>,
    /// What they call it.
    name: String,
    /// How Redis is spoken to, wherever it is.
    redis: RedisConnectionInfo,
    certificates: Certificates,
}

impl Sentinels {
    /// Those of an address; `None` if it is that of Redis itself.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or with a file of certificates.
    pub(super) fn of(redis: &Redis) -> RedisResult<Option<Self>> {
        let Some(url) = SentinelUrl::read(&redis.url) else { return Ok(None) };
        let SentinelUrl { scheme, user, sentinels, name, database, sentinel_user, sentinel_password } = url;
        let own = match (sentinel_user, sentinel_password) {
            ("", "") => String::new(),
            (user, password) => format!("{user}:{password}@"),
        };
        let at = sentinels.into_iter().map(|sentinel| {
            let mut at = format!("{scheme}://{own}{sentinel}").into_connection_info()?;
            if !has_port(sentinel)
                && let ConnectionAddr::Tcp(_, port) | ConnectionAddr::TcpTls { port, .. } = &mut at.addr
            {
                *port = PORT;
            }
            Ok(at)
        });
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let anywhere = format!("{scheme}://{user}redis/{database}").into_connection_info()?;
        Ok(Some(Self {
            at: at.collect::<RedisResult<_>>()?,
            name: name.to_owned(),
            redis: anywhere.redis,
            certificates: Certificates::of(redis)?,
        }))
    }

    /// A connection to the master, as the first Sentinel knows it whose master says that it is one: one that was cut off for a
    /// while may not have heard of a failover.
    pub(super) async fn connection(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let mut last = None;
        for sentinel in &self.at {
            match self.by_way_of(sentinel, config).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("there is no Sentinel").into()))
    }

    async fn by_way_of(
        &self,
        sentinel: &ConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let asked = tokio::time::timeout(ASK, self.ask(sentinel)).await;
        let (host, port) = asked.unwrap_or_else(|_| Err(self.wrong(sentinel, "does not answer")))?;
        let addr = match sentinel.addr {
            ConnectionAddr::TcpTls { .. } => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            _ => ConnectionAddr::Tcp(host, port),
        };
        let master = ConnectionInfo { addr, redis: self.redis.clone() };
        let shown = master.addr.to_string();
        let mut made = self.certificates.client(master)?.get_multiplexed_async_connection_with_config(config).await?;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut made).await?;
        match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(made),
            _ => Err(self.wrong(sentinel, &format!("says that it is {shown}, which is no master (any more)"))),
        }
    }

    async fn ask(&self, sentinel: &ConnectionInfo) -> RedisResult<(String, u16)> {
        let mut connection = self.certificates.client(sentinel.clone())?.get_multiplexed_async_connection().await?;
        let mut ask = redis::cmd("SENTINEL");
        let told: Option<(String, u16)> =
            ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name).query_async(&mut connection).await?;
        told.ok_or_else(|| self.wrong(sentinel, "knows no master of that name"))
    }

    fn wrong(&self, sentinel: &ConnectionInfo, what: &str) -> RedisError {
        io::Error::other(format!("the Sentinel at {} {what}: `{}`", sentinel.addr, self.name)).into()
    }
}

/// Whether `host` or `host:port` is the latter. The colons of an IPv6 address stand between brackets.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'))
}
