//! Random manifests, valid ones and slightly broken ones.

use proptest::prelude::*;

use super::*;
use crate::{
    diagnostic::Severity,
    model::{sample::sample, value::check},
};

/// A name from few, so that names meet, or one that is refused.
fn pick(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(names).prop_map(str::to_owned)
}

const MESSAGES: &[&str] =
    &["Order", "Video", "VideoAuthor", "Event", "Made", "Node", "Leaf", "Result", "order", "Oder"];
const GOOD_MESSAGES: &[&str] = &["Order", "Video", "Event", "Made", "Node", "Leaf"];
const SCALARS: &[&str] = &[
    "string",
    "bool",
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
    "f32",
    "f64",
    "decimal",
    "bytes",
    "uuid",
    "timestamp",
    "date",
    "time",
    "json",
];
const FIELDS: &[&str] =
    &["id", "type", "author", "authorHome", "author_home", "next", "self", "2fa", "createdAt", "\"--\""];
const GOOD_FIELDS: &[&str] = &["id", "type", "author", "email", "next", "self", "2fa", "createdAt", "total", "a b"];
const TOPICS: &[&str] =
    &["orders", "order.s", "Orders", "new_videos", "new-videos", "string", "emits_orders", "___", "events"];
const CONTROLLERS: &[&str] = &[
    "OrdersController",
    "OrdersConsumer",
    "Orders",
    "Orders::ListController",
    "HTTPController",
    "HttpController",
    "Controllers::OrdersController",
    "Type::LoopController",
    "::A",
    "A_B",
    "Payments::Consumer",
    "Orders::Order",
];
const PARSERS: &[&str] = &["json", "bytes", "text", "Parsers::Csv", "Csv", "jsn", "Parsers::Json"];
const DEAD_LETTERS: &[&str] = &["orders", "dead", "other", "'{topic}'", "'{topic}.s'", "'${P:-}x'", "a/b"];
const GROUPS: &[&str] = &["a", "b", "\"${GROUP:-c}\""];

/// A type in the short form, of at most `depth` levels.
fn kind(messages: &'static [&'static str], fields: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => pick(SCALARS),
        2 => pick(messages),
        1 => Just("open | paid | 404".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| format!("[{kind}]")),
            inner.clone().prop_map(|kind| format!("{{ string: {kind} }}")),
            record(fields, inner),
        ]
    })
}

fn record(fields: &'static [&'static str], kind: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::btree_map(pick(fields), (any::<bool>(), kind), 1..5).prop_map(|fields| {
        let field = |(name, (optional, kind)): (String, (bool, String))| {
            format!("{name}{}: {kind}", if optional && !name.ends_with('"') { "?" } else { "" })
        };
        format!("{{ {} }}", fields.into_iter().map(field).collect::<Vec<_>>().join(", "))
    })
}

fn one_of(messages: &'static [&'static str]) -> impl Strategy<Value = String> {
    (
        prop::collection::btree_map(pick(&["made", "gone", "to-do", "to_do"]), pick(messages), 1..4),
        pick(&["type", "kind"]),
    )
        .prop_map(|(variants, by)| {
            let variants: Vec<String> =
                variants.into_iter().map(|(tag, message)| format!("{tag}: {message}")).collect();
            format!("{{ one_of: {{ {} }}, by: {by} }}", variants.join(", "))
        })
}

fn section(name: &str, entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: String = entries.into_iter().map(|(key, value)| format!("  {key}: {value}\n")).collect();
    if entries.is_empty() { String::new() } else { format!("{name}:\n{entries}") }
}

/// Messages of which most are right.
fn good_messages() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        5 => record(GOOD_FIELDS, kind(GOOD_MESSAGES, GOOD_FIELDS)),
        1 => one_of(GOOD_MESSAGES),
    ];
    prop::collection::vec(body, GOOD_MESSAGES.len()).prop_map(|bodies| {
        let named = GOOD_MESSAGES.iter().map(|name| (*name).to_owned()).zip(bodies);
        format!("app: a\n{}", section("messages", named))
    })
}

/// A manifest of any kind.
fn manifest() -> impl Strategy<Value = String> {
    let body = prop_oneof![4 => record(FIELDS, kind(MESSAGES, FIELDS)), 1 => one_of(MESSAGES)];
    let messages = prop::collection::btree_map(pick(MESSAGES), body, 0..6);
    let consumer = (
        pick(CONTROLLERS),
        prop::option::of(pick(&["OrdersWorker", "Workers::One", "Worker"])),
        prop::option::of(pick(PARSERS)),
        prop::option::of(pick(GROUPS)),
        prop::option::of(prop::collection::btree_set(pick(TOPICS), 1..3)),
        prop::option::of(pick(DEAD_LETTERS)),
        prop::option::of(pick(&["{ attempts: 3 }", "{ backoff: 1s..1m }"])),
    );
    let consumer = consumer.prop_map(|(controller, worker, parser, group, emits, dead_letter, retry)| {
        let mut keys = vec![format!("controller: {controller}")];
        keys.extend(worker.map(|worker| format!("worker: {worker}")));
        keys.extend(parser.map(|parser| format!("parser: {parser}")));
        keys.extend(group.map(|group| format!("group: {group}")));
        keys.extend(dead_letter.map(|dead_letter| format!("dead_letter: {dead_letter}")));
        keys.extend(retry.map(|retry| format!("retry: {retry}")));
        keys.extend(emits.map(|emits| format!("emits: [{}]", emits.into_iter().collect::<Vec<_>>().join(", "))));
        keys.join(", ")
    });
    let topic = (
        prop::option::of(pick(MESSAGES)),
        prop::option::of(pick(FIELDS)),
        prop::option::of(pick(&["orders", "\"${P:-}x\"", "other"])),
        prop::collection::vec(consumer, 0..3),
    );
    let topic = topic.prop_map(|(message, key, name, consumers)| {
        let mut keys = Vec::new();
        keys.extend(message.map(|message| format!("message: {message}")));
        keys.extend(key.map(|key| format!("key: {key}")));
        keys.extend(name.map(|name| format!("name: {name}")));
        match consumers.as_slice() {
            [] => {}
            [one] => keys.push(one.clone()),
            several => {
                let several: Vec<String> = several.iter().map(|one| format!("{{ {one} }}")).collect();
                keys.push(format!("consumers: [{}]", several.join(", ")));
            }
        }
        format!("{{ {} }}", keys.join(", "))
    });
    let topics = prop::collection::btree_map(pick(TOPICS), topic, 0..6);
    let groups = prop::collection::btree_map(pick(GROUPS), Just("{ concurrency: 4 }".to_owned()), 0..3);
    (pick(&["myapp", "std", "MyApp", "shop-2"]), messages, groups, topics).prop_map(
        |(app, messages, groups, topics)| {
            format!(
                "app: {app}\n{}{}{}",
                section("messages", messages),
                section("groups", groups),
                section("topics", topics)
            )
        },
    )
}

/// What holds for any text.
fn holds_for(yaml: &str) -> Result<(), TestCaseError> {
    let source = source(yaml);
    let Compiled { model, diagnostics, .. } = compile(&source);
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    prop_assert_eq!(model.is_some(), errors == 0, "{}\n{:#?}", yaml, diagnostics);
    prop_assert!(diagnostics.is_sorted_by_key(|d| d.span.start));
    for diagnostic in &diagnostics {
        for span in diagnostic.related.iter().map(|(span, _)| *span).chain([diagnostic.span]) {
            prop_assert!(span.start <= span.end && yaml.get(span.start..span.end).is_some(), "{:?}", diagnostic);
        }
    }
    let Some(model) = model else { return Ok(()) };
    prop_assert!(model.messages.is_sorted_by(|a, b| a.name < b.name));
    prop_assert!(model.topics.is_sorted_by(|a, b| a.key < b.key));
    prop_assert!(model.controllers.is_sorted_by(|a, b| a.constant < b.constant));
    for consumer in &model.consumers {
        prop_assert!(model.topic(&consumer.topic).is_some());
        prop_assert!(model.groups.iter().any(|group| group.name == consumer.group));
        prop_assert!(model.controllers.iter().any(|controller| controller.constant == consumer.controller));
        prop_assert!(
            model.workers.iter().any(|w| w.constant == consumer.worker && w.controller == consumer.controller)
        );
        prop_assert!(consumer.emits.iter().all(|key| model.topic(key).is_some()));
    }
    Ok(())
}

/// Every sample of every message fits it.
fn samples_fit(model: &Model) -> Result<(), TestCaseError> {
    for message in &model.messages {
        let payload = Payload::Message(message.name.clone());
        for seed in 0..6 {
            let value = sample(model, &payload, seed);
            let checked = check(model, &payload, &value.clone().into());
            prop_assert!(checked.is_ok(), "{}: {:?} in {}", message.name, checked, value);
            prop_assert_eq!(&sample(model, &payload, seed), &value);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// If this fails, some manifest makes the generator panic, or gives neither an app nor a reason.
    #[test]
    fn a_manifest_gives_a_model_or_says_why_not(yaml in manifest()) {
        holds_for(&yaml)?;
    }

    /// If this fails, `karafka send --sample` makes a message that the app cannot read.
    #[test]
    fn every_sample_fits_its_message(yaml in good_messages()) {
        holds_for(&yaml)?;
        if let Some(model) = compile(&source(&yaml)).model {
            samples_fit(&model)?;
        }
    }

    /// If this fails, a slip of the finger in a long manifest makes the generator panic.
    #[test]
    fn slips_of_the_finger_are_survived(
        at in any::<prop::sample::Index>(),
        remove in 0..30_usize,
        insert in "[ -~\n]{0,3}|[а-я]",
    ) {
        let mut yaml = include_str!("../../../../tests/manifests/everything.yml").to_owned();
        let at = at.index(yaml.len());
        yaml.replace_range(at..(at + remove).min(yaml.len()), &insert);
        holds_for(&yaml)?;
    }
}

/// If this fails, the property above looks at nothing, because no random messages are right.
#[test]
fn many_random_messages_are_right() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let right = (0..200).filter(|_| {
        let yaml = good_messages().new_tree(&mut runner).unwrap().current();
        compile(&source(&yaml)).model.is_some()
    });
    let right = right.count();
    assert!(right > 40, "{right} of 200");
}
