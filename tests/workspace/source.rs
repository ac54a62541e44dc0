//! What the engine's sources may reach: read off their `use` lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The Rust files below a folder of the runtime, those of tests left out.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src").join(folder);
    let (mut folders, mut found) = (vec![root], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            if name.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("a source");
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    found.sort();
    found
}

/// What the `use` lines of a file name, each path whole: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn imports(code: &str) -> Vec<String> {
    fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
        let Some((path, group)) = tree.split_once('{') else {
            found.push(format!("{prefix}{}", tree.trim()));
            return;
        };
        let (prefix, group) = (format!("{prefix}{}", path.trim()), group.trim_end().trim_end_matches('}'));
        let (mut depth, mut begin) = (0, 0);
        for (place, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&prefix, group[begin..place].trim(), found);
                    begin = place + 1;
                }
                _ => {}
            }
        }
        if !group[begin..].trim().is_empty() {
            expand(&prefix, group[begin..].trim(), found);
        }
    }
    let mut found = Vec::new();
    for statement in code.split("\nuse ").skip(1).chain(code.split("\npub(crate) use ").skip(1)) {
        let tree = statement.split(';').next().unwrap_or_default();
        expand("", tree, &mut found);
    }
    found
}

/// If this fails, the order of records, or what is committed, depends on a clock, a client or a runtime, and no test can replay
/// it.
#[test]
fn the_core_imports_itself_and_plain_data() {
    let plain = ["crate::Error", "crate::settings::Backoff", "crate::settings::WINDOW"];
    let std = ["std::cmp::", "std::collections::", "std::fmt", "std::hash::", "std::ops::", "std::time::Duration"];
    let encodings = ["base64::Engine as _", "base64::engine::general_purpose::STANDARD_NO_PAD"];
    let files = sources("engine/core");
    assert!(files.len() >= 8, "{} files of the core", files.len());
    for (path, code) in files {
        let depth = path.components().rev().position(|part| part.as_os_str() == "core").expect("below core");
        for import in imports(&code) {
            let ups = import.split("super").count() - 1;
            let is_its_own = import.starts_with("super::") && ups <= depth || !import.contains("::") || {
                let first = import.split("::").next().unwrap_or_default();
                path.parent().is_some_and(|folder| folder.join(format!("{first}.rs")).exists())
            };
            let is_plain = plain.contains(&&*import) || encodings.contains(&&*import);
            let is_std = std.iter().any(|allowed| import.starts_with(allowed));
            assert!(is_its_own || is_plain || is_std, "{} imports {import}", path.display());
        }
        for reach in ["Instant", "SystemTime", "thread::", "tokio", "rdkafka", "std::env", "std::fs", "println!"] {
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            assert!(!code.contains(reach), "{} reaches {reach}", path.display());
        }
    }
}

/// If this fails, a simulation that pauses the clock does not pause all of the engine: what it shows is not what happens.
#[test]
fn the_engine_reads_one_clock() {
    for (path, code) in sources("engine") {
        let reads = code.matches("Instant::now()").count() + code.matches("SystemTime::now()").count();
        let is_clock = path.ends_with("engine/clock.rs");
        assert_eq!(reads, usize::from(is_clock), "{} reads a clock of its own", path.display());
    }
}

/// If this fails, the tests above see less than there is.
#[test]
fn imports_are_read_as_rust_does() {
    let code = "//! x\nuse std::{\n    a,\n    b::{c, d as _},\n};\npub(crate) use super::e;\n";
    assert_eq!(imports(code), ["std::a", "std::b::c", "std::b::d as _", "super::e"]);
}
