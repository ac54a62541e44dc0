//! The command as a person calls it: a whole app in a folder of its own, and the real binary.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::SystemTime,
};

fn karafka(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karafka"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "KARAFKA_ENV", "KARAFKA_BROKERS", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// Exit status, standard output and standard error, as one text; paths of this machine made neutral.
fn said(output: &Output, folder: &Path) -> String {
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).expect("text").replace(&folder.display().to_string(), "[folder]")
    };
    let status = output.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    format!("exit {status}\n---- out\n{}---- err\n{}", text(&output.stdout), text(&output.stderr))
}

fn call(folder: &Path, arguments: &[&str]) -> String {
    said(&karafka(folder, arguments).output().expect("it runs"), folder)
}

/// Calls, and expects this exit status.
#[track_caller]
fn calls(folder: &Path, arguments: &[&str], status: i32) -> String {
    let said = call(folder, arguments);
    assert!(said.starts_with(&format!("exit {status}\n")), "{arguments:?}: {said}");
    said
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A new app in a folder of its own.
fn shop() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = folder();
    calls(folder.path(), &["new", "shop", "--karafka-version", "0.1.0"], 0);
    let root = folder.path().join("shop");
    (folder, root)
}

fn everything(root: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut out = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(at) = open.pop() {
        for item in fs::read_dir(at).expect("a folder") {
            let path = item.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").to_str().expect("text").to_owned();
                out.insert(
                    name,
                    (fs::read(&path).expect("a file"), path.metadata().expect("a file").modified().expect("a time")),
                );
            }
        }
    }
    out
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).expect("written");
}

/// If this fails, what a person reads when they ask for help has changed; read it as they would.
#[test]
fn help_teaches() {
    let folder = folder();
    let mut all = String::new();
    for command in [
        &["--help"][..],
        &["new", "--help"],
        &["generate", "--help"],
        &["generate", "controller", "--help"],
        &["generate", "message", "--help"],
        &["generate", "worker", "--help"],
        &["generate", "parser", "--help"],
        &["generate", "interchanger", "--help"],
        &["check", "--help"],
    ] {
        let output = karafka(folder.path(), command).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command:?}");
        all.push_str(&format!(
            "======== karafka {}\n{}\n",
            command.join(" "),
            String::from_utf8(output.stdout).unwrap()
        ));
    }
    snapshot("help", &all);
}

/// If this fails, the first thing that a person sees has changed.
#[test]
fn a_new_app_is_listed_in_step_and_made_once() {
    let folder = folder();
    snapshot("new", &call(folder.path(), &["new", "shop", "--karafka-version", "0.1.0"]));
    let root = folder.path().join("shop");
    let before = everything(&root);
    calls(&root, &["check"], 0);
    calls(&root, &["generate"], 0);
    calls(&root, &["g", "--verbose"], 0);
    assert_eq!(everything(&root), before);
    let again = calls(folder.path(), &["new", "shop"], 1);
    assert!(again.contains("`shop` is there already, and not empty"), "{again}");
    assert!(!root.join(".karafka").exists(), "the room of the journal is left behind");
}

/// If this fails, `new` makes an app in a place where it cannot live, or refuses a good one.
#[test]
fn new_takes_paths_and_refuses_what_cannot_be_an_app() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    calls(folder.path(), &["new", "a/b/billing", "-q"], 0);
    assert!(folder.path().join("a/b/billing/Cargo.toml").is_file());
    calls(folder.path(), &["new", "empty", "-q"], 0);
    // Inside of another app's folder: the app is a workspace of its own.
    calls(folder.path(), &["new", "a/b/billing/inner", "-q"], 0);
    let mut refusals = String::new();
    for name in ["file", "std", "karafka", "test", "1st", "Ümlaut", "loop", "a b", "..", ""] {
        let said = call(folder.path(), &["new", name]);
        assert!(said.starts_with("exit 1") || said.starts_with("exit 2"), "{name}: {said}");
        refusals.push_str(&format!("======== karafka new {name}\n{said}"));
    }
    snapshot("new_refusals", &refusals);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "a refused name left something behind");
}

/// If this fails, an app cannot be made from a manifest that another program writes.
#[test]
fn new_reads_the_manifest_from_standard_input() {
    let folder = folder();
    let mut command = karafka(folder.path(), &["new", "piped", "--manifest", "-", "-q"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"app: piped\ntopics:\n  a: { controller: AController }\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join("piped/src/controllers/a_controller.rs").is_file());
}

/// If this fails, a manifest with mistakes makes half an app.
#[test]
fn a_manifest_with_mistakes_makes_nothing() {
    let folder = folder();
    fs::write(folder.path().join("mine.yml"), "app: mine\ntopics:\n  a: { contoller: AController }\n").unwrap();
    snapshot("new_mistake", &call(folder.path(), &["new", "mine", "--manifest", "mine.yml"]));
    assert!(!folder.path().join("mine").exists());
}

/// If this fails, adding a part no longer changes manifest and crate together, or disturbs what stands in the manifest.
#[test]
fn parts_are_added_to_manifest_and_crate() {
    let (_folder, root) = shop();
    let before = fs::read_to_string(root.join("karafka.yml")).unwrap();
    let mut all = String::new();
    for arguments in [
        &["generate", "controller", "Videos::Details", "--topic", "video.details", "--emits", "order_confirmed"][..],
        &["generate", "message", "Video", "id:uuid", "tags:[string]:optional", "status:draft | published"],
        &["generate", "controller", "Videos", "--message", "Video", "--group", "on", "--worker", "Slow"],
        &["generate", "parser", "Parsers::Frames", "--topic", "video.details"],
        &["generate", "interchanger", "Interchangers::Frames", "--topic", "video.details"],
        &["generate", "worker", "Workers::Careful", "--topic", "video.details"],
        // Each of these says what is wrong, and changes nothing.
        &["generate", "controller", "Orders"],
        &["generate", "controller", "::Orders"],
        &["generate", "worker", "Slow"],
        &["generate", "message", "Order", "id:uuid"],
        &["generate", "message", "Parcel", "id"],
        &["generate", "message", "Parcel", "id:uid"],
        &["generate", "controller", "Parcels", "--emits", "order_confirmd"],
    ] {
        all.push_str(&format!("======== karafka {}\n{}", arguments.join(" "), call(&root, arguments)));
    }
    let after = fs::read_to_string(root.join("karafka.yml")).unwrap();
    all.push_str(&format!("======== karafka.yml\n{after}"));
    snapshot("parts", &all);
    for line in before.lines() {
        assert!(after.contains(line), "{line} is gone");
    }
    calls(&root, &["check"], 0);
}

/// If this fails, a dry run writes, or does not say what a real one would do.
#[test]
fn a_dry_run_shows_the_plan_and_does_nothing() {
    let (folder, root) = shop();
    replace(&root.join("karafka.yml"), "    total: decimal\n    note", "    total: f64\n    note");
    let before = everything(&root);
    snapshot("dry_run", &call(&root, &["generate", "--dry-run", "--diff"]));
    calls(&root, &["generate", "controller", "Videos::Details", "--dry-run"], 0);
    assert_eq!(everything(&root), before);
    calls(folder.path(), &["new", "other", "--dry-run"], 0);
    assert!(!folder.path().join("other").exists());
}

/// If this fails, `check` misses a difference, or does not say how to mend it.
#[test]
fn check_shows_each_difference_in_every_format() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "note?: string", "note?: string\n    gift: bool");
    fs::remove_file(root.join("src/generated/topics.rs")).unwrap();
    replace(&root.join("src/generated/workers.rs"), "pub struct", "pub  struct");
    let before = everything(&root);
    let mut all = String::new();
    for format in ["full", "concise", "json", "github"] {
        all.push_str(&format!("======== {format}\n{}", calls(&root, &["check", "--output-format", format], 1)));
    }
    snapshot("check_drift", &all);
    assert_eq!(everything(&root), before);
}

/// If this fails, mistakes in the manifest go to the wrong stream: `check`'s are its result, others are not.
#[test]
fn mistakes_are_the_result_of_check_only() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "controller:", "contoller:");
    let check = karafka(&root, &["check", "--output-format", "json"]).output().unwrap();
    assert_eq!((check.status.code(), check.stderr.as_slice()), (Some(1), &b""[..]));
    for line in String::from_utf8(check.stdout).unwrap().lines() {
        let found: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(found["kind"], "manifest");
    }
    let generate = karafka(&root, &["generate"]).output().unwrap();
    assert_eq!((generate.status.code(), generate.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8(generate.stderr).unwrap().contains("error[unknown-key]"));
}

/// If this fails, an editor cannot check a manifest that has no crate yet.
#[test]
fn a_manifest_alone_is_checked_alone() {
    let folder = folder();
    fs::write(folder.path().join("karafka.yml"), "app: a\ntopics:\n  b: { controller: BController }\n").unwrap();
    calls(folder.path(), &["check"], 0);
    // And its crate can be made beside it.
    calls(folder.path(), &["generate", "-q"], 0);
    assert!(folder.path().join("src/controllers/b_controller.rs").is_file());
    // From a folder below, too.
    calls(&folder.path().join("src/controllers"), &["check"], 0);
}

/// If this fails, a hand edit of a generated file is lost, or a conflict does not say what to do.
#[test]
fn an_edit_of_a_generated_file_is_a_conflict() {
    let (_folder, root) = shop();
    replace(&root.join("src/generated/topics.rs"), "The topic `orders`", "The topic of all topics");
    let before = everything(&root);
    snapshot("conflict", &call(&root, &["generate", "--diff"]));
    assert_eq!(everything(&root), before);
    calls(&root, &["generate", "--force"], 0);
    calls(&root, &["check"], 0);
}

/// If this fails, a group moves without anybody having said so.
#[test]
fn a_group_moves_only_when_accepted() {
    let (_folder, root) = shop();
    replace(
        &root.join("karafka.yml"),
        "    controller: OrdersController",
        "    group: other\n    controller: OrdersController",
    );
    let before = everything(&root);
    snapshot("group_change", &call(&root, &["generate"]));
    calls(&root, &["check"], 1);
    assert_eq!(everything(&root), before);
    calls(&root, &["generate", "--accept-group-change"], 0);
    calls(&root, &["check"], 0);
}

/// If this fails, renaming an app makes files that do not compile, and `check` calls them in step.
#[test]
fn an_app_is_renamed_in_its_cargo_toml_too() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "app: shop", "app: web-store");
    let before = everything(&root);
    for arguments in [&["check"][..], &["generate", "--accept-group-change"]] {
        let said = calls(&root, arguments, 1);
        let words = "by line 2 of `Cargo.toml`: write `name = \"web-store\"` there, and `web_store::` for `shop::`";
        assert!(said.contains("[cargo-toml]") && said.contains(words), "{said}");
    }
    assert_eq!(everything(&root), before);
    replace(&root.join("Cargo.toml"), "name = \"shop\"", "name = \"web-store\"");
    calls(&root, &["generate", "--accept-group-change"], 0);
    calls(&root, &["check"], 0);
}

/// If this fails, a topic that several groups consume has to be edited by hand, or the wrong consumer changes.
#[test]
fn parts_of_a_topic_with_several_consumers() {
    let (_folder, root) = shop();
    let manifest = root.join("karafka.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let list = "  clicks:\n    consumers:\n      - controller: Clicks::CountController\n";
    fs::write(&manifest, format!("{}\n{list}", text.trim_end())).unwrap();
    let add = ["generate", "controller", "Clicks::Audit", "--topic", "clicks", "--group", "audit", "-q"];
    calls(&root, &add, 0);
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clicks"], 2);
    assert!(
        said.contains("`--controller Clicks::AuditController` or `--controller Clicks::CountController`"),
        "{said}"
    );
    calls(&root, &["generate", "worker", "Slow", "--topic", "clicks", "--controller", "Clicks::Count", "-q"], 0);
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clicks", "--controller", "Other"], 2);
    assert!(said.contains("has no controller `OtherController`"), "{said}");
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clikcs"], 1);
    assert!(said.contains("has no topic `clikcs`"), "{said}");
    let after = fs::read_to_string(&manifest).unwrap();
    let consumers = "        worker: SlowWorker\n      - { group: audit, controller: Clicks::AuditController }\n";
    assert!(after.ends_with(&format!("{list}{consumers}")), "{after}");
    // A test of a topic that several groups consume says for which.
    let test = fs::read_to_string(root.join("tests/clicks_audit_controller.rs")).unwrap();
    assert!(test.contains("consume_in(\"audit\", \"clicks\""), "{test}");
}

/// If this fails, removed topics leave dead code, or take a person's file with them.
#[test]
fn what_is_no_longer_named_is_pruned_or_kept() {
    let (_folder, root) = shop();
    calls(&root, &["generate", "controller", "Videos::Details", "-q"], 0);
    replace(&root.join("karafka.yml"), "  videos_details:\n    controller: Videos::DetailsController\n", "");
    snapshot("pruned", &call(&root, &["generate"]));
    calls(&root, &["check"], 0);
}

/// If this fails, commands that are not there yet look like mistakes of the caller, or like success.
#[test]
fn commands_of_later_versions_say_so() {
    let folder = folder();
    for command in ["console", "c"] {
        let said = calls(folder.path(), &[command, "--topic", "orders"], 2);
        assert!(said.contains("is not supported yet") && said.contains("later version"), "{said}");
    }
    calls(folder.path(), &["no-such-command"], 2);
    calls(folder.path(), &["check", "--no-such-flag"], 2);
    calls(folder.path(), &["check"], 1);
    calls(folder.path(), &["check", "--app", "nowhere"], 2);
}

/// If this fails, `karafka … | head` ends with an error.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_not_an_error() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "note?: string", "note?: string\n    gift: bool");
    let mut child = karafka(&root, &["check"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

/// If this fails, `karafka routes | head -1` ends with an error.
#[cfg(unix)]
#[test]
fn a_reader_may_leave_after_the_first_line() {
    let (_folder, root) = shop();
    for command in ["routes", "flow", "info"] {
        let mut child = karafka(&root, &[command]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said), (Some(0), String::new()), "{command}");
    }
}

/// If this fails, Ctrl-C leaves half an app, or a script takes what was interrupted for done.
#[cfg(unix)]
#[test]
fn ctrl_c_at_any_moment_leaves_all_or_nothing() {
    use std::{os::unix::process::ExitStatusExt as _, thread, time::Duration};
    let folder = folder();
    let topics: String = (0..100).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
    fs::write(folder.path().join("many.yml"), format!("app: many\ntopics:\n{topics}")).unwrap();
    let root = folder.path().join("many");
    // Later and later, until it comes too late.
    for delay in std::iter::successors(Some(0), |delay| Some(delay + 2 + delay / 8)) {
        let mut child = karafka(folder.path(), &["new", "many", "--manifest", "many.yml", "-q"]);
        let mut child = child.stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        sent.unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            calls(&root, &["check"], 0);
            break;
        }
        // Before anything is written, the signal itself ends it, and shells call that 130 too.
        assert!(status.code() == Some(130) || status.signal() == Some(2), "{status:?} after {delay} ms");
        assert!(!root.exists(), "after {delay} ms: {:?}", everything(&root).keys());
    }
}

/// If this fails, Ctrl-C in the middle of `karafka generate` leaves an app half changed, or a script goes on with it.
#[cfg(unix)]
#[test]
fn ctrl_c_while_files_are_written_takes_all_of_them_back() {
    use std::{thread, time::Duration};
    let manifest = |topics: usize| {
        let topics: String = (0..topics).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
        format!("app: many\ntopics:\n{topics}")
    };
    // Now and then the signal comes too late; then the next app has its turn.
    let interrupted = (0..20).any(|_| {
        let folder = folder();
        let root = folder.path();
        fs::write(root.join("karafka.yml"), manifest(10)).unwrap();
        calls(root, &["generate", "-q"], 0);
        fs::write(root.join("karafka.yml"), manifest(500)).unwrap();
        let before = everything(root);
        let mut child = karafka(root, &["generate"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // It is there from before the first change until after the last.
        while !root.join(".karafka/journal").exists() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_micros(200));
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            return false;
        }
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "interrupted; nothing was changed\n");
        assert_eq!(everything(root), before);
        assert!(!root.join(".karafka").exists(), "the room of the journal is left behind");
        true
    });
    assert!(interrupted, "no signal came while files were written, so nothing was tried");
}

/// If this fails, a manifest that another command makes has to lie on the disk first.
#[test]
fn a_manifest_comes_from_standard_input() {
    use std::io::Write as _;
    let folder = folder();
    let new = |name: &str, text: &str| {
        let mut child = karafka(folder.path(), &["new", name, "--manifest", "-", "-q"]);
        let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let text = "app: piped # as it came\ntopics: { a: { controller: AController } }\n";
    assert_eq!(new("piped", text), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(folder.path().join("piped/karafka.yml")).unwrap(), text);
    let (code, said) = new("wrong", "app: [x\n");
    assert!(code == Some(1) && said.contains("<stdin>:1:6"), "{said}");
    assert!(!folder.path().join("wrong").exists());
}

/// If this fails, an editor or a workflow gets a plain error instead of the place that is not UTF-8.
#[test]
fn a_manifest_that_is_not_utf_8_is_shown_with_its_place() {
    let folder = folder();
    fs::write(folder.path().join("karafka.yml"), b"app: caf\xe9\n").unwrap();
    let place = "karafka.yml:1:9: error[bad-character]: the file is not UTF-8 here";
    for command in [&["check"][..], &["generate"], &["flow"], &["new", "mine", "--manifest", "karafka.yml"]] {
        let said = calls(folder.path(), &[command, &["--output-format", "concise"]].concat(), 1);
        assert!(said.contains(place), "{command:?}: {said}");
    }
    let said = calls(folder.path(), &["check", "--output-format", "github"], 1);
    assert!(said.contains("::error file=karafka.yml,line=1,col=9"), "{said}");
    let mut child = karafka(folder.path(), &["new", "piped", "--manifest", "-"]);
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"app: caf\xe9\n").unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("error[bad-character]") && said.contains("<stdin>:1:9"), "{said}");
}

/// If this fails, a field that is given twice is called something that a person should add by hand.
#[test]
fn a_field_that_is_given_twice_is_refused() {
    let (_folder, root) = shop();
    for twice in [["id:uuid", "id:uuid"], ["id:uuid", "id:string:optional"]] {
        let said = calls(&root, &["generate", "message", "Parcel", twice[0], twice[1]], 2);
        assert!(said.ends_with("error: the field `id` stands twice\n"), "{said}");
    }
}

/// If this fails, `--app` is taken by a command that makes an app elsewhere.
#[test]
fn new_does_not_take_the_folder_of_another_app() {
    let folder = folder();
    let said = calls(folder.path(), &["new", "shop", "--app", "elsewhere"], 2);
    assert!(said.contains("`--app` is for an app that is there"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// If this fails, a lock file that was deleted or merged is mended without a word, or not at all.
#[test]
fn a_lock_file_is_mended_by_generate() {
    let (_folder, root) = shop();
    let lock = root.join("karafka.lock");
    let right = fs::read_to_string(&lock).unwrap();
    fs::remove_file(&lock).unwrap();
    calls(&root, &["check"], 1);
    assert!(calls(&root, &["generate"], 0).contains("create  karafka.lock"));
    assert_eq!(fs::read_to_string(&lock).unwrap(), right);
    fs::write(&lock, format!("<<<<<<< ours\n{right}=======\n{right}>>>>>>> theirs\n")).unwrap();
    calls(&root, &["check"], 1);
    assert!(calls(&root, &["generate"], 0).contains("update  karafka.lock"));
    assert_eq!(fs::read_to_string(&lock).unwrap(), right);
}

/// If this fails, colour codes end up in files, or a terminal's owner cannot turn them on and off.
#[test]
fn colour_is_only_where_it_is_wanted() {
    let (_folder, root) = shop();
    let coloured = |arguments: &[&str]| call(&root, arguments).contains('\x1b');
    assert!(!coloured(&["generate", "--verbose"]));
    assert!(coloured(&["generate", "--verbose", "--color", "always"]));
    assert!(!coloured(&["generate", "--verbose", "--color", "never"]));
}

/// If this fails, `Cargo.toml` of an app names a runtime that is not there.
#[test]
fn the_app_depends_on_the_runtime_that_was_asked_for() {
    let folder = folder();
    let checkout = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap();
    let cargo = |name: &str, flags: &[&str]| {
        calls(folder.path(), &[&["new", name, "-q"], flags].concat(), 0);
        fs::read_to_string(folder.path().join(name).join("Cargo.toml")).unwrap()
    };
    let runtime = checkout.join("runtime");
    let by_path = format!("karafka = {{ path = \"{}\" }}", runtime.display());
    assert!(cargo("a", &[]).contains(&by_path));
    assert!(folder.path().join("a/Cargo.lock").is_file() && folder.path().join("a/.cargo/config.toml").is_file());
    assert!(cargo("b", &["--karafka-version", "1.2"]).contains("karafka = \"1.2\""));
    assert!(cargo("c", &["--karafka-git", "https://example.org/k"]).contains("git = \"https://example.org/k\""));
    assert!(cargo("d", &["--karafka-path", runtime.to_str().unwrap()]).contains(&by_path));
    assert!(!folder.path().join("d/Cargo.lock").exists());
    calls(folder.path(), &["new", "e", "--karafka-path", "nowhere"], 1);
    calls(folder.path(), &["new", "e", "--karafka-path", "x", "--karafka-git", "y"], 2);
}

/// If this fails, the examples show something else than what karafka makes today.
#[test]
fn the_examples_are_in_step() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for app in ["slide", "shop"] {
        calls(&examples.join(app), &["check"], 0);
    }
    let slide = fs::read_to_string(examples.join("slide/karafka.yml")).unwrap();
    assert_eq!(slide, include_str!("manifests/slide.yml"));
}

/// If this fails, `flow` hides where records go that cannot be handled, or an app whose Cargo.toml lacks a feature is
/// called right until it starts.
#[test]
fn dead_letters_show_and_missing_features_are_warned_of() {
    let (_folder, root) = shop();
    let manifest = root.join("karafka.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = format!(
        "{text}\ndefaults: {{ dead_letter: \"{{topic}}.dead\" }}\nkafka: {{ options: {{ sasl.mechanism: GSSAPI }} }}\n"
    );
    fs::write(&manifest, text).unwrap();
    call(&root, &["generate"]);
    let flow = call(&root, &["flow"]);
    assert!(flow.contains("✗ orders.dead") && flow.contains("dead letters of orders"), "{flow}");

    // A command that was built with the feature cannot tell.
    if !karafka::settings::compiled_in().iter().any(|part| part == "sasl_gssapi") {
        let checked = calls(&root, &["check"], 0);
        assert!(
            checked.contains("warning[missing-feature]") && checked.contains("features = [\"gssapi\"]"),
            "{checked}"
        );
        let with_feature = "karafka = { version = \"0.1.0\", features = [\"gssapi\"] }";
        replace(&root.join("Cargo.toml"), "karafka = \"0.1.0\"", with_feature);
        let checked = calls(&root, &["check"], 0);
        assert!(!checked.contains("missing-feature"), "{checked}");
    }
}
