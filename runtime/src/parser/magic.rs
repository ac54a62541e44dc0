//! What bytes are that are no JSON and no text, as far as their beginning says it.

/// What a value is by its first bytes, in words that go on with "the value is …"; `None` where they say nothing.
pub(super) fn named(value: &[u8]) -> Option<String> {
    const BEGINNINGS: [(&[u8], &str); 12] = [
        (&[0x1f, 0x8b], "compressed by gzip; Kafka's own compression (`compression.type`) is undone by the client"),
        (
            &[0x28, 0xb5, 0x2f, 0xfd],
            "compressed by zstd; Kafka's own compression (`compression.type`) is undone by the client",
        ),
        (
            &[0x04, 0x22, 0x4d, 0x18],
            "compressed by lz4; Kafka's own compression (`compression.type`) is undone by the client",
        ),
        (
            b"\xff\x06\0\0sNaPpY",
            "compressed by snappy; Kafka's own compression (`compression.type`) is undone by the client",
        ),
        (b"\x82SNAPPY\0", "compressed by snappy; Kafka's own compression (`compression.type`) is undone by the client"),
        (b"BZh", "compressed by bzip2"),
        (b"PK\x03\x04", "a zip archive"),
        (b"Obj\x01", "an Avro file, which holds its schema"),
        (b"PAR1", "a Parquet file"),
        (&[0xac, 0xed, 0x00, 0x05], "an object of Java's own serialization"),
        (&[0xff, 0xfe], "UTF-16; write UTF-8"),
        (&[0xfe, 0xff], "UTF-16; write UTF-8"),
    ];
    if let Some(words) = framed(value) {
        return Some(words);
    }
    let beginning = BEGINNINGS.iter().find(|(beginning, _)| value.starts_with(beginning));
    beginning.map(|(_, words)| (*words).to_owned())
}

/// A schema registry's frame: a zero, then the schema's id in four bytes, the first one first
/// (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>); or a
/// one, then an id of sixteen bytes.
fn framed(value: &[u8]) -> Option<String> {
    match value {
        [0, a, b, c, d, rest @ ..] => {
            let id = u32::from_be_bytes([*a, *b, *c, *d]);
            let what = match rest.first() {
                Some(b'{' | b'[' | b'"') => "JSON behind it",
                _ => "Avro or Protobuf behind it, as a rule",
            };
            Some(format!("framed for a schema registry (a zero, then schema id {id}), with {what}"))
        }
        [1, ..] if value.len() > 17 => {
            Some("framed for a schema registry (a one, then an id of 16 bytes), as it seems".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a person who is sent another format looks for a slip in the JSON.
    #[test]
    fn beginnings_are_named() {
        for (value, words) in [
            (
                &b"\0\0\0\0\x07{\"id\":1}"[..],
                "framed for a schema registry (a zero, then schema id 7), with JSON behind it",
            ),
            (b"\0\0\x01\x86\xa0\x02\x06abc", "framed for a schema registry (a zero, then schema id 100000)"),
            (b"\x01abcdefghijklmnop\x02", "framed for a schema registry (a one"),
            (b"\x1f\x8b\x08\0", "compressed by gzip"),
            (b"\x28\xb5\x2f\xfd\0", "compressed by zstd"),
            (b"Obj\x01\x04", "an Avro file"),
            (b"\xff\xfe{\0", "UTF-16"),
        ] {
            let named = named(value).unwrap_or_default();
            assert!(named.starts_with(words), "{value:?}: {named}");
        }
        for value in [&b""[..], b"{}", b"\0", b"\0\0\0\0", b"\x01\x02", b"orders", b"\x1f"] {
            assert_eq!(named(value), None, "{value:?}");
        }
    }
}
