//! `karafka generate controller` and its neighbours: what they add to the manifest.

use anyhow::{Context as _, bail};
use heck::ToUpperCamelCase;
use karafka_generator::{
    manifest::edit,
    model::Model,
    names::{Constant, Role},
};

use super::WrongCall;

/// Add a topic and its controller
///
/// `Videos::Details` becomes `Videos::DetailsController`; without `--topic` it consumes `videos_details`. A topic that
/// is in the manifest already, without a controller, gets this one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka generate controller Videos::Details
  karafka generate controller Videos::Details --topic video.details --message VideoDetails
  karafka generate controller Orders --emits order_confirmed,audit --group billing")]
pub(crate) struct ControllerArgs {
    /// Its constant; `Controller` at the end can be left out
    #[arg(value_name = "NAME")]
    name: String,

    /// The topic's key; by default made from the name
    #[arg(long, value_name = "KEY")]
    topic: Option<String>,

    /// The consumer group; by default the app's name
    #[arg(long, value_name = "ID")]
    group: Option<String>,

    /// The message that the topic carries
    #[arg(long, value_name = "NAME")]
    message: Option<String>,

    /// A worker of your own
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,

    /// A parser: `json`, `bytes`, `text`, or one of your own
    #[arg(long, value_name = "NAME")]
    parser: Option<String>,

    /// An interchanger: `json`, `binary`, or one of your own
    #[arg(long, value_name = "NAME")]
    interchanger: Option<String>,

    /// The topics that it may send to
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    emits: Vec<String>,
}

impl ControllerArgs {
    pub(crate) fn add(&self, text: &str, model: &Model) -> anyhow::Result<(String, String)> {
        let controller = complete(&self.name, Role::Controller)?;
        let topic = self.topic.clone().unwrap_or_else(|| controller.default_topic());
        let mut entries = Vec::new();
        if let Some(group) = &self.group {
            entries.push(("group", plain(group)));
        }
        if let Some(message) = &self.message {
            entries.push(("message", plain(message)));
        }
        entries.push(("controller", controller.as_str().to_owned()));
        for (key, role, part) in [
            ("worker", Role::Worker, &self.worker),
            ("parser", Role::Parser, &self.parser),
            ("interchanger", Role::Interchanger, &self.interchanger),
        ] {
            if let Some(part) = part {
                entries.push((key, part_name(part, role)?));
            }
        }
        if !self.emits.is_empty() {
            let emits: Vec<_> = self.emits.iter().map(|key| plain(key)).collect();
            entries.push(("emits", format!("[{}]", emits.join(", "))));
        }
        let next = "write what a message means in `perform`, then `cargo test`".to_owned();
        if !model.topics.iter().any(|known| known.key == topic) {
            let entries: Vec<_> = entries.iter().map(|(key, value)| (*key, value.as_str())).collect();
            return Ok((edit::add_topic(text, &topic, &entries)?, next));
        }
        if let Some(consumer) = model.consumers.iter().find(|consumer| consumer.topic == topic) {
            if !edit::lists_consumers(text, &topic)? {
                bail!(
                    "`{topic}` has a controller already: `{}`\n  name another topic with `--topic`, or list several controllers under its `consumers:` in karafka.yml",
                    consumer.controller.as_str()
                );
            }
            if self.message.is_some() {
                return Err(WrongCall(format!(
                    "`{topic}` is there already, and so is its message: leave out `--message`"
                ))
                .into());
            }
            let entries: Vec<_> = entries.iter().map(|(key, value)| (*key, value.as_str())).collect();
            return Ok((edit::add_consumer(text, &topic, &entries)?, next));
        }
        let mut text = text.to_owned();
        for (key, value) in &entries {
            text = edit::set_topic_key(&text, &topic, key, value)?;
        }
        Ok((text, next))
    }
}

/// Add a message
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka generate message Order id:uuid total:decimal note:string:optional
  karafka generate message Video 'tags:[string]' 'status:draft | published'

Types:
  string bool i8…i64 u8…u64 f32 f64 decimal decimal(number) bytes uuid timestamp
  timestamp(millis) timestamp(seconds) date time json, [T], { string: T }, a | b, or
  another message")]
pub(crate) struct MessageArgs {
    /// Its name, such as Order
    #[arg(value_name = "NAME")]
    name: String,

    /// Each field, its type, and `optional` where it may be missing
    #[arg(value_name = "FIELD:TYPE[:optional]", required = true)]
    fields: Vec<String>,
}

impl MessageArgs {
    pub(crate) fn add(&self, text: &str) -> anyhow::Result<(String, String)> {
        let mut fields = Vec::new();
        for field in &self.fields {
            let (name, kind) = field_type(field)?;
            let plain = |name: &str| name.trim_end_matches('?').to_owned();
            if fields.iter().any(|(other, _): &(String, _)| plain(other) == plain(&name)) {
                return Err(WrongCall(format!("the field `{}` stands twice", plain(&name))).into());
            }
            fields.push((name, kind));
        }
        let entries: Vec<_> = fields.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let text = edit::add_message(text, &self.name, &entries)?;
        Ok((text, format!("say which topic carries it: `message: {}`", self.name)))
    }
}

/// `note:string:optional` as the manifest has it: `note?` and `string`.
fn field_type(field: &str) -> anyhow::Result<(String, &str)> {
    let wrong = || WrongCall(format!("`{field}` is no field: write NAME:TYPE, or NAME:TYPE:optional"));
    let (name, kind) = field.split_once(':').ok_or_else(wrong)?;
    let (kind, optional) = match kind.strip_suffix(":optional") {
        Some(kind) => (kind, true),
        None => (kind, name.ends_with('?')),
    };
    let name = name.trim_end_matches('?');
    if name.is_empty() || kind.is_empty() {
        return Err(wrong().into());
    }
    Ok((format!("{name}{}", if optional { "?" } else { "" }), kind))
}

/// Which part, and of which topic.
#[derive(Debug, clap::Args)]
pub(crate) struct PartArgs {
    /// Its constant
    #[arg(value_name = "NAME")]
    name: String,

    /// The key of its topic; can be left out when only one topic is consumed
    #[arg(long, value_name = "KEY")]
    topic: Option<String>,

    /// Which of the topic's controllers; can be left out when it has only one
    #[arg(long, value_name = "NAME")]
    controller: Option<String>,
}

impl PartArgs {
    pub(crate) fn add(&self, text: &str, model: &Model, role: Role) -> anyhow::Result<(String, String)> {
        let part = complete(&self.name, role)?;
        let mut consumed: Vec<&str> = model.consumers.iter().map(|consumer| consumer.topic.as_str()).collect();
        consumed.dedup();
        let topic = match (&self.topic, consumed.as_slice()) {
            (Some(topic), _) => topic.as_str(),
            (None, [only]) => only,
            (None, []) => bail!("no topic is consumed yet; make one with `karafka generate controller NAME`"),
            (None, several) => {
                return Err(
                    WrongCall(format!("say for which topic: `--topic {}`", several.join("` or `--topic "))).into()
                );
            }
        };
        let (key, method) = match role {
            Role::Worker => ("worker", "perform"),
            Role::Parser => ("parser", "parse"),
            _ => ("interchanger", "encode"),
        };
        let controllers: Vec<&str> = model
            .consumers
            .iter()
            .filter(|consumer| consumer.topic == topic)
            .map(|consumer| consumer.controller.as_str())
            .collect();
        let controller = match (&self.controller, controllers.as_slice()) {
            (Some(name), _) => {
                let controller = complete(name, Role::Controller)?;
                match controllers.iter().find(|known| **known == controller.as_str()) {
                    Some(known) => known,
                    None => {
                        let known = controllers.join("`, `");
                        return Err(WrongCall(format!(
                            "`{topic}` has no controller `{}`; it has `{known}`",
                            controller.as_str()
                        ))
                        .into());
                    }
                }
            }
            (None, [only]) => only,
            (None, []) if !model.topics.iter().any(|known| known.key == topic) => {
                bail!(
                    "the manifest has no topic `{topic}`; make one with `karafka generate controller NAME --topic {topic}`"
                )
            }
            (None, []) => bail!(
                "`{topic}` has no controller yet; give it one with `karafka generate controller NAME --topic {topic}`"
            ),
            (None, several) => {
                let flags = several.join("` or `--controller ");
                return Err(WrongCall(format!("say for which of its controllers: `--controller {flags}`")).into());
            }
        };
        let text = edit::set_consumer_key(text, topic, controller, key, part.as_str())
            .with_context(|| format!("`{key}: {}` was not added", part.as_str()))?;
        Ok((text, format!("write `{method}` in {}, then `cargo test`", part.file())))
    }
}

fn complete(name: &str, role: Role) -> anyhow::Result<Constant> {
    let wrong = match Constant::complete(name, role) {
        Ok(constant) => return Ok(constant),
        Err(error) => error,
    };
    // `orders`, `videos/details` and `new-videos` are what other tools take.
    let segments: Vec<_> = name
        .split(['/', ':'])
        .filter(|segment| !segment.is_empty())
        .map(ToUpperCamelCase::to_upper_camel_case)
        .collect();
    let meant = segments.join("::");
    Err(match Constant::complete(&meant, role) {
        Ok(_) if meant != name => WrongCall(format!("`{name}` is not a constant; did you mean `{meant}`?")),
        _ => WrongCall(wrong.to_string()),
    }
    .into())
}

/// A part of the runtime by its small name, or one of the app's own.
fn part_name(name: &str, role: Role) -> anyhow::Result<String> {
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(plain(name));
    }
    Ok(complete(name, role)?.as_str().to_owned())
}

/// A text as a scalar of YAML in one line.
fn plain(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    // What JSON quotes, YAML reads.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a field of the command line means something else in the manifest.
    #[test]
    fn fields_are_read_as_rails_writes_them() {
        assert_eq!(field_type("id:uuid").unwrap(), ("id".to_owned(), "uuid"));
        assert_eq!(field_type("note:string:optional").unwrap(), ("note?".to_owned(), "string"));
        assert_eq!(field_type("note?:string").unwrap(), ("note?".to_owned(), "string"));
        let map = field_type("labels:{ string: [u8] }:optional").unwrap();
        assert_eq!(map, ("labels?".to_owned(), "{ string: [u8] }"));
        for wrong in ["id", ":uuid", "id:", "id::optional"] {
            assert!(field_type(wrong).is_err(), "{wrong}");
        }
    }

    /// If this fails, who calls with a name as other tools take it is not told how to write it here.
    #[test]
    fn a_name_in_another_style_is_shown_as_a_constant() {
        for (name, meant) in [("orders", "Orders"), ("videos/details", "Videos::Details"), ("::Orders", "Orders")] {
            let said = complete(name, Role::Controller).unwrap_err().to_string();
            assert_eq!(said, format!("`{name}` is not a constant; did you mean `{meant}`?"));
        }
        assert!(complete("Ördrs", Role::Controller).is_err());
    }

    /// If this fails, a group or topic of the command line becomes a number, a truth value or a syntax error.
    #[test]
    fn texts_stay_texts_in_yaml() {
        assert_eq!(plain("video.details"), "video.details");
        assert_eq!(plain("on"), "\"on\"");
        assert_eq!(plain("1e3"), "\"1e3\"");
        assert_eq!(plain("a: \"b\""), r#""a: \"b\"""#);
    }
}
