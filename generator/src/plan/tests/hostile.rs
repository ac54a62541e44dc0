//! What a checkout may hold that nobody should obey, and a journal of this user's in a checkout that has changed since.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::{
    super::{
        apply::{done_folder, saved, staged, undo_folder},
        journal::{Entry as Change, Journal},
        paths::{Reach, reach},
    },
    *,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Every path below `root`, links not followed: what it is, what it holds, where it leads.
fn snapshot(root: &Path) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(at) = open.pop() {
        for item in fs::read_dir(at).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let found = path.symlink_metadata().unwrap();
            let what = if found.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if found.is_dir() {
                open.push(path);
                "folder".to_owned()
            } else {
                format!("file {:?}", fs::read_to_string(&path).unwrap())
            };
            out.insert(name, what);
        }
    }
    out
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A journal of this user's for the app at `root`, as a killed command leaves it.
fn keep(root: &Path, entries: Vec<Change>) {
    let journal =
        Journal { root: root.display().to_string(), token: TOKEN.to_owned(), holder: Holder::default(), entries };
    assert!(journals().keep(root, &journal).unwrap());
}

fn save(path: &str, number: usize, before: &str, after: Option<&str>) -> Change {
    Change::Save { path: path.into(), number, before: lock::hash(before), after: after.map(lock::hash) }
}

fn create(path: &str, number: usize, after: &str) -> Change {
    Change::Create { path: path.into(), number, after: lock::hash(after) }
}

/// If this fails, a clone is enough to make karafka write a hook of git, or to overwrite and delete files elsewhere.
#[test]
fn nothing_in_the_app_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("app"), folder.path().join("outside"));
    write(&outside, "target", "mine");
    let legacy = "karafka journal 1\nsave 0 .git/hooks/pre-commit\ncreate src/main.rs\nfolder src\nend\n";
    write(&root, ".karafka/journal", legacy);
    write(&root, ".karafka/undo/0", "#!/bin/sh\n");
    write(&root, ".git/config", "");
    write(&root, "src/main.rs", "fn main() {}");
    let copy = Journal {
        root: root.display().to_string(),
        token: TOKEN.to_owned(),
        holder: Holder::default(),
        entries: vec![create("src/main.rs", 0, "fn main() {}"), save("a\n\x1b[31m\".rs", 1, "", None)],
    };
    write(&root, &format!("{}/journal.json", undo_folder(TOKEN)), &copy.text().unwrap());
    write(&root, &format!("{}/1", undo_folder(TOKEN)), "");
    let before = snapshot(folder.path());

    let found = look(&root);
    assert_eq!(found.interrupted, None);
    let unknown: Vec<_> = found.unknown.iter().map(|one| (one.at.as_str(), one.paths.join(" "))).collect();
    assert_eq!(
        unknown,
        [
            (".karafka/journal", ".git/hooks/pre-commit src/main.rs src".to_owned()),
            (".karafka/undo", String::new()),
            (undo_folder(TOKEN).as_str(), r#"src/main.rs a\n\u{1b}[31m\".rs"#.to_owned()),
        ]
    );
    assert_eq!(held(&root).unwrap().recover(&journals()).unwrap(), None);
    assert_eq!(snapshot(folder.path()), before);
    // And it stands in nobody's way.
    fs::remove_file(root.join("src/main.rs")).unwrap();
    apply(&root, &plan(&root, FIRST), &|| false).unwrap();
    assert!(plan(&root, FIRST).is_in_step());
    assert_eq!(fs::read_to_string(root.join(".karafka/journal")).unwrap(), legacy);
    assert!(!root.join(".git/hooks").exists());
}

/// If this fails, a journal of a checkout that is gone deletes files of the next one in its place.
#[test]
fn a_journal_of_another_checkout_is_forgotten() {
    let app = app(FIRST);
    let text = fs::read_to_string(app.path().join("src/main.rs")).unwrap();
    keep(app.path(), vec![create("src/main.rs", 0, &text)]);
    let before = everything(app.path());
    assert_eq!(look(app.path()), Leftovers::default());
    assert!(!recover(app.path()).unwrap());
    assert_eq!(everything(app.path()), before);
    assert_eq!(journals().find(app.path()).unwrap(), None);
}

/// If this fails, what another command is doing right now is called interrupted, or taken back under its hands.
#[test]
fn a_run_at_work_is_neither_interrupted_nor_taken_back() {
    let app = app(FIRST);
    keep(app.path(), vec![create("src/main.rs", 0, "")]);
    write(app.path(), &format!("{}/0.new", undo_folder(TOKEN)), "");
    let other = Folder::open(app.path()).unwrap();
    assert!(other.try_lock());
    let before = everything(app.path());
    assert!(Held::to_read(app.path()).is_none() && held(app.path()).is_err());
    drop(other);
    assert_eq!(everything(app.path()), before);
    assert_eq!(look(app.path()).interrupted, Some(vec!["src/main.rs".to_owned()]));
}

/// If this fails, a command that was killed when all was done is taken back, or leaves its litter for ever.
#[test]
fn what_was_done_stays_done() {
    let app = app(FIRST);
    let before = everything(app.path());
    let text = fs::read_to_string(app.path().join("src/main.rs")).unwrap();
    keep(app.path(), vec![create("src/main.rs", 0, &text)]);
    write(app.path(), &format!("{}/0", done_folder(TOKEN)), "old");
    assert_eq!(look(app.path()), Leftovers::default());
    assert!(!recover(app.path()).unwrap());
    assert_eq!(everything(app.path()), before);
    assert_eq!(journals().find(app.path()).unwrap(), None);
}

/// If this fails, what somebody wrote after a command was killed is thrown away when the next one takes it back.
#[test]
fn what_was_changed_since_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let undo = undo_folder(TOKEN);
    write(root, &saved(&undo, 0), "old");
    write(root, &saved(&undo, 1), "tampered with");
    write(root, &saved(&undo, 2), "removed");
    write(root, &saved(&undo, 4), "old");
    write(root, &staged(&undo, 5), "whole text");
    write(root, "src/edited.rs", "edited since");
    write(root, "src/tampered.rs", "new");
    write(root, "src/made.rs", "edited since");
    write(root, "src/half.rs", "whole");
    fs::create_dir(root.join("src/folder.rs")).unwrap();
    keep(
        root,
        vec![
            save("src/edited.rs", 0, "old", Some("new")),
            save("src/tampered.rs", 1, "old", Some("new")),
            save("src/gone/removed.rs", 2, "removed", None),
            create("src/made.rs", 3, "new"),
            save("src/folder.rs", 4, "old", Some("new")),
            create("src/half.rs", 5, "whole text"),
        ],
    );
    let recovered = held(root).unwrap().recover(&journals()).unwrap().unwrap();
    let kept = |number| Some(format!(".karafka/kept-{TOKEN}/{number}"));
    let left: Vec<_> = recovered.left.into_iter().map(|left| (left.path, left.saved)).collect();
    assert_eq!(
        left,
        [
            ("src/folder.rs".to_owned(), kept(4)),
            ("src/made.rs".to_owned(), None),
            ("src/tampered.rs".to_owned(), kept(1)),
            ("src/edited.rs".to_owned(), kept(0)),
        ]
    );
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    assert_eq!(read("src/edited.rs").as_deref(), Some("edited since"));
    assert_eq!(read("src/tampered.rs").as_deref(), Some("new"));
    assert_eq!(read("src/gone/removed.rs").as_deref(), Some("removed"));
    assert_eq!(read("src/made.rs").as_deref(), Some("edited since"));
    assert_eq!(read("src/half.rs"), None);
    assert_eq!(read(&kept(0).unwrap()).as_deref(), Some("old"));
    // It has been told once, and is in nobody's way.
    assert_eq!(look(root), Leftovers::default());
}

/// If this fails, a link that came with a branch, after a command was killed, leads its recovery out of the app.
#[test]
fn taking_back_goes_through_no_link() {
    for link in [".karafka", "src", "src/inner", "src/inner/a.rs"] {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("app"), folder.path().join("outside"));
        let undo = undo_folder(TOKEN);
        for (path, text) in [(saved(&undo, 0), "old"), (saved(&undo, 2), "gone"), ("src/inner/a.rs".to_owned(), "new")]
            .iter()
            .chain(&[("src/inner/b.rs".to_owned(), "made")])
        {
            write(&root, path, text);
        }
        keep(
            &root,
            vec![
                Change::Folder { path: "src/inner".into() },
                save("src/inner/a.rs", 0, "old", Some("new")),
                create("src/inner/b.rs", 1, "made"),
                save("src/inner/c.rs", 2, "gone", None),
            ],
        );
        fs::rename(root.join(link), &outside).unwrap();
        symlink(&outside, root.join(link)).unwrap();
        let before = fs::symlink_metadata(&outside).unwrap().is_dir().then(|| snapshot(&outside));
        let text = fs::read(&outside).ok();
        held(&root).unwrap().recover(&journals()).unwrap();
        assert_eq!(fs::symlink_metadata(&outside).unwrap().is_dir().then(|| snapshot(&outside)), before, "{link}");
        assert_eq!(fs::read(&outside).ok(), text, "{link}");
        assert!(root.join(link).is_symlink(), "{link}");
    }
}

/// If this fails, a command follows a link that was put into the app after it had looked, and changes files elsewhere.
#[test]
fn a_link_that_comes_after_the_plan_is_not_followed() {
    for link in [".karafka", "src", "src/controllers", "src/generated", "src/generated/messages.rs", "karafka.yml"] {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("app"), folder.path().join("outside"));
        apply(&root, &plan(&root, FIRST), &|| false).unwrap();
        let plan = plan(&root, SECOND);
        assert!(plan.is_clear());
        if link == ".karafka" {
            fs::create_dir(&outside).unwrap();
        } else {
            fs::rename(root.join(link), &outside).unwrap();
        }
        symlink(&outside, root.join(link)).unwrap();
        let before = snapshot(folder.path());
        let outcome = apply(&root, &plan, &|| false);
        assert!(matches!(outcome, Err(ApplyError::Failed { .. })), "{link}: {outcome:?}");
        assert_eq!(snapshot(folder.path()), before, "{link}");
    }
}

/// Saves an edit at the moment at which karafka is about to save the file's old text.
struct Editor<'e> {
    root: &'e Path,
}

impl Disk for Editor<'_> {
    fn before(&self, what: &str, path: &Path) -> io::Result<()> {
        if what == "save" && path.ends_with("messages.rs") {
            // As editors do: a new file in the place of the old one.
            fs::write(self.root.join("draft"), "edited")?;
            fs::rename(self.root.join("draft"), self.root.join(path))?;
        }
        Ok(())
    }
}

/// If this fails, an edit that is saved while karafka works is overwritten.
#[test]
fn an_edit_in_the_middle_is_kept() {
    let app = app(FIRST);
    let mut before = everything(app.path());
    let outcome = apply_on(&Editor { root: app.path() }, app.path(), &plan(app.path(), SECOND), &|| false);
    assert!(matches!(outcome, Err(ApplyError::Failed { .. })), "{outcome:?}");
    let mut after = everything(app.path());
    let edited =
        |files: &mut BTreeMap<_, Option<(Vec<u8>, _)>>| files.remove("src/generated/messages.rs").unwrap().unwrap().0;
    assert_eq!(edited(&mut after), b"edited");
    assert_ne!(edited(&mut before), b"edited");
    assert_eq!(after, before);
}

/// If this fails, a step that a checkout has smuggled into a plan reaches a hook, a setting of cargo or a file elsewhere.
#[test]
fn a_plan_never_changes_what_no_plan_may() {
    let app = app(FIRST);
    let before = everything(app.path());
    for path in
        [".git/hooks/pre-commit", "../out.rs", ".cargo/credentials.toml", "src/.git/a.rs", "/tmp/a.rs", "Makefile"]
    {
        let mut plan = plan(app.path(), SECOND);
        plan.steps.push(Step { path: path.into(), action: Action::Create, before: None, after: Some("x".into()) });
        let outcome = apply(app.path(), &plan, &|| false);
        assert!(matches!(outcome, Err(ApplyError::Failed { .. })), "{path}: {outcome:?}");
        assert_eq!(everything(app.path()), before, "{path}");
    }
}

/// If this fails, journals lie where others can write them, or where a checkout brings them.
#[test]
fn journals_lie_only_where_nobody_else_writes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    let state = |path: &Path| Journals::new(Some(path.to_owned()));
    fs::create_dir(&root).unwrap();
    let good = folder.path().join("state/karafka");
    state(&good).prepare(&root).unwrap();
    assert_eq!(fs::metadata(&good).unwrap().permissions().mode() & 0o777, 0o700);

    assert!(matches!(Journals::new(None).prepare(&root), Err(NoJournals::Nowhere)));
    assert!(matches!(state(&root.join("state")).prepare(&root), Err(NoJournals::Inside(_))));
    assert!(matches!(state(Path::new("/proc/karafka")).prepare(&root), Err(NoJournals::Failed { .. })));
    for mode in [0o755, 0o770, 0o701] {
        fs::set_permissions(&good, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(state(&good).prepare(&root), Err(NoJournals::Shared(_))), "{mode:o}");
    }
    // What lies there is not obeyed either; and a plan is applied all the same.
    let undo = undo_folder(TOKEN);
    write(&root, &saved(&undo, 0), "hostile");
    let entries = vec![save("src/main.rs", 0, "hostile", None)];
    let journal = Journal { root: String::new(), token: TOKEN.to_owned(), holder: Holder::default(), entries };
    fs::set_permissions(&good, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(state(&good).keep(&root, &journal).unwrap());
    fs::set_permissions(&good, fs::Permissions::from_mode(0o777)).unwrap();
    for journals in [state(&good), Journals::new(None)] {
        assert_eq!(held(&root).unwrap().recover(&journals).unwrap(), None);
        assert!(!root.join("src/main.rs").exists());
    }
    let nowhere = Journals::new(None);
    held(&root).unwrap().apply(&plan(&root, FIRST), &nowhere, &|| false).unwrap();
    assert!(plan(&root, FIRST).is_in_step());
}

/// If this fails, a run without a journal that fails or is interrupted leaves an app half changed.
#[test]
fn without_a_journal_a_failure_is_taken_back_too() {
    for steps in 0.. {
        let app = app(FIRST);
        let before = everything(app.path());
        let faulty = Faulty { left: Cell::new(steps), kill: false };
        let plan = plan(app.path(), SECOND);
        let outcome =
            super::super::apply::apply_on(&faulty, &held(app.path()).unwrap(), &plan, &Journals::new(None), &|| false);
        if outcome.is_ok() {
            assert!(steps > 20, "there were only {steps} steps, so little was tried");
            break;
        }
        assert_eq!(everything(app.path()), before, "after {steps} steps");
    }
}

/// Paths that a journal could be made to name.
fn any_path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "src",
        "tests",
        ".git",
        ".cargo",
        ".karafka",
        "hooks",
        "..",
        ".",
        "",
        "a.rs",
        "b.rs",
        "inner",
        "link",
        "karafka.yml",
        "karafka.lock",
        "Cargo.toml",
        "Cargo.lock",
        "config.toml",
        "README.md",
        "outside",
        "pre-commit",
    ]);
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn any_entry() -> impl Strategy<Value = Change> {
    let text = || prop::sample::select(vec!["one", "two", "three"]);
    prop_oneof![
        any_path().prop_map(|path| Change::Folder { path }),
        (any_path(), 0..4_usize, text()).prop_map(|(path, number, after)| create(&path, number, after)),
        (any_path(), 0..4_usize, text(), prop::option::of(text()))
            .prop_map(|(path, number, before, after)| save(&path, number, before, after)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// If this fails, there is a journal, and a checkout, with which taking back writes or removes what no plan could have
    /// written.
    #[test]
    fn taking_back_reaches_only_what_a_plan_reaches(
        entries in prop::collection::vec(any_entry(), 1..8),
        files in prop::collection::vec((any_path(), prop::sample::select(vec!["one", "two", "three"])), 0..12),
        links in prop::collection::vec(any_path(), 0..3),
        kept in prop::collection::vec(prop::sample::select(vec!["one", "two", "three"]), 4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("app"), folder.path().join("outside"));
        write(&outside, "a.rs", "one");
        write(&outside, "inner/a.rs", "two");
        write(&root, ".git/hooks/pre-commit", "one");
        let inside = |path: &str| !path.split('/').any(|part| matches!(part, "" | "." | ".." | ".karafka"));
        for link in links.iter().filter(|path| inside(path)) {
            if let Some(above) = root.join(link).parent() && fs::create_dir_all(above).is_ok() {
                let _ = symlink(&outside, root.join(link));
            }
        }
        for (path, text) in files.iter().filter(|(path, _)| inside(path)) {
            let path = root.join(path);
            // Never through a link: what is outside stays what the test has put there.
            let is_below = path.parent().is_some_and(|above| {
                let there = above.ancestors().find(|at| at.exists()).unwrap();
                fs::canonicalize(there).unwrap().starts_with(fs::canonicalize(&root).unwrap())
            });
            if is_below && !path.is_symlink() && fs::create_dir_all(path.parent().unwrap()).is_ok() {
                let _ = fs::write(path, text);
            }
        }
        for (number, text) in kept.iter().enumerate() {
            write(&root, &saved(&undo_folder(TOKEN), number), text);
        }
        keep(&root, entries);
        let before = snapshot(folder.path());
        held(&root).unwrap().recover(&journals()).unwrap();
        let after = snapshot(folder.path());

        let reached = |name: &str| {
            let Some(path) = name.strip_prefix("app/") else { return false };
            path.starts_with(".karafka") || reach(path) != Reach::Nothing
        };
        for name in before.keys().chain(after.keys()) {
            let (was, is) = (before.get(name), after.get(name));
            let is_folder = was.or(is).is_some_and(|what| what == "folder")
                && name.strip_prefix("app/").is_some_and(super::super::paths::may_make_folder);
            prop_assert!(was == is || reached(name) || is_folder, "{name}: {was:?} became {is:?}");
            // Nothing is lost: a file that is gone was what a run had made, and one that is new was saved.
            if let (Some(was), None) = (was, is) && !name.starts_with("app/.karafka") && was.starts_with("link") {
                prop_assert!(false, "{name} was a link and is gone");
            }
        }
        prop_assert_eq!(journals().find(&root).unwrap(), None);
    }
}
