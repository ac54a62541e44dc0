//! A reader that goes away, and Ctrl-C: neither leaves half of anything.

use super::*;

/// If this fails, `karafka … | head` ends with an error.
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
        while !root.join(".karafka").exists() {
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
