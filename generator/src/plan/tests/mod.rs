use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::LazyLock,
    time::SystemTime,
};

use super::{
    disk::{Disk, RealDisk},
    folder::Folder,
    *,
};
use crate::{
    compile,
    model::Model,
    render::{Dependency, Renderer},
    source::Source,
};

mod drift;
mod folder;
mod formatted;
mod full_disk;
mod hostile;
mod planner;
mod reading;
mod records;
mod renames;
mod tree;

/// Where the journals of these tests lie.
static STATE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn journals() -> Journals {
    let journals = Journals::new(Some(STATE.path().join("karafka")));
    journals.prepare(Path::new("/nowhere")).unwrap();
    journals
}

fn held(root: &Path) -> Result<Held, ApplyError> {
    Held::to_write(root, Holder::default()).ok_or(ApplyError::Busy)
}

fn look(root: &Path) -> Leftovers {
    Held::to_read(root).expect("nobody else holds it").look(&journals()).unwrap()
}

fn apply(root: &Path, plan: &Plan, interrupted: &dyn Fn() -> bool) -> Result<(), ApplyError> {
    held(root)?.apply(plan, &journals(), interrupted)
}

fn apply_on(disk: &dyn Disk, root: &Path, plan: &Plan, interrupted: &dyn Fn() -> bool) -> Result<(), ApplyError> {
    super::apply::apply_on(disk, &held(root)?, plan, &journals(), interrupted)
}

/// Takes back what was left half done; gives whether there was anything. Nothing of it may be left alone.
fn recover(root: &Path) -> Result<bool, ApplyError> {
    let recovered = held(root)?.recover(&journals())?;
    assert_eq!(recovered.iter().flat_map(|recovered| &recovered.left).count(), 0, "{recovered:?}");
    Ok(recovered.is_some())
}

const FIRST: &str = "
app: shop
messages:
  Order: { id: uuid }
topics:
  orders: { message: Order, controller: OrdersController }
  refunds: { group: money, controller: Money::RefundsController, parser: Parsers::Refunds }
";

/// Another message, a topic less (and with it a folder), a controller more.
const SECOND: &str = "
app: shop
messages:
  Order: { id: uuid, total: decimal }
topics:
  orders: { message: Order, controller: OrdersController }
  parcels: { controller: Depot::Inner::ParcelsController }
";

fn model(manifest: &str) -> Model {
    let compiled = compile(&Source::new("karafka.yml", manifest));
    compiled.model.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn plan_with(root: &Path, manifest: &str, options: Options) -> Plan {
    let model = model(manifest);
    let renderer = Renderer::new(&model, Dependency::Version("0.1".into()));
    let tree = Tree::read(root).unwrap();
    let before = fs::read_to_string(root.join("karafka.yml")).ok();
    let edit = Edit { path: "karafka.yml".into(), before, after: manifest.into() };
    Plan::new(&model, &renderer, &tree, vec![edit], options)
}

fn plan(root: &Path, manifest: &str) -> Plan {
    plan_with(root, manifest, Options::default())
}

/// An app of this manifest, in a folder of its own.
fn app(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), &plan(folder.path(), manifest), &|| false).unwrap();
    folder
}

/// Every file and folder below `root`: its bytes and its modification time.
fn everything(root: &Path) -> BTreeMap<String, Option<(Vec<u8>, SystemTime)>> {
    fn walk(root: &Path, at: &Path, out: &mut BTreeMap<String, Option<(Vec<u8>, SystemTime)>>) {
        for item in fs::read_dir(at).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                out.insert(name, None);
                walk(root, &path, out);
            } else {
                let changed = path.metadata().unwrap().modified().unwrap();
                out.insert(name, Some((fs::read(&path).unwrap(), changed)));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(root, root, &mut out);
    out
}

fn actions(plan: &Plan, action: Action) -> Vec<&str> {
    plan.steps.iter().filter(|step| step.action == action).map(|step| step.path.as_str()).collect()
}

/// Lets one change fail: by an error, or as if the process were killed there.
struct Faulty {
    left: Cell<usize>,
    kill: bool,
}

impl Disk for Faulty {
    fn before(&self, what: &str, path: &Path) -> io::Result<()> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None if self.kill => std::panic::resume_unwind(Box::new("killed")),
            None => Err(io::Error::other(format!("{what} {} fails", path.display()))),
        }
    }
}

/// If this fails, an app whose library declares every folder, as all once did, loses the module of one that is empty; or
/// an app has a folder with nothing in it.
#[test]
fn a_folder_without_a_part_is_there_only_if_the_library_declares_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let generate = |manifest: &str| apply(root, &plan_with(root, manifest, Options::default()), &|| false).unwrap();
    let is_there = |folder: &str| root.join(format!("src/{folder}/mod.rs")).exists();
    generate(SECOND);
    assert!(is_there("controllers") && !is_there("parsers") && !is_there("workers"));

    generate(FIRST);
    let library = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(library.contains("pub mod generated;\npub mod parsers;\npub mod state;\n"), "{library}");
    assert!(is_there("parsers") && !is_there("workers"));

    // As it was generated then; of a crate's own nothing is (`a_crate_keeps_the_folders_that_it_has`).
    fs::write(root.join("src/lib.rs"), library + "pub mod workers;\n").unwrap();
    fs::create_dir(root.join("src/workers")).unwrap();
    fs::write(root.join("src/workers/mod.rs"), format!("{}\n\n//! Workers.\n", crate::render::BANNER)).unwrap();
    let options = Options { force: true, ..Options::default() };
    apply(root, &plan_with(root, FIRST, options), &|| false).unwrap();
    generate(SECOND);
    assert!(is_there("parsers") && is_there("workers") && !is_there("interchangers"));
    assert!(plan_with(root, SECOND, Options::default()).is_in_step());
}

/// If this fails, `karafka generate` touches files for nothing, and everything is built again.
#[test]
fn generating_twice_changes_nothing_not_even_a_modification_time() {
    let app = app(FIRST);
    let before = everything(app.path());
    let again = plan(app.path(), FIRST);
    assert!(again.is_in_step(), "{again:?}");
    apply(app.path(), &again, &|| false).unwrap();
    assert_eq!(everything(app.path()), before);
}

/// If this fails, a full disk leaves an app half changed, and it no longer compiles.
#[test]
fn a_failure_at_any_step_leaves_the_tree_as_it_was() {
    let mut steps = 0;
    loop {
        let app = app(FIRST);
        let before = everything(app.path());
        let faulty = Faulty { left: Cell::new(steps), kill: false };
        let outcome = apply_on(&faulty, app.path(), &plan(app.path(), SECOND), &|| false);
        if outcome.is_ok() {
            break;
        }
        assert!(matches!(outcome, Err(ApplyError::Failed { .. })), "{outcome:?}");
        assert_eq!(everything(app.path()), before, "after {steps} steps");
        steps += 1;
    }
    assert!(steps > 20, "there were only {steps} steps, so little was tried");
}

/// If this fails, `kill -9` in the middle of a command leaves an app that no command can mend.
#[test]
fn a_command_that_was_killed_at_any_step_is_taken_back_by_the_next() {
    let mut steps = 0;
    loop {
        let app = app(FIRST);
        let before = everything(app.path());
        let plan = plan(app.path(), SECOND);
        let faulty = Faulty { left: Cell::new(steps), kill: true };
        let killed = catch_unwind(AssertUnwindSafe(|| apply_on(&faulty, app.path(), &plan, &|| false))).is_err();
        recover(app.path()).unwrap();
        if !killed {
            assert!(everything(app.path()) != before);
            break;
        }
        // A room without a journal is no trouble: it is ignored by git, and the next run uses it.
        let mut after = everything(app.path());
        after.remove(".karafka");
        assert_eq!(after, before, "after {steps} steps");
        apply(app.path(), &plan, &|| false).unwrap();
        assert!(super::tests::plan(app.path(), SECOND).is_in_step(), "after {steps} steps");
        steps += 1;
    }
    assert!(steps > 20, "there were only {steps} steps, so little was tried");
}

/// If this fails, Ctrl-C in the middle of a command leaves an app half changed.
#[test]
fn an_interrupt_at_any_step_leaves_the_tree_as_it_was() {
    for steps in 0_usize.. {
        let app = app(FIRST);
        let before = everything(app.path());
        let left = Cell::new(steps);
        let interrupted = || left.replace(left.get().saturating_sub(1)) == 0;
        match apply_on(&RealDisk, app.path(), &plan(app.path(), SECOND), &interrupted) {
            Ok(()) => {
                assert!(steps > 5, "there were only {steps} chances to interrupt");
                break;
            }
            Err(error) => assert!(matches!(error, ApplyError::Interrupted), "{error:?}"),
        }
        assert_eq!(everything(app.path()), before, "after {steps} steps");
    }
}

/// If this fails, a file that the disk cannot hold leaves half an app, and no command can mend it.
#[test]
fn a_file_that_cannot_be_made_is_taken_back() {
    let app = app(FIRST);
    let before = everything(app.path());
    let step = |path: String| Step { path, action: Action::Create, before: None, after: Some(String::new()) };
    let long = "x".repeat(300);
    for path in [format!("src/{long}.rs"), format!("src/{long}/a.rs"), "src/lib.rs/a.rs".to_owned()] {
        let mut plan = plan(app.path(), SECOND);
        plan.steps.push(step(path.clone()));
        let outcome = apply(app.path(), &plan, &|| false);
        assert!(matches!(outcome, Err(ApplyError::Failed { .. })), "{path}: {outcome:?}");
        assert_eq!(everything(app.path()), before, "{path}");

        // As a process leaves it that was killed: with every step in its journal.
        let faulty = Faulty { left: Cell::new(8), kill: true };
        catch_unwind(AssertUnwindSafe(|| apply_on(&faulty, app.path(), &plan, &|| false))).unwrap_err();
        assert!(recover(app.path()).unwrap());
        assert_eq!(everything(app.path()), before, "{path}");
    }
}

/// If this fails, a failed `karafka new` leaves a folder that the next one refuses.
#[test]
fn a_new_app_that_fails_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b/myapp");
    for steps in 0..12 {
        let faulty = Faulty { left: Cell::new(steps), kill: false };
        apply_on(&faulty, &root, &plan(&root, FIRST), &|| false).unwrap_err();
        assert_eq!(everything(folder.path()), BTreeMap::new(), "after {steps} steps");
    }
}

/// If this fails, somebody's file that appeared in the meantime is overwritten or removed.
#[test]
fn a_file_that_came_after_the_plan_is_not_touched() {
    let app = app(FIRST);
    let plan = plan(app.path(), SECOND);
    fs::create_dir_all(app.path().join("src/controllers/depot/inner")).unwrap();
    let path = app.path().join("src/controllers/depot/inner/parcels_controller.rs");
    fs::write(&path, "mine").unwrap();
    let before = everything(app.path());
    apply(app.path(), &plan, &|| false).unwrap_err();
    assert_eq!(everything(app.path()), before);
}

/// If this fails, two commands at once mix their files.
#[test]
fn two_commands_do_not_change_one_app_at_once() {
    let app = app(FIRST);
    let other = Folder::open(app.path()).unwrap();
    assert!(other.try_lock());
    let outcome = apply(app.path(), &plan(app.path(), SECOND), &|| false);
    assert!(matches!(outcome, Err(ApplyError::Busy)), "{outcome:?}");
}

/// If this fails, what somebody wrote into a generated file is lost, or lives on unseen.
#[test]
fn an_edited_generated_file_is_a_conflict_until_it_is_forced() {
    let app = app(FIRST);
    let path = app.path().join("src/generated/messages.rs");
    fs::write(&path, fs::read_to_string(&path).unwrap() + "// mine\n").unwrap();
    for manifest in [FIRST, SECOND] {
        let plan = plan(app.path(), manifest);
        assert_eq!(actions(&plan, Action::Conflict), ["src/generated/messages.rs"]);
        assert!(!plan.is_clear());
    }
    let forced = plan_with(app.path(), SECOND, Options { force: true, ..Options::default() });
    assert!(forced.is_clear() && actions(&forced, Action::Update).contains(&"src/generated/messages.rs"));
}

/// If this fails, code of a topic that is gone stays, or a person's file is deleted with it.
#[test]
fn generated_files_are_pruned_and_owned_ones_are_kept_and_not_compiled() {
    let app = app(FIRST);
    let second = plan(app.path(), SECOND);
    assert_eq!(actions(&second, Action::Remove), ["src/controllers/money/mod.rs"]);
    let kept =
        ["src/controllers/money/refunds_controller.rs", "src/parsers/refunds.rs", "tests/money_refunds_controller.rs"];
    assert_eq!(actions(&second, Action::Keep), kept);
    apply(app.path(), &second, &|| false).unwrap();
    let modules = fs::read_to_string(app.path().join("src/controllers/mod.rs")).unwrap();
    assert!(!modules.contains("money"), "{modules}");
    // As long as they are there, they are mentioned; once deleted, they are forgotten.
    let third = plan(app.path(), SECOND);
    assert!(third.is_in_step());
    assert_eq!(actions(&third, Action::Keep), kept);
    for path in kept {
        fs::remove_file(app.path().join(path)).unwrap();
    }
    let fourth = plan(app.path(), SECOND);
    assert_eq!(actions(&fourth, Action::Keep), [""; 0]);
    assert_eq!(actions(&fourth, Action::Update), [LOCK]);
}

/// If this fails, a person's helper file beside a controller is not part of the crate.
#[test]
fn a_file_beside_a_controller_becomes_a_module() {
    let app = app(FIRST);
    fs::write(app.path().join("src/controllers/money/rounding.rs"), "//! Rounds.\n").unwrap();
    let plan = plan(app.path(), FIRST);
    assert_eq!(actions(&plan, Action::Update), ["src/controllers/money/mod.rs", LOCK]);
    let module = plan.steps.iter().find(|step| step.path == "src/controllers/money/mod.rs").unwrap();
    assert!(module.after.as_ref().unwrap().contains("pub mod rounding;"));
}

/// If this fails, a test or a README that somebody deleted comes back with every command.
#[test]
fn optional_files_are_written_once() {
    let app = app(FIRST);
    for path in ["README.md", ".gitattributes", ".gitignore", "tests/orders_controller.rs"] {
        fs::remove_file(app.path().join(path)).unwrap();
    }
    assert!(plan(app.path(), FIRST).is_in_step());
    fs::remove_file(app.path().join("src/controllers/orders_controller.rs")).unwrap();
    assert_eq!(actions(&plan(app.path(), FIRST), Action::Create), ["src/controllers/orders_controller.rs"]);
}

/// If this fails, renaming a group (or the app) in the manifest silently reads topics again, or skips what is in them.
#[test]
fn a_consumer_moves_to_another_group_only_when_that_is_accepted() {
    let app = app(FIRST);
    let moved = FIRST.replace("group: money", "group: cash");
    let refused = plan(app.path(), &moved);
    assert_eq!(
        refused.problems,
        [Problem::GroupMoves { topic: "refunds".into(), from: "`money`".into(), to: "`cash`".into() }]
    );
    let accepted = plan_with(app.path(), &moved, Options { accept_group_change: true, ..Options::default() });
    assert!(accepted.is_clear());
    // The default group is the app's name.
    let renamed = plan(app.path(), &FIRST.replace("app: shop", "app: store"));
    assert!(matches!(renamed.problems[0], Problem::GroupMoves { .. }), "{renamed:?}");
    // One group more, or a topic less, moves nobody.
    let more = FIRST.replace(
        "orders: { message: Order, controller: OrdersController }",
        "orders: { message: Order, consumers: [{ controller: OrdersController }, { group: audit, controller: AuditController }] }",
    );
    assert_eq!(plan(app.path(), &more).problems, []);
    assert_eq!(plan(app.path(), SECOND).problems, []);
}

/// If this fails, a group gets another id in Kafka, and so other offsets, without anybody having said so; or giving it a key
/// or settings of its own is refused as if it did.
#[test]
fn a_group_moves_by_its_id_as_it_is_written() {
    let manifest = |groups: &str, group: &str| {
        format!("app: shop\n{groups}topics:\n  clicks: {{ group: {group}, controller: ClicksController }}\n")
    };
    let by_variable = manifest("", "\"${GROUP:-audit}\"");
    let with_id = "groups: { audit: { id: \"${GROUP:-audit}\", ordering: key } }\n";
    let moves = |from: &str, to: &str| Problem::GroupMoves {
        topic: "clicks".into(),
        from: format!("`{from}`"),
        to: format!("`{to}`"),
    };
    let audit = manifest("", "audit");
    for (before, after, wanted) in [
        // From a variable at the consumer to a key with settings, and on to another key.
        (&by_variable, manifest(with_id, "audit"), None),
        (&by_variable, manifest(&with_id.replace("audit:", "books:"), "books"), None),
        (&audit, manifest("groups: { audit: { id: audit } }\n", "audit"), None),
        (&audit, manifest("groups: { books: { id: audit } }\n", "books"), None),
        (&audit, manifest("groups: { audit: { kafka: { session.timeout.ms: 10000 } } }\n", "audit"), None),
        (&manifest("groups: { audit: { id: a-1 } }\n", "audit"), manifest("", "a-1"), None),
        // The app's own group keeps its id under another name of the app, and gets one.
        (&manifest("", "shop"), manifest("groups: { shop: { id: shop } }\n", "shop"), None),
        (
            &manifest("", "shop"),
            manifest("groups: { store: { id: shop } }\n", "store").replace("app: shop", "app: store"),
            None,
        ),
        (&audit, manifest("groups: { audit: { id: audit-v2 } }\n", "audit"), Some(moves("audit", "audit-v2"))),
        (&audit, manifest("", "books"), Some(moves("audit", "books"))),
        (&audit, manifest(with_id, "audit"), Some(moves("audit", "${GROUP:-audit}"))),
        (&by_variable, manifest("", "audit"), Some(moves("${GROUP:-audit}", "audit"))),
        (
            &manifest(with_id, "audit"),
            manifest("groups: { audit: { ordering: key } }\n", "audit"),
            Some(moves("${GROUP:-audit}", "audit")),
        ),
        (
            &manifest(with_id, "audit"),
            manifest(&with_id.replace(":-", ":-x-"), "audit"),
            Some(moves("${GROUP:-audit}", "${GROUP:-x-audit}")),
        ),
    ] {
        let app = app(before);
        let plan = plan(app.path(), &after);
        // An app that is renamed has its crate to rename, too.
        let moved: Vec<_> =
            plan.problems.into_iter().filter(|problem| !matches!(problem, Problem::OtherCrate { .. })).collect();
        assert_eq!(moved, wanted.into_iter().collect::<Vec<_>>(), "{before}{after}");
        let lock =
            plan.steps.iter().find(|step| step.path == LOCK).and_then(|step| step.after.clone()).unwrap_or_default();
        let id = compile(&Source::new("karafka.yml", after.as_str())).model.unwrap().groups[0].id.clone();
        assert!(lock.contains(&format!("\"clicks\" = [\"{id}\"]")), "{lock}");
    }
    assert!(moves("audit", "${GROUP:-audit}").is_the_same_by_default());
    assert!(!moves("audit", "${GROUP}").is_the_same_by_default());
    // Of a lock that knew no keys, names are ids.
    let old = Lock::parse("version = 1\n\n[groups]\n\"clicks\" = [\"${GROUP:-audit}\", \"shop\"]\n");
    assert_eq!(old.groups["clicks"], BTreeSet::from(["${GROUP:-audit}".to_owned(), "shop".to_owned()]));
}

/// If this fails, karafka writes outside of the app, through a link that somebody put there.
#[cfg(unix)]
#[test]
fn a_link_is_never_written_through() {
    let elsewhere = tempfile::tempdir().unwrap();
    let app = app(FIRST);
    fs::remove_dir_all(app.path().join("src/controllers")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), app.path().join("src/controllers")).unwrap();
    let plan = plan(app.path(), FIRST);
    assert!(plan.problems.contains(&Problem::Link("src/controllers".into())), "{:?}", plan.problems);

    let link = super::tests::app(FIRST);
    let path = link.path().join("src/generated/topics.rs");
    fs::rename(&path, elsewhere.path().join("topics.rs")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("topics.rs"), &path).unwrap();
    let problems = super::tests::plan(link.path(), FIRST).problems;
    assert_eq!(problems, [Problem::Link("src/generated/topics.rs".into())]);
}

/// If this fails, an app with something unexpected in a place of ours gets an error of the system, or a half-written tree.
#[test]
fn what_stands_in_the_way_is_named() {
    let check = |change: &dyn Fn(&Path), expected: Problem| {
        let app = app(FIRST);
        change(app.path());
        let problems = plan(app.path(), SECOND).problems;
        assert!(problems.contains(&expected), "{problems:?}");
    };
    check(
        &|root| fs::write(root.join("src/controllers/depot"), "").unwrap(),
        Problem::NotAFolder("src/controllers/depot".into()),
    );
    check(
        &|root| {
            fs::remove_file(root.join("src/generated/topics.rs")).unwrap();
            fs::create_dir(root.join("src/generated/topics.rs")).unwrap();
        },
        Problem::NotAFile("src/generated/topics.rs".into()),
    );
    check(
        &|root| fs::write(root.join("src/generated/topics.rs"), b"\xff").unwrap(),
        Problem::NotUtf8("src/generated/topics.rs".into()),
    );
    check(&|root| fs::write(root.join(LOCK), b"\xff").unwrap(), Problem::NotUtf8(LOCK.into()));
    check(
        &|root| {
            fs::remove_file(root.join(LOCK)).unwrap();
            fs::create_dir(root.join(LOCK)).unwrap();
        },
        Problem::NotAFile(LOCK.into()),
    );
    check(
        &|root| fs::write(root.join("src/controllers/depot.rs"), "").unwrap(),
        Problem::TwoModules { file: "src/controllers/depot.rs".into(), folder: "src/controllers/depot".into() },
    );
    let broken = app(FIRST);
    fs::write(broken.path().join("Cargo.toml"), "[package\n").unwrap();
    assert!(matches!(plan(broken.path(), SECOND).problems.as_slice(), [Problem::Cargo { span: Some(_), .. }]));
}

/// If this fails, a lock file that somebody changed makes karafka remove a file that is not its own.
#[test]
fn a_lock_file_cannot_name_a_file_elsewhere() {
    let app = app(FIRST);
    let outside = app.path().parent().unwrap().join("not-ours.rs");
    fs::write(&outside, "x").unwrap();
    let lock = app.path().join(LOCK);
    let text = fs::read_to_string(&lock).unwrap();
    let hash = lock::hash("x");
    fs::write(&lock, text.replace("[generated]", &format!("[generated]\n\"src/../../not-ours.rs\" = \"{hash}\"")))
        .unwrap();
    assert_eq!(actions(&plan(app.path(), FIRST), Action::Remove), [""; 0]);
    fs::remove_file(outside).unwrap();
}

/// If this fails, a file is said to have become one that has nothing to do with it.
#[test]
fn only_a_single_new_file_of_its_kind_is_what_another_became() {
    let step = |action, path: &str| Step { path: path.to_owned(), action, before: None, after: None };
    let (keep, create) = (Action::Keep, Action::Create);
    let old = "src/controllers/old.rs";
    for (others, new) in [
        (vec![(create, "src/controllers/a/new.rs"), (create, "tests/new.rs")], Some("src/controllers/a/new.rs")),
        (vec![(create, "src/controllers/mod.rs"), (create, "src/controllers/new.rs")], Some("src/controllers/new.rs")),
        (vec![(create, "src/parsers/new.rs")], None),
        (vec![(create, "src/controllers/new.rs"), (create, "src/controllers/newer.rs")], None),
        (vec![(create, "src/controllers/new.rs"), (keep, "src/controllers/older.rs")], None),
        (vec![(create, "src/generated/new.rs"), (create, "src/controllers/mod.rs")], None),
        (vec![], None),
    ] {
        let steps = [(keep, old)].into_iter().chain(others).map(|(action, path)| step(action, path)).collect();
        let plan = Plan { steps, ..Plan::default() };
        assert_eq!(plan.renamed_to(old), new, "{plan:?}");
    }
}
