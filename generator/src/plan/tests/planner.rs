//! What becomes of each file, by what stands in its place and what the lock file says of it.

use std::os::unix::fs::symlink;

use super::*;

/// What a plan does, but for what is as it should be.
fn steps(plan: &Plan) -> Vec<(Action, &str)> {
    let all = plan.steps.iter().map(|step| (step.action, step.path.as_str()));
    all.filter(|(action, _)| *action != Action::Identical).collect()
}

fn remove(root: &Path, path: &str) {
    fs::remove_file(root.join(path)).unwrap();
}

/// If this fails, an app whose lock file is lost cannot be generated any more, or gets back what its author did without.
#[test]
fn an_app_without_its_lock_file_is_known_by_its_banners() {
    let app = app(FIRST);
    remove(app.path(), LOCK);
    assert_eq!(steps(&plan(app.path(), FIRST)), [(Action::Create, LOCK)]);
    // A crate that is there does without what is optional, but not without a test of each controller.
    for path in ["README.md", "tests/orders_controller.rs"] {
        remove(app.path(), path);
    }
    let again = plan(app.path(), FIRST);
    let created = actions(&again, Action::Create);
    assert_eq!(BTreeSet::from_iter(created), BTreeSet::from(["tests/orders_controller.rs", LOCK]));
    // And what is not as it would be generated is somebody's edit.
    rewrite(app.path(), "src/generated/topics.rs", |text| text + "// mine\n");
    assert_eq!(actions(&plan(app.path(), FIRST), Action::Conflict), ["src/generated/topics.rs"]);
}

fn rewrite(root: &Path, path: &str, change: impl Fn(String) -> String) {
    let text = fs::read_to_string(root.join(path)).unwrap();
    fs::write(root.join(path), change(text)).unwrap();
}

/// If this fails, a test comes back that somebody did without, or a new controller comes without one.
#[test]
fn what_is_written_once_comes_with_what_it_is_for() {
    let app = app(FIRST);
    for path in ["README.md", "tests/orders_controller.rs"] {
        remove(app.path(), path);
    }
    let second = plan(app.path(), SECOND);
    let created: Vec<_> =
        actions(&second, Action::Create).into_iter().filter(|path| !path.contains("generated")).collect();
    assert!(created.contains(&"tests/depot_inner_parcels_controller.rs"), "{created:?}");
    assert!(!created.contains(&"README.md") && !created.contains(&"tests/orders_controller.rs"), "{created:?}");
}

/// If this fails, a module that an app's author has written is declared by nobody, or one that is generated is declared as if
/// it were theirs.
#[test]
fn modules_are_told_from_generated_ones() {
    let app = app(FIRST);
    let declared = |plan: &Plan| {
        let step = plan.steps.iter().find(|step| step.path == "src/controllers/mod.rs").unwrap();
        let text = step.after.clone().unwrap();
        let modules = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';'));
        modules.map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = ["money", "orders_controller"];
    assert_eq!(declared(&plan(app.path(), FIRST)), plain);
    // Without its banner it is known by the lock file, as an edit; without both it is theirs.
    rewrite(app.path(), "src/controllers/money/mod.rs", |_| "pub mod refunds_controller;\n".to_owned());
    let edited = plan(app.path(), FIRST);
    assert_eq!(steps(&edited), [(Action::Conflict, "src/controllers/money/mod.rs")]);
    // Beside controllers: what is Rust, and neither left over nor elsewhere.
    for path in ["src/controllers/rules.rs", "src/controllers/notes.txt", "src/rules.rs", "src/controllers/own/mod.rs"]
    {
        fs::create_dir_all(app.path().join(path).parent().unwrap()).unwrap();
        fs::write(app.path().join(path), "").unwrap();
    }
    assert_eq!(declared(&plan(app.path(), FIRST)), ["money", "orders_controller", "own", "rules"]);
}

/// If this fails, `--force` leaves an edited file that nobody wants, or removes one without it.
#[test]
fn an_edited_file_that_is_no_longer_wanted_goes_when_that_is_forced() {
    let app = app(FIRST);
    let path = "src/controllers/money/mod.rs";
    rewrite(app.path(), path, |text| text + "// mine\n");
    let refused = plan(app.path(), SECOND);
    assert_eq!(actions(&refused, Action::Conflict), [path]);
    assert_eq!(actions(&refused, Action::Remove), [""; 0]);
    let forced = plan_with(app.path(), SECOND, Options { force: true, ..Options::default() });
    assert_eq!(actions(&forced, Action::Conflict), [""; 0]);
    assert_eq!(actions(&forced, Action::Remove), [path]);
}

/// If this fails, karafka writes through a link, or a person is told of one thing in the way as if it were many, or as if it
/// were another.
#[test]
fn each_thing_in_the_way_is_named_once() {
    let outside = tempfile::tempdir().unwrap();
    let at = |path: &str, change: &dyn Fn(&Path)| {
        let app = app(FIRST);
        let path = app.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        change(&path);
        plan(app.path(), SECOND).problems
    };
    let link = |path: &Path| symlink(outside.path(), path).unwrap();
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    let file = |path: &Path| fs::write(path, "").unwrap();
    let pipe = |path: &Path| {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    };
    let (no_file, no_folder) = (Problem::NotAFile, Problem::NotAFolder);
    for (path, change, problem) in [
        ("src/controllers", &link as &dyn Fn(&Path), Problem::Link("src/controllers".into())),
        ("src/controllers", &file, no_folder("src/controllers".into())),
        ("src/controllers", &pipe, no_folder("src/controllers".into())),
        ("src/controllers/depot", &link, Problem::Link("src/controllers/depot".into())),
        ("src/controllers/depot", &file, no_folder("src/controllers/depot".into())),
        ("src/generated/topics.rs", &link, Problem::Link("src/generated/topics.rs".into())),
        ("src/generated/topics.rs", &folder, no_file("src/generated/topics.rs".into())),
        ("src/generated/topics.rs", &pipe, no_file("src/generated/topics.rs".into())),
        ("src/main.rs", &folder, no_file("src/main.rs".into())),
        ("README.md", &folder, no_file("README.md".into())),
        ("tests/depot_inner_parcels_controller.rs", &folder, no_file("tests/depot_inner_parcels_controller.rs".into())),
        ("karafka.yml", &folder, no_file("karafka.yml".into())),
        // What was generated, and is wanted no more.
        ("src/controllers/money/mod.rs", &link, Problem::Link("src/controllers/money/mod.rs".into())),
    ] {
        assert_eq!(at(path, change), [problem], "{path}");
    }
    // A file that is somebody's may be whatever they like.
    for path in ["src/main.rs", "src/lib.rs", "src/controllers/orders_controller.rs", "README.md"] {
        assert_eq!(at(path, &link), [], "{path}");
    }
}

/// If this fails, a library that karafka cannot read, or may not write, keeps an app from being generated, or is written anew.
#[test]
fn a_library_that_cannot_be_read_stays() {
    let outside = tempfile::tempdir().unwrap();
    let change = |change: &dyn Fn(&Path)| {
        let app = app(FIRST);
        let path = app.path().join("src/lib.rs");
        fs::rename(&path, outside.path().join("lib.rs")).unwrap();
        change(&path);
        let plan = plan(app.path(), FIRST);
        let step = plan.steps.iter().find(|step| step.path == "src/lib.rs").unwrap();
        (step.action, plan.is_in_step())
    };
    assert_eq!(change(&|path| fs::write(path, b"\xff").unwrap()), (Action::Identical, true));
    assert_eq!(change(&|path| symlink(outside.path().join("lib.rs"), path).unwrap()), (Action::Identical, true));
}

/// If this fails, a `Cargo.toml` that is no text is written over.
#[test]
fn what_is_not_utf_8_is_not_written() {
    for path in ["Cargo.toml", "src/generated/topics.rs", LOCK] {
        let app = app(FIRST);
        fs::write(app.path().join(path), b"\xff").unwrap();
        let plan = plan(app.path(), FIRST);
        assert_eq!(plan.problems, [Problem::NotUtf8(path.into())]);
        assert!(plan.steps.iter().all(|step| step.path != path), "{path}");
    }
}

/// If this fails, a topic that has changed all its groups moves one of them unseen, or they are told in no order.
#[test]
fn all_groups_that_move_are_named() {
    let with = |groups: &[&str]| {
        let consumer = |(at, group): (usize, &&str)| format!("{{ group: {group}, controller: C{at}Controller }}");
        let consumers: Vec<_> = groups.iter().enumerate().map(consumer).collect();
        format!("app: shop\ntopics:\n  clicks: {{ consumers: [{}] }}\n", consumers.join(", "))
    };
    let app = app(&with(&["b", "a", "c"]));
    let moves = |groups: &[&str]| {
        let problems = plan(app.path(), &with(groups)).problems;
        problems
            .into_iter()
            .map(|problem| match problem {
                Problem::GroupMoves { from, to, .. } => format!("{from} -> {to}"),
                other => panic!("{other}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(moves(&["c", "b", "a"]), [""; 0]);
    assert_eq!(moves(&["a"]), [""; 0], "one that loses groups");
    assert_eq!(moves(&["a", "b", "c", "d"]), [""; 0], "one that gains a group");
    assert_eq!(moves(&["e", "d", "c"]), ["`a`, `b` -> `d`, `e`"]);
    assert_eq!(moves(&["d"]), ["`a`, `b`, `c` -> `d`"]);
}
