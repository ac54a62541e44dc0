//! Messages to try an app with: valid, different for each seed, and pleasant to look at.

mod draw;
mod scalars;

use std::{cell::OnceCell, collections::HashMap};

use karafka::types::Timestamp;
use serde_json::{Map, Value, json};

use super::{Field, Model, Payload, Shape, Type};
use draw::Draw;

/// Below this many levels lists are empty and optional fields absent, so that recursive messages end.
const DEPTH: usize = 4;

/// 2026-01-01T00:00:00Z in milliseconds, where nobody gives a moment.
const BASE: i64 = 1_767_225_600_000;

/// A valid `payload`, the same for the same seed. Moments lie in the month before 2026.
#[must_use]
pub fn sample(model: &Model, payload: &Payload, seed: u64) -> Value {
    sample_at(model, payload, seed, Timestamp::from_timestamp_millis(BASE).unwrap_or_default())
}

/// As [`sample`], with moments in the month before `base`.
#[must_use]
pub fn sample_at(model: &Model, payload: &Payload, seed: u64, base: Timestamp) -> Value {
    let sampler = Sampler { model, seed, base, shortest: OnceCell::new() };
    let draw = Draw::new(seed);
    match payload {
        Payload::Message(name) => sampler.named(name, draw, 0),
        Payload::Json => json!({
            "id": scalars::uuid(draw.at("id")),
            "title": scalars::text("title", draw.at("title")),
            "sent_at": scalars::moment(draw.at("sent_at"), base),
        }),
        Payload::Bytes | Payload::Text => scalars::text("note", draw).into(),
    }
}

struct Sampler<'a> {
    model: &'a Model,
    seed: u64,
    base: Timestamp,
    /// How deep the shortest value of each type is; only needed when a `one_of` comes at the bottom.
    shortest: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> Sampler<'a> {
    fn named(&self, name: &str, draw: Draw, depth: usize) -> Value {
        match self.model.message(name).map(|message| &message.shape) {
            Some(Shape::Record(fields)) => Value::Object(self.record(fields, draw, depth)),
            Some(Shape::Enum(values)) => draw.pick(values).map_or(Value::Null, |(wire_name, _)| json!(wire_name)),
            Some(Shape::OneOf { by, variants }) => {
                let variant = if depth == 0 {
                    // In turn, so that a few samples show them all.
                    variants.get(self.seed as usize % variants.len().max(1))
                } else if depth < DEPTH {
                    draw.pick(variants)
                } else {
                    variants.iter().min_by_key(|(.., message)| self.shortest().get(message.as_str()).copied())
                };
                let mut value = Map::new();
                if let Some((tag, _, message)) = variant {
                    value.insert(by.clone(), json!(tag));
                    if let Value::Object(fields) = self.named(message, draw.at(tag), depth + 1) {
                        value.extend(fields);
                    }
                }
                Value::Object(value)
            }
            None => Value::Null,
        }
    }

    fn record(&self, fields: &[Field], draw: Draw, depth: usize) -> Map<String, Value> {
        let mut value = Map::with_capacity(fields.len());
        for field in fields {
            let draw = draw.at(&field.wire_name);
            // One in four at the top, more below, none at the bottom.
            let absent = field.optional && draw.at("?").below(DEPTH as u64) <= depth as u64;
            if !absent {
                value.insert(field.wire_name.clone(), self.kind(&field.kind, &field.wire_name, draw, depth + 1));
            }
        }
        value
    }

    fn kind(&self, kind: &Type, field: &str, draw: Draw, depth: usize) -> Value {
        // Wide lists of wide lists would fill the screen.
        let most = 3_usize.saturating_sub(depth / 2);
        let count = if depth > DEPTH { 0 } else { draw.at("#").below(most as u64 + 1) as usize };
        match kind {
            Type::Scalar(scalar) => scalars::scalar(*scalar, field, draw, self.base),
            Type::Named(name) => self.named(name, draw, depth),
            Type::List(inner) => (0..count).map(|at| self.kind(inner, field, draw.nth(at), depth + 1)).collect(),
            Type::Map(inner) => {
                let entry = |at| {
                    let draw = draw.nth(at);
                    (scalars::key(at, draw), self.kind(inner, field, draw, depth + 1))
                };
                Value::Object((0..count).map(entry).collect())
            }
        }
    }

    /// For each type, how many levels its shortest value has.
    fn shortest(&self) -> &HashMap<&'a str, usize> {
        self.shortest.get_or_init(|| {
            let mut levels: HashMap<&str, usize> = HashMap::new();
            // Each round settles the types that need one level more; the resolver allows no endless ones.
            loop {
                let before = levels.len();
                let mut found = Vec::new();
                for message in &self.model.messages {
                    let level = |name: &str| levels.get(name).copied();
                    let needed = match &message.shape {
                        Shape::Enum(_) => Some(0),
                        Shape::OneOf { variants, .. } => variants.iter().filter_map(|v| level(&v.2)).min(),
                        Shape::Record(fields) => {
                            let required = fields.iter().filter(|field| !field.optional);
                            let mut direct = required.filter_map(|field| match &field.kind {
                                Type::Named(name) => Some(level(name)),
                                Type::Scalar(_) | Type::List(_) | Type::Map(_) => None,
                            });
                            direct.try_fold(0, |deepest, level| Some(deepest.max(level?)))
                        }
                    };
                    if let Some(needed) = needed
                        && !levels.contains_key(message.name.as_str())
                    {
                        found.push((message.name.as_str(), needed + 1));
                    }
                }
                levels.extend(found);
                if levels.len() == before {
                    return levels;
                }
            }
        })
    }
}
