//! Messages that require so much of themselves or of others that no value could end, be read or be held.

use std::collections::VecDeque;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::bounds::FIELDS,
    model::{Field, Message, Shape, Type, circles::direct, messages::Messages, report::Report},
    source::Span,
};

/// Reports each circle of required fields, and types whose values cannot be small. Linear in the number of fields.
///
/// Lists, maps and absent fields end a value.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let Messages { types, index, spans, field_spans, .. } = facts.messages;
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
    let mut least = vec![1; types.len()];
    let is_too_much = |fields: u64| fields > FIELDS.most as u64;
    let mut settled = vec![false; types.len()];
    while let Some(at) = ready.pop_front() {
        settled[at] = true;
        least[at] = least_value(&types[at], &needs[at], &settled, &least);
        if is_too_much(least[at]) && !needs[at].iter().any(|&(_, target)| is_too_much(least[target])) {
            report.add(oversized(&types[at].name, spans[at]));
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

/// How many fields a value holds at the least, each counted as often as it comes up, when that is known of all that it needs.
fn least_value(message: &Message, needs: &[(usize, usize)], settled: &[bool], least: &[u64]) -> u64 {
    let needed = needs.iter().filter(|(_, target)| settled[*target]).map(|(_, target)| least[*target]);
    match &message.shape {
        Shape::Record(fields) => needed.fold(fields.len() as u64, u64::saturating_add),
        Shape::OneOf { .. } => needed.min().unwrap_or_default(),
        // One of a few texts is a field as any other, and has none.
        Shape::Enum(_) => 0,
    }
}

fn oversized(name: &str, span: Span) -> Diagnostic {
    let message = format!("every `{name}` holds more than {} fields", FIELDS.most);
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
