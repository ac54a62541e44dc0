//! Each mistake that resolving finds, as a person sees it.

use super::*;
use crate::diagnostic::{Format, codes, render};

/// Name, and a manifest with that mistake.
const MISTAKES: &[(&str, &str)] = &[
    (
        "broken_promise",
        "app: a\ngroups:\n  a: { delivery: at_most_once }\n  b: { delivery: at_least_once }\ntopics:\n  one:\n    consumers:\n      - { controller: AController, retry: { backoff: 1s..2s } }\n      - { controller: BController, group: b, retry: { backoff: 1s..2s } }\n",
    ),
    (
        "broken_promise_dead_letter",
        "app: a\ngroups:\n  a: { delivery: at_most_once }\ntopics:\n  one: { controller: AController, dead_letter: one.dead }\n",
    ),
    (
        "broken_promise_defaults",
        "app: a\ndefaults: { dead_letter: \"{topic}.dead\" }\ngroups:\n  a: { delivery: at_most_once }\ntopics:\n  one: { controller: AController }\n  two: { controller: BController }\n",
    ),
    (
        "broken_promise_batch",
        "app: a\ngroups:\n  a: { delivery: at_most_once }\ntopics:\n  one: { controller: AController, batch: { size: 10 } }\n",
    ),
    (
        "broken_promise_jobs",
        "app: a\ngroups:\n  a: { delivery: at_most_once }\n  b: {}\ntopics:\n  one: { controller: AController, jobs: redis }\n  two: { controller: BController, group: b, jobs: redis }\n",
    ),
    (
        "broken_promise_jobs_everywhere",
        "app: a\ndefaults: { jobs: redis }\ngroups:\n  a: { delivery: at_most_once }\ntopics:\n  one: { controller: AController }\n  two: { controller: BController }\n",
    ),
    (
        "jobs_in_batches",
        "app: a\ntopics:\n  orders: { controller: OrdersController, jobs: redis, batch: { size: 10 } }\n",
    ),
    (
        "jobs_in_batches_everywhere",
        "app: a\ndefaults: { jobs: redis }\ntopics:\n  orders: { controller: OrdersController, batch: {} }\n  clicks: { controller: ClicksController, batch: {}, jobs: in_process }\n",
    ),
    (
        "deep_message",
        "app: a\nmessages:\n  One: { maps: { string: { string: { string: Two } } } }\n  Two: { maps: { string: { string: { string: Three } } } }\n  Three: { maps: { string: [Four] } }\n  Four: { id: u8 }\n",
    ),
    ("jobs_in_process", "app: a\ntopics:\n  orders:\n    controller: OrdersController\n    queue: critical\n"),
    (
        "jobs_in_process_own",
        "app: a\ndefaults: { jobs: redis }\ntopics:\n  orders: { controller: OrdersController, jobs: in_process, queue: critical }\n  clicks: { controller: ClicksController }\n",
    ),
    (
        "jobs_in_process_defaults",
        "app: a\ndefaults: { queue: low }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "jobs_in_process_url",
        "app: a\nredis: { url: \"redis://redis:6379\" }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "jobs_in_process_url_by_default",
        "app: a\nredis: { url: \"redis://redis:6379\" }\ndefaults: { jobs: in_process }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "invalid_url_files",
        "app: a\nredis: { url: \"redis://redis\", ca_file: /ca.pem, key_file: /a.key }\ndefaults: { jobs: redis }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "missing_key_certificate",
        "app: a\nredis: { url: \"rediss://redis\", ca_file: /ca.pem, key_file: /a.key }\ndefaults: { jobs: redis }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    ("unused_interchanger", "app: a\ntopics:\n  orders: { controller: OrdersController, interchanger: binary }\n"),
    (
        "unused_interchanger_defaults",
        "app: a\ndefaults: { interchanger: binary }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "shared_group_id",
        "app: a\ngroups:\n  one: { id: audit }\n  two: { id: audit }\ntopics:\n  x: { controller: AController, group: one }\n  y: { controller: BController, group: two }\n",
    ),
    (
        "shared_group_id_three",
        "app: a\ngroups:\n  one: { id: audit }\n  two: { id: audit }\n  audit: {}\ntopics:\n  x: { controller: AController, group: one }\n  y: { controller: BController, group: two }\n  z: { controller: CController, group: audit }\n",
    ),
    (
        "shared_group_id_variable",
        "app: a\ngroups:\n  audit: { id: \"${GROUP:-audit}\", ordering: key }\ntopics:\n  x: { controller: AController, group: \"${GROUP:-audit}\" }\n  y: { controller: BController, group: audit }\n",
    ),
    (
        "shared_group_id_half_migrated",
        "app: a\ndefaults: { group: audit-v1 }\ngroups:\n  audit: { id: audit-v1, ordering: key }\ntopics:\n  x: { controller: AController }\n  y: { controller: BController }\n",
    ),
    (
        "shared_group_id_key",
        "app: a\ngroups:\n  audit: {}\n  copy: { id: audit }\ntopics:\n  x: { consumers: [{ controller: AController, group: audit }, { controller: BController, group: copy }] }\n",
    ),
    (
        "shared_group_id_app",
        "app: a\ngroups:\n  main: { id: a }\ntopics:\n  x: { controller: AController }\n  y: { controller: BController, group: main }\n",
    ),
    (
        "protocol_conflict",
        "app: a\ngroups:\n  a:\n    protocol: consumer\n    kafka: { session.timeout.ms: 10000 }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "protocol_conflict_shared",
        "app: a\nkafka: { consumer: { session.timeout.ms: 10000 } }\ngroups:\n  audit: { kafka: { session.timeout.ms: 20000 } }\n  a: { protocol: consumer }\ntopics:\n  one: { consumers: [{ controller: AController }, { controller: BController, group: audit }] }\n",
    ),
    (
        "protocol_conflict_environment",
        "app: a\nenvironments:\n  production: { kafka: { options: { heartbeat.interval.ms: \"${HEARTBEAT:-3000}\" } } }\ngroups:\n  a: { protocol: consumer }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "protocol_conflict_type",
        "app: a\ngroups:\n  a: { protocol: consumer, kafka: { group.protocol.type: consumer } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "protocol_conflict_assignor",
        "app: a\ngroups:\n  a: { protocol: consumer, assignor: range }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "protocol_conflict_remote_assignor",
        "app: a\ngroups:\n  a: { protocol: consumer }\n  b: { kafka: { group.remote.assignor: uniform } }\ntopics:\n  one: { consumers: [{ controller: AController }, { controller: BController, group: b }] }\n",
    ),
    (
        "protocol_conflict_remote_assignor_shared",
        "app: a\nkafka: { consumer: { group.remote.assignor: uniform } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options",
        "app: a\ngroups:\n  a: { kafka: { session.timeout.ms: 400000 } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_heartbeat",
        "app: a\ngroups:\n  a: { kafka: { session.timeout.ms: 3000 } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_environment",
        "app: a\nkafka: { consumer: { session.timeout.ms: 60000 } }\nenvironments:\n  production: { kafka: { options: { max.poll.interval.ms: 50000 } } }\n  staging: { kafka: { consumer: { session.timeout.ms: 40000 }, options: { max.poll.interval.ms: 50000 } } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_receive",
        "app: a\nkafka: { consumer: { receive.message.max.bytes: 2000000, fetch.max.bytes: 2000000 } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_producer",
        "app: a\nkafka:\n  producer: { delivery.timeout.ms: 1000, linger.ms: 1000 }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_idempotence",
        "app: a\nkafka:\n  options: { max.in.flight: 6 }\n  producer: { enable.idempotence: true }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_reconnect",
        "app: a\nkafka: { options: { reconnect.backoff.ms: 20000 } }\ntopics:\n  one: { controller: AController }\n",
    ),
    (
        "conflicting_options_sasl",
        "app: a\nkafka: { options: { security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, sasl.username: ann } }\ntopics:\n  one: { controller: AController }\n",
    ),
    ("invalid_app", "app: MyApp\n"),
    ("invalid_app_crate", "app: test\n"),
    ("invalid_app_letters", "app: \"--\"\n"),
    ("invalid_constant", "app: a\ntopics:\n  orders: { controller: ::Facts::EventsConsumer }\n"),
    ("invalid_constant_underscore", "app: a\ntopics:\n  orders:\n    controller: Facts::Events_Controller\n"),
    ("invalid_constant_keyword", "app: a\ntopics:\n  orders: { controller: Type::LoopController }\n"),
    (
        "invalid_constant_reserved",
        "app: a\ntopics:\n  orders: { controller: OrdersController, parser: Parsers::Loop }\n",
    ),
    ("invalid_constant_module", "app: a\ntopics:\n  videos: { controller: Videos::Videos }\n"),
    (
        "invalid_constant_long",
        concat!(
            "app: a\ntopics: { t: { controller: ",
            "ControllerWithAVeryLongNameControllerWithAVeryLongNameControllerWithAVeryLongNameControllerWithAName",
            "ControllerWithAVeryLongNameControllerWithAVeryLongNameControllerWithAVeryLongName } }\n"
        ),
    ),
    ("invalid_constant_number", "app: a\ntopics:\n  codes: { controller: 2fa::CodesController }\n"),
    ("invalid_constant_nothing", "app: a\ntopics:\n  codes: { controller: ___ }\n"),
    ("invalid_message_name_number", "app: a\nmessages:\n  2fa: { code: string }\n"),
    ("invalid_message_name_self", "app: a\nmessages:\n  self: { id: uuid }\n"),
    ("invalid_message_name", "app: a\nmessages:\n  new_video: { id: uuid }\n"),
    ("invalid_message_name_reserved", "app: a\nmessages:\n  Self: { id: uuid }\n"),
    ("invalid_topic_name", "app: a\ntopics:\n  ___: {}\n"),
    ("invalid_field_name", "app: a\nmessages:\n  Order: { \"--\": string }\n"),
    ("invalid_field_name_value", "app: a\nmessages:\n  Order: { sign: plus | --- }\n"),
    ("name_collision_topics", "app: a\ntopics:\n  send-message: {}\n  send_message: {}\n"),
    ("name_collision_topics_three", "app: a\ntopics:\n  send-message: {}\n  send_message: {}\n  send.message: {}\n"),
    (
        "name_collision_kafka_three",
        "app: a\ntopics:\n  orders: {}\n  old_orders: { name: orders }\n  other: { name: orders }\n",
    ),
    ("name_collision_kafka", "app: a\ntopics:\n  orders: {}\n  old_orders: { name: orders }\n"),
    ("name_collision_trait", "app: a\ntopics:\n  emits_orders: {}\n  orders: {}\n"),
    ("name_collision_fields", "app: a\nmessages:\n  Order:\n    userId: u64\n    user_id: u64\n"),
    ("name_collision_values", "app: a\nmessages:\n  Order: { state: in-progress | in_progress }\n"),
    ("name_collision_tags", "app: a\nmessages:\n  A: { x: u8 }\n  B: { one_of: { one-a: A, one_a: A }, by: type }\n"),
    (
        "name_collision_nested",
        "app: a\nmessages:\n  NewVideo:\n    author: { name: string }\n  NewVideoAuthor: { id: u64 }\n",
    ),
    (
        "name_collision_nested_twice",
        "app: a\nmessages:\n  Video:\n    author_home: { city: string }\n    author: { home: { city: string } }\n",
    ),
    (
        "name_collision_files",
        "app: a\ntopics:\n  one: { controller: HTTPEventsController }\n  two: { controller: HttpEventsController }\n",
    ),
    (
        "name_collision_one_type",
        "app: a\ntopics:\n  one: { controller: Controllers::EventsController }\n  two: { controller: EventsController }\n",
    ),
    (
        "name_collision_case",
        "app: a\ntopics:\n  one: { controller: WebHooksController }\n  two: { controller: WebhooksController }\n",
    ),
    (
        "name_collision_folder",
        "app: a\ntopics:\n  one: { controller: Videos::ListController }\n  two: { controller: Videos }\n",
    ),
    (
        "name_collision_folder_of_a_whole_name",
        "app: a\ntopics:\n  one: { controller: VideosController::ListController }\n  two: { controller: VideosController }\n",
    ),
    (
        "name_collision_tests",
        "app: a\ntopics:\n  one: { controller: Videos::ListController }\n  two: { controller: VideosListController }\n",
    ),
    ("choice_of_types", "app: a\nmessages:\n  Order: { note: string | u8 | int }\n"),
    (
        "choice_of_types_messages",
        "app: a\nmessages:\n  Paid: { id: u8 }\n  Order:\n    outcome: Paid | timestamp(millis) | [number]\n",
    ),
    ("unknown_message", "app: a\nmessages:\n  NewVideo: { id: uuid }\ntopics:\n  videos: { message: NewVidoe }\n"),
    ("unknown_message_far", "app: a\nmessages:\n  NewVideo: { id: uuid }\ntopics:\n  orders: { message: Order }\n"),
    ("unknown_message_json", "app: a\ntopics:\n  orders: { message: json }\n"),
    ("unknown_message_bytes", "app: a\ntopics:\n  orders: { message: bytes }\n"),
    ("unknown_message_bytes_consumed", "app: a\ntopics:\n  orders: { message: bytes, controller: OrdersController }\n"),
    (
        "unknown_message_text_in_a_choice",
        "app: a\nmessages:\n  Any: { one_of: { raw: text }, by: type }\ntopics:\n  orders: { message: Any }\n",
    ),
    (
        "unknown_message_nested",
        "app: a\nmessages:\n  Video: { author: { id: u8 } }\ntopics:\n  authors: { message: VideoAuthor }\n",
    ),
    (
        "unknown_message_variant",
        "app: a\nmessages:\n  Made: { id: u8 }\n  Event: { one_of: { made: Maed }, by: type }\n",
    ),
    ("unknown_type", "app: a\nmessages:\n  Order: { id: uid }\n"),
    ("unknown_type_meant", "app: a\nmessages:\n  Order: { at: datetime }\n"),
    ("unknown_type_message", "app: a\nmessages:\n  Order: { channel: Chanel }\n  Channel: { id: u64 }\n"),
    ("unknown_type_far", "app: a\nmessages:\n  Order: { buyer: Customer }\n"),
    ("unknown_type_small", "app: a\nmessages:\n  Order: { buyer: customer }\n"),
    (
        "unknown_topic_of_signs",
        "app: a\n\ntopics:\n  receipts: {}\n  orders: { controller: OrdersController, emits: [\"--\"] }\n",
    ),
    (
        "unknown_topic",
        "app: a\n\ntopics:\n  video.details:\n    controller: Videos::DetailsController\n    emits: [video_encodd]\n  video_encoded: {}\n",
    ),
    (
        "unknown_topic_renamed",
        "app: a\ntopics:\n  orders: { controller: OrdersController, emits: [receipts] }\n  slips: { name: receipts }\n",
    ),
    (
        "unknown_topic_longer",
        "app: a\ntopics:\n  orders: { controller: OrdersController, emits: [shop_invoices] }\n  invoices: {}\n  receipts: {}\n",
    ),
    ("unknown_topic_far", "app: a\ntopics: { orders: { controller: OrdersController, emits: [receipts] } }\n"),
    (
        "unknown_field",
        "app: a\nmessages:\n  Order: { order_id: uuid }\ntopics:\n  orders: { message: Order, key: oder_id }\n",
    ),
    (
        "unknown_field_variant",
        "app: a\nmessages:\n  A: { id: u8 }\n  B: { number: u8 }\n  E: { one_of: { a: A, b: B }, by: type }\ntopics:\n  events: { message: E, key: id }\n",
    ),
    (
        "invalid_record_key",
        "app: a\nmessages:\n  Order: { lines: [string] }\ntopics:\n  orders: { message: Order, key: lines }\n",
    ),
    ("invalid_record_key_untyped", "app: a\ntopics:\n  orders: { key: id }\n"),
    (
        "invalid_variant",
        "app: a\nmessages:\n  Made: { id: u8, type: string }\n  Event: { one_of: { made: Made }, by: type }\n",
    ),
    (
        "invalid_variant_nested",
        "app: a\nmessages:\n  Made: { id: u8 }\n  Inner: { one_of: { made: Made }, by: kind }\n  Outer: { one_of: { inner: Inner }, by: type }\n",
    ),
    ("infinite_message", "app: a\nmessages:\n  Node:\n    id: u64\n    next: Node\n"),
    ("infinite_message_far", "app: a\nmessages:\n  Order: { buyer: Buyer }\n  Buyer:\n    last_order: Order\n"),
    (
        "parser_mismatch",
        "app: a\nmessages:\n  Order: { id: u8 }\ntopics:\n  orders: { message: Order, controller: OrdersController, parser: bytes }\n",
    ),
    (
        "parser_mismatch_defaults",
        "app: a\ndefaults: { parser: text }\nmessages:\n  Order: { id: u8 }\ntopics:\n  orders: { message: Order, controller: OrdersController }\n",
    ),
    (
        "mixed_messages",
        "app: a\nmessages:\n  OrderCreated: { id: u8 }\n  OrderCancelled: { id: u8 }\ntopics:\n  created: { message: OrderCreated, controller: OrdersController }\n  cancelled: { message: OrderCancelled, controller: OrdersController }\n",
    ),
    (
        "mixed_messages_untyped",
        "app: a\nmessages:\n  Order: { id: u8 }\ntopics:\n  one: { message: Order, controller: OrdersController }\n  two: { controller: OrdersController }\n",
    ),
    (
        "mixed_batches",
        "app: a\ntopics:\n  orders: { controller: OrdersController }\n  clicks: { controller: OrdersController, batch: { size: 10 } }\n",
    ),
    (
        "tombstones_in_batches",
        "app: a\ntopics:\n  orders: { controller: OrdersController, batch: {}, tombstones: deliver }\n",
    ),
    (
        "tombstones_in_batches_defaults",
        "app: a\ndefaults: { tombstones: deliver }\ntopics:\n  orders: { controller: OrdersController, batch: {} }\n",
    ),
    (
        "duplicate_consumer",
        "app: a\ntopics:\n  clicks:\n    consumers:\n      - { controller: CountController }\n      - { controller: AuditController }\n",
    ),
    (
        "shared_worker",
        "app: a\ntopics:\n  one: { controller: OneController, worker: CommonWorker }\n  two: { controller: TwoController, worker: CommonWorker }\n",
    ),
    (
        "shared_worker_derived",
        "app: a\ntopics:\n  one: { controller: OrdersController }\n  two: { controller: OrdersConsumer }\n",
    ),
    (
        "unwritable_topic",
        "app: a\ntopics:\n  scans: { controller: ScansController, parser: Parsers::Csv }\n  orders: { controller: OrdersController, emits: [scans] }\n",
    ),
    (
        "unwritable_topic_two_ways",
        "app: a\ntopics:\n  scans: { consumers: [{ controller: ScansController, parser: bytes }, { controller: AuditController, group: audit }] }\n  orders: { controller: OrdersController, emits: [scans] }\n",
    ),
    ("own_dead_letter", "app: a\ntopics:\n  orders: { controller: OrdersController, dead_letter: orders }\n"),
    (
        "own_dead_letter_name",
        "app: a\ntopics:\n  orders: { name: \"${P:-}o\", controller: OrdersController, dead_letter: \"${P:-}o\" }\n",
    ),
    (
        "own_dead_letter_filled",
        "app: a\ndefaults: { dead_letter: \"{topic}\" }\ntopics:\n  orders: { controller: OrdersController }\n  clicks: { controller: ClicksController }\n",
    ),
    (
        "own_dead_letter_circle",
        "app: a\ntopics:\n  one: { controller: OneController, dead_letter: two }\n  two: { controller: TwoController, dead_letter: three }\n  three: { controller: ThreeController, dead_letter: one }\n",
    ),
    (
        "typed_dead_letter",
        "app: a\nmessages:\n  Order: { id: u8 }\ntopics:\n  clicks: { controller: ClicksController, dead_letter: dead }\n  views: { controller: ViewsController, dead_letter: dead }\n  dead: { message: Order }\n",
    ),
    (
        "typed_dead_letter_defaults",
        "app: a\ndefaults: { dead_letter: \"{topic}.dead\" }\nmessages:\n  Order: { id: u8 }\n  Refund: { id: u8 }\ntopics:\n  orders: { message: Order, controller: OrdersController }\n  orders.dead: { message: Refund, controller: DeadController }\n",
    ),
    (
        "missing_dead_letter",
        "app: a\ntopics:\n  orders:\n    controller: OrdersController\n    retry: { attempts: 5, backoff: 1s..30s }\n",
    ),
    (
        "missing_dead_letter_flow",
        "app: a\ntopics:\n  orders: { controller: OrdersController, retry: { attempts: 5 } }\n",
    ),
    (
        "missing_dead_letter_defaults",
        "app: a\ndefaults:\n  retry: { attempts: 5 }\ntopics:\n  orders: { controller: OrdersController }\n  clicks: { controller: ClicksController }\n",
    ),
    (
        "missing_dead_letter_of_a_dead_letter",
        "app: a\ndefaults: { dead_letter: \"{topic}.dead\" }\ntopics:\n  orders: { controller: OrdersController }\n  orders.dead:\n    controller: DeadController\n    retry: { attempts: 2 }\n",
    ),
    ("longer_than_a_stop", "app: a\ntopics:\n  orders: { controller: OrdersController, timeout: 45s }\n"),
    (
        "longer_than_a_stop_backoff",
        "app: a\ndefaults: { retry: { backoff: 1s..5m } }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "longer_than_a_stop_batch",
        "app: a\ntopics:\n  orders: { controller: OrdersController, batch: { size: 10, wait: 1m } }\n",
    ),
    (
        "longer_than_a_stop_drain",
        "app: a\ngroups:\n  a: { drain: 45s }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "unfit_drain",
        "app: a\nkafka: { options: { max.poll.interval.ms: 60000, session.timeout.ms: 6000 }, consumer: { max.poll.interval.ms: 20000 } }\ngroups:\n  a: { drain: 20s }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "unfit_drain_unsaid",
        "app: a\nenvironments:\n  production: { kafka: { consumer: { max.poll.interval.ms: 4000, session.timeout.ms: 3500 } } }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "unfit_drain_unsaid_of_a_group",
        "app: a\ngroups:\n  audit: { kafka: { max.poll.interval.ms: 4000, session.timeout.ms: 3500 } }\n  main: {}\ntopics:\n  orders:\n    consumers:\n      - { controller: OrdersController, group: audit }\n      - { controller: ClicksController, group: main }\n",
    ),
    (
        "unfit_drain_of_an_attempt",
        "app: a\ndefaults: { timeout: 25s }\ngroups:\n  a: { drain: 20s }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "idle_ordering",
        "app: a\ngroups:\n  a: { ordering: key, concurrency: 1 }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "idle_ordering_process",
        "app: a\nconcurrency: 1\ngroups:\n  a: { ordering: none }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "wide_window",
        "app: a\ngroups:\n  a: { ordering: key, window: 20001 }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "clashing_sizes",
        "app: a\nkafka: { options: { message.max.bytes: 10000000, fetch.max.bytes: 5000000 } }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "clashing_sizes_of_a_queue",
        "app: a\nkafka: { producer: { message.max.bytes: 10000000, queue.buffering.max.kbytes: 1024 } }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "clashing_sizes_of_a_group",
        "app: a\nkafka: { options: { message.max.bytes: 100000000 } }\ngroups:\n  a: { memory: 64MiB }\n  b: { memory: 1GiB }\ntopics:\n  orders:\n    consumers:\n      - { controller: OrdersController }\n      - { controller: AuditController, group: b }\n",
    ),
    (
        "clashing_sizes_of_partitions",
        "app: a\ngroups:\n  a: { memory: 64MiB }\n  b: { memory: 132MiB }\ntopics:\n  orders:\n    partitions: 100\n    consumers:\n      - { controller: OrdersController }\n      - { controller: AuditController, group: b }\n",
    ),
    (
        "unused_group",
        "app: a\ngroups:\n  audit: { concurrency: 4 }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
    (
        "unused_group_near",
        "app: a\ngroups:\n  composed_application: { concurrency: 4 }\ntopics:\n  orders: { controller: OrdersController, group: composed_aplication }\n",
    ),
];

/// If this fails, a person gets other words for a mistake, or the wrong place.
#[test]
fn each_mistake_says_what_where_and_what_to_write() {
    let mut all = String::new();
    for (name, yaml) in MISTAKES {
        let source = source(yaml);
        let compiled = compile(&source);
        assert!(!compiled.diagnostics.is_empty(), "{name}: nothing was found");
        let helps = compiled.diagnostics.iter().all(|found| found.help.is_some());
        assert!(helps, "{name} does not say what to write instead");
        let shown = render(&source, &compiled.diagnostics, Format::Full, false);
        all.push_str(&format!("=== {name}\n{shown}\n"));
    }
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("model_refusals", all);
    });
}

/// If this fails, one mistake is shown as several, and its author mends what is not broken.
#[test]
fn one_mistake_is_one_diagnostic() {
    for (name, yaml) in MISTAKES {
        let codes: Vec<_> = compile(&source(yaml)).diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(codes.len(), 1, "{name}: {codes:?}");
        assert!(name.replace('_', "-").starts_with(codes[0]), "{name}: {codes:?}");
    }
}

/// If this fails, a code of this room is shown nowhere in these snapshots.
#[test]
fn every_code_of_the_model_is_shown() {
    for code in codes::ALL.iter().filter(|code| code.room == codes::Room::Model) {
        let shown = MISTAKES.iter().any(|(name, _)| name.replace('_', "-").starts_with(code.name));
        // Those that need thousands of lines have tests of their own.
        assert!(shown || [codes::OVERSIZED_MESSAGE, codes::TOO_MANY].contains(&code.name), "{}", code.name);
    }
}

/// If this fails, mistakes come in another order than that of the file, or only the first one comes.
#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let yaml = "app: std
messages:
  order: { id: uid }
  Order: { next: Order }
topics:
  orders: { message: Oder, controller: orders, emits: [recipts] }
  recipts: {}
  receipts: { contoller: ReceiptsController, emits: [receipt] }
";
    let compiled = compile(&source(yaml));
    let found: Vec<_> = compiled.diagnostics.iter().map(|d| (source(yaml).position(d.span.start).0, d.code)).collect();
    assert_eq!(
        found,
        [
            (1, "invalid-app"),
            (3, "invalid-message-name"),
            (3, "unknown-type"),
            (4, "infinite-message"),
            (6, "unknown-message"),
            (6, "invalid-constant"),
            (8, "unknown-key"),
            (8, "unknown-topic"),
        ]
    );
    assert!(compiled.model.is_none());
}

/// If this fails, a message is accepted that no JSON reader takes, or a sample of it overflows the stack.
#[test]
fn messages_of_hopeless_depth_or_width_are_refused() {
    let chain = |length: usize, field: &dyn Fn(usize) -> String| {
        let lines: String = (0..length).map(|at| format!("  M{at}: {{ {} }}\n", field(at + 1))).collect();
        compile(&source(&format!("app: a\nmessages:\n{lines}  M{length}: {{ id: u8 }}\n")))
    };
    let wide = chain(60, &|next| format!("a: M{next}, b: M{next}"));
    assert_eq!(wide.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::OVERSIZED_MESSAGE]);
    let deep = chain(4_000, &|next| format!("m: M{next}"));
    assert_eq!(deep.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DEEP_MESSAGE]);
    // By each way in which a message can hold another: how many may be inside one another.
    for (field, most) in [
        ("m: M", 64),
        ("m?: M", 32),
        ("m: [M", 16),
        ("m?: [M", 13),
        ("m: { string: M", 7),
        ("m?: { string: [M", 5),
        ("a: u8, m?: M", 32),
    ] {
        let close = |field: &str| {
            field
                .chars()
                .rev()
                .filter_map(|c| match c {
                    '[' => Some(']'),
                    '{' => Some('}'),
                    _ => None,
                })
                .collect::<String>()
        };
        let of = |length: usize| chain(length - 1, &|next| format!("{field}{next}{}", close(field)));
        assert!(of(most).model.is_some(), "{field}: {:?}", of(most).diagnostics);
        let more = of(most + 1).diagnostics;
        assert_eq!(more.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DEEP_MESSAGE], "{field}");
    }
    let choice = |length: usize| {
        let one =
            |at: usize| format!("  M{at}: {{ e: E{at} }}\n  E{at}: {{ one_of: {{ a: M{} }}, by: type }}\n", at + 1);
        let lines: String = (0..length).map(one).collect();
        compile(&source(&format!("app: a\nmessages:\n{lines}  M{length}: {{ id: u8 }}\n")))
    };
    assert!(choice(31).model.is_some(), "{:?}", choice(31).diagnostics);
    assert_eq!(choice(32).diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DEEP_MESSAGE]);
}

/// If this fails, a message that holds itself is called too deep, or many that hold one another are not.
#[test]
fn what_comes_back_begins_no_new_level() {
    let compiled = |lines: &str| compile(&source(&format!("app: a\nmessages:\n{lines}")));
    for lines in [
        "  Tree: { left?: Tree, right?: Tree, all: [Tree], named: { string: [Tree] } }\n".to_owned(),
        // A hundred that all come back to one.
        (0..100)
            .map(|at| format!("  Leaf{at}: {{ tree?: Tree }}\n"))
            .chain([format!(
                "  Tree: {{ {} }}\n",
                (0..100).map(|at| format!("l{at}: [Leaf{at}]")).collect::<Vec<_>>().join(", ")
            )])
            .collect(),
    ] {
        let found = compiled(&lines);
        assert!(found.model.is_some(), "{:?}", found.diagnostics);
    }
    // Each holds all others: the compiler goes through all of them on one way.
    let all = |number: usize| -> String {
        let fields = |_| (0..number).map(|to| format!("m{to}: [M{to}]")).collect::<Vec<_>>().join(", ");
        (0..number).map(|at| format!("  M{at}: {{ {} }}\n", fields(at))).collect()
    };
    assert!(compiled(&all(16)).model.is_some());
    assert_eq!(compiled(&all(17)).diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DEEP_MESSAGE]);
}

/// If this fails, somebody learns from a compiler that never ends, or from a process without memory, that an app is too large.
#[test]
fn more_messages_or_consumers_than_an_app_can_have_are_refused() {
    let messages = |number: usize| {
        let lines: String = (0..number).map(|at| format!("  M{at}: {{ id: u8 }}\n")).collect();
        compile(&source(&format!("app: a\nmessages:\n{lines}")))
    };
    let consumers = |number: usize| {
        let lines: String = (0..number).map(|at| format!("  t{at}: {{ controller: C{at}Controller }}\n")).collect();
        compile(&source(&format!("app: a\ntopics:\n{lines}")))
    };
    for (of, most, first) in [
        (&messages as &dyn Fn(usize) -> Compiled, 5_000, "M5000"),
        (&consumers as &dyn Fn(usize) -> Compiled, 2_000, "C2000Controller"),
    ] {
        assert!(of(most).model.is_some());
        let more = of(most + 2);
        let [found] = more.diagnostics.as_slice() else { panic!("{:?}", more.diagnostics) };
        assert_eq!(found.code, codes::TOO_MANY);
        assert!(found.message.starts_with(&format!("{} ", most + 2)), "{}", found.message);
        assert_eq!(found.span.end - found.span.start, first.len());
    }
}

/// If this fails, what a suggestion writes is itself a mistake.
#[test]
fn what_is_suggested_mends_the_manifest() {
    let mut mended = 0;
    for (name, yaml) in MISTAKES {
        let compiled = compile(&source(yaml));
        let Some(suggestion) = &compiled.diagnostics[0].suggestion else { continue };
        // A line to be completed by its author.
        if suggestion.replacement.contains('…') {
            continue;
        }
        let mut text = (*yaml).to_owned();
        text.replace_range(suggestion.span.start..suggestion.span.end, &suggestion.replacement);
        let left = compile(&source(&text)).diagnostics;
        assert!(left.is_empty(), "{name}: {text}\n{left:#?}");
        mended += 1;
    }
    assert!(mended > 8, "{mended}");
}

/// If this fails, a dead letter topic whose name Kafka does not take is found out when the first record dies.
#[test]
fn a_dead_letter_topic_has_a_name_that_kafka_takes() {
    let key = "x".repeat(246);
    let text = format!(
        "app: a\ndefaults: {{ dead_letter: \"{{topic}}.dead\" }}\ntopics:\n  {key}: {{ controller: OrdersController }}\n"
    );
    let found = compile(&source(&text)).diagnostics;
    assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), [codes::INVALID_TOPIC_NAME]);
    assert!(found[0].message.ends_with("would have 251 bytes"), "{found:?}");
}

/// If this fails, an enum of ordinary words is refused because they are types elsewhere.
#[test]
fn words_that_may_be_texts_are_an_enum() {
    let yaml = "app: a\nmessages:\n  Paid: {}\n  Refused: {}\n  Order: { last: Paid | Refused, side: long | short, is: string | none }\n";
    assert_eq!(compile(&source(&yaml.replace("{}", "{ id: u8 }"))).diagnostics, []);
}

/// If this fails, a person is warned of what is right, or one mistake in `dead_letter` is shown as two.
#[test]
fn what_is_right_about_dead_letters_is_not_warned_of() {
    for (yaml, wanted) in [
        // What a variable holds is not known.
        (
            "app: a\ntopics:\n  orders: { controller: A, dead_letter: \"${DEAD}\", timeout: \"${T}\", retry: { attempts: \"${N}\" } }\n",
            0,
        ),
        // The same message is what its bytes are.
        (
            "app: a\nmessages: { Order: { id: u8 } }\ntopics:\n  orders: { message: Order, controller: A, dead_letter: dead }\n  dead: { message: Order, controller: B }\n",
            0,
        ),
        // Attempts that only defaults give, for a topic that defaults give no dead letter topic.
        (
            "app: a\ndefaults: { dead_letter: dead, retry: { attempts: 3 } }\ntopics:\n  orders: { controller: A }\n  dead: { controller: B }\n",
            0,
        ),
        ("app: a\ndefaults: { retry: { attempts: 3 } }\ntopics:\n  orders: { controller: A, dead_letter: dead }\n", 0),
        ("app: a\ntopics:\n  orders: { controller: A, timeout: 30s, retry: { backoff: 30s } }\n", 0),
        (
            "app: a\nconcurrency: 1\nenvironments: { production: { concurrency: 9 } }\ngroups: { a: { ordering: key } }\ntopics: { orders: { controller: A } }\n",
            0,
        ),
        (
            "app: a\nconcurrency: 1\ngroups: { a: { ordering: key, concurrency: 9 } }\ntopics: { orders: { controller: A } }\n",
            0,
        ),
        // What a variable holds is known at the start; a stop, a group or a job of another one is none of a drain's business.
        ("app: a\ngroups: { a: { drain: \"${D}\" } }\ntopics: { orders: { controller: A, timeout: 30s } }\n", 0),
        (
            "app: a\nkafka: { consumer: { max.poll.interval.ms: \"${P}\" } }\ngroups: { a: { drain: 30s } }\ntopics: { orders: { controller: A, timeout: 30s } }\n",
            0,
        ),
        (
            "app: a\nkafka: { consumer: { max.poll.interval.ms: 15000, session.timeout.ms: 6000 } }\ntopics: { orders: { controller: A, timeout: 30s } }\n",
            0,
        ),
        (
            "app: a\ndefaults: { jobs: redis }\ngroups: { a: { drain: 5s } }\ntopics:\n  orders: { controller: A, timeout: 30s }\n  sent: { controller: B, group: b, jobs: in_process, timeout: 30s }\n",
            0,
        ),
        // A wrong one is one all the same.
        ("app: a\ntopics:\n  orders: { controller: A, dead_letter: a/b, retry: { attempts: 3 } }\n", 1),
        ("app: a\ntopics:\n  orders: { controller: A, dead_letter: orders, retry: { attempts: 3 } }\n", 1),
    ] {
        let found = compile(&source(yaml)).diagnostics;
        assert_eq!(found.len(), wanted, "{yaml}{found:#?}");
    }
}
