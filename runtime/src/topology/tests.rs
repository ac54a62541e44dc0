use super::*;

fn topic(key: &str, message: &str) -> Topic {
    Topic { key: key.to_owned(), message: message.to_owned() }
}

fn consumer(topic: &str, group: &str, controller: &str, emits: &[&str]) -> Consumer {
    let worker = controller.strip_suffix("Controller").unwrap_or(controller);
    Consumer {
        topic: topic.to_owned(),
        group: group.to_owned(),
        group_id: group.to_owned(),
        controller: controller.to_owned(),
        worker: format!("{worker}Worker"),
        parser: "json".to_owned(),
        interchanger: "json".to_owned(),
        emits: emits.iter().map(|topic| (*topic).to_owned()).collect(),
        queue: None,
        dead_letter: None,
    }
}

/// The manifest of the slide.
fn slide() -> Topology {
    let mut details = consumer("incoming_messages", "composed_application", "Videos::DetailsController", &[]);
    details.worker = "Workers::DetailsWorker".to_owned();
    details.parser = "Parsers::BinaryToJson".to_owned();
    details.interchanger = "Interchangers::Binary".to_owned();
    let new_videos = consumer("new_videos", "myapp", "Videos::NewVideosController", &[]);
    let topics = vec![topic("new_videos", "json"), topic("incoming_messages", "json")];
    Topology::new("myapp".to_owned(), topics, vec![new_videos, details])
}

fn shop() -> Topology {
    let topics = [
        ("orders", "Order"),
        ("payments", "Payment"),
        ("shipments", "Shipment"),
        ("refunds", "Refund"),
        ("mails", "Mail"),
        ("payments.failed", "Payment"),
        ("clicks", "json"),
        ("warehouse.stock", "json"),
    ];
    let consumers = vec![
        consumer("orders", "shop", "OrdersController", &["payments", "mails"]),
        consumer("payments", "shop", "Billing::PaymentsController", &["shipments", "payments.failed", "mails"]),
        consumer("shipments", "shop", "Stock::ShipmentsController", &["mails"]),
        consumer("refunds", "shop", "Billing::RefundsController", &[]),
        consumer("clicks", "shop", "Clicks::CountController", &[]),
        consumer("clicks", "audit", "Clicks::AuditController", &["warehouse.stock"]),
        consumer("warehouse.stock", "shop", "Stock::LevelsController", &["orders"]),
    ];
    let mut consumers = consumers;
    for at in [0, 1, 4] {
        consumers[at].dead_letter = Some("graveyard".to_owned());
    }
    consumers[2].dead_letter = Some("shipments.dead".to_owned());
    consumers[3].dead_letter = Some("returns".to_owned());
    let mut topics: Vec<_> = topics.iter().map(|(key, message)| topic(key, message)).collect();
    topics.push(topic("returns", "json"));
    Topology::new("shop".to_owned(), topics, consumers)
}

/// The shop with some of its jobs on Redis.
fn queued() -> Topology {
    let mut shop = shop();
    for consumer in &mut shop.consumers {
        consumer.queue = match consumer.controller.as_str() {
            "OrdersController" | "Clicks::AuditController" => Some("critical".to_owned()),
            "Billing::RefundsController" => Some("default".to_owned()),
            _ => None,
        };
    }
    shop
}

/// What consumes nothing.
fn only_sends() -> Topology {
    Topology::new("orders-api".to_owned(), vec![topic("audit", "bytes"), topic("orders", "Order")], Vec::new())
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

/// If this fails, what a person sees of the data flow is out of line, or not what the code can do.
#[test]
fn flow_reads_well() {
    snapshot("flow_slide", &slide().flow_text());
    snapshot("flow_shop", &shop().flow_text());
    let empty = Topology::new("myapp".to_owned(), Vec::new(), Vec::new());
    snapshot("flow_empty", &empty.flow_text());
    snapshot("flow_only_sends", &only_sends().flow_text());
}

/// If this fails, diagrams in a team's documents break.
#[test]
fn flow_draws() {
    snapshot("flow_shop_mermaid", &shop().flow_mermaid());
    snapshot("flow_shop_dot", &shop().flow_dot());
    snapshot("flow_shop_json", &shop().flow_json());
}

/// If this fails, a person takes a message that waits in Redis for one that was handled.
#[test]
fn queues_are_shown() {
    snapshot("flow_queued", &queued().flow_text());
    snapshot("flow_queued_mermaid", &queued().flow_mermaid());
    snapshot("flow_queued_dot", &queued().flow_dot());
    snapshot("routes_queued", &queued().routes_text());
    for json in [queued().flow_json(), queued().routes_json()] {
        assert_eq!(json.matches("\"queue\": \"critical\"").count(), 2, "{json}");
        assert_eq!(json.matches("\"queue\": null").count(), 4, "{json}");
    }
    let only = Topology::new(
        "myapp".to_owned(),
        vec![topic("orders", "json")],
        vec![Consumer { queue: Some("default".to_owned()), ..consumer("orders", "myapp", "OrdersController", &[]) }],
    );
    snapshot("flow_queued_only", &only.flow_text());
}

/// If this fails, a person does not see in `routes` what a group is called in Kafka.
#[test]
fn ids_of_groups_are_shown_where_they_are_not_their_keys() {
    let mut shop = shop();
    assert!(!shop.routes_text().contains("GROUP ID"));
    let audit = shop.consumers.iter_mut().find(|consumer| consumer.group == "audit").unwrap();
    audit.group_id = "${GROUP:-audit}".to_owned();
    let text = shop.routes_text();
    let ids: Vec<_> = text.lines().map(|line| line.split_whitespace().last().unwrap_or_default()).collect();
    assert_eq!(ids, ["ID", "${GROUP:-audit}", "shop", "shop", "shop", "shop", "shop", "shop"], "{text}");
    for json in [shop.routes_json(), shop.flow_json()] {
        assert_eq!(json.matches("\"group_id\": \"${GROUP:-audit}\"").count(), 1, "{json}");
        assert_eq!(json.matches("\"group\": \"audit\"").count(), 1, "{json}");
    }
    static AUDITED: Manifest = Manifest {
        app: "a",
        version: "0.1.0",
        root: "/",
        settings: &[],
        environments: &[],
        groups: &[crate::manifest::GroupEntry { name: "audit", settings: &[("id", "${GROUP:-audit}")] }],
        topics: &[],
        consumers: &[ConsumerEntry {
            topic: "clicks",
            group: "audit",
            controller: "C",
            worker: "W",
            parser: "json",
            interchanger: "json",
            emits: &[],
            settings: &[],
        }],
    };
    let consumer = &Topology::from(&AUDITED).consumers[0];
    assert_eq!((consumer.group.as_str(), consumer.group_id.as_str()), ("audit", "${GROUP:-audit}"));
}

/// If this fails, a name with quotes or markup breaks a diagram, or runs in the page that shows it.
#[test]
fn flow_escapes() {
    let key = "a\"b\\c<i>#&\n";
    let topology = Topology::new(key.to_owned(), vec![topic(key, "json")], vec![consumer(key, "g", key, &[key])]);
    assert!(
        topology.flow_mermaid().contains("t0([\"a#34;b\\c#60;i#62;#35;#38;#10;\"])"),
        "{}",
        topology.flow_mermaid()
    );
    assert!(topology.flow_dot().contains(r#"t0 [label="a\"b\\c<i>#&\n", shape=ellipse]"#), "{}", topology.flow_dot());
    let json: serde_json::Value = serde_json::from_str(&topology.flow_json()).unwrap_or_default();
    assert_eq!(json["topics"][0]["topic"], key);
}

/// If this fails, a person looks for a consumer in a table that is out of line or out of order.
#[test]
fn routes_read_well() {
    snapshot("routes_slide", &slide().routes_text());
    snapshot("routes_slide_json", &slide().routes_json());
    snapshot("routes_shop", &shop().routes_text());
    snapshot("routes_empty", &Topology::new("myapp".to_owned(), Vec::new(), Vec::new()).routes_text());
    snapshot("routes_only_sends", &only_sends().routes_text());
}

/// If this fails, the app's own `flow` differs from the one of `karafka`.
#[test]
fn comes_from_what_was_compiled_in() {
    use crate::manifest::{ConsumerEntry, TopicEntry};
    static MANIFEST: Manifest = Manifest {
        app: "myapp",
        version: "0.1.0",
        root: "/",
        settings: &[],
        environments: &[],
        groups: &[],
        topics: &[
            TopicEntry { key: "sent", message: "Order", settings: &[] },
            TopicEntry { key: "orders", message: "Order", settings: &[("name", "${P:-}orders")] },
            TopicEntry { key: "dead", message: "bytes", settings: &[("name", "${P:-}orders.dead")] },
        ],
        consumers: &[
            ConsumerEntry {
                topic: "orders",
                group: "audit",
                controller: "AuditController",
                worker: "AuditWorker",
                parser: "json",
                interchanger: "json",
                emits: &[],
                settings: &[("dead_letter", "audit.dead"), ("jobs", "redis"), ("timeout", "1s")],
            },
            ConsumerEntry {
                topic: "orders",
                group: "myapp",
                controller: "OrdersController",
                worker: "OrdersWorker",
                parser: "json",
                interchanger: "json",
                emits: &["sent"],
                settings: &[("dead_letter", "{topic}.dead"), ("jobs", "redis"), ("queue", "critical")],
            },
        ],
    };
    let mut audit = consumer("orders", "audit", "AuditController", &[]);
    // Not in the manifest: a topic of its own.
    audit.dead_letter = Some("audit.dead".to_owned());
    audit.queue = Some("default".to_owned());
    let mut orders = consumer("orders", "myapp", "OrdersController", &["sent"]);
    // In the manifest under this key.
    orders.dead_letter = Some("dead".to_owned());
    orders.queue = Some("critical".to_owned());
    let written = Topology::new(
        "myapp".to_owned(),
        vec![topic("orders", "Order"), topic("sent", "Order"), topic("dead", "bytes")],
        vec![audit, orders],
    );
    assert!(written.topics.contains(&topic("audit.dead", "bytes")));
    assert_eq!(written.dead_letters_in("dead"), ["orders"]);
    assert_eq!(Topology::from(&MANIFEST), written);
}
