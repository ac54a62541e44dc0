//! For the table of codes, until it has them.

pub(crate) const INVALID_APP: &str = "invalid-app";
pub(crate) const INVALID_CONSTANT: &str = "invalid-constant";
pub(crate) const INVALID_MESSAGE_NAME: &str = "invalid-message-name";
pub(crate) const INVALID_TOPIC_NAME: &str = "invalid-topic-name";
pub(crate) const INVALID_FIELD_NAME: &str = "invalid-field-name";
pub(crate) const NAME_COLLISION: &str = "name-collision";
pub(crate) const UNKNOWN_TOPIC: &str = "unknown-topic";
pub(crate) const UNKNOWN_MESSAGE: &str = "unknown-message";
pub(crate) const UNKNOWN_TYPE: &str = "unknown-type";
pub(crate) const UNKNOWN_FIELD: &str = "unknown-field";
pub(crate) const MIXED_MESSAGES: &str = "mixed-messages";
pub(crate) const DUPLICATE_CONSUMER: &str = "duplicate-consumer";
pub(crate) const SHARED_WORKER: &str = "shared-worker";
pub(crate) const PARSER_MISMATCH: &str = "parser-mismatch";
pub(crate) const UNWRITABLE_TOPIC: &str = "unwritable-topic";
pub(crate) const INFINITE_MESSAGE: &str = "infinite-message";
pub(crate) const INVALID_RECORD_KEY: &str = "invalid-record-key";
pub(crate) const INVALID_VARIANT: &str = "invalid-variant";
pub(crate) const UNUSED_GROUP: &str = "unused-group";
