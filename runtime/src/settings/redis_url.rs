//! Where Redis is: the form of its address, and the address without its password.

use super::{REDACTED, parse::Expected};

const FORMS: Expected = "`redis://host:port`, with `user:password@` before the host and `/db` behind the port where \
                         they are needed, `rediss://…` over TLS, `redis+sentinel://host,host/name` for whom \
                         Sentinels know by that name, or `unix:///path`";

/// An address of Redis: `redis://[user:password@]host[:port][/db]`, the same with `rediss` over TLS, or
/// `unix:///path[?db=0&user=…&pass=…]`.
///
/// Or those of Sentinels, which know where Redis is by a name: `redis+sentinel://[user:password@]host[:port][,…]/name[/db]`,
/// and with `rediss+sentinel` all over TLS. User and password are for Redis; `?sentinel_user=…&sentinel_password=…` are for the
/// Sentinels.
///
/// `@`, `/`, `?`, `#` and `%` of a password itself are written as `%40`, `%2F`, `%3F`, `%23` and `%25`.
///
/// # Errors
///
/// What it must be.
pub fn redis_url(text: &str) -> Result<String, Expected> {
    let text = text.trim();
    // `#insecure`, as some clients have it.
    if text.contains('#') && (has_scheme(text, "rediss") || has_scheme(text, "rediss+sentinel")) {
        return Err(
            "`rediss://…` without `#…`: certificates are always looked at, and `redis.ca_file` names who vouches",
        );
    }
    let host = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"));
    let fits = match (host, text.strip_prefix("unix://")) {
        (Some(rest), _) => is_host(rest),
        (_, Some(rest)) => is_socket(rest),
        (None, None) => SentinelUrl::read(text).is_some(),
    };
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if fits && plain { Ok(text.to_owned()) } else { Err(FORMS) }
}

/// An address of Redis as it may be shown: without passwords, whatever its form.
///
/// Where it is not certain what is a password, more is hidden than need be.
#[must_use]
pub fn redacted_url(url: &str) -> String {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    let rest = url.find("://").map_or(0, |at| at + "://".len());
    // A password that is not encoded may hold anything: the host begins behind the last `@`. A socket has no host.
    if let Some(end) = url.rfind('@').filter(|&end| end >= rest && !has_scheme(url, "unix")) {
        let start = url[rest..end].find(':').map_or(rest, |colon| rest + colon + 1);
        hidden.push((start, end));
    }
    let query = url.find('?').map_or(url.len(), |at| at + 1);
    let mut at = query;
    for pair in url[query..].split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && name.to_ascii_lowercase().contains("pass")
        {
            hidden.push((at + pair.len() - value.len(), at + pair.len()));
        }
        at += pair.len() + 1;
    }
    hidden.retain(|(start, end)| start < end);
    hidden.sort_unstable();

    let mut shown = String::with_capacity(url.len());
    let mut at = 0;
    for (start, end) in hidden {
        if start > at || shown.is_empty() {
            shown.push_str(&url[at..start]);
            shown.push_str(REDACTED);
        }
        at = at.max(end);
    }
    shown.push_str(&url[at..]);
    shown
}

/// The address of a Redis that Sentinels know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SentinelUrl<'u> {
    /// The scheme of Redis and of each Sentinel: `redis` or `rediss`.
    pub(crate) scheme: &'u str,
    /// `user:password` for Redis, encoded.
    pub(crate) user: Option<&'u str>,
    /// Each as `host` or `host:port`.
    pub(crate) sentinels: Vec<&'u str>,
    /// What the Sentinels call it.
    pub(crate) name: &'u str,
    /// The number of a database, or nothing.
    pub(crate) database: &'u str,
    /// User and password for the Sentinels, encoded.
    pub(crate) sentinel_user: &'u str,
    pub(crate) sentinel_password: &'u str,
}

impl<'u> SentinelUrl<'u> {
    /// Reads one; `None` if it is something else, or wrong.
    pub(crate) fn read(url: &'u str) -> Option<Self> {
        let (scheme, rest) =
            url.split_once("+sentinel://").filter(|(scheme, _)| matches!(*scheme, "redis" | "rediss"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/')?;
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        let (mut sentinel_user, mut sentinel_password) = ("", "");
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("sentinel_user", value) => sentinel_user = value,
                ("sentinel_password", value) => sentinel_password = value,
                _ => return None,
            }
        }
        let sentinels: Vec<_> = hosts.split(',').collect();
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let fits =
            is_name && is_database(database) && sentinels.iter().all(|host| !host.contains('/') && is_host(host));
        fits.then_some(Self { scheme, user, sentinels, name, database, sentinel_user, sentinel_password })
    }
}

/// Whether a text begins with a scheme and its `://`, in any case.
fn has_scheme(text: &str, scheme: &str) -> bool {
    text.split_once("://").is_some_and(|(written, _)| written.eq_ignore_ascii_case(scheme))
}

/// What follows `redis://`.
fn is_host(rest: &str) -> bool {
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = match address.rsplit_once(':') {
        // The colons of an IPv6 address stand between brackets.
        Some((_, end)) if end.ends_with(']') => (address, None),
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    let is_name = || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ipv6) => ipv6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && is_name(),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) && is_database(database)
}

/// What follows `unix://`.
fn is_socket(rest: &str) -> bool {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let databases = query.split('&').filter_map(|pair| pair.strip_prefix("db="));
    path.starts_with('/') && path.len() > 1 && databases.into_iter().all(is_database)
}

/// The number of a database, or none.
fn is_database(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an address that Redis' clients take stops the app, or a slip in one is found out when jobs do
    /// not arrive.
    #[test]
    fn addresses_are_hosts_and_sockets() {
        for text in [
            "redis://localhost",
            "redis://127.0.0.1:6379",
            "redis://[::1]:6379/2",
            "redis://[::1]",
            "redis://h:1",
            "unix:///a",
            "redis://my_redis:6379/",
            "redis://:hunter2@redis.internal:6380/15",
            "redis://ann:p%40ss@h",
            "redis://h:6379/0?protocol=resp3",
            "rediss://ann:p%40ss@redis.internal:6380/2",
            "rediss://[::1]",
            "redis+sentinel://one,two:26380,[::1]:26379/jobs",
            "redis+sentinel://ann:p%40ss@one/jobs.eu/2?sentinel_user=bob&sentinel_password=p%2Fw",
            "rediss+sentinel://one/jobs",
            "unix:///run/redis/redis.sock",
            "unix:///run/redis.sock?db=2&pass=hunter2",
        ] {
            assert_eq!(redis_url(text).as_deref(), Ok(text));
            assert_eq!(redis_url(&format!(" {text}\n")).as_deref(), Ok(text));
        }
        for text in [
            "",
            "localhost:6379",
            "redis:localhost",
            "redis://",
            "redis://:6379",
            "redis://h:0",
            "redis://h:port",
            "redis://h:70000",
            "redis://h/one",
            "redis://h/-1",
            "redis://h/99999999999999999999",
            "redis://ann:p w@h",
            "redis://ann:p\u{1}w@h",
            "redis://[::g]",
            "redis://a b",
            "redis://:p/w@h",
            "unix://run/redis.sock",
            "unix:///",
            "unix:///run/redis.sock?db=x",
            "http://localhost:6379",
            "REDISS://h",
            "rediss://:6379",
            "rediss:///run/redis.sock",
            "redis+sentinel://one",
            "redis+sentinel://one/",
            "redis+sentinel:///jobs",
            "redis+sentinel://one,,two/jobs",
            "redis+sentinel://one/jobs/x",
            "redis+sentinel://one/jobs?password=x",
            "redis+sentinel://one/jobs?sentinel_user",
            "redis+sentinel://one:0/jobs",
            "sentinel://one/jobs",
            "unix+sentinel:///run/redis.sock",
        ] {
            assert_eq!(redis_url(text), Err(FORMS), "{text}");
        }
    }

    /// If this fails, somebody who reads along can pass for the Redis that was meant.
    #[test]
    fn certificates_are_always_looked_at() {
        for text in
            ["rediss://h:6380#insecure", "rediss://h/#insecure", "rediss://h#", "rediss+sentinel://h/jobs#insecure"]
        {
            assert!(redis_url(text).unwrap_err().contains("certificates are always looked at"), "{text}");
        }
    }

    /// If this fails, a password stands in a log, an error or the output of `info`.
    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("redis://localhost:6379/0", "redis://localhost:6379/0"),
            ("redis://:hunter2@h:6379/0", "redis://:(redacted)@h:6379/0"),
            ("redis://ann:hunter2@h", "redis://ann:(redacted)@h"),
            ("redis://ann:hunt:er2@h", "redis://ann:(redacted)@h"),
            ("redis://hunter2@h", "redis://(redacted)@h"),
            ("redis://ann:hunt@er/2?#@h", "redis://ann:(redacted)@h"),
            ("redis://ann:@h", "redis://ann:@h"),
            ("rediss://ann:hunter2@h", "rediss://ann:(redacted)@h"),
            ("ann:hunter2@h", "ann:(redacted)@h"),
            ("redis+sentinel://:hunter2@one,two:1/jobs", "redis+sentinel://:(redacted)@one,two:1/jobs"),
            (
                "redis+sentinel://one/jobs?sentinel_password=hunter2",
                "redis+sentinel://one/jobs?sentinel_password=(redacted)",
            ),
            ("hunter2@h", "(redacted)@h"),
            ("unix:///run/a@b.sock", "unix:///run/a@b.sock"),
            ("unix:///run/a.sock?db=1&pass=hunter2", "unix:///run/a.sock?db=1&pass=(redacted)"),
            ("unix:///run/a.sock?pass=hunter2&db=1", "unix:///run/a.sock?pass=(redacted)&db=1"),
            ("redis://h/0?password=hunt@er2", "redis://(redacted)"),
            ("redis://ann:hunt?pass=er2@h", "redis://ann:(redacted)"),
            ("redis://ann:hunter2@h?pass=hunter2", "redis://ann:(redacted)@h?pass=(redacted)"),
            ("redis://h?pass=x:y@z", "redis://h?pass=(redacted)"),
            ("redis://ann:x?pass=@h", "redis://ann:(redacted)"),
            ("redis://@h", "redis://@h"),
            ("", ""),
        ] {
            assert_eq!(redacted_url(url), shown, "{url}");
        }
    }

    proptest::proptest! {
        /// If this fails, some text that was meant for an address stops the app with a panic.
        #[test]
        fn never_panics(text in r"(redis|rediss|unix|\+sentinel|,|://|/|:|@|\?|&|=|pass|é|\[|\]|[a-z0-9 ]){0,16}") {
            let _ = redis_url(&text);
            let _ = redacted_url(&text);
        }

        /// If this fails, a password of letters that nobody has thought of is shown.
        #[test]
        fn no_password_is_shown(password in "[a-z@/?#:&=%]{0,12}secret[a-z@/?#:&=%]{0,12}") {
            let shown = redacted_url(&format!("redis://ann:{password}@host:6379/0"));
            proptest::prop_assert!(!shown.contains("secret"), "{}", shown);
        }
    }
}
