//! The client of a service that knows exchange rates, and is slow on a bad day.
//!
//! It is asked for a currency in a line, and answers with a line: the rate, or nothing where it does not know the currency.

use std::{net::SocketAddr, time::Duration};

use karafka::{Error, Result, retry::Retry, types::Decimal};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Where the service is, and how long it is waited for.
#[derive(Debug, Clone)]
pub struct Rates {
    address: SocketAddr,
    patience: Duration,
}

impl Rates {
    /// The service at this address, which answers within 50 ms as a rule; an attempt waits half a second.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            patience: Duration::from_millis(500),
        }
    }

    /// Asks up to three times: whoever looks at a page waits no longer.
    ///
    /// # Errors
    ///
    /// A permanent one for a currency that is not known; else why the last attempt had no answer.
    pub async fn rate(&self, currency: &str) -> Result<Decimal> {
        Retry::new()
            .timeout(self.patience)
            .attempts(3)
            .backoff(Duration::from_millis(50), Duration::from_millis(200))
            .gave_up(|failure| eprintln!("rates: {}", failure.error))
            .perform(async |_| self.ask(currency).await)
            .await
    }

    async fn ask(&self, currency: &str) -> Result<Decimal> {
        let mut stream = BufReader::new(TcpStream::connect(self.address).await?);
        stream.write_all(format!("{currency}\n").as_bytes()).await?;
        let mut answer = String::new();
        if stream.read_line(&mut answer).await? == 0 {
            return Err(Error::new("the rates service has hung up"));
        }
        match answer.trim() {
            "" => Err(Error::permanent("there is no such currency")),
            rate => Ok(rate.parse()?),
        }
    }
}
