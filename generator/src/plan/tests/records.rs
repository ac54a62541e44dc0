//! What a change means for records that are there.

use super::*;

const BEFORE: &str = "
app: shop
messages:
  Order:
    id: uuid
    count: u16
    note?: string
    price: decimal
    status: draft | published
    tags?: [u8]
    lines: [{ sku: string, labels: { string: uuid } }]
    parent?: Order
  Paid: { id: uuid, by: string }
  Event: { one_of: { created: Order, paid: Paid }, by: type }
topics:
  orders: { message: Order, controller: OrdersController, dead_letter: orders.dead }
  events: { message: Event, controller: EventsController }
  frames: { message: Paid, parser: Parsers::Frames, controller: FramesController }
  raw: { controller: RawController, emits: [sent, told] }
  sent: { message: Paid, key: id }
  told: { message: Paid }
";

fn said(after: &str) -> Vec<String> {
    said_after(BEFORE, after)
}

fn said_after(before: &str, after: &str) -> Vec<String> {
    let app = app(before);
    let plan = plan(app.path(), after);
    let findings = warnings(&plan, &Source::new("karafka.yml", after));
    // Once it is generated, it has been said.
    apply(app.path(), &plan, &|| false).unwrap();
    assert_eq!(super::plan(app.path(), after).changes, []);
    findings
        .iter()
        .map(|finding| {
            let at = &finding.diagnostic.span;
            let shown = &finding.source.text[at.start..at.end];
            format!(
                "{shown}: {}\n{}",
                finding.diagnostic.message,
                finding.diagnostic.help.as_deref().unwrap_or_default()
            )
        })
        .collect()
}

/// If this fails, a change that is harmless today stops what is in Kafka since yesterday, and nobody says so before.
#[test]
fn what_records_that_are_there_lack_is_said() {
    let cases: [(&str, &str, &[&str]); 19] = [
        (
            "count: u16",
            "count: u16\n    total: decimal",
            &["total: `Order.total` must be there now, and records that are there do not have it"],
        ),
        (
            "note?: string",
            "note: string",
            &["note: `Order.note` must be there now, and records that are there may be without it"],
        ),
        (
            "count: u16",
            "count: u8",
            &["count: `Order.count` is of another type now: in records that are there it is `u16`"],
        ),
        ("count: u16", "count: string", &["count: `Order.count` is of another type now"]),
        (
            "tags?: [u8]",
            "tags?: [bool]",
            &["tags?: `Order.tags` is of another type now: in records that are there it is `[u8]`"],
        ),
        ("draft | published", "published | gone", &["orders: `OrderStatus` no longer takes `draft`"]),
        (
            "{ sku: string, labels",
            "{ sku: string, price: u8, labels",
            &["orders: `OrderLines.price` must be there now"],
        ),
        (
            "{ string: uuid }",
            "{ string: u8 }",
            &["orders: `OrderLines.labels` is of another type now: in records that are there it is `{ string: uuid }`"],
        ),
        ("created: Order, paid", "made: Order, paid", &["Event: `Event` no longer takes `created`"]),
        (
            "by: type",
            "by: kind",
            &["Event: `Event` is told apart by another field now: in records that are there it is `type`"],
        ),
        (
            "raw: { controller",
            "raw: { message: Paid, controller",
            &["Paid: `raw` takes `Paid` now, and records that are there may be something else"],
        ),
        (
            "  orders: { message",
            "  purchases: { message",
            &["purchases: `OrdersController` reads `purchases` now, and no longer `orders`"],
        ),
        (
            "dead_letter: orders.dead",
            "dead_letter: orders.lost",
            &["orders: dead letters of `orders` went to `orders.dead`, and now to `orders.lost`"],
        ),
        (
            "dead_letter: orders.dead",
            "start: latest",
            &["orders: dead letters of `orders` went to `orders.dead`, and now to nowhere"],
        ),
        (
            "  raw: { controller: RawController, emits: [sent, told] }\n",
            "",
            &[
                ": `RawController` no longer reads `raw`, and nobody here does now\nrecords that its group has not handled yet stay there",
            ],
        ),
        (
            "raw: { controller: RawController, emits: [sent, told] }",
            "raw: {}",
            &["raw: `RawController` no longer reads `raw`, and nobody here does now"],
        ),
        (
            "key: id }",
            "key: by }",
            &[
                "by: the key of records of `sent` is `by` now; it was `id`\na record's key picks its partition: those of one `by`",
            ],
        ),
        (
            "told: { message: Paid }",
            "told: { message: Paid, key: by }",
            &["by: the key of records of `told` is `by` now; they had none"],
        ),
        (", key: id }", " }", &["sent: records of `sent` have no key now; theirs was `id`"]),
    ];
    for (from, to, words) in cases {
        assert!(BEFORE.contains(from), "{from}");
        let said = said(&BEFORE.replace(from, to));
        let on: Vec<_> = said.iter().filter(|said| said.starts_with(words[0])).collect();
        assert!(!on.is_empty(), "{to}: {said:#?}");
        // `Order` is in `events` too, and there it has no dead letter topic.
        assert!(said.len() <= 2, "{to}: {said:#?}");
    }
}

/// If this fails, a person is warned of what harms nobody, and learns to overlook warnings.
#[test]
fn what_can_still_be_read_is_not_mentioned() {
    for (from, to) in [
        ("count: u16", "count: u32"),
        ("count: u16", "count: f64"),
        ("count: u16", "count: decimal(number)"),
        ("price: decimal", "price: decimal(number)"),
        ("count: u16", "count?: u16"),
        ("count: u16", "count: u16\n    more?: string"),
        ("count: u16", "count: json"),
        ("    count: u16\n", ""),
        ("id: uuid\n    count", "id: string\n    count"),
        ("draft | published", "draft | published | gone"),
        ("status: draft | published", "status: string"),
        ("created: Order, paid", "created: Order, again: Order, paid"),
        ("{ string: uuid }", "{ string: string }"),
        ("  orders: { message", "  purchases: { name: orders, message"),
        ("message: Paid, parser", "message: Order, parser"),
        ("  sent: { message: Paid, key", "  sent: { message: Order, key"),
        ("RawController", "OtherController"),
        ("key: id }", "name: other, key: id }"),
        ("Paid", "Settled"),
        ("app: shop", "app: shop\nconcurrency: 4"),
    ] {
        assert!(BEFORE.contains(from), "{from}");
        assert_eq!(said(&BEFORE.replace(from, to)), [""; 0], "{to}");
    }
}

/// If this fails, who renames a topic is not told how it is done without losing sight of what is in it.
#[test]
fn a_renamed_topic_says_what_stays_where_and_how_to_keep_it() {
    let after =
        BEFORE.replace("  orders: { message", "  purchases: { message").replace("orders.dead", "purchases.dead");
    assert_eq!(
        said(&after),
        ["purchases: `OrdersController` reads `purchases` now, and no longer `orders`\n\
          records of `orders` that were not handled yet stay there, and `purchases` is read from where a group without an \
          offset begins; dead letters go to `purchases.dead`, and those in `orders.dead` stay; another key for the same topic \
          is written with `name: orders`"]
    );
}

/// If this fails, one of two groups stops reading a topic and nobody is told, as the other one goes on; or what a controller
/// moves away from is told twice.
#[test]
fn who_stops_reading_a_topic_is_named_once() {
    const TWO: &str = "
app: shop
topics:
  orders:
    consumers:
      - { controller: OrdersController }
      - { controller: AuditController, group: audit }
  late: { controller: LateController }
";
    let of = |from: &str, to: &str| -> Vec<String> {
        assert!(TWO.contains(from), "{from}");
        let said = said_after(TWO, &TWO.replace(from, to));
        said.iter().map(|said| said.lines().next().unwrap_or_default().to_owned()).collect()
    };
    let audit = "      - { controller: AuditController, group: audit }\n";
    assert_eq!(of(audit, ""), ["orders: `AuditController` no longer reads `orders`, and others go on"]);
    assert_eq!(
        of(&format!("{audit}  late: {{ controller: LateController }}"), "  late: { controller: AuditController }"),
        ["late: `AuditController` reads `late` now, and no longer `orders`"]
    );
    assert_eq!(of("AuditController", "LedgerController"), [""; 0]);
    let both = |audit: &str| of(&format!("      - {{ controller: OrdersController }}\n{audit}"), audit);
    assert_eq!(
        both(audit),
        ["orders: `OrdersController` no longer reads `orders`, and others go on"],
        "the first one goes"
    );
}

/// If this fails, who takes one of two groups from a topic is told that nobody reads it, while the other one does.
#[test]
fn who_stops_reading_is_told_of_its_own_group_alone() {
    let (audit, rest) =
        ("{ controller: AuditController, group: audit }", "app: shop\ntopics:\n  orders: { consumers: [");
    let before = format!("{rest}{{ controller: OrdersController }}, {audit}] }}\n");
    let after = format!("{rest}{{ controller: OrdersController }}] }}\n");
    let said = said_after(&before, &after).join("\n");
    assert!(said.contains("other groups that read the topic go on as before"), "{said}");
    assert!(!said.contains("unread"), "{said}");
}

/// If this fails, a controller under another name hides that another one of its topic has gone.
#[test]
fn a_renamed_controller_hides_none_that_left() {
    let of = |before: &str, now: &str| -> Vec<String> {
        let app = |consumers: &str| {
            format!(
                "app: shop\nmessages:\n  Order: {{ id: uuid }}\ntopics:\n  orders: {{ consumers: [{consumers}] }}\n"
            )
        };
        let said = said_after(&app(before), &app(now));
        said.iter().map(|said| said.lines().next().unwrap_or_default().to_owned()).collect()
    };
    let (a, b) = ("{ controller: AController }", "{ controller: BController, group: b, dead_letter: lost }");
    let c = "{ controller: CController, group: c }";
    let renamed = |of: &str| of.replace("Controller,", "2Controller,").replace("Controller }", "2Controller }");
    // What it reads, and where its dead letters go, says who is who.
    assert_eq!(
        of(&[a, b].join(", "), &renamed(b)),
        ["orders: `AController` no longer reads `orders`, and others go on"]
    );
    assert_eq!(
        of(&[a, b].join(", "), &renamed(a)),
        ["orders: `BController` no longer reads `orders`, and others go on"]
    );
    assert_eq!(
        of(&[a, c].join(", "), &renamed(a)),
        [
            "orders: `AController`, `CController` no longer read `orders`, and only `A2Controller` has come in their place"
        ]
    );
    assert_eq!(of(&[a, b, c].join(", "), &[&renamed(a), b, &renamed(c)].join(", ")), [""; 0]);
    assert_eq!(of(a, &[&renamed(a), c].join(", ")), [""; 0]);
}

/// If this fails, the key of what only programs send changes and nobody is told, though records of one key are on two
/// partitions then; or who names the key of what others send is told that they had none.
#[test]
fn the_key_of_what_programs_send_is_remembered_too() {
    const PROGRAMS: &str = "
app: shop
messages:
  Paid: { id: uuid, by: string }
topics:
  taken: { name: shop.taken, message: Paid, key: id }
  told: { message: Paid }
";
    const BOTH: &str = "
app: shop
messages:
  Paid: { id: uuid, by: string }
topics:
  taken: { name: shop.taken, message: Paid, key: id, controller: TakenController }
  told: { message: Paid, controller: ToldController }
";
    let of = |before: &str, from: &str, to: &str| -> Vec<String> {
        assert!(before.contains(from), "{from}");
        let said = said_after(before, &before.replace(from, to));
        said.iter().map(|said| said.lines().next().unwrap_or_default().to_owned()).collect()
    };
    for before in [PROGRAMS, BOTH] {
        assert_eq!(
            of(before, "key: id", "key: by"),
            ["by: the key of records of `shop.taken` is `by` now; it was `id`"]
        );
        let said = of(before, ", key: id", "");
        assert_eq!(said, ["taken: records of `shop.taken` have no key now; theirs was `id`"]);
        assert_eq!(of(before, "app: shop", "app: shop\nconcurrency: 4"), [""; 0]);
    }
    let keyed = |before: &str| of(before, "told: { message: Paid", "told: { message: Paid, key: by");
    assert_eq!(keyed(PROGRAMS), ["by: the key of records of `told` is `by` now; they had none"]);
    assert_eq!(keyed(BOTH), [""; 0], "others send to it");
    let first = of(PROGRAMS, "key: id }", "key: id, controller: TakenController }");
    assert_eq!(first, [""; 0], "a first controller changes no key");
}

/// If this fails, whoever updates karafka is told of keys that have not changed.
#[test]
fn a_lock_file_that_knows_no_keys_says_nothing_of_them() {
    let app = app(BEFORE);
    let path = app.path().join("karafka.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let (start, end) = (lock.find("[keys]").unwrap(), lock.find("[generated]").unwrap());
    let without = format!("{}{}", &lock[..start], &lock[end..]);
    fs::write(&path, without).unwrap();
    assert_eq!(plan(app.path(), &BEFORE.replace("key: id }", "key: by }")).changes, []);
}
