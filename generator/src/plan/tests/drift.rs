//! What is out of step, as the one renderer of mistakes says it.

use super::*;
use crate::diagnostic::{Format, codes, render_all};

/// What somebody did to an app.
type Change = Box<dyn Fn(&Path)>;

/// An app of `before` that was changed by `change`, looked at with the manifest `after`.
fn drift_of(before: &str, after: &str, change: &dyn Fn(&Path), lines: usize) -> Vec<crate::diagnostic::Finding> {
    let app = app(before);
    fs::write(app.path().join("karafka.yml"), after).unwrap();
    change(app.path());
    let tree = Tree::read(app.path()).unwrap();
    let plan = plan(app.path(), after);
    drift(&plan, &tree, &Source::new("karafka.yml", after), lines)
}

fn rewrite(root: &Path, path: &str, change: &dyn Fn(&str) -> String) {
    let text = fs::read_to_string(root.join(path)).unwrap();
    fs::write(root.join(path), change(&text)).unwrap();
}

/// The text as git leaves it when both sides have changed the line that begins so.
fn merged(text: &str, line: &str) -> String {
    text.replacen(&format!("\n{line}"), &format!("\n<<<<<<< HEAD\n{line}\n=======\n>>>>>>> branch\n{line}"), 1)
}

/// If this fails, something that is out of step has no place, or no words of how to mend it, or another form than a mistake
/// in the manifest.
#[test]
fn each_kind_is_told_in_the_one_form() {
    let moved = FIRST.replace("group: money", "group: cash");
    let renamed = FIRST.replace("app: shop", "app: store");
    let other = FIRST.replace("  orders:", "  sales:");
    let (same, nothing) = (FIRST, |_: &Path| {});
    let cases: Vec<(&str, &str, Change)> = vec![
        (codes::TOPIC_CHANGE, &other, Box::new(nothing)),
        (codes::MESSAGE_CHANGE, SECOND, Box::new(nothing)),
        (codes::GROUP_CHANGE, &moved, Box::new(nothing)),
        (codes::CARGO_TOML, &renamed, Box::new(nothing)),
        (codes::CARGO_TOML, same, Box::new(|root| fs::write(root.join("Cargo.toml"), "[package\nname = 1\n").unwrap())),
        (codes::CARGO_TOML, same, Box::new(|root| fs::write(root.join("Cargo.toml"), "dependencies = 1\n").unwrap())),
        (codes::TWO_MODULES, SECOND, Box::new(|root| fs::write(root.join("src/controllers/depot.rs"), "").unwrap())),
        (
            codes::FILE_IN_THE_WAY,
            same,
            Box::new(|root| fs::write(root.join("src/generated/topics.rs"), b"\xff").unwrap()),
        ),
        (codes::MISSING_FILE, same, Box::new(|root| fs::remove_file(root.join("src/generated/topics.rs")).unwrap())),
        (codes::MISSING_FILE, same, Box::new(|root| fs::remove_file(root.join(LOCK)).unwrap())),
        (codes::OUT_OF_STEP, SECOND, Box::new(nothing)),
        (codes::LEFT_OVER, SECOND, Box::new(nothing)),
        (
            codes::EDITED_BY_HAND,
            same,
            Box::new(|root| {
                rewrite(root, "src/generated/messages.rs", &|text| text.replace("pub struct", "pub(crate) struct"));
            }),
        ),
        (
            codes::EDITED_BY_HAND,
            same,
            Box::new(|root| {
                rewrite(root, "src/generated/messages.rs", &|text| text.replace("The message", "The\u{a0}message"));
            }),
        ),
        (
            codes::UNSETTLED_MERGE,
            same,
            Box::new(|root| rewrite(root, "src/generated/messages.rs", &|text| merged(text, "pub struct Order"))),
        ),
        (
            codes::UNSETTLED_MERGE,
            SECOND,
            Box::new(|root| rewrite(root, "src/controllers/money/mod.rs", &|text| merged(text, "mod refunds"))),
        ),
        (codes::UNSETTLED_MERGE, same, Box::new(|root| rewrite(root, "Cargo.toml", &|text| merged(text, "serde =")))),
        (
            codes::UNSETTLED_MERGE,
            same,
            Box::new(|root| rewrite(root, "src/lib.rs", &|text| merged(text, "pub mod state"))),
        ),
        (
            codes::EDITED_BY_HAND,
            SECOND,
            Box::new(|root| rewrite(root, "src/controllers/money/mod.rs", &|text| text.to_owned() + "// mine\n")),
        ),
    ];
    let mut out = String::new();
    for (code, after, change) in &cases {
        let found: Vec<_> = drift_of(FIRST, after, change.as_ref(), 6);
        let found: Vec<_> = found.into_iter().filter(|found| found.diagnostic.code == *code).collect();
        assert!(!found.is_empty(), "no {code}");
        for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
            // One of a kind is enough to read.
            out.push_str(&render_all(&found[..1], format, false));
        }
        out.push('\n');
        for found in &found {
            assert!(found.diagnostic.help.is_some(), "{code}: what can be done?");
            let (text, span) = (&found.source.text, found.diagnostic.span);
            assert!(text.get(span.start..span.end).is_some(), "{code}: {span:?} is not in the text");
        }
    }
    // That of a runtime outside of the repository needs one.
    let of_plans = codes::ALL.iter().filter(|code| code.room == codes::Room::Plan && code.name != codes::LOCAL_RUNTIME);
    for code in of_plans {
        assert!(cases.iter().any(|case| case.0 == code.name), "`{}` has no case here", code.name);
    }
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("plan_drift", out);
    });
}

/// If this fails, `generate` complains of files that it is about to write, or hides why it does not.
#[test]
fn obstacles_are_what_keeps_a_plan_from_being_applied() {
    let app = app(FIRST);
    rewrite(app.path(), "src/generated/messages.rs", &|text| text.to_owned() + "// mine\n");
    fs::remove_file(app.path().join("src/generated/topics.rs")).unwrap();
    let tree = Tree::read(app.path()).unwrap();
    let moved = FIRST.replace("group: money", "group: cash");
    let plan = plan(app.path(), &moved);
    let found = obstacles(&plan, &tree, &Source::new("karafka.yml", moved.as_str()), 6);
    let found: Vec<_> = found.iter().map(|found| (found.diagnostic.code, found.source.name.as_str())).collect();
    assert_eq!(found, [(codes::GROUP_CHANGE, "karafka.yml"), (codes::EDITED_BY_HAND, "src/generated/messages.rs")]);
}

/// If this fails, a password in a generated file that was edited stands in the log of a workflow.
#[test]
fn what_differs_is_shown_without_secrets() {
    let manifest = FIRST.replace("app: shop\n", "app: shop\nkafka: { options: { sasl.password: hunter2 } }\n");
    let edit = |root: &Path| rewrite(root, "src/generated/manifest.rs", &|text| text.replace("hunter2", "hunter22"));
    let found = drift_of(&manifest, &manifest, &edit, usize::MAX);
    assert_eq!(found.len(), 1);
    for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
        let text = render_all(&found, format, false);
        assert!(text.contains("manifest.rs") && !text.contains("hunter2"), "{text}");
    }
}

/// If this fails, a lock file that is out of step by itself is not told, or it is told beside everything that it follows from.
#[test]
fn the_lock_file_is_told_when_it_is_alone() {
    let names = |change: &dyn Fn(&Path), manifest: &str| {
        let found = drift_of(FIRST, manifest, change, 6);
        found.into_iter().map(|found| format!("{} {}", found.diagnostic.code, found.source.name)).collect::<Vec<_>>()
    };
    let no_lock = |root: &Path| fs::remove_file(root.join(LOCK)).unwrap();
    let no_topics = |root: &Path| fs::remove_file(root.join("src/generated/topics.rs")).unwrap();
    let edited = |root: &Path| rewrite(root, "src/generated/topics.rs", &|text| text.to_owned() + "// mine\n");
    assert_eq!(names(&|_| {}, FIRST), [""; 0]);
    assert_eq!(names(&no_lock, FIRST), ["missing-file karafka.lock"]);
    assert_eq!(
        names(&|root| rewrite(root, LOCK, &|text| text.to_owned() + "#\n"), FIRST),
        ["out-of-step karafka.lock"]
    );
    let both = |root: &Path| {
        no_lock(root);
        no_topics(root);
    };
    assert_eq!(names(&both, FIRST), ["missing-file src/generated/topics.rs"]);
    let both = |root: &Path| {
        no_lock(root);
        edited(root);
    };
    assert_eq!(names(&both, FIRST), ["edited-by-hand src/generated/topics.rs"]);
    // With something in the way nobody knows what else will be.
    let in_the_way = |root: &Path| {
        no_lock(root);
        fs::write(root.join("Cargo.toml"), "dependencies = 1\n").unwrap();
    };
    assert_eq!(names(&in_the_way, FIRST), ["cargo-toml Cargo.toml"]);
}

/// If this fails, a long difference fills the screen, or one that was asked for is cut.
#[test]
fn so_many_lines_are_shown_of_what_differs() {
    let edit = |root: &Path| rewrite(root, "src/generated/topics.rs", &|text| text.replace("pub ", "pub(crate) "));
    let shown = |lines| {
        let found = drift_of(FIRST, FIRST, &edit, lines);
        let [found] = found.as_slice() else { panic!("{found:?}") };
        found.diagnostic.difference.as_ref().unwrap().limit
    };
    assert_eq!((shown(2), shown(7)), (2, 7));
}

/// If this fails, a problem is shown at another place than where it can be mended.
#[test]
fn a_problem_has_the_place_where_it_is_mended() {
    let (text, folder) =
        ("app: shop\ntopics: { clicks: { controller: A }, orders: { controller: B } }\n", tempfile::tempdir().unwrap());
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
    let (tree, empty) = (Tree::read(folder.path()).unwrap(), Tree::default());
    let place = |problem: Problem, tree: &Tree| {
        let found = problem.finding(tree, &Source::new("karafka.yml", text));
        let span = found.diagnostic.span;
        (found.source.name, found.source.text[span.start..span.end].to_owned())
    };
    let moves = |topic: &str| Problem::GroupMoves { topic: topic.into(), from: "`a`".into(), to: "`b`".into() };
    let span = crate::source::Span::new(17, 24);
    let other =
        || Problem::OtherCrate { span, found: "other".into(), wanted: "shop".into(), crate_name: "shop".into() };
    let cargo = |span| Problem::Cargo { span, words: "no".into() };
    let whole = |path: &str| (path.to_owned(), String::new());
    assert_eq!(place(moves("orders"), &tree), ("karafka.yml".into(), "orders".into()));
    assert_eq!(place(moves("gone"), &tree), whole("karafka.yml"));
    assert_eq!(place(other(), &tree), ("Cargo.toml".into(), "\"other\"".into()));
    assert_eq!(place(cargo(Some(span)), &tree), ("Cargo.toml".into(), "\"other\"".into()));
    assert_eq!(place(cargo(None), &tree), whole("Cargo.toml"));
    assert_eq!(place(cargo(Some(span)), &empty), whole("Cargo.toml"));
    assert_eq!(place(Problem::Link("src".into()), &tree), whole("src"));
    assert_eq!(place(Problem::TwoModules { file: "a.rs".into(), folder: "a".into() }, &tree), whole("a.rs"));
    // What is the same id where no variable is set is said to be, of groups alone.
    let by_default = |from: &str, to: &str| {
        Problem::GroupMoves { topic: "a".into(), from: from.into(), to: to.into() }.is_the_same_by_default()
    };
    assert!(by_default("`a`", "`${G:-a}`") && !by_default("`a`", "`b`") && !by_default("`a`", "`${G}`"));
    assert!(!Problem::Link("src".into()).is_the_same_by_default());
}
