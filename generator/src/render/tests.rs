#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;
use crate::{
    model::*,
    names::{Constant, Role},
};

fn constant(text: &str, role: Role) -> Constant {
    Constant::parse(text, role).unwrap()
}

#[test]
fn quick() {
    let c1 = constant("Videos::DetailsController", Role::Controller);
    let w1 = constant("Workers::DetailsWorker", Role::Worker);
    let c2 = constant("Videos::NewVideosController", Role::Controller);
    let p = constant("Parsers::BinaryToJson", Role::Parser);
    let i = constant("Interchangers::Binary", Role::Interchanger);
    let w2 = c2.derived_worker();
    let topic = |key: &str, rust: &str| Topic {
        key: key.into(),
        rust_name: rust.into(),
        name: key.into(),
        payload: Payload::Json,
        key_field: None,
        settings: vec![],
    };
    let ctl = |c: &Constant, t: &str| Controller {
        constant: c.clone(),
        payload: Payload::Json,
        topics: vec![t.into()],
        emits: vec![],
        delivers_tombstones: false,
    };
    let model = Model {
        app: "myapp".into(),
        crate_name: "myapp".into(),
        settings: vec![("concurrency".into(), "32".into())],
        environments: vec![],
        groups: vec![Group { name: "composed_application".into(), settings: vec![] }],
        messages: vec![],
        topics: vec![topic("incoming_messages", "IncomingMessages"), topic("new_videos", "NewVideos")],
        controllers: vec![ctl(&c1, "incoming_messages"), ctl(&c2, "new_videos")],
        workers: vec![
            Worker { constant: w2.clone(), controller: c2.clone(), named: false },
            Worker { constant: w1.clone(), controller: c1.clone(), named: true },
        ],
        parsers: vec![Part { constant: p.clone(), payloads: vec![Payload::Json] }],
        interchangers: vec![Part { constant: i.clone(), payloads: vec![Payload::Json] }],
        consumers: vec![
            Consumer {
                topic: "incoming_messages".into(),
                group: "composed_application".into(),
                controller: c1,
                worker: w1,
                parser: PartRef::Own(p),
                interchanger: PartRef::Own(i),
                emits: vec![],
                settings: vec![],
            },
            Consumer {
                topic: "new_videos".into(),
                group: "myapp".into(),
                controller: c2,
                worker: w2,
                parser: PartRef::BuiltIn("json"),
                interchanger: PartRef::BuiltIn("json"),
                emits: vec![],
                settings: vec![],
            },
        ],
    };
    for file in render(&model, Dependency::Path("../runtime".into())) {
        let path = std::path::Path::new("/tmp/fmtx/app").join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
}
