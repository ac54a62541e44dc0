//! Several commands on one app at once: each does all that it says, one after another.

use std::{process::Child, thread, time::Duration};

use super::*;

fn start(folder: &Path, arguments: &[&str]) -> Child {
    karafka(folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn end(child: Child, folder: &Path) -> String {
    said(&child.wait_with_output().expect("it ends"), folder)
}

fn small_app() -> tempfile::TempDir {
    let folder = folder();
    fs::write(folder.path().join("karafka.yml"), "app: small\ntopics:\n  first: { controller: FirstController }\n")
        .expect("written");
    calls(folder.path(), &["generate", "-q", "--karafka-version", "0.1.0"], 0);
    folder
}

fn controllers(root: &Path) -> Vec<usize> {
    let manifest = fs::read_to_string(root.join("karafka.yml")).expect("a manifest");
    (0..8).filter(|number| manifest.contains(&format!("controller: P{number}Controller"))).collect()
}

/// If this fails, of two people, or two scripts, that add to an app at once one loses what he added although his command
/// said that it was done; or the app is out of step afterwards; or a check meanwhile sees half of a change.
#[test]
fn commands_at_once_do_all_that_they_say() {
    for round in 0..60 {
        let folder = small_app();
        let root = folder.path();
        let adding: Vec<_> =
            (0..8).map(|number| start(root, &["generate", "controller", &format!("P{number}"), "-q"])).collect();
        let looking = ["check", "flow"].map(|command| start(root, &[command]));
        for child in adding.into_iter().chain(looking) {
            let said = end(child, root);
            assert!(said.starts_with("exit 0\n"), "round {round}: {said}");
        }
        assert_eq!(controllers(root), [0, 1, 2, 3, 4, 5, 6, 7], "round {round}");
        calls(root, &["check"], 0);
        assert!(!root.join(".karafka").exists(), "round {round}: what one has left was not tidied away");
    }
}

/// If this fails, a command that is killed takes what others add at the same time with it, or they wait for it for ever.
#[cfg(unix)]
#[test]
fn a_command_that_is_killed_stands_in_nobodys_way() {
    for round in 0..20 {
        let folder = small_app();
        let root = folder.path();
        let mut adding: Vec<_> =
            (0..8).map(|number| start(root, &["generate", "controller", &format!("P{number}"), "-q"])).collect();
        thread::sleep(Duration::from_millis(10 + 5 * round));
        let mut killed = adding.remove(0);
        killed.kill().expect("it is ours");
        killed.wait().expect("it has ended");
        for child in adding {
            let said = end(child, root);
            assert!(said.starts_with("exit 0\n"), "round {round}: {said}");
        }
        // All of it, or nothing, and nothing else.
        let there = controllers(root);
        assert!(there.ends_with(&[1, 2, 3, 4, 5, 6, 7]), "round {round}: {there:?}");
        calls(root, &["generate", "-q"], 0);
        calls(root, &["check"], 0);
    }
}

/// If this fails, two people who make one app at once get a mixture of both.
#[test]
fn only_one_command_makes_an_app() {
    for round in 0..10 {
        let folder = folder();
        let making: Vec<_> =
            (0..4).map(|_| start(folder.path(), &["new", "shop", "-q", "--karafka-version", "0.1.0"])).collect();
        let said: Vec<_> = making.into_iter().map(|child| end(child, folder.path())).collect();
        let made = said.iter().filter(|said| said.starts_with("exit 0\n")).count();
        assert_eq!(made, 1, "round {round}: {said:#?}");
        calls(&folder.path().join("shop"), &["check"], 0);
    }
}

/// If this fails, of two apps that are made in a workspace at once one is no member, and cargo refuses every command in it.
#[test]
fn apps_that_are_made_at_once_are_all_members() {
    for round in 0..10 {
        let folder = folder();
        fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").expect("written");
        let making: Vec<_> = (0..4)
            .map(|number| start(folder.path(), &["new", &format!("svc/a{number}"), "-q", "--karafka-version", "0.1.0"]))
            .collect();
        for child in making {
            let said = end(child, folder.path());
            assert!(said.starts_with("exit 0\n"), "round {round}: {said}");
        }
        let text = fs::read_to_string(folder.path().join("Cargo.toml")).expect("a file");
        assert!((0..4).all(|number| text.contains(&format!("\"svc/a{number}\""))), "round {round}: {text}");
    }
}

/// If this fails, a person whose command waits does not learn for whom, or waits for ever.
#[cfg(unix)]
#[test]
fn a_command_that_waits_says_for_whom() {
    let topics: String = (0..500).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
    // Now and then the signal comes too late; then the next app has its turn.
    let waited = (0..20).any(|_| {
        let folder = small_app();
        let root = folder.path();
        fs::write(root.join("karafka.yml"), format!("app: small\ntopics:\n{topics}")).expect("written");
        let mut holder = start(root, &["generate", "-q"]);
        let id = holder.id().to_string();
        let signal = |name: &str| Command::new("kill").args([name, &*id]).stderr(Stdio::null()).status().expect("kill");
        // Made when the journal is there, which says who writes, and gone when all is done.
        let writes = || {
            let room = fs::read_dir(root.join(".karafka")).into_iter().flatten().flatten();
            room.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("undo-"))
        };
        while !writes() && holder.try_wait().expect("it is ours").is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        signal("-STOP");
        if !writes() {
            signal("-CONT");
            assert!(end(holder, root).starts_with("exit 0\n"));
            return false;
        }
        let said = call(root, &["check"]);
        signal("-CONT");
        let named = format!("process {id} (`karafka generate`)");
        let words = format!(
            "     waiting  for {named}\nerror: {named} is changing `.`, and was not done after 15 s\n  \
             nothing was written; try again when it is done\n"
        );
        assert_eq!(said, format!("exit 1\n---- out\n---- err\n{words}"));
        assert!(end(holder, root).starts_with("exit 0\n"));
        true
    });
    assert!(waited, "no command was stopped while it wrote, so nothing was tried");
}
