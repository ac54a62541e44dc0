//! Generated files that tools have touched: git with its line ends, a formatter with somebody's settings, a merge.

use super::*;

/// Rewrites every file of an app that a plan compares.
fn rewrite(root: &Path, change: impl Fn(&str, &str) -> String) {
    for (name, file) in everything(root) {
        let Some((bytes, _)) = file else { continue };
        let text = String::from_utf8(bytes).unwrap();
        fs::write(root.join(&name), change(&name, &text)).unwrap();
    }
}

fn is_generated(name: &str) -> bool {
    name.starts_with("src/generated/") || name.starts_with("src/") && name.ends_with("/mod.rs")
}

fn windows(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// As a formatter with other settings would have it.
fn reformatted(name: &str, text: &str) -> String {
    if is_generated(name) { text.replace("    ", "\t").replace("(Debug, ", "(\n\tDebug,\n\t") } else { text.to_owned() }
}

fn lock(plan: &Plan) -> &str {
    plan.steps.iter().find(|step| step.path == LOCK).and_then(|step| step.after.as_deref()).unwrap()
}

/// If this fails, a checkout with `core.autocrlf` is out of step from its first minute, every generated file in it is a
/// conflict, or a person's own file gets two kinds of line ends.
#[test]
fn line_ends_are_no_edit() {
    let app = app(SECOND);
    let root = app.path();
    let clean = lock(&plan(root, SECOND)).to_owned();
    rewrite(root, |_, text| windows(text));
    let unchanged = plan(root, &windows(SECOND));
    assert!(unchanged.is_in_step(), "{:?} {:?}", unchanged.problems, actions(&unchanged, Action::Update));
    assert_eq!(lock(&unchanged), clean);

    // Without the tests' dependencies, and without the module of the parsers, which the other manifest has.
    let cargo = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    fs::write(root.join("Cargo.toml"), cargo.split("[dev-dependencies]").next().unwrap()).unwrap();
    let changed = plan(root, &windows(FIRST));
    assert!(changed.is_clear(), "{:?} {:?}", changed.problems, actions(&changed, Action::Conflict));
    assert!(actions(&changed, Action::Remove).contains(&"src/controllers/depot/mod.rs"));
    apply(root, &changed, &|| false).unwrap();
    assert!(plan(root, &windows(FIRST)).is_in_step());
    for path in ["Cargo.toml", "src/lib.rs"] {
        assert!(actions(&changed, Action::Update).contains(&path), "{path}");
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    }
}

/// If this fails, `cargo fmt` in a repository with settings of its own makes conflicts of generated files, now or when the
/// manifest changes next; or the lock file is another one on each machine.
#[test]
fn formatting_is_no_edit() {
    let app = app(FIRST);
    let root = app.path();
    let clean = [FIRST, SECOND].map(|manifest| lock(&plan(root, manifest)).to_owned());
    rewrite(root, reformatted);
    let before = everything(root);
    let unchanged = plan(root, FIRST);
    assert!(unchanged.is_in_step(), "{:?}", actions(&unchanged, Action::Conflict));
    apply(root, &unchanged, &|| false).unwrap();
    assert_eq!(everything(root), before, "and stays as it was formatted");
    assert_eq!(lock(&unchanged), clean[0]);

    let changed = plan(root, SECOND);
    assert!(changed.is_clear(), "{:?}", actions(&changed, Action::Conflict));
    assert!(actions(&changed, Action::Update).contains(&"src/generated/messages.rs"));
    assert!(actions(&changed, Action::Remove).contains(&"src/controllers/money/mod.rs"));
    assert_eq!(lock(&changed), clean[1]);

    // Who asks for it gets each file as it is generated.
    let forced = plan_with(root, FIRST, Options { force: true, ..Options::default() });
    assert!(actions(&forced, Action::Update).contains(&"src/generated/messages.rs"));
}

/// If this fails, an edit hides behind a formatter, and is lost with the next change of the manifest.
#[test]
fn an_edit_of_a_formatted_file_is_a_conflict() {
    let app = app(FIRST);
    rewrite(app.path(), reformatted);
    let path = app.path().join("src/generated/messages.rs");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("pub id", "pub(crate) id")).unwrap();
    for manifest in [FIRST, SECOND] {
        assert_eq!(actions(&plan(app.path(), manifest), Action::Conflict), ["src/generated/messages.rs"]);
    }
}

/// If this fails, an app that an older karafka has generated is full of conflicts, or its lock file never changes.
#[test]
fn a_lock_file_without_shapes_is_brought_up_to_date() {
    let app = app(FIRST);
    let path = app.path().join(LOCK);
    let text = fs::read_to_string(&path).unwrap();
    let line = |line: &str| match line.split_once(" = [\"").filter(|_| line.contains(".rs")) {
        Some((file, hashes)) => format!("{file} = \"{}\"\n", hashes.split('"').next().unwrap()),
        None => format!("{line}\n"),
    };
    let old: String = text.lines().map(line).collect();
    assert!(old != text && !old.contains(".rs\" = ["), "{old}");
    fs::write(&path, old).unwrap();
    let again = plan(app.path(), FIRST);
    assert_eq!((actions(&again, Action::Update), lock(&again)), (vec![LOCK], text.as_str()));
    let changed = plan(app.path(), SECOND);
    assert!(changed.is_clear(), "{:?}", actions(&changed, Action::Conflict));
}

/// If this fails, a merge makes conflicts of files that nobody has edited: what either side has generated is generated.
#[test]
fn what_either_side_of_a_merge_has_generated_is_no_edit() {
    let (ours, theirs) = (app(FIRST), app(SECOND));
    let read = |app: &tempfile::TempDir, path: &str| fs::read_to_string(app.path().join(path)).unwrap();
    let both = format!("<<<<<<< HEAD\n{}=======\n{}>>>>>>> branch\n", read(&ours, LOCK), read(&theirs, LOCK));
    fs::write(ours.path().join(LOCK), windows(&both)).unwrap();
    for (name, app) in [("src/generated/messages.rs", &theirs), ("src/generated/topics.rs", &ours)] {
        fs::write(ours.path().join(name), reformatted(name, &read(app, name))).unwrap();
    }
    let third = SECOND.replace("total: decimal", "total: u64");
    for manifest in [FIRST, SECOND, &third] {
        let plan = plan_with(ours.path(), manifest, Options { accept_group_change: true, ..Options::default() });
        assert!(plan.is_clear(), "{:?} {:?}", plan.problems, actions(&plan, Action::Conflict));
    }
}

/// If this fails, a merge that nobody has settled is called a mistake of Cargo.toml or an edit, or modules of both sides
/// are declared in a library that cannot be read.
#[test]
fn an_unsettled_merge_is_called_what_it_is() {
    let app = app(FIRST);
    for (path, line) in [("Cargo.toml", "serde ="), ("src/lib.rs", "pub mod state")] {
        let before = fs::read_to_string(app.path().join(path)).unwrap();
        let marker = "<<<<<<< HEAD";
        let text = before.replacen(line, &format!("{marker}\n=======\n>>>>>>> branch\n{line}"), 1);
        for text in [windows(&text), text] {
            fs::write(app.path().join(path), &text).unwrap();
            let start = text.find(marker).unwrap();
            let span = crate::source::Span::new(start, start + marker.len());
            let problem = Problem::UnsettledMerge { path: path.to_owned(), span };
            for manifest in [FIRST, SECOND] {
                assert_eq!(plan(app.path(), manifest).problems, std::slice::from_ref(&problem), "{path}");
            }
        }
        fs::write(app.path().join(path), before).unwrap();
    }
}
