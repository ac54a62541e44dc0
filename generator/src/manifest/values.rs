//! Single values of the manifest: numbers, durations, sizes, `${…}`, names.

use crate::{diagnostic::look_alike, source::Span};

/// What `${…}` a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    /// None: the text is what it says.
    None,
    /// At least one, all of them well formed.
    Some,
    /// One that is of no form that is read: its bytes in the text.
    Malformed(Span),
}

/// Looks for `${NAME}`, `${NAME:-default}` and `${NAME?}`; `$${` is the text `${`.
pub(crate) fn variables(text: &str) -> Variables {
    let mut found = Variables::None;
    let mut at = 0;
    while let Some(start) = text[at..].find("${").map(|offset| at + offset) {
        if text[at..start].ends_with('$') {
            at = start + 2;
            continue;
        }
        let Some(end) = text[start..].find('}').map(|offset| start + offset + 1) else {
            return Variables::Malformed(Span::new(start, text.len()));
        };
        if !is_variable(&text[start + 2..end - 1]) {
            return Variables::Malformed(Span::new(start, end));
        }
        found = Variables::Some;
        at = end;
    }
    found
}

/// A variable as a shell reads it, `$NAME`: its bytes in the text. Settings do not hold a `$` otherwise.
pub(crate) fn bare_variable(text: &str) -> Option<Span> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices('$').find_map(|(start, _)| {
        let after = &text[start + 1..];
        let name = after.find(|c| !is_name(c)).map_or(after, |end| &after[..end]);
        let is_bare = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !text[..start].ends_with('$');
        is_bare.then(|| Span::new(start, start + 1 + name.len()))
    })
}

/// The text as it is where no variable is set, if each has a default.
pub(crate) fn with_defaults(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        rest = after;
        if before.ends_with('$') {
            continue;
        }
        let (inside, tail) = after.split_once('}')?;
        inside.contains(":-").then_some(())?;
        rest = tail;
    }
    Some(without_variables(text))
}

/// The name of the first variable in a text.
pub(crate) fn first_variable(text: &str) -> Option<&str> {
    let inside = text.split_once("${")?.1;
    let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    Some(&inside[..end])
}

/// Whether anything of a text is there without a variable, defaults included.
pub(crate) fn is_literal(text: &str) -> bool {
    !without_variables(text).trim().is_empty()
}

/// What a text is in any environment: itself, unless it holds `${…}`.
pub(crate) fn literal(text: &str) -> Option<String> {
    (variables(text) == Variables::None).then(|| without_variables(text))
}

/// Whether a `${NAME?}` may leave a setting out.
pub(crate) fn is_optional(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, tail) = after.split_once('}').unwrap_or((after, ""));
        let is_text = before.ends_with('$');
        if !is_text && inside.ends_with('?') && !inside.contains(":-") {
            return true;
        }
        rest = if is_text { after } else { tail };
    }
    false
}

/// The text with each `${…}` taken out, or replaced by its default.
pub(crate) fn without_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        if before.ends_with('$') {
            out.push('{');
            rest = after;
            continue;
        }
        let (inside, tail) = after.split_once('}').unwrap_or((after, ""));
        if let Some((_, default)) = inside.split_once(":-") {
            out.push_str(default);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn is_variable(inside: &str) -> bool {
    let name = inside.split_once(":-").map_or(inside, |(name, _)| name);
    let name = if name.len() == inside.len() { name.strip_suffix('?').unwrap_or(name) } else { name };
    let default = &inside[name.len()..];
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !default.contains("${")
}

/// A whole number without sign, blanks or separators.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Milliseconds of `200ms`, `30s`, `5m`, `1h`, up to a day.
pub(crate) fn duration(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number(&text[..digits])?.checked_mul(unit).filter(|&milliseconds| milliseconds <= 86_400_000)
}

/// Milliseconds as a person writes them: `10ms`, `30s`, `1m`.
pub(crate) fn shown(milliseconds: u64) -> String {
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let unit = units.into_iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    unit.map_or_else(|| "0ms".to_owned(), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

/// Why a text is not a range of durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackoffError {
    /// Not one or two durations.
    NotDurations,
    /// The first is longer than the second.
    Backwards,
    /// A wait of nothing would try again without end, at full speed.
    Zero,
}

/// Checks a range of durations such as `1s..30s`; a single one is both ends.
pub(crate) fn backoff(text: &str) -> Result<(), BackoffError> {
    let (first, longest) = text.split_once("..").unwrap_or((text, text));
    match (duration(first), duration(longest)) {
        (Some(0), Some(_)) => Err(BackoffError::Zero),
        (Some(first), Some(longest)) if first > longest => Err(BackoffError::Backwards),
        (Some(_), Some(_)) => Ok(()),
        _ => Err(BackoffError::NotDurations),
    }
}

/// Bytes of `2048KiB`, `64MiB`, `1GiB`, from 1 MiB to 1 TiB: less holds no message, more no machine.
pub(crate) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[digits..] {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number(&text[..digits])?.checked_mul(unit).filter(|bytes| (1 << 20..=1 << 40).contains(bytes))
}

/// The first of some brokers, with commas between them, that is not `host:port`.
pub(crate) fn broken_broker(text: &str) -> Option<&str> {
    text.split(',').map(str::trim).find(|broker| !is_broker(broker))
}

/// The first of some brokers that names no port.
pub(crate) fn broker_without_port(text: &str) -> Option<&str> {
    text.split(',').map(str::trim).find(|broker| {
        let address = broker.split_once("://").map_or(*broker, |(_, address)| address);
        !address.contains(':') || address.ends_with(']')
    })
}

fn is_broker(broker: &str) -> bool {
    if broker.contains('@') {
        return false;
    }
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let (host, port) = match address.rsplit_once(':') {
        // An IPv6 address without a port ends in its bracket.
        Some((_, end)) if end.ends_with(']') => (address, None),
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    let host_is_legal = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    host_is_legal && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Why Kafka's clients do not take an id for a group or an instance.
pub(crate) fn id_error(id: &str) -> Option<String> {
    const LONGEST: usize = 255;
    if id.len() > LONGEST {
        return Some(format!("has {} bytes, and an id has at most {LONGEST}", id.len()));
    }
    (id.trim() != id).then(|| "begins or ends with a blank".to_owned())
}

/// The size that was probably meant by `64MB`, `64M`, `64 MiB` or `64mib`, if it is one that is taken.
pub(crate) fn likely_size(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return None,
    };
    let likely = format!("{}{unit}", &text[..digits]);
    size(&likely).map(|_| likely)
}

/// Why Kafka does not take a name for a topic.
pub(crate) fn topic_name_error(name: &str) -> Option<String> {
    const LONGEST: usize = 249;
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name == "." || name == ".." {
        return Some("stands for a folder".to_owned());
    }
    if name.len() > LONGEST {
        return Some(format!("has {} bytes, and Kafka takes {LONGEST}", name.len()));
    }
    let foreign = name.chars().find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))?;
    Some(match foreign {
        ' ' => "holds a blank".to_owned(),
        _ => format!("holds `{}`", foreign.escape_debug()),
    })
}

/// What is foreign in a name that is made of ASCII letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// In words: "holds `С` (U+0421, Cyrillic), which only looks like `C`".
    pub(crate) words: String,
    /// The name with what only looks like ASCII made ASCII, if that mends all of it.
    pub(crate) mended: Option<String>,
}

/// The first character of a name that is not printable ASCII.
pub(crate) fn foreign(name: &str) -> Option<Foreign> {
    let character = name.chars().find(|c| !(c.is_ascii_graphic() || *c == ' '))?;
    let point = u32::from(character);
    let words = match (character, look_alike(character)) {
        ('\n' | '\r', _) => "holds a line break".to_owned(),
        ('\t', _) => "holds a tab".to_owned(),
        _ if character.is_ascii_control() => format!("holds the control character U+{point:04X}"),
        (_, Some(ascii)) => {
            format!("holds `{character}` (U+{point:04X}, {}), which only looks like `{ascii}`", script(character))
        }
        _ if character.is_alphanumeric() => format!("holds `{character}` (U+{point:04X}), which is not ASCII"),
        _ => format!("holds U+{point:04X}, which is not an ASCII character"),
    };
    let mended: String = name
        .chars()
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
        .map(|c| look_alike(c).unwrap_or(c))
        .collect();
    let mends = mended.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    Some(Foreign { words, mended: mends.then_some(mended) })
}

fn script(character: char) -> &'static str {
    match character {
        '\u{370}'..='\u{3ff}' => "Greek",
        '\u{400}'..='\u{52f}' => "Cyrillic",
        '\u{ff00}'..='\u{ffef}' => "full width",
        _ => "not ASCII",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a setting is read from a variable that nobody meant, or the text `${…}` reaches Kafka.
    #[test]
    fn variables_have_three_forms() {
        for text in ["${A}", "${A_1:-}", "${A:-localhost:9092}", "${A?}", "x${A}y${B?}", "${_a}", "${A:-what?}"] {
            assert_eq!(variables(text), Variables::Some, "{text}");
        }
        for text in ["", "plain", "$A", "a$", "pa$$word", "{A}", "}", "$${A}", "$${", "a$${A B}"] {
            assert_eq!(variables(text), Variables::None, "{text}");
        }
        for text in
            ["${", "${}", "${A", "${1A}", "${A-b}", "${A:b}", "${A:?e}", "${A B}", "${A?:-b}", "${A:-${B}}", "${ö}"]
        {
            assert!(matches!(variables(text), Variables::Malformed(_)), "{text}");
        }
        assert_eq!(variables("ab${A B}c"), Variables::Malformed(Span::new(2, 8)));
        assert_eq!(variables("$${A}${A}"), Variables::Some);
    }

    /// If this fails, a bound that is documented is refused, or a person reads of another time than there is.
    #[test]
    fn bounds_belong_to_what_they_bound() {
        assert_eq!((duration("24h"), duration("86400001ms")), (Some(86_400_000), None));
        assert_eq!([0, 1, 1_500, 90_000, 3_600_000].map(shown), ["0ms", "1ms", "1500ms", "90s", "1h"]);
        assert_eq!((id_error(&"a".repeat(255)), id_error(&"a".repeat(256)).is_some()), (None, true));
        assert_eq!(
            (bare_variable("a$_B-"), bare_variable("$9"), bare_variable("$-")),
            (Some(Span::new(1, 4)), None, None)
        );
    }

    /// If this fails, what may be left out when the app starts counts as there, or the other way round.
    #[test]
    fn some_variables_may_leave_a_setting_out() {
        for (text, wanted) in [
            ("${A?}", true),
            ("x${A}y${B?}", true),
            ("${A}", false),
            ("${A:-what?}", false),
            ("$${A?}", false),
            ("a?", false),
        ] {
            assert_eq!(is_optional(text), wanted, "{text}");
        }
        assert_eq!(literal("$${A?}").as_deref(), Some("${A?}"));
        assert_eq!(literal("${A:-1}"), None);
    }

    /// If this fails, the literal part of a name with a variable goes to Kafka unchecked.
    #[test]
    fn the_literal_part_stays() {
        assert_eq!(without_variables("${PREFIX:-dev.}events${A?}x"), "dev.eventsx");
    }

    /// If this fails, a wait is a thousand times as long as the manifest says, or a typo becomes a number.
    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(duration("200ms"), Some(200));
        assert_eq!(duration("30s"), Some(30_000));
        assert_eq!(duration("5m"), Some(300_000));
        assert_eq!(duration("1h"), Some(3_600_000));
        for text in
            ["", "30", "s", "1.5s", "-1s", "1 s", "1S", "99999999999999999999s", "18446744073709551615h", "25h", "１s"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["10ms", "1500ms", "30s", "1m", "90s", "1h"] {
            assert_eq!(duration(text).map(shown).as_deref(), Some(text));
        }
        assert_eq!((size("2048KiB"), size("64MiB"), size("3GiB")), (Some(2 << 20), Some(64 << 20), Some(3 << 30)));
        for (unit, bytes) in [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)] {
            // The least and the most that are taken, and what is right beyond them.
            let (least, most) = ((1 << 20) / bytes, (1_u64 << 40) / bytes);
            for (number, taken) in [(least.max(1), true), (least.max(1) + 1, true), (most, true), (most + 1, false)] {
                let text = format!("{number}{unit}");
                assert_eq!(size(&text), taken.then_some(number * bytes), "{text}");
                // Each spelling of the unit that is not the manifest's is understood as it.
                let initial = unit[..1].to_owned();
                for nearly in [initial.clone(), format!("{initial}b"), format!(" {initial}IB "), unit.to_lowercase()] {
                    let nearly = format!("{number}{nearly}");
                    assert_eq!(likely_size(&nearly), taken.then(|| text.clone()), "{nearly}");
                }
            }
            assert_eq!(size(&format!("{}{unit}", least.saturating_sub(1))), None);
        }
        for text in ["", "64", "MiB", "64MB", "-1KiB", "64 MiB", "1KiB", "99999999999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(likely_size("64 mb").unwrap(), "64MiB");
        assert_eq!(likely_size("lots"), None);
        assert_eq!(number("1_000"), None);
        assert_eq!(number(""), None);
    }

    /// If this fails, a record that fails is tried again at full speed, or never.
    #[test]
    fn a_backoff_goes_upwards_from_something() {
        assert_eq!(backoff("1s..30s"), Ok(()));
        assert_eq!(backoff("1s..1s"), Ok(()));
        assert_eq!(backoff("30s..1s"), Err(BackoffError::Backwards));
        assert_eq!(backoff("0s..1s"), Err(BackoffError::Zero));
        assert_eq!(backoff("5s"), Ok(()));
        assert_eq!(backoff("0ms"), Err(BackoffError::Zero));
        assert_eq!(backoff("1s..."), Err(BackoffError::NotDurations));
        assert_eq!(backoff("soon"), Err(BackoffError::NotDurations));
    }

    /// If this fails, an address with a slip in it is found out when the app cannot connect.
    #[test]
    fn brokers_are_hosts_and_ports() {
        for text in ["localhost:9092", "a:1,b:2", "a, b", "SSL://a:9093", "[::1]:9092", "[::1]"] {
            assert_eq!(broken_broker(text), None, "{text}");
        }
        for text in ["", "a:1,", "a:port", "a:0", "a:70000", "http://a/b", "a b:1", ":9092"] {
            assert!(broken_broker(text).is_some(), "{text}");
        }
        assert_eq!(broken_broker("a:1, b:x"), Some("b:x"));
    }

    /// If this fails, a name that Kafka refuses is found out in production.
    #[test]
    fn topic_names_are_kafkas() {
        for name in ["orders", "a.b.c", "A_1-x", "...", &"x".repeat(249)] {
            assert_eq!(topic_name_error(name), None, "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "é", &"x".repeat(250)] {
            assert!(topic_name_error(name).is_some(), "{name}");
        }
    }

    /// If this fails, two names that look the same are two, and nobody sees why nothing is found.
    #[test]
    fn look_alikes_are_named() {
        let foreign_name = foreign("\u{421}ontroller").unwrap();
        assert_eq!(foreign_name.words, "holds `С` (U+0421, Cyrillic), which only looks like `C`");
        assert_eq!(foreign_name.mended.as_deref(), Some("Controller"));
        assert_eq!(foreign("größe").unwrap().mended, None);
        assert_eq!(foreign("a\u{200b}b").unwrap().mended.as_deref(), Some("ab"));
        assert_eq!(foreign("Plain_name-1"), None);
        for (name, words) in [
            ("a\nb", "holds a line break"),
            ("a\tb", "holds a tab"),
            ("a\u{7}b", "holds the control character U+0007"),
            ("a\u{85}b", "holds U+0085, which is not an ASCII character"),
        ] {
            assert_eq!(foreign(name), Some(Foreign { words: words.to_owned(), mended: None }));
        }
    }
}
