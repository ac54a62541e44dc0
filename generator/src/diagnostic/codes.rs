//! The kinds of diagnostics: a name for each, and one sentence that says what it is about.

/// The room that finds a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Reading the manifest: syntax and single values.
    Manifest,
    /// Resolving the app: what refers to what, and names that meet.
    Model,
    /// Planning: files that are not as the manifest would have them, and what stands in the way.
    Plan,
}

/// One kind of diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its name, as in `error[unknown-key]`.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub doc: &'static str,
    /// Who reports it.
    pub room: Room,
}

/// Declares a constant for each code and the table of them all.
macro_rules! codes {
    ($($constant:ident = $name:literal, $room:ident, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $constant: &str = $name;)*

        /// Every code, by room and then in the order in which a reader meets them.
        pub const ALL: &[Code] = &[$(Code { name: $name, doc: $doc, room: Room::$room }),*];
    };
}

codes! {
    MERGE_MARKERS = "merge-markers", Manifest, "The manifest holds both sides of a merge, and git's lines around them.";
    BAD_CHARACTER = "bad-character", Manifest, "The file holds a character that no manifest can hold, or is not UTF-8.";
    YAML_SYNTAX = "yaml-syntax", Manifest, "The text is not YAML, or uses a part of YAML that manifests do without.";
    NEEDS_QUOTES = "needs-quotes", Manifest, "YAML reads something else into this value unless it stands in quotes.";
    TOO_DEEP = "too-deep", Manifest, "Brackets or indentation are nested deeper than any manifest needs.";
    TOO_LARGE = "too-large", Manifest, "Aliases (`*name`) repeat more than any manifest needs.";
    EMPTY_MANIFEST = "empty-manifest", Manifest, "The file holds nothing, or only comments.";
    SEVERAL_DOCUMENTS = "several-documents", Manifest, "A manifest is one YAML document.";
    DUPLICATE_KEY = "duplicate-key", Manifest, "The same key stands twice in one place.";
    UNKNOWN_KEY = "unknown-key", Manifest, "The key is not part of the manifest's language at this place.";
    NOT_SUPPORTED = "not-supported", Manifest, "The key or value is part of the language, and this version cannot do it yet.";
    MISSING_KEY = "missing-key", Manifest, "Something needs a key that is not there.";
    CONFLICTING_KEYS = "conflicting-keys", Manifest, "Two keys stand side by side that say the same thing in two ways.";
    WRONG_KIND = "wrong-kind", Manifest, "A text stands where a list or keys belong, or the other way round.";
    EMPTY_VALUE = "empty-value", Manifest, "A key has no value, or an empty text where something is needed.";
    UNKNOWN_VALUE = "unknown-value", Manifest, "The value is not one of the words that the key takes.";
    INVALID_NUMBER = "invalid-number", Manifest, "The value is not a whole number in the key's range.";
    INVALID_DURATION = "invalid-duration", Manifest, "The value is not a duration such as `30s`, or a range of two.";
    INVALID_SIZE = "invalid-size", Manifest, "The value is not a size such as `64MiB`.";
    INVALID_BROKER = "invalid-broker", Manifest, "The value is not `host:port`, or several of them.";
    MISSING_PORT = "missing-port", Manifest, "The address of a broker has no port, so that Kafka's usual one is taken.";
    INVALID_URL = "invalid-url", Manifest, "The value is not an address of Redis.";
    INVALID_VARIABLE = "invalid-variable", Manifest, "A `${…}` is not of one of the forms that are read.";
    VARIABLE_NOT_ALLOWED = "variable-not-allowed", Manifest, "A `${…}` stands where routes or types are made, which are the same everywhere.";
    INVALID_NAME = "invalid-name", Manifest, "A name holds a character that it cannot, such as a letter that only looks like another one.";
    INVALID_TOPIC_NAME = "invalid-topic-name", Manifest, "Kafka does not take this as the name of a topic.";
    ENGINE_OPTION = "engine-option", Manifest, "The librdkafka property belongs to the engine, or has a key of its own in the manifest.";
    UNKNOWN_OPTION = "unknown-option", Manifest, "The property is not one of librdkafka's.";
    INVALID_OPTION = "invalid-option", Manifest, "The librdkafka property does not take this value.";
    MISPLACED_OPTION = "misplaced-option", Manifest, "The librdkafka property is one of producers and stands where consumers are set up, or the other way round.";
    MISSING_FEATURE = "missing-feature", Manifest, "The librdkafka property needs a feature of `karafka` that the app's Cargo.toml has to name.";
    LITERAL_SECRET = "literal-secret", Manifest, "A password or key stands in the manifest itself, and so in the app's program.";
    INVALID_TYPE = "invalid-type", Manifest, "The text is not a type of the manifest.";
    QUOTED_TYPE = "quoted-type", Manifest, "Types are written without quotes.";
    RESERVED_FIELD = "reserved-field", Manifest, "A field is called like a key of messages and must stand under `fields:`.";
    DUPLICATE_VALUE = "duplicate-value", Manifest, "The same value stands twice in one list.";
    INVALID_APP = "invalid-app", Model, "The app's name cannot name a package and a crate.";
    INVALID_CONSTANT = "invalid-constant", Model, "A controller, worker, parser or interchanger has a name that cannot be a Rust type in a file of its own.";
    INVALID_MESSAGE_NAME = "invalid-message-name", Model, "A message, or the type of a nested record, has a name that cannot be a Rust type beside the runtime's.";
    INVALID_FIELD_NAME = "invalid-field-name", Model, "Nothing of a field's, value's or tag's name is left for Rust.";
    NAME_COLLISION = "name-collision", Model, "Two names meet in one file, one Rust name or one topic of Kafka.";
    UNKNOWN_MESSAGE = "unknown-message", Model, "The message is not under `messages`.";
    UNKNOWN_TYPE = "unknown-type", Model, "A field's type is neither one of the manifest's types nor a message.";
    CHOICE_OF_TYPES = "choice-of-types", Model, "A field has one type, and `|` between several would make an enum of their names.";
    UNKNOWN_TOPIC = "unknown-topic", Model, "`emits` names a topic that is not in the manifest.";
    UNKNOWN_FIELD = "unknown-field", Model, "`key` names a field that the message does not have.";
    INVALID_RECORD_KEY = "invalid-record-key", Model, "The field that `key` names cannot be a record's key.";
    INVALID_VARIANT = "invalid-variant", Model, "A `one_of` cannot tell this message from the others by its field.";
    INFINITE_MESSAGE = "infinite-message", Model, "A message requires itself, so that none could ever end.";
    OVERSIZED_MESSAGE = "oversized-message", Model, "A message requires more than Rust's stack takes.";
    DEEP_MESSAGE = "deep-message", Model, "Messages are inside one another further than Rust's compiler follows.";
    TOO_MANY = "too-many", Model, "There are more messages or consumers than an app can have.";
    PARSER_MISMATCH = "parser-mismatch", Model, "The parser does not make the message that the topic names.";
    MIXED_MESSAGES = "mixed-messages", Model, "A controller gets messages of more than one type.";
    MIXED_BATCHES = "mixed-batches", Model, "A controller gets batches from one topic and single messages from another.";
    TOMBSTONES_IN_BATCHES = "tombstones-in-batches", Model, "Records without a value are to be delivered, and `batch` holds messages only.";
    JOBS_IN_BATCHES = "jobs-in-batches", Model, "Jobs on Redis are single messages, and `batch` hands over several at once.";
    JOBS_IN_PROCESS = "jobs-in-process", Model, "A queue or the address of Redis is named, and the jobs run in the server's process, which has neither.";
    DUPLICATE_CONSUMER = "duplicate-consumer", Model, "A topic has two consumers in one group.";
    SHARED_WORKER = "shared-worker", Model, "One worker would serve two controllers.";
    UNWRITABLE_TOPIC = "unwritable-topic", Model, "It is not known how to write the topic that `emits` names.";
    OWN_DEAD_LETTER = "own-dead-letter", Model, "A topic is its own dead letter topic, or dead letters go round in a circle.";
    TYPED_DEAD_LETTER = "typed-dead-letter", Model, "A dead letter topic holds the raw records of any source, and the manifest gives it a type.";
    MISSING_DEAD_LETTER = "missing-dead-letter", Model, "Attempts are limited, and there is no dead letter topic for what fails after the last one.";
    BROKEN_PROMISE = "broken-promise", Model, "A group promises each record at most once, and a consumer in it would repeat or keep what fails, or gather what is committed.";
    LONGER_THAN_A_STOP = "longer-than-a-stop", Model, "A wait is longer than a stop of the app takes.";
    UNFIT_DRAIN = "unfit-drain", Model, "A rebalance waits longer for what runs than the group waits for a member, or not as long as an attempt may take.";
    IDLE_ORDERING = "idle-ordering", Model, "Records may go at once, and only one does.";
    WIDE_WINDOW = "wide-window", Model, "The window is wider than a commit has room to say what is finished in it, so that a stop may repeat some.";
    UNUSED_INTERCHANGER = "unused-interchanger", Model, "An interchanger is named, and no job leaves the process, so that it is not used.";
    PROTOCOL_CONFLICT = "protocol-conflict", Model, "The group's protocol does not have what is written: the broker says it, or the other protocol does.";
    CONFLICTING_OPTIONS = "conflicting-options", Model, "librdkafka properties do not fit together: a client would not start with them, or not stay in its group.";
    SHARED_GROUP_ID = "shared-group-id", Model, "Two groups have one id in Kafka, and would take each other's partitions.";
    CLASHING_SIZES = "clashing-sizes", Model, "Two sizes do not go together: of a record, of a fetch, of a queue, or of a group's memory.";
    UNUSED_GROUP = "unused-group", Model, "No consumer is in the group that `groups` describes.";
    UNSETTLED_MERGE = "unsettled-merge", Plan, "A file holds both sides of a merge, and git's lines around them.";
    GROUP_CHANGE = "group-change", Plan, "A consumer would move to a group of another id, and so to other offsets.";
    CARGO_TOML = "cargo-toml", Plan, "`Cargo.toml` cannot be read, or names the crate in another way than the manifest.";
    TWO_MODULES = "two-modules", Plan, "A file and a folder would be one module.";
    FILE_IN_THE_WAY = "file-in-the-way", Plan, "Where a file is to be written stands what cannot be replaced.";
    MISSING_FILE = "missing-file", Plan, "A file that the app should have is not there.";
    OUT_OF_STEP = "out-of-step", Plan, "A file is not what the manifest makes of it now.";
    LEFT_OVER = "left-over", Plan, "A generated file is there that the manifest no longer asks for.";
    EDITED_BY_HAND = "edited-by-hand", Plan, "A generated file was edited by hand, and would be overwritten.";
    TOPIC_CHANGE = "topic-change", Plan, "A controller reads another topic than before, or none, or its dead letters go to another one, and records that are there stay where they are; or what a topic's records are keyed by is another field.";
    MESSAGE_CHANGE = "message-change", Plan, "Records that are in a topic already may not be what its message is now.";
    LOCAL_RUNTIME = "local-runtime", Plan, "The app depends on a checkout of karafka that lies outside of its repository, where other machines do not have it.";
}

/// What a code's diagnostics are about, as the `kind` of a JSON line says it: the manifest, or what has drifted from it.
#[must_use]
pub fn kind(name: &str) -> &'static str {
    match ALL.iter().find(|code| code.name == name).map(|code| code.room) {
        Some(Room::Plan) => "drift",
        Some(Room::Manifest | Room::Model) | None => "manifest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, two different mistakes look the same to an editor or a filter in CI.
    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut names: Vec<_> = ALL.iter().map(|code| code.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        }
    }

    /// If this fails, the table of codes in the documentation has a row without a sentence.
    #[test]
    fn each_code_has_one_sentence() {
        for code in ALL {
            assert!(code.doc.ends_with('.') && code.doc.len() > 20, "{}", code.name);
        }
    }
}
