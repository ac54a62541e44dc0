//! Leaves a group without the client's help.
//!
//! librdkafka tells the group that a member leaves when all its commits are answered. One that a broker never answers, while
//! it answers all else, would keep the others waiting until the session is over; so its member is signed off here, with two
//! requests of Kafka's protocol in their first version, which all brokers take: `FindCoordinator` and `LeaveGroup`.
//!
//! Only where brokers are talked to in plain text: elsewhere, and if it fails, the group notices when the session is over.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use rdkafka::ClientConfig;

const FIND_COORDINATOR: i16 = 10;
const LEAVE_GROUP: i16 = 13;
/// Whatever a broker says, it is not longer.
const LONGEST: usize = 64 * 1024;

/// How a member signs off by itself.
#[derive(Debug, Clone)]
pub(super) struct Leave {
    /// `host:port`, several with commas.
    brokers: String,
    group: String,
}

impl Leave {
    /// `None` if a member with this configuration stays until its session is over, as one with a name of its own does, or
    /// cannot sign off here.
    pub(super) fn of(config: &ClientConfig) -> Option<Self> {
        let is = |key, value: &str| config.get(key).is_none_or(|set| set.eq_ignore_ascii_case(value));
        let is_plain = is("security.protocol", "plaintext") && is("group.protocol", "classic");
        if !is_plain || config.get("group.instance.id").is_some_and(|name| !name.is_empty()) {
            return None;
        }
        let brokers = config.get("bootstrap.servers").or_else(|| config.get("metadata.broker.list"))?;
        Some(Self { brokers: brokers.to_owned(), group: config.get("group.id")?.to_owned() })
    }

    /// Tells the group that a member leaves.
    ///
    /// # Errors
    ///
    /// When no broker says where the group is, or its coordinator does not take the word, within this time.
    pub(super) fn say(&self, member: &str, within: Duration) -> io::Result<()> {
        let until = Instant::now() + within;
        let coordinator = self.coordinator(until)?;
        let mut answer = call(&coordinator, LEAVE_GROUP, &[&self.group, member], until)?;
        match answer.i16()? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("Kafka answers with error {code}"))),
        }
    }

    fn coordinator(&self, until: Instant) -> io::Result<String> {
        let mut failed = io::Error::other("no brokers");
        for broker in self.brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
            let address = broker.split_once("://").map_or(broker, |(_, address)| address);
            match call(address, FIND_COORDINATOR, &[&self.group], until).and_then(|answer| answer.coordinator()) {
                Ok(coordinator) => return Ok(coordinator),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// What a broker has answered, as far as it is not read.
struct Answer(Vec<u8>);

impl Answer {
    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        if self.0.len() < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = self.0.split_off(count);
        Ok(std::mem::replace(&mut self.0, rest))
    }

    fn i16(&mut self) -> io::Result<i16> {
        Ok(self.take(2)?.iter().fold(0, |number, byte| (number << 8) | i16::from(*byte)))
    }

    fn i32(&mut self) -> io::Result<i32> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| (number << 8) | i32::from(*byte)))
    }

    /// The host and port that an answer to `FindCoordinator` names.
    fn coordinator(mut self) -> io::Result<String> {
        match self.i16()? {
            0 => {}
            code => return Err(io::Error::other(format!("Kafka answers with error {code}"))),
        }
        let _node = self.i32()?;
        let length = usize::try_from(self.i16()?).map_err(io::Error::other)?;
        let host = String::from_utf8(self.take(length)?).map_err(io::Error::other)?;
        let port = self.i32()?;
        Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    }
}

/// Makes one request of texts, in its first version, on a connection of its own.
fn call(address: &str, api: i16, texts: &[&str], until: Instant) -> io::Result<Answer> {
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(left) }
    };
    let mut last = io::Error::other("no address");
    let mut stream = None;
    // The timeouts of a connection cannot be none.
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()?) {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = error,
        }
    }
    let Some(mut stream) = stream else { return Err(last) };
    stream.set_read_timeout(Some(left()?))?;
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(&request(api, texts)?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    let mut answer = Answer(answer);
    // The number that the request has; nothing else was asked on this connection.
    let _correlation = answer.i32()?;
    Ok(answer)
}

/// Length; API, version, number, client; then the texts.
fn request(api: i16, texts: &[&str]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend(api.to_be_bytes());
    body.extend(0i16.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    for text in ["karafka"].iter().chain(texts) {
        body.extend(i16::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes());
        body.extend(text.as_bytes());
    }
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes()[..], &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a stop sends brokers what they do not understand.
    #[test]
    fn requests_are_kafkas() {
        let wanted = b"\0\0\0\x1d\0\x0d\0\0\0\0\0\x01\0\x07karafka\0\x04shop\0\x04m-17";
        assert_eq!(request(LEAVE_GROUP, &["shop", "m-17"]).expect("short"), wanted);
        let answer = Answer(b"\0\0\0\0\0\x01\0\x05kafka\0\0\x23\x84".to_vec());
        assert_eq!(answer.coordinator().expect("a coordinator"), "kafka:9092");
        for cut in 0..17 {
            assert!(Answer(b"\0\0\0\0\0\x01\0\x05kafka\0\0\x23\x84"[..cut].to_vec()).coordinator().is_err(), "{cut}");
        }
    }

    /// If this fails, a member with a name is signed off, and its partitions go to others in each deployment; or secrets are
    /// asked for in plain text where brokers want them otherwise.
    #[test]
    fn some_members_stay_until_their_session_is_over() {
        let leave = |more: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", "kafka:9092").set("group.id", "shop");
            for (key, value) in more {
                config.set(*key, *value);
            }
            Leave::of(&config).is_some()
        };
        assert!(leave(&[]) && leave(&[("security.protocol", "PLAINTEXT"), ("group.protocol", "classic")]));
        for (key, value) in
            [("security.protocol", "SASL_SSL"), ("group.instance.id", "till-1"), ("group.protocol", "consumer")]
        {
            assert!(!leave(&[(key, value)]), "{key}");
        }
    }
}
