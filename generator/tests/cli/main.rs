//! The command as a person calls it: a whole app in a folder of its own, and the real binary.

mod book;
mod concurrent;
#[cfg(unix)]
mod interrupted;
mod new;
mod parts;
mod surroundings;
mod tools;

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
    command.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
    for name in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_BUILD_DIR",
        "CI",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "KARAFKA_ENV",
        "KARAFKA_BROKERS",
        "COLUMNS",
    ] {
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
    insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
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
        &["install", "--help"],
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
    replace(&root.join("src/generated/workers.rs"), "pub struct", "pub(crate) struct");
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

/// If this fails, the examples show something else than what karafka makes today.
#[test]
fn the_examples_are_in_step() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for app in ["slide", "shop"] {
        calls(&examples.join(app), &["check"], 0);
    }
    let slide = fs::read_to_string(examples.join("slide/karafka.yml")).unwrap();
    assert_eq!(slide, include_str!("../manifests/slide.yml"));
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

    let checked = calls(&root, &["check"], 0);
    assert!(checked.contains("warning[missing-feature]") && checked.contains("features = [\"gssapi\"]"), "{checked}");
    let with_feature = "karafka = { version = \"0.1.0\", features = [\"gssapi\"] }";
    replace(&root.join("Cargo.toml"), "karafka = \"0.1.0\"", with_feature);
    let checked = calls(&root, &["check"], 0);
    assert!(!checked.contains("missing-feature"), "{checked}");

    // TLS is there unless an app leaves it out.
    replace(&manifest, "sasl.mechanism: GSSAPI", "security.protocol: ssl");
    call(&root, &["generate"]);
    let checked = calls(&root, &["check"], 0);
    assert!(!checked.contains("missing-feature"), "{checked}");
    let without = "karafka = { version = \"0.1.0\", default-features = false }";
    replace(&root.join("Cargo.toml"), with_feature, without);
    // Without what consumes it is out of step as well.
    let checked = calls(&root, &["check"], 1);
    assert!(checked.contains("default-features = false, features = [\"consumer\"] }"), "{checked}");
    call(&root, &["generate"]);
    let checked = calls(&root, &["check"], 0);
    assert!(checked.contains("needs the feature `ssl`") && checked.contains("default-features = false"), "{checked}");
}
