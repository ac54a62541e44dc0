//! What other tools do to an app's files: git's line ends, a formatter with somebody's settings, a merge.

use super::*;

fn texts(root: &Path) -> Vec<(std::path::PathBuf, String)> {
    everything(root)
        .into_iter()
        .map(|(name, (bytes, _))| (root.join(name), String::from_utf8(bytes).expect("text")))
        .collect()
}

/// If this fails, an app on a machine with `core.autocrlf` is out of step from its first minute.
#[test]
fn an_app_with_line_ends_of_windows_is_in_step_and_keeps_them() {
    let (_folder, root) = shop();
    for (path, text) in texts(&root) {
        fs::write(path, text.replace('\n', "\r\n")).unwrap();
    }
    let before = everything(&root);
    calls(&root, &["check"], 0);
    calls(&root, &["generate"], 0);
    assert_eq!(everything(&root), before);
    calls(&root, &["generate", "controller", "Videos::Details", "--parser", "Parsers::Videos"], 0);
    calls(&root, &["check"], 0);
    for path in ["karafka.yml", "src/lib.rs"] {
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
        assert_ne!(text.as_bytes(), before[path].0, "{path}");
    }
}

/// If this fails, `cargo fmt` in a repository with settings of its own makes `karafka check` fail for ever.
#[test]
fn an_app_that_others_format_is_in_step() {
    let (_folder, root) = shop();
    fs::write(root.join("rustfmt.toml"), "max_width = 60\nhard_tabs = true\nnewline_style = \"Windows\"\n").unwrap();
    let format = || {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024"]).arg(root.join("src/lib.rs"));
        assert!(rustfmt.status().expect("it runs").success());
    };
    let before = everything(&root);
    format();
    let formatted = everything(&root);
    assert_ne!(formatted, before);
    calls(&root, &["check"], 0);
    calls(&root, &["generate"], 0);
    assert_eq!(everything(&root), formatted);
    // And when the manifest changes, what was formatted is no edit either.
    replace(&root.join("karafka.yml"), "note?: string", "note?: string\n    gift: bool");
    calls(&root, &["generate"], 0);
    format();
    calls(&root, &["check"], 0);
}

/// If this fails, a person with a merge is told of mistakes in YAML, or to move an edit that nobody has made.
#[test]
fn a_merge_is_settled_step_by_step() {
    let (_folder, root) = shop();
    let manifest = root.join("karafka.yml");
    let conflict = |text: &str, line: &str| {
        text.replacen(line, &format!("<<<<<<< HEAD\n{line}=======\n{line}{line}>>>>>>> branch\n"), 1)
    };
    let clean = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, conflict(&clean, "    note?: string\n")).unwrap();
    let routes = root.join("src/generated/messages.rs");
    let text = fs::read_to_string(&routes).unwrap();
    fs::write(&routes, conflict(&text, "    pub customer: String,\n")).unwrap();
    let mut all = String::new();
    for command in [
        &["check"][..],
        &["check", "--output-format", "concise"],
        &["check", "--output-format", "json"],
        &["check", "--output-format", "github"],
        &["generate"],
        &["generate", "message", "Other", "id:uuid"],
        &["routes"],
    ] {
        let said = calls(&root, command, 1);
        assert_eq!(said.matches("merge-markers").count(), 1, "{said}");
        all.push_str(&format!("======== karafka {}\n{said}", command.join(" ")));
    }
    fs::write(&manifest, clean).unwrap();
    for command in [&["check"][..], &["check", "--output-format", "concise"], &["generate"]] {
        all.push_str(&format!(
            "======== karafka {}, with karafka.yml settled\n{}",
            command.join(" "),
            calls(&root, command, 1)
        ));
    }
    snapshot("merge", &all);
    calls(&root, &["generate", "--force"], 0);
    calls(&root, &["check"], 0);
    assert_eq!(fs::read_to_string(&routes).unwrap(), text);
}

/// If this fails, `--diff` shows a line that is removed and the same line added.
#[test]
fn a_difference_that_nobody_sees_is_spelled_out() {
    let (_folder, root) = shop();
    let path = root.join("src/generated/messages.rs");
    replace(&path, "The message `Order`.", "The\u{a0}message `Оrder`.");
    let mut all = String::new();
    for command in [
        &["check"][..],
        &["check", "--output-format", "concise"],
        &["check", "--output-format", "json"],
        &["check", "--output-format", "github"],
        &["generate", "--diff"],
    ] {
        all.push_str(&format!("======== karafka {}\n{}", command.join(" "), calls(&root, command, 1)));
    }
    snapshot("look_alike", &all);
}
