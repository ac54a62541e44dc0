//! librdkafka properties that the engine keeps to itself.

/// Those that are refused whatever their value.
pub(super) const ALWAYS_REFUSED: &[&str] = &[
    "auto.commit.enable",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "metadata.broker.list",
    "offset.store.method",
    "partition.assignment.strategy",
    "transactional.id",
];

/// Why a property is refused under `kafka`, and what to write instead; nothing if it goes through.
pub(super) fn refused(name: &str, value: &str) -> Option<&'static str> {
    match name {
        // Their `false` is what the engine sets.
        "enable.auto.commit" | "enable.auto.offset.store" if value == "false" => None,
        "enable.auto.commit" | "enable.auto.offset.store" | "auto.commit.enable" | "offset.store.method" => {
            Some("the engine commits what is done, and nothing else: take it out")
        }
        "auto.offset.reset" => Some("take it out: a group without an offset begins with the earliest record"),
        "group.id" => Some("write `group:` at the topic, or under `defaults`"),
        "group.instance.id" => Some("write `instance_id:` under `groups`"),
        "group.protocol" => Some("write `protocol:` under `groups`"),
        "partition.assignment.strategy" => Some("write `assignor:` under `groups`"),
        "enable.partition.eof" | "transactional.id" => Some("the engine sets it: take it out"),
        "bootstrap.servers" | "metadata.broker.list" => Some("write `kafka: { brokers: … }`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an editor and the command differ about a property.
    #[test]
    fn the_list_agrees_with_the_reasons() {
        for name in ALWAYS_REFUSED {
            assert!(refused(name, "false").is_some(), "{name}");
        }
        assert!(refused("enable.auto.commit", "false").is_none());
        assert!(refused("enable.auto.commit", "true").is_some());
        assert!(refused("enable.auto.offset.store", "true").is_some());
        assert!(refused("client.id", "x").is_none());
        assert!(refused("fetch.min.bytes", "1").is_none());
    }
}
