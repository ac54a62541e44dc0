//! Messages that hold themselves, boxed where Rust needs it.

use std::collections::HashMap;

use super::{Field, Message, Shape, Type};

/// Boxes the fields that close a circle of types.
///
/// A list or a map has its own place in memory, so only plain fields are boxed. Linear in the number of fields.
pub(super) fn close(types: &mut [Message], index: &HashMap<String, usize>) {
    for (at, field) in closing_fields(types, index) {
        if let Shape::Record(fields) = &mut types[at].shape {
            fields[field].boxed = true;
        }
    }
}

/// The type that a plain field, neither list nor map, holds.
pub(super) fn direct(field: &Field, index: &HashMap<String, usize>) -> Option<usize> {
    match &field.kind {
        Type::Named(name) => index.get(name).copied(),
        Type::Scalar(_) | Type::List(_) | Type::Map(_) => None,
    }
}

/// Fields, by record and number, through which a walk from record to record comes back to where it has been.
fn closing_fields(types: &[Message], index: &HashMap<String, usize>) -> Vec<(usize, usize)> {
    // A `one_of` has no fields to box; the walk goes through it to the records of its variants.
    let edges: Vec<Vec<(usize, usize)>> = types
        .iter()
        .map(|message| {
            let Shape::Record(fields) = &message.shape else { return Vec::new() };
            let targets = |target: usize| match &types[target].shape {
                Shape::OneOf { variants, .. } => variants.iter().filter_map(|v| index.get(&v.2).copied()).collect(),
                Shape::Record(_) | Shape::Enum(_) => vec![target],
            };
            let held = fields.iter().enumerate().filter_map(|(number, field)| Some((number, direct(field, index)?)));
            held.flat_map(|(number, target)| targets(target).into_iter().map(move |record| (number, record))).collect()
        })
        .collect();

    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::Never; types.len()];
    let mut closing = Vec::new();
    for start in 0..types.len() {
        if seen[start] != Seen::Never {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        // A stack of its own: a chain of ten thousand messages must not overflow the thread's.
        let mut way = vec![(start, edges[start].iter())];
        while let Some((at, rest)) = way.last_mut() {
            let at = *at;
            match rest.next() {
                None => {
                    seen[at] = Seen::Done;
                    way.pop();
                }
                Some(&(field, target)) => match seen[target] {
                    Seen::OnTheWay => closing.push((at, field)),
                    Seen::Done => {}
                    Seen::Never => {
                        seen[target] = Seen::OnTheWay;
                        way.push((target, edges[target].iter()));
                    }
                },
            }
        }
    }
    closing
}
