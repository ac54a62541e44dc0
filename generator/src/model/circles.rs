//! Messages that hold themselves: boxed where Rust needs it, refused where no value could ever end.

use std::collections::HashMap;

use super::{Field, Message, Shape, Type, report::Report};
use crate::{
    diagnostic::{Diagnostic, codes},
    source::Span,
};

/// Boxes the fields that close a circle of types, and reports records that cannot be without themselves.
///
/// Lists, maps and absent fields end a value; a list or a map also has its own place in memory, so only plain fields
/// are boxed. Linear in the number of fields.
pub(super) fn mend(
    types: &mut [Message],
    index: &HashMap<String, usize>,
    field_spans: &[Vec<Span>],
    report: &mut Report<'_>,
) {
    report_endless(types, index, field_spans, report);
    for (at, field) in closing_fields(types, index) {
        if let Shape::Record(fields) = &mut types[at].shape {
            fields[field].boxed = true;
        }
    }
}

/// The type that a plain field, neither list nor map, holds.
fn direct(field: &Field, index: &HashMap<String, usize>) -> Option<usize> {
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

/// Reports each circle of required fields.
fn report_endless(
    types: &[Message],
    index: &HashMap<String, usize>,
    field_spans: &[Vec<Span>],
    report: &mut Report<'_>,
) {
    // What a value of each type cannot be without: all of it for a record, one of it for a `one_of`.
    let needs: Vec<Vec<(usize, usize)>> = types
        .iter()
        .map(|message| match &message.shape {
            Shape::Record(fields) => {
                let required = fields.iter().enumerate().filter(|(_, field)| !field.optional);
                required.filter_map(|(number, field)| Some((number, direct(field, index)?))).collect()
            }
            Shape::OneOf { variants, .. } => {
                variants.iter().enumerate().filter_map(|(n, v)| Some((n, index.get(&v.2).copied()?))).collect()
            }
            Shape::Enum(_) => Vec::new(),
        })
        .collect();
    let one_is_enough = |at: usize| matches!(types[at].shape, Shape::OneOf { .. });

    let mut users = vec![Vec::new(); types.len()];
    for (at, needed) in needs.iter().enumerate() {
        for &(_, target) in needed {
            users[target].push(at);
        }
    }
    let mut missing: Vec<usize> =
        needs.iter().enumerate().map(|(at, n)| if one_is_enough(at) { n.len().min(1) } else { n.len() }).collect();
    let mut ends: Vec<bool> = missing.iter().map(|&count| count == 0).collect();
    let mut ready: Vec<usize> = (0..types.len()).filter(|&at| ends[at]).collect();
    while let Some(at) = ready.pop() {
        for &user in &users[at] {
            missing[user] = missing[user].saturating_sub(1);
            if missing[user] == 0 && !ends[user] {
                ends[user] = true;
                ready.push(user);
            }
        }
    }

    // From each type without an end, the first thing without an end that it needs, until the walk meets itself.
    let mut walked = vec![usize::MAX; types.len()];
    for start in (0..types.len()).filter(|&at| !ends[at]) {
        let mut way: Vec<(usize, usize)> = Vec::new();
        let mut at = start;
        while walked[at] == usize::MAX {
            walked[at] = start;
            let Some(&(number, target)) = needs[at].iter().find(|(_, target)| !ends[*target]) else { break };
            way.push((at, number));
            at = target;
        }
        if walked[at] == start
            && let Some(first) = way.iter().position(|&(on_the_way, _)| on_the_way == at)
        {
            report_circle(&way[first..], types, field_spans, report);
        }
    }
}

fn report_circle(circle: &[(usize, usize)], types: &[Message], field_spans: &[Vec<Span>], report: &mut Report<'_>) {
    let steps: Vec<(usize, &Field, Span)> = circle
        .iter()
        .filter_map(|&(at, number)| match &types[at].shape {
            Shape::Record(fields) => Some((at, &fields[number], field_spans[at][number])),
            Shape::OneOf { .. } | Shape::Enum(_) => None,
        })
        .collect();
    let Some(&(at, field, span)) = steps.iter().min_by_key(|(.., span)| span.start) else { return };
    let (name, wire_name) = (&types[at].path, &field.wire_name);
    let message = format!("`{name}.{wire_name}` is required and leads back to `{name}`: such a message never ends");
    let help = match &field.kind {
        Type::Named(kind) => format!("make it optional, `{wire_name}?: {kind}`, or a list, `{wire_name}: [{kind}]`"),
        Type::Scalar(_) | Type::List(_) | Type::Map(_) => format!("make it optional, `{wire_name}?`"),
    };
    let mut diagnostic = Diagnostic::error(codes::INFINITE_MESSAGE, span, message).help(help);
    for &(other, field, other_span) in steps.iter().filter(|(other, ..)| *other != at) {
        diagnostic = diagnostic.related(other_span, format!("by way of `{}.{}`", types[other].path, field.wire_name));
    }
    report.add(diagnostic);
}
