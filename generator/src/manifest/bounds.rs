//! How much a manifest may hold.

/// One bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// What is counted.
    pub of: &'static str,
    /// The most that is taken.
    pub most: usize,
    /// Why there is a bound, or what counts.
    pub why: &'static str,
}

/// Consumers of all topics.
pub const CONSUMERS: Bound = Bound {
    of: "consumers",
    most: 2_000,
    why: "each has a controller with a file of its own, and all of them are one process",
};

/// Entries of `messages`.
pub const MESSAGES: Bound =
    Bound { of: "messages", most: 5_000, why: "all of them are types of one crate, which has to be compiled" };

/// Types inside one another.
pub const LEVELS: Bound = Bound {
    of: "levels of messages inside one another",
    most: 64,
    why: "Rust's compiler follows 128 types into one another. A message and `?` count as one level each, a list as three, a map \
          as nine, as they do there; a message that comes back to one that it is in begins no new level",
};

/// Fields that every value of a message has.
pub const FIELDS: Bound = Bound {
    of: "fields that every value of a message has",
    most: 10_000,
    why: "such a value is held as a whole on the stack; fields of messages in it count, as often as they come up",
};

/// Brackets and indentation.
pub const DEPTH: Bound =
    Bound { of: "levels of brackets or indentation", most: 64, why: "no part of a manifest is that deep" };

/// Values that aliases repeat.
pub const REPEATED: Bound = Bound {
    of: "values that aliases repeat",
    most: 200_000,
    why: "a few lines of `*name` could otherwise fill the memory",
};

/// Every bound, the most likely to be met first.
pub const BOUNDS: [Bound; 6] = [CONSUMERS, MESSAGES, LEVELS, FIELDS, DEPTH, REPEATED];
