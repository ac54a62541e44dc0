//! What records that are there may be, against what is read now.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Reads};
use crate::model::Scalar;

/// Messages before and now, compared with those in them.
pub(super) struct Comparison<'r> {
    pub(super) old: &'r Reads,
    pub(super) new: &'r Reads,
    /// Pairs that are compared already: types can go in circles.
    pub(super) seen: BTreeSet<(String, String)>,
    pub(super) found: Vec<(String, Option<String>, Difference)>,
}

impl Comparison<'_> {
    pub(super) fn readers(&mut self, old: &str, new: &str) {
        match (old, new) {
            (_, "-") => {}
            ("-", new) => self.found.push((new.to_owned(), None, Difference::Typed)),
            (old, new) => self.messages(old, new),
        }
    }

    fn messages(&mut self, old_name: &str, new_name: &str) {
        let (Some(old), Some(new)) = (self.old.messages.get(old_name), self.new.messages.get(new_name)) else { return };
        if !self.seen.insert((old_name.to_owned(), new_name.to_owned())) {
            return;
        }
        let mut found =
            |field: Option<&str>, how| self.found.push((new_name.to_owned(), field.map(str::to_owned), how));
        if is_choice(old) != is_choice(new) {
            return found(None, Difference::Typed);
        }
        if is_choice(new) {
            let by =
                |lines: &BTreeSet<String>| lines.iter().find_map(|line| line.strip_prefix("by ")).map(str::to_owned);
            if let (Some(before), now) = (by(old), by(new))
                && Some(&before) != now.as_ref()
            {
                found(None, Difference::By(before));
            }
            let (old, new) = (values(old), values(new));
            for (value, message) in old {
                match (message, new.get(value)) {
                    (_, None) => {
                        self.found.push((new_name.to_owned(), None, Difference::Gone(value.to_owned())));
                    }
                    (Some(before), Some(Some(now))) => self.messages(before, now),
                    _ => {}
                }
            }
            return;
        }
        let (old, new) = (fields(old), fields(new));
        for (field, (optional, kind)) in new {
            let mut found = |how| self.found.push((new_name.to_owned(), Some(field.to_owned()), how));
            match old.get(field) {
                None if !optional => found(Difference::Added),
                None => {}
                Some((was_optional, was)) => {
                    if *was_optional && !optional {
                        found(Difference::Required);
                    }
                    if !self.takes(was, kind) {
                        self.found.push((
                            new_name.to_owned(),
                            Some(field.to_owned()),
                            Difference::Retyped((*was).to_owned()),
                        ));
                    }
                }
            }
        }
    }

    /// Whether what was written as `old` can be read as `new`, both as texts of types; messages in both are compared by the
    /// way, and report for themselves.
    fn takes(&mut self, old: &str, new: &str) -> bool {
        let inner = |text: &str| -> Option<(char, String)> {
            let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let map = text.strip_prefix("{ string: ").and_then(|rest| rest.strip_suffix(" }"));
            list.map(|inner| ('[', inner.to_owned())).or_else(|| map.map(|inner| ('{', inner.to_owned())))
        };
        if new == Scalar::Json.name() {
            return true;
        }
        match (inner(old), inner(new)) {
            (Some((one, old)), Some((other, new))) => one == other && self.takes(&old, &new),
            (None, None) => match (Scalar::from_name(old), Scalar::from_name(new)) {
                (Some(old), Some(new)) => old == new || widens(old, new),
                (None, None) => {
                    self.messages(old, new);
                    true
                }
                // A choice between texts is text.
                (None, Some(Scalar::String)) => self
                    .old
                    .messages
                    .get(old)
                    .is_some_and(|lines| values(lines).values().all(Option::is_none) && is_choice(lines)),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether each value of the one is a value of the other, as both are written in JSON.
fn widens(old: Scalar, new: Scalar) -> bool {
    use Scalar::{
        Bool, Bytes, Date, Decimal, DecimalNumber, F32, F64, I8, I16, I32, I64, Json, String, Time, Timestamp,
        TimestampMillis, TimestampSeconds, U8, U16, U32, U64, Uuid,
    };
    match new {
        String => matches!(old, Decimal | Bytes | Uuid | Timestamp | Date | Time),
        I16 => matches!(old, I8 | U8),
        I32 => matches!(old, I8 | I16 | U8 | U16),
        I64 => matches!(old, I8 | I16 | I32 | U8 | U16 | U32),
        U16 => matches!(old, U8),
        U32 => matches!(old, U8 | U16),
        U64 => matches!(old, U8 | U16 | U32),
        F64 => matches!(old, F32 | I8 | I16 | I32 | U8 | U16 | U32),
        // Both read both: they differ in how they are written.
        Decimal | DecimalNumber => !matches!(
            old,
            Bool | Json | String | Bytes | Uuid | Timestamp | TimestampMillis | TimestampSeconds | Date | Time
        ),
        _ => false,
    }
}

fn is_choice(lines: &BTreeSet<String>) -> bool {
    lines.iter().any(|line| line.starts_with("| "))
}

/// What can be chosen, with the message behind it if there is one.
fn values(lines: &BTreeSet<String>) -> BTreeMap<&str, Option<&str>> {
    let lines = lines.iter().filter_map(|line| line.strip_prefix("| "));
    lines.map(|line| line.rsplit_once(": ").map_or((line, None), |(tag, message)| (tag, Some(message)))).collect()
}

/// Whether each field is optional, and its type.
fn fields(lines: &BTreeSet<String>) -> BTreeMap<&str, (bool, &str)> {
    let split = |line: &str| {
        // No type has `: ` in it but a map, which stands behind the first one.
        line.find("?: ")
            .filter(|at| line.find(": ") == Some(at + 1))
            .map(|at| (at, 3))
            .or_else(|| Some((line.find(": ")?, 2)))
    };
    let lines = lines.iter().filter_map(|line| split(line).map(|(at, mark)| (line, at, mark)));
    lines.map(|(line, at, mark)| (&line[..at], (mark == 3, &line[at + mark..]))).collect()
}
