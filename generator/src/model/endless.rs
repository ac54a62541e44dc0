//! Messages that require so much of themselves or of others that no value could end, be read or be held.

use std::collections::{HashMap, VecDeque};

use super::{Field, Message, Shape, Type, circles::direct, report::Report};
use crate::{
    diagnostic::{Diagnostic, codes},
    source::Span,
};

/// Reports each circle of required fields, and types whose values cannot be small. Linear in the number of fields.
///
/// Lists, maps and absent fields end a value.
pub(super) fn check(
    types: &[Message],
    index: &HashMap<String, usize>,
    (spans, field_spans): (&[Span], &[Vec<Span>]),
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
    // First in, first out: a `one_of` is reached by way of its shallowest variant.
    let mut ready: VecDeque<usize> = (0..types.len()).filter(|&at| ends[at]).collect();
    let mut least = vec![Least { levels: 1, fields: 1 }; types.len()];
    let mut settled = vec![false; types.len()];
    while let Some(at) = ready.pop_front() {
        settled[at] = true;
        least[at] = least_value(&types[at], &needs[at], &settled, &least);
        if least[at].is_too_much() && !needs[at].iter().any(|&(_, target)| least[target].is_too_much()) {
            report.add(oversized(&types[at].name, least[at], spans[at]));
        }
        for &user in &users[at] {
            missing[user] = missing[user].saturating_sub(1);
            if missing[user] == 0 && !ends[user] {
                ends[user] = true;
                ready.push_back(user);
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

/// What every value of a type holds at the least.
#[derive(Debug, Clone, Copy)]
struct Least {
    /// Records inside one another.
    levels: u64,
    /// Fields, counted as often as they come up.
    fields: u64,
}

impl Least {
    /// Readers of JSON stop at 128 levels; and all of it would be one value on the stack.
    const MOST: Self = Self { levels: 100, fields: 10_000 };

    fn is_too_much(self) -> bool {
        self.levels > Self::MOST.levels || self.fields > Self::MOST.fields
    }
}

/// What a value holds at the least, when that is known of all that it needs.
fn least_value(message: &Message, needs: &[(usize, usize)], settled: &[bool], least: &[Least]) -> Least {
    let needed = needs.iter().filter(|(_, target)| settled[*target]).map(|(_, target)| least[*target]);
    match &message.shape {
        Shape::Record(fields) => {
            let start = Least { levels: 0, fields: fields.len() as u64 };
            let whole = needed.fold(start, |sum, part| Least {
                levels: sum.levels.max(part.levels),
                fields: sum.fields.saturating_add(part.fields),
            });
            Least { levels: whole.levels + 1, ..whole }
        }
        Shape::OneOf { .. } => {
            needed.min_by_key(|part| (part.levels, part.fields)).unwrap_or(Least { levels: 1, fields: 1 })
        }
        Shape::Enum(_) => Least { levels: 0, fields: 1 },
    }
}

fn oversized(name: &str, least: Least, span: Span) -> Diagnostic {
    let message = if least.levels > Least::MOST.levels {
        format!(
            "every `{name}` holds more than {} records inside one another, which JSON readers refuse",
            Least::MOST.levels
        )
    } else {
        format!("every `{name}` holds more than {} fields", Least::MOST.fields)
    };
    let help = "make some of the fields that hold messages optional, or lists";
    Diagnostic::error(codes::OVERSIZED_MESSAGE, span, message).help(help)
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
