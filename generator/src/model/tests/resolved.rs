//! What a manifest without a mistake becomes.

use super::*;

const SLIDE: &str = include_str!("../../../../tests/manifests/slide.yml");
const EVERYTHING: &str = include_str!("../../../../tests/manifests/everything.yml");

/// If this fails, the manifest of the slide gives other files, paths or groups than the documentation promises.
#[test]
fn the_slide_has_the_paths_of_the_documentation() {
    let model = model(SLIDE);
    let rows: Vec<String> = model
        .consumers
        .iter()
        .map(|consumer| {
            let part = |part: &PartRef| match part {
                PartRef::BuiltIn(name) => (*name).to_owned(),
                PartRef::Own(constant) => constant.file(),
            };
            let worker = model.workers.iter().find(|worker| worker.constant == consumer.worker).unwrap();
            let worker = if worker.named { worker.constant.file() } else { format!("derived {}", worker.constant) };
            let (parser, interchanger) = (part(&consumer.parser), part(&consumer.interchanger));
            [&consumer.topic, &consumer.group, &consumer.controller.file(), &worker, &parser, &interchanger]
                .map(String::as_str)
                .join(" | ")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "incoming_messages | composed_application | src/controllers/videos/details_controller.rs | src/workers/details_worker.rs | src/parsers/binary_to_json.rs | src/interchangers/binary.rs",
            "new_videos | myapp | src/controllers/videos/new_videos_controller.rs | derived Videos::NewVideosWorker | json | json",
        ]
    );
}

/// If this fails, a key of the manifest is read and then lost on its way to the app.
#[test]
fn every_key_reaches_the_model() {
    let model = model(EVERYTHING);
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_debug_snapshot!("model_everything", model);
    });
}

/// If this fails, a consumer ignores what `defaults` says, or what it says itself.
#[test]
fn defaults_give_way_to_what_a_consumer_says() {
    let model = model(
        "app: shop
defaults: { group: all, tombstones: skip, parser: text, retry: { backoff: 1s..9s } }
topics:
  orders: { controller: OrdersController }
  refunds: { controller: RefundsController, group: few, tombstones: deliver, parser: json }
",
    );
    let [orders, refunds] = model.consumers.as_slice() else { panic!("two consumers") };
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!((orders.group.as_str(), refunds.group.as_str()), ("all", "few"));
    assert_eq!(orders.settings, [setting("retry.backoff", "1s..9s"), setting("tombstones", "skip")]);
    assert_eq!(refunds.settings, [setting("retry.backoff", "1s..9s"), setting("tombstones", "deliver")]);
    assert_eq!(model.topic("orders").unwrap().payload, Payload::Text);
    assert_eq!(model.topic("refunds").unwrap().payload, Payload::Json);
    assert_eq!(model.controllers.iter().map(|c| c.delivers_tombstones).collect::<Vec<_>>(), [false, true]);
}

/// If this fails, `flow` does not show all that a controller's code can send.
#[test]
fn a_controller_of_several_topics_may_send_the_union() {
    let model = model(
        "app: shop
topics:
  eu: { controller: OrdersController, emits: [shipped, billed] }
  us: { controller: OrdersController, emits: [billed, taxed] }
  shipped: {}
  billed: {}
  taxed: {}
",
    );
    let [controller] = model.controllers.as_slice() else { panic!("one controller") };
    assert_eq!(controller.topics, ["eu", "us"]);
    assert_eq!(controller.emits, ["billed", "shipped", "taxed"]);
    assert!(model.consumers.iter().all(|consumer| consumer.emits == controller.emits));
}

/// If this fails, a controller in two groups is taken for two, or gets two workers.
#[test]
fn one_controller_can_stand_in_several_groups() {
    let model = model(
        "app: shop
topics:
  clicks: { consumers: [{ controller: CountController }, { group: audit, controller: CountController }] }
",
    );
    assert_eq!((model.controllers.len(), model.workers.len(), model.consumers.len()), (1, 1, 2));
    assert_eq!(model.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["audit", "shop"]);
}

/// The fields that are boxed, as `Type.field`.
fn boxed(model: &Model) -> Vec<String> {
    let mut boxed = Vec::new();
    for message in &model.messages {
        if let Shape::Record(fields) = &message.shape {
            let fields = fields.iter().filter(|field| field.boxed);
            boxed.extend(fields.map(|field| format!("{}.{}", message.name, field.wire_name)));
        }
    }
    boxed
}

/// If this fails, rustc refuses a message as a type of infinite size, or types are boxed for nothing.
#[test]
fn fields_that_close_a_circle_are_boxed() {
    let cases: &[(&str, &[&str])] = &[
        ("Node: { next?: Node }", &["Node.next"]),
        ("Node: { children: [Node], by_name: { string: Node } }", &[]),
        ("A: { b?: B }\nB: { c?: C }\nC: { a?: A, b?: B }", &["C.a", "C.b"]),
        ("A: { b?: B, c: C }\nB: { c: C }\nC: { id: u8 }", &[]),
        (
            "Tree: { one_of: { leaf: Leaf, fork: Fork }, by: kind }\nLeaf: { n: u8 }\nFork: { left: Tree, right: Tree }",
            &["Fork.left", "Fork.right"],
        ),
        ("Order: { line: { order?: Order } }", &["OrderLine.order"]),
    ];
    for (lines, expected) in cases {
        assert_eq!(boxed(&messages(lines)), *expected, "{lines}");
    }
}

/// If this fails, nested types get names that move when their message changes elsewhere.
#[test]
fn nested_types_are_named_after_message_and_field() {
    let model = messages(
        "NewVideo: { status: draft | live, author: { name: string, home: { city: string } }, cuts: [{ at: u32, kind: hard | soft }], seen_by: { string: { times: u8 } } }",
    );
    let names: Vec<_> = model.messages.iter().map(|m| (m.name.as_str(), m.path.as_str())).collect();
    assert_eq!(
        names,
        [
            ("NewVideo", "NewVideo"),
            ("NewVideoAuthor", "NewVideo.author"),
            ("NewVideoAuthorHome", "NewVideo.author.home"),
            ("NewVideoCuts", "NewVideo.cuts"),
            ("NewVideoCutsKind", "NewVideo.cuts.kind"),
            ("NewVideoSeenBy", "NewVideo.seen_by"),
            ("NewVideoStatus", "NewVideo.status"),
        ]
    );
}

/// If this fails, `key:` of a topic of several types is refused although all of them have the field.
#[test]
fn the_key_of_a_one_of_is_a_field_of_every_variant() {
    let model = model(
        "app: shop
messages:
  Created: { id: uuid }
  Cancelled: { id: uuid, reason?: string }
  Event: { one_of: { created: Created, cancelled: Cancelled }, by: type }
topics:
  events: { message: Event, key: id }
",
    );
    assert_eq!(model.topic("events").unwrap().key_field.as_deref(), Some("id"));
}

/// The `dead_letter` and `retry.attempts` of each consumer, as `topic group → dead letter, attempts`.
fn dead_letters(yaml: &str) -> Vec<String> {
    let of = |consumer: &Consumer, name: &str| {
        let found = consumer.settings.iter().find(|(key, _)| key == name);
        found.map_or_else(|| "-".to_owned(), |(_, text)| text.clone())
    };
    let line = |consumer: &Consumer| {
        format!("{} → {}, {}", consumer.topic, of(consumer, "dead_letter"), of(consumer, "retry.attempts"))
    };
    model(yaml).consumers.iter().map(line).collect()
}

/// If this fails, records that cannot be handled go to another topic than the manifest says, or round in a circle.
#[test]
fn dead_letters_go_where_the_manifest_says() {
    let defaults = "app: shop\ndefaults: { dead_letter: \"{topic}.dead\", retry: { attempts: 4 } }\ntopics:\n";
    let lines = format!(
        "{defaults}  orders: {{ controller: OrdersController }}
  orders.dead: {{ controller: DeadController }}
  refunds: {{ name: \"${{P:-}}refunds\", controller: RefundsController }}
  dead_refunds: {{ name: \"${{P:-}}refunds.dead\", controller: DeadRefundsController }}
  clicks: {{ controller: ClicksController, dead_letter: graveyard, retry: {{ attempts: 1 }} }}
  graveyard: {{ name: \"${{P:-}}graves\", parser: bytes, controller: GravesController, dead_letter: \"${{P:-}}end\" }}
"
    );
    assert_eq!(
        dead_letters(&lines),
        [
            "clicks → ${P:-}graves, 1",
            "dead_refunds → -, -",
            "graveyard → ${P:-}end, 4",
            "orders → {topic}.dead, 4",
            "orders.dead → -, -",
            "refunds → {topic}.dead, 4",
        ]
    );
    let shared = "app: shop\ndefaults: { dead_letter: graves }\ntopics:\n  graves: { controller: GravesController }\n";
    assert_eq!(dead_letters(shared), ["graves → -, -"]);
}

/// If this fails, what a group or a consumer says of its engine does not reach it.
#[test]
fn the_engines_settings_have_the_runtimes_names() {
    let model = model(
        "app: shop
groups: { shop: { ordering: none, window: 500, delivery: at_least_once } }
topics:
  orders: { controller: OrdersController, timeout: 5s, dead_letter: dead, retry: { attempts: 2, backoff: 1s..2s } }
",
    );
    let setting = |(key, value): &(String, String)| format!("{key}={value}");
    let group: Vec<_> = model.groups[0].settings.iter().map(setting).collect();
    let consumer: Vec<_> = model.consumers[0].settings.iter().map(setting).collect();
    assert_eq!(group, ["delivery=at_least_once", "ordering=none", "window=500"]);
    assert_eq!(consumer, ["dead_letter=dead", "retry.attempts=2", "retry.backoff=1s..2s", "timeout=5s"]);
}

/// The `jobs`, `queue` and `retry.attempts` of each consumer, as `topic: jobs, queue, attempts`.
fn queues(yaml: &str) -> Vec<String> {
    let line = |consumer: &Consumer| {
        let named = ["jobs", "queue", "retry.attempts"]
            .map(|name| consumer.settings.iter().find(|(key, _)| key == name).map_or("-", |(_, text)| text.as_str()));
        assert_eq!(consumer.is_on_redis(), named[0] == "redis");
        format!("{}: {}", consumer.topic, named.join(", "))
    };
    model(yaml).consumers.iter().map(line).collect()
}

/// If this fails, a consumer's jobs run elsewhere than the manifest says, or in another queue.
#[test]
fn jobs_run_where_the_nearest_word_says() {
    let topics = "topics:
  audit: { controller: AuditController, jobs: in_process }
  clicks: { controller: ClicksController }
  orders: { controller: OrdersController, jobs: redis, queue: critical }
";
    let with = |first: &str| queues(&format!("app: shop\n{first}{topics}"));
    assert_eq!(with(""), ["audit: -, -, -", "clicks: -, -, -", "orders: redis, critical, -"]);
    let redis = "defaults: { jobs: redis }\n";
    assert_eq!(with(redis), ["audit: -, -, -", "clicks: redis, -, -", "orders: redis, critical, -"]);
    let low = "defaults: { jobs: redis, queue: low }\n";
    assert_eq!(with(low), ["audit: -, -, -", "clicks: redis, low, -", "orders: redis, critical, -"]);
    let here = "redis: { url: \"${REDIS}\" }\ndefaults: { jobs: in_process, queue: low }\n";
    assert_eq!(with(here), ["audit: -, -, -", "clicks: -, -, -", "orders: redis, critical, -"]);
    let url = ("redis.url".to_owned(), "${REDIS}".to_owned());
    assert!(model(&format!("app: shop\n{here}{topics}")).settings.contains(&url));
}

/// If this fails, a job's attempts need a dead letter topic that they never lead to, or a stop is said to wait for a job
/// that waits in Redis.
#[test]
fn jobs_have_attempts_without_dead_letters_and_wait_in_redis() {
    let orders = "retry: { attempts: 3, backoff: 1m..1h }";
    let orders = format!("  orders: {{ controller: OrdersController, {orders} }}\n");
    let lines = queues(&format!("app: shop\ndefaults: {{ jobs: redis }}\ntopics:\n{orders}"));
    assert_eq!(lines, ["orders: redis, -, 3"]);
    // A dead letter topic has no dead letters of its own, and its jobs have attempts all the same.
    let lines = queues(
        "app: shop
defaults: { jobs: redis, dead_letter: \"{topic}.dead\", retry: { attempts: 4, backoff: 1m..1h } }
topics:
  orders: { controller: OrdersController }
  orders.dead: { controller: DeadController }
  views: { controller: ViewsController, jobs: in_process, retry: { backoff: 1s..2s } }
",
    );
    assert_eq!(lines, ["orders: redis, -, 4", "orders.dead: redis, -, 4", "views: -, -, 4"]);
}

/// If this fails, an app is said to need a Redis for a topic that is called so.
#[test]
fn what_is_called_redis_is_not_on_it() {
    let model = model(
        "app: a\ntopics:\n  one: { controller: AController, dead_letter: redis }\n  two: { controller: BController, jobs: redis }\n",
    );
    let on_redis: Vec<_> = model.consumers.iter().map(Consumer::is_on_redis).collect();
    assert_eq!(on_redis, [false, true]);
}

/// If this fails, generated files change with the order in which environments stand.
#[test]
fn environments_are_in_alphabetical_order() {
    let model = model("app: a\nenvironments: { staging: { concurrency: 2 }, production: { concurrency: 3 } }\n");
    let names: Vec<_> = model.environments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["production", "staging"]);
}
