//! The manifest's JSON Schema, for editors: completion, descriptions on hover, mistakes as they are typed.
//!
//! Written from the table of keys. What this version cannot do is not part of it, so that an editor marks what the
//! command would refuse.

use serde_json::{Map, Value, json};

use super::keys::{Key, SECTIONS, Section, Takes};

const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*|\?)?\}";
const DURATION: &str = "[0-9]+(ms|s|m|h)";
const CONSTANT: &str = "^[A-Z][A-Za-z0-9]*(::[A-Z][A-Za-z0-9]*)*$";

/// The manifest's JSON Schema, draft 7, which is what editors' YAML support reads.
#[must_use]
pub fn schema() -> Value {
    let mut definitions = Map::new();
    for &section in SECTIONS {
        if !matches!(section, Section::Root | Section::Message) && section.keys().any(|key| is_ready(&key)) {
            definitions.insert(name(section).to_owned(), keys(section));
        }
    }
    definitions.insert("message".to_owned(), message());
    definitions.insert("type".to_owned(), field_type());
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "karafka.yml",
        "description": "The manifest of an app: its topics, who consumes them, and the types of what they carry.",
    });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), keys(Section::Root)) {
        schema.extend(root);
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("required".to_owned(), json!(["app"]));
        schema.insert("definitions".to_owned(), Value::Object(definitions));
    }
    schema
}

fn is_ready(key: &&Key) -> bool {
    key.not_yet.is_none()
}

/// The name of a section's definition.
fn name(section: Section) -> &'static str {
    match section {
        Section::Root => "manifest",
        Section::Kafka => "kafka",
        Section::Environment => "environment",
        Section::Redis => "redis",
        Section::Defaults => "defaults",
        Section::Message => "message",
        Section::Group => "group",
        Section::Topic => "topic",
        Section::Consumer => "consumer",
        Section::Retry => "retry",
        Section::Batch => "batch",
    }
}

fn reference(section: Section) -> Value {
    json!({ "$ref": format!("#/definitions/{}", name(section)) })
}

/// The keys of a section; a section with nothing under it counts as one without keys.
fn keys(section: Section) -> Value {
    let properties: Map<String, Value> =
        section.keys().filter(is_ready).map(|key| (key.name.to_owned(), described(key))).collect();
    let mut keys = json!({
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    });
    match section {
        Section::Consumer => keys["required"] = json!(["controller"]),
        // What a topic says of its consumer needs one.
        Section::Topic => {
            let needs: Map<String, Value> = section
                .keys()
                .filter(is_ready)
                .filter(|key| key.sections.contains(&Section::Consumer) && key.name != "controller")
                .map(|key| (key.name.to_owned(), json!(["controller"])))
                .collect();
            keys["dependencies"] = Value::Object(needs);
            keys["not"] = json!({ "required": ["controller", "consumers"] });
        }
        _ => {}
    }
    keys
}

fn described(key: &Key) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(format!("{} For example `{}: {}`.", key.doc, key.name, key.example)));
    match value(key) {
        // Draft 7 takes no notice of what stands beside a reference.
        Value::Object(value) if value.contains_key("$ref") => {
            schema.insert("allOf".to_owned(), json!([value]));
        }
        Value::Object(value) => schema.extend(value),
        _ => {}
    }
    Value::Object(schema)
}

fn value(key: &Key) -> Value {
    match &key.takes {
        Takes::Name | Takes::Field | Takes::Id => text(),
        Takes::Constant([]) => json!({ "type": "string", "pattern": CONSTANT }),
        Takes::Constant(words) => json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": CONSTANT }] }),
        Takes::Choice(words) => {
            let ready: Vec<_> = words.iter().filter(|word| word.not_yet.is_none()).map(|word| word.text).collect();
            json!({ "enum": ready })
        }
        Takes::Brokers => json!({ "anyOf": [text(), { "type": "array", "items": text(), "minItems": 1 }] }),
        Takes::TopicName => {
            json!({ "type": ["string", "number"], "pattern": format!("^([A-Za-z0-9._-]|{VARIABLE})+$") })
        }
        Takes::Number(range) => json!({ "anyOf": [
            { "type": "integer", "minimum": range.start(), "maximum": range.end() },
            { "type": "string", "pattern": format!("^([0-9]|{VARIABLE})+$") },
        ] }),
        Takes::DeadLetter => {
            json!({ "type": "string", "pattern": format!(r"^([A-Za-z0-9._-]|\{{topic\}}|{VARIABLE})+$") })
        }
        Takes::Duration | Takes::DurationWithin(_) => {
            json!({ "type": "string", "pattern": format!("^{DURATION}$|{VARIABLE}") })
        }
        Takes::Start => {
            let moment = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9:]+)";
            json!({ "type": "string", "pattern": format!("^(earliest|latest|[0-9_]+[smhd] ago|{moment})$|{VARIABLE}") })
        }
        Takes::Backoff => json!({ "type": "string", "pattern": format!(r"^{DURATION}(\.\.{DURATION})?$|{VARIABLE}") }),
        Takes::Size => json!({ "type": "string", "pattern": format!("^[0-9]+(KiB|MiB|GiB)$|{VARIABLE}") }),
        Takes::RedisUrl => {
            json!({ "type": "string", "pattern": format!("^(rediss?(\\+sentinel)?://.|unix:///.)|{VARIABLE}") })
        }
        Takes::File => json!({ "type": "string", "pattern": r"\S" }),
        Takes::Queue => json!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9_.-]{1,100}$" }),
        Takes::Topics => json!({ "type": "array", "items": text(), "uniqueItems": true }),
        Takes::Options => json!({
            "type": ["object", "null"],
            "additionalProperties": text(),
            "propertyNames": { "not": { "enum": karafka::settings::refused_options().collect::<Vec<_>>() } },
        }),
        Takes::Keys(section) => reference(*section),
        Takes::Named(section) => {
            let mut named = json!({ "type": ["object", "null"], "additionalProperties": reference(*section) });
            if *section == Section::Topic {
                named["propertyNames"] = json!({ "pattern": "^[A-Za-z0-9._-]{1,249}$" });
            }
            named
        }
        Takes::List(section) => json!({ "type": "array", "items": reference(*section) }),
        Takes::Fields => fields(),
        Takes::Variants => {
            json!({ "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1 })
        }
        Takes::Later => json!({ "not": {} }),
    }
}

/// A text: an editor takes `1.10` and `true` for something else, and the manifest does not.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

fn fields() -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": { "$ref": "#/definitions/type" } })
}

/// A message: fields, or the keys of messages.
fn message() -> Value {
    let form = |names: &[&str]| {
        let properties: Map<String, Value> = names
            .iter()
            .filter_map(|name| Section::Message.key(name))
            .map(|key| (key.name.to_owned(), described(key)))
            .collect();
        json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
    };
    let mut record = fields();
    record["type"] = json!("object");
    record["propertyNames"] = json!({ "not": { "enum": ["schema", "one_of", "fields"] } });
    json!({ "anyOf": [record, form(&["one_of", "by"]), form(&["fields"])] })
}

fn field_type() -> Value {
    json!({
        "description": "`string`, `u32`, `uuid` and the like, the name of a message, `[T]` for a list, `{ string: T }` for a map, \
            `{ name: T }` for a record, `a | b` for an enum. `?` after a field's name says that it may be absent.",
        "anyOf": [
            { "type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\([a-z]+\))?$|\|" },
            { "type": "array", "items": { "$ref": "#/definitions/type" }, "minItems": 1, "maxItems": 1 },
            { "type": "object", "additionalProperties": { "$ref": "#/definitions/type" } },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        manifest::{
            read,
            yaml::{self, Node},
        },
        source::Source,
    };

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/karafka.schema.json");

    /// If this fails, editors know another language than the command.
    #[test]
    fn the_schema_file_is_fresh() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(FILE, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(FILE).is_ok_and(|file| file.replace("\r\n", "\n") == text),
            "schemas/karafka.schema.json is out of step; `UPDATE_SCHEMA=1 cargo test -p karafka-cli schema` rewrites it",
        );
    }

    /// If this fails, an editor marks a manifest that the command takes.
    #[test]
    fn manifests_that_are_taken_fit_the_schema() {
        for text in [
            include_str!("../../../tests/manifests/smallest.yml"),
            include_str!("../../../tests/manifests/slide.yml"),
            include_str!("../../../tests/manifests/everything.yml"),
        ] {
            assert_eq!(fits(text), Ok(()));
        }
    }

    /// If this fails, the example on hover is a mistake, or an editor marks it.
    #[test]
    fn examples_fit_the_schema_and_the_reader() {
        for key in super::super::keys::KEYS.iter().filter(is_ready) {
            let line = format!("{}: {}", key.name, key.example);
            let text = match key.sections[0] {
                Section::Root if key.name == "app" => line,
                Section::Root => format!("app: a\n{line}"),
                Section::Kafka => format!("app: a\nkafka:\n  {line}"),
                Section::Redis => format!("app: a\nredis:\n  {line}"),
                Section::Message => match key.name {
                    "fields" => format!("app: a\nmessages:\n  M:\n    {line}"),
                    _ => "app: a\nmessages:\n  M: { one_of: { created: OrderCreated }, by: type }".to_owned(),
                },
                Section::Group => format!("app: a\ngroups:\n  g:\n    {line}"),
                Section::Topic
                    if matches!(key.name, "controller" | "name" | "message" | "key" | "partitions" | "consumers") =>
                {
                    format!("app: a\ntopics:\n  t:\n    {line}")
                }
                Section::Topic | Section::Consumer => format!("app: a\ntopics:\n  t:\n    controller: A\n    {line}"),
                Section::Retry => format!("app: a\ndefaults:\n  retry:\n    {line}"),
                Section::Batch => format!("app: a\ntopics:\n  t:\n    controller: A\n    batch:\n      {line}"),
                Section::Environment | Section::Defaults => continue,
            };
            let (_, diagnostics) = read(&Source::new("karafka.yml", text.as_str()));
            assert_eq!(diagnostics, [], "{text}");
            assert_eq!(fits(&text), Ok(()), "{text}");
        }
    }

    /// If this fails, an editor shows no mistake where the command does.
    #[test]
    fn what_is_refused_does_not_fit() {
        for text in [
            "topics: {}",
            "app: a\ncolour: red",
            "app: a\ntopics: { t: { contoller: A } }",
            "app: a\ntopics: { t: { parser: json } }",
            "app: a\ntopics: { t: { controller: a } }",
            "app: a\ntopics: { t: { controller: A, dead_letter: a/b } }",
            "app: a\ntopics: { t: { controller: A, timeout: 30 } }",
            "app: a\ntopics: { t: { controller: A, start: yesterday } }",
            "app: a\ntopics: { t: { controller: A, lost_position: skip } }",
            "app: a\ntopics: { t: { controller: A, retry: { attempts: 0 } } }",
            "app: a\ntopics: { t: { controller: A, jobs: sidekiq } }",
            "app: a\ntopics: { t: { controller: A, queue: 'a b' } }",
            "app: a\njobs: redis",
            "app: a\nredis: { url: 'localhost:6379' }",
            "app: a\ntopics: { t: { controller: A, emits: x } }",
            "app: a\ntopics: { 'a b': {} }",
            "app: a\ntopics: { t: { consumers: [{ group: g }] } }",
            "app: a\nconcurrency: lots",
            "app: a\nconcurrency: 0",
            "app: a\ngroups: { g: { ordering: offset } }",
            "app: a\ngroups: { g: { window: 0 } }",
            "app: a\ngroups: { g: { delivery: exactly_once } }",
            "app: a\ngroups: { g: { memory: 64MB } }",
            "app: a\nkafka: { options: { group.id: x } }",
            "app: a\nmessages: { M: { schema: a.json } }",
            "app: a\nmessages: { M: { a: [u8, u8] } }",
            "app: a\nmessages: { M: { one_of: { a: A } } }",
            "app: a\ndefaults: { retry: { backoff: soon } }",
        ] {
            assert!(fits(text).is_err(), "{text}");
            let (_, diagnostics) = read(&Source::new("karafka.yml", text));
            // A lower-case constant is for those who know names.
            assert!(!diagnostics.is_empty() || text.contains("controller: a }"), "{text}");
        }
    }

    /// Whether a manifest fits the schema, as an editor would see it.
    fn fits(text: &str) -> Result<(), String> {
        let (root, _) = yaml::parse(&Source::new("karafka.yml", text));
        let schema = schema();
        check(&schema, &schema, &as_json(&root.unwrap()), "")
    }

    /// A node as YAML's core schema has it.
    fn as_json(node: &Node) -> Value {
        match &node.value {
            _ if node.is_null() => Value::Null,
            yaml::Value::Scalar(scalar) if scalar.quoted => json!(scalar.text),
            yaml::Value::Scalar(scalar) => match serde_json::from_str(&scalar.text) {
                Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
                _ => json!(scalar.text),
            },
            yaml::Value::Sequence { items, .. } => items.iter().map(as_json).collect(),
            yaml::Value::Mapping { entries, .. } => Value::Object(
                entries.iter().map(|entry| (entry.key.value.text.clone(), as_json(&entry.value))).collect(),
            ),
        }
    }

    /// The part of JSON Schema, draft 7, that our schema uses; a keyword that is not here is a failure.
    fn check(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let rules = schema.as_object().unwrap();
        let strings = |rule: &Value| -> Vec<String> {
            let list = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
            list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        for (keyword, rule) in rules {
            let fine = match keyword.as_str() {
                "$schema" | "title" | "description" | "definitions" => true,
                "$ref" => {
                    let target = root.pointer(&rule.as_str().unwrap()[1..]).unwrap();
                    check(root, target, value, path)?;
                    true
                }
                "type" => strings(rule).iter().any(|kind| match kind.as_str() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("{other}"),
                }),
                "enum" => rule.as_array().unwrap().contains(value),
                "pattern" => {
                    let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "minimum" => value.as_u64().is_none_or(|number| number >= rule.as_u64().unwrap()),
                "maximum" => value.as_u64().is_none_or(|number| number <= rule.as_u64().unwrap()),
                "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
                "minProperties" => value.as_object().is_none_or(|keys| keys.len() as u64 >= rule.as_u64().unwrap()),
                "uniqueItems" => true,
                "anyOf" => rule.as_array().unwrap().iter().any(|one| check(root, one, value, path).is_ok()),
                "allOf" => rule.as_array().unwrap().iter().all(|one| check(root, one, value, path).is_ok()),
                "not" => check(root, rule, value, path).is_err(),
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        check(root, rule, item, path)?;
                    }
                    true
                }
                "required" => {
                    value.as_object().is_none_or(|keys| strings(rule).iter().all(|name| keys.contains_key(name)))
                }
                "dependencies" => value.as_object().is_none_or(|keys| {
                    rule.as_object().unwrap().iter().all(|(name, needs)| {
                        !keys.contains_key(name) || strings(needs).iter().all(|need| keys.contains_key(need))
                    })
                }),
                "propertyNames" => value
                    .as_object()
                    .is_none_or(|keys| keys.keys().all(|key| check(root, rule, &json!(key), path).is_ok())),
                "properties" => {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        if let Some(rule) = rule.get(name) {
                            check(root, rule, inner, &format!("{path}/{name}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        if rules.get("properties").is_some_and(|known| known.get(name).is_some()) {
                            continue;
                        }
                        if rule == &json!(false) {
                            return Err(format!("{path}/{name} is unknown"));
                        }
                        check(root, rule, inner, &format!("{path}/{name}"))?;
                    }
                    true
                }
                other => panic!("{other} is not checked"),
            };
            if !fine {
                return Err(format!("{path}: {keyword} {rule} against {value}"));
            }
        }
        Ok(())
    }
}
