//! What is more than an app can be made of.

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::bounds::{Bound, CONSUMERS, LEVELS, MESSAGES},
    model::{Message, Shape, Type, messages::Messages, report::Report},
    source::Span,
};

/// Reports the first thing beyond each bound.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let messages = facts.manifest.messages.iter().map(|message| message.name.span);
    let consumers = facts.manifest.topics.iter().flat_map(|topic| &topic.consumers);
    let consumers = consumers.map(|consumer| consumer.controller.span);
    count(
        &MESSAGES,
        messages,
        "move some to the manifest of another app, or hold what belongs together as `json`",
        report,
    );
    count(&CONSUMERS, consumers, "move some topics to the manifest of another app", report);
    levels(facts.messages, report);
}

fn count(bound: &Bound, mut places: impl Iterator<Item = Span>, help: &str, report: &mut Report<'_>) {
    if let Some(beyond) = places.nth(bound.most) {
        let all = bound.most + 1 + places.count();
        let words = format!("{all} {} are more than an app can have: {} at most", bound.of, bound.most);
        report.add(Diagnostic::error(codes::TOO_MANY, beyond, words).help(help));
    }
}

/// How many levels a type adds as the compiler goes into it: a message itself, and what a field puts around it.
mod weight {
    pub(super) const MESSAGE: usize = 1;
    pub(super) const OPTION: usize = 1;
    pub(super) const BOX: usize = 2;
    pub(super) const LIST: usize = 3;
    pub(super) const MAP: usize = 9;
}

/// A type that the walk is in.
struct Step {
    at: usize,
    /// The next of its edges.
    next: usize,
}

/// Reports messages that lead too far into others.
///
/// The walk goes as the compiler does: into each field in turn, never into a type that it is in, and only once into any other.
/// Linear in the number of fields.
fn levels(Messages { types, index, spans, .. }: &Messages<'_>, report: &mut Report<'_>) {
    let edges: Vec<Vec<(usize, usize)>> =
        types.iter().map(|message| edges(message, |name| index.get(name).copied())).collect();
    // The levels of each type that the walk has left, itself included.
    let mut levels: Vec<Option<usize>> = vec![None; types.len()];
    let mut is_entered = vec![false; types.len()];
    for start in 0..types.len() {
        let mut way = Vec::new();
        if !std::mem::replace(&mut is_entered[start], true) {
            way.push(Step { at: start, next: 0 });
        }
        while let Some(step) = way.last_mut() {
            if let Some(&(target, _)) = edges[step.at].get(step.next) {
                step.next += 1;
                if !std::mem::replace(&mut is_entered[target], true) {
                    way.push(Step { at: target, next: 0 });
                }
                continue;
            }
            let at = step.at;
            let below = || edges[at].iter().filter_map(|&(target, weight)| Some((levels[target]?, weight)));
            let deepest = below().map(|(levels, weight)| levels + weight).max().unwrap_or(0);
            let own = weight::MESSAGE + deepest;
            if own > LEVELS.most && below().all(|(levels, _)| levels <= LEVELS.most) {
                report.add(too_deep(&types[at], own, spans[at]));
            }
            levels[at] = Some(own);
            way.pop();
        }
    }
}

/// The types that a type holds, and how many levels lie between.
fn edges(message: &Message, find: impl Fn(&str) -> Option<usize>) -> Vec<(usize, usize)> {
    match &message.shape {
        Shape::Record(fields) => {
            let around =
                |optional: bool, boxed: bool| usize::from(optional) * weight::OPTION + usize::from(boxed) * weight::BOX;
            let held = fields.iter().map(|field| (&field.kind, around(field.optional, field.boxed)));
            held.filter_map(|(kind, around)| held_by(kind, around, &find)).collect()
        }
        Shape::OneOf { variants, .. } => variants.iter().filter_map(|(.., name)| Some((find(name)?, 0))).collect(),
        Shape::Enum(_) => Vec::new(),
    }
}

fn held_by(mut kind: &Type, mut around: usize, find: &impl Fn(&str) -> Option<usize>) -> Option<(usize, usize)> {
    loop {
        match kind {
            Type::Named(name) => return Some((find(name)?, around)),
            Type::List(inner) => (kind, around) = (inner, around + weight::LIST),
            Type::Map(inner) => (kind, around) = (inner, around + weight::MAP),
            Type::Scalar(_) => return None,
        }
    }
}

fn too_deep(message: &Message, levels: usize, span: Span) -> Diagnostic {
    let words = format!(
        "`{}` leads {levels} levels into other messages, and Rust's compiler would not follow: {} at most",
        message.path, LEVELS.most
    );
    let help = "a message and `?` are a level each, a list is three, a map nine: leave some of the messages between out, or \
                hold the inner ones as `json`";
    Diagnostic::error(codes::DEEP_MESSAGE, span, words).help(help)
}
