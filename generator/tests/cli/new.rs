//! `karafka new`: what it makes, and where it refuses to.

use super::*;

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

/// If this fails, whoever only sends is told to run what does not run, or not told how to send; or a crate gets the state and
/// the advice that only consumers need.
#[test]
fn what_only_sends_is_told_how_to_send() {
    let folder = folder();
    fs::write(folder.path().join("mine.yml"), include_str!("../manifests/producer.yml")).unwrap();
    let made = ["new", "orders-api", "--manifest", "mine.yml", "--karafka-version", "0.1.0"];
    let mut said = call(folder.path(), &made);
    let root = folder.path().join("orders-api");
    for words in [["check"].as_slice(), &["flow"], &["routes"], &["server"], &["worker"]] {
        said.push_str(&format!("======== karafka {}\n{}", words.join(" "), call(&root, words)));
    }
    snapshot("new_producer", &said);
    let run = calls(folder.path(), &["new", "other", "--manifest", "mine.yml", "--run"], 2);
    assert!(run.contains("no topic has a `controller:`") && !folder.path().join("other").exists(), "{run}");

    let host = folder.path().join("host");
    fs::create_dir_all(host.join("src")).unwrap();
    fs::write(host.join("Cargo.toml"), "[package]\nname = \"orders-api\"\n").unwrap();
    fs::write(host.join("src/state.rs"), "").unwrap();
    fs::write(host.join("src/main.rs"), "mod state;\nfn main() {}\n").unwrap();
    let said = calls(&host, &["install", "--manifest", "../mine.yml", "--karafka-version", "0.1.0"], 0);
    assert!(said.contains("use orders_api::generated::{self, Settings, Topic, topics};"), "{said}");
    assert!(!said.contains("state"), "{said}");
    assert_eq!(fs::read_to_string(host.join("src/lib.rs")).unwrap().matches("pub mod").count(), 1);
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

/// If this fails, `--app` is taken by a command that makes an app elsewhere.
#[test]
fn new_does_not_take_the_folder_of_another_app() {
    let folder = folder();
    let said = calls(folder.path(), &["new", "shop", "--app", "elsewhere"], 2);
    assert!(said.contains("`--app` is for an app that is there"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
    // From the app's folder where both lie in one neighbourhood, else from the root.
    let is_by_path = |name: &str, text: &str| {
        let path = text.split_once("karafka = { path = \"").and_then(|(_, rest)| rest.split('"').next()).unwrap();
        fs::canonicalize(folder.path().join(name).join(path)).unwrap() == runtime
    };
    assert!(is_by_path("a", &cargo("a", &[])));
    assert!(folder.path().join("a/Cargo.lock").is_file() && folder.path().join("a/.cargo/config.toml").is_file());
    assert!(cargo("b", &["--karafka-version", "1.2"]).contains("karafka = \"1.2\""));
    assert!(cargo("c", &["--karafka-git", "https://example.org/k"]).contains("git = \"https://example.org/k\""));
    assert!(is_by_path("d", &cargo("d", &["--karafka-path", runtime.to_str().unwrap()])));
    assert!(!folder.path().join("d/Cargo.lock").exists());
    calls(folder.path(), &["new", "e", "--karafka-path", "nowhere"], 1);
    calls(folder.path(), &["new", "e", "--karafka-path", "x", "--karafka-git", "y"], 2);
}
