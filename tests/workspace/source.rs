//! What sources may reach: read off their `use` lines, and off the paths that they name in full.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A folder of the workspace.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The Rust files below a folder of the workspace, those of tests left out; without comments.
pub(crate) fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let (mut folders, mut found) = (vec![folder(name)], Vec::new());
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
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path, lines.collect::<Vec<_>>().join("\n")));
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
    // Each behind its line's first words: `use`, `pub use`, `pub(crate) use`; also within a function.
    let is_use = |before: &str| {
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')')
    };
    for (place, word) in code.match_indices("use ") {
        if is_use(&code[..place]) {
            expand("", code[place + word.len()..].split(';').next().unwrap_or_default(), &mut found);
        }
    }
    found
}

/// Paths that are named in full where they are needed: `crate::a::b`, `super::a`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for first in ["crate::", "super::"] {
        for (place, _) in code.match_indices(first) {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            if !code[..place].ends_with(is_part) {
                found.push(code[place..].chars().take_while(|letter| is_part(*letter)).collect());
            }
        }
    }
    found
}

/// What the room of one file needs of another: which file, and by which path.
type Need = (String, String);

/// The rooms directly below a folder of a crate's sources, each with those that it needs.
#[derive(Debug, Default)]
struct Rooms(BTreeMap<String, BTreeMap<String, Need>>);

impl Rooms {
    /// `below` is the folder within the crate's sources, empty for the crate itself.
    fn read(krate: &str, below: &[&str]) -> Self {
        let root = folder(krate);
        let inner: Vec<String> = below.iter().map(|part| (*part).to_owned()).collect();
        let files = sources(&[&[krate], below].concat().join("/"));
        let module = |path: &Path| -> Vec<String> {
            let path = path.strip_prefix(&root).expect("below the crate").with_extension("");
            let parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
            parts.filter(|part| part != "mod").collect()
        };
        let is_root = |module: &[String]| module.len() <= below.len() || module == ["lib"] || module == ["main"];
        let rooms: BTreeSet<String> = files
            .iter()
            .map(|(path, _)| module(path))
            .filter(|module| !is_root(module))
            .map(|module| module[below.len()].clone())
            .collect();
        // What the folder's own module hands on: `crate::Record` is `crate::record::Record`.
        let handed_on: BTreeMap<String, String> = files
            .iter()
            .filter(|(path, _)| is_root(&module(path)))
            .flat_map(|(_, code)| imports(code))
            .filter_map(|import| {
                let parts: Vec<&str> = import.trim_start_matches("self::").split("::").collect();
                Some(((*parts.last()?).to_owned(), (*parts.first()?).to_owned()))
            })
            .filter(|(name, room)| name != room && rooms.contains(room))
            .collect();
        let mut found = Self::default();
        for (path, code) in &files {
            let module = module(path);
            if is_root(&module) {
                continue;
            }
            let room = &module[below.len()];
            for named in imports(code).into_iter().chain(paths(code)) {
                let mut parts: Vec<&str> = named.split("::").map(str::trim).collect();
                let mut whole = Vec::new();
                match parts.first() {
                    Some(&"crate") => drop(parts.remove(0)),
                    Some(&"super") => {
                        whole.clone_from(&module);
                        while parts.first() == Some(&"super") {
                            whole.pop();
                            parts.remove(0);
                        }
                    }
                    _ => continue,
                }
                whole.extend(parts.into_iter().map(str::to_owned));
                let Some(needed) = whole.strip_prefix(&*inner).and_then(|rest| rest.first()) else { continue };
                let needed = handed_on.get(needed).unwrap_or(needed);
                if rooms.contains(needed) && needed != room {
                    let file = path.strip_prefix(&root).expect("below the crate").display().to_string();
                    let needs = found.0.entry(room.clone()).or_default();
                    needs.entry(needed.clone()).or_insert((file, named));
                }
            }
        }
        found
    }

    /// Rooms that need each other, each with the need of the next one that closes the circle.
    fn circle(&self) -> Option<Vec<String>> {
        let mut well = BTreeSet::new();
        self.0.keys().find_map(|room| self.closes(room, &mut Vec::new(), &mut well))
    }

    fn closes<'a>(
        &'a self,
        room: &'a str,
        on_the_way: &mut Vec<&'a str>,
        well: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if well.contains(room) {
            return None;
        }
        if let Some(begin) = on_the_way.iter().position(|known| *known == room) {
            let circle = [&on_the_way[begin..], &[room]].concat();
            let need = |pair: &[&str]| {
                let (file, path) = &self.0[pair[0]][pair[1]];
                format!("{} needs {}: {path} in {file}", pair[0], pair[1])
            };
            return Some(circle.windows(2).map(need).collect());
        }
        on_the_way.push(room);
        let found = self.0.get(room).into_iter().flat_map(BTreeMap::keys);
        let found = found.into_iter().find_map(|needed| self.closes(needed, on_the_way, well));
        on_the_way.pop();
        well.insert(room);
        found
    }
}

/// If this fails, a room cannot be read, tested or built without one that cannot be without it.
#[test]
fn no_rooms_need_each_other() {
    for (krate, below) in [("runtime/src", &[][..]), ("runtime/src", &["engine"]), ("generator/src", &[])] {
        let rooms = Rooms::read(krate, below);
        assert!(rooms.0.len() > 5, "{krate}: {} rooms", rooms.0.len());
        let place = [&[krate], below].concat().join("/");
        let circle = rooms.circle().unwrap_or_default();
        assert!(circle.is_empty(), "{place}: rooms that need each other\n{}", circle.join("\n"));
    }
}

/// If this fails, the order of records, or what is committed, depends on a clock, a client or a runtime, and no test can replay
/// it.
#[test]
fn the_core_imports_itself_and_plain_data() {
    let plain = [
        "crate::Error",
        "crate::backoff::before_next",
        "crate::backoff::is_last",
        "crate::settings::Backoff",
        "crate::settings::WINDOW",
    ];
    let std = ["std::cmp::", "std::collections::", "std::fmt", "std::hash::", "std::ops::", "std::time::Duration"];
    let encodings = ["base64::Engine as _", "base64::engine::general_purpose::STANDARD_NO_PAD"];
    let mut files = sources("runtime/src/engine/core");
    assert!(files.len() >= 8, "{} files of the core", files.len());
    // What the core has of it is pure, and others have it too.
    files.extend(sources("runtime/src").into_iter().filter(|(path, _)| path.ends_with("src/backoff.rs")));
    for (path, code) in files {
        let depth = path.components().rev().position(|part| part.as_os_str() == "core").unwrap_or_default();
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
            assert!(!code.contains(reach), "{} reaches {reach}", path.display());
        }
    }
}

/// If this fails, a simulation that pauses the clock does not pause all of the engine: what it shows is not what happens.
#[test]
fn the_engine_reads_one_clock() {
    for (path, code) in sources("runtime/src/engine") {
        let reads = ["Instant::now", "SystemTime::now", "Utc::now", "Local::now", ".elapsed()"];
        let reads = reads.iter().map(|read| code.matches(read).count()).sum::<usize>();
        let is_clock = path.ends_with("engine/clock.rs");
        assert_eq!(reads, usize::from(is_clock), "{} reads a clock of its own", path.display());
    }
}

/// If this fails, the tests above see less than there is.
#[test]
fn imports_are_read_as_rust_does() {
    let code = "use std::{\n    a,\n    b::{c, d as _},\n};\npub(crate) use super::e;\nfn f() {\n    use g::h;\n    i.because use me\n}\npub use j;";
    assert_eq!(imports(code), ["std::a", "std::b::c", "std::b::d as _", "super::e", "g::h", "j"]);
    let code = "a: crate::b::C<super::super::d>, \"$crate::e\", mycrate::f, a::super::g, pub(super) h";
    assert_eq!(paths(code), ["crate::b::C", "crate::e", "super::super::d"]);
}

/// If this fails, a circle is not seen, or one is seen where there is none.
#[test]
fn circles_are_found() {
    let rooms = |needs: &[(&str, &str)]| {
        let mut rooms = Rooms::default();
        for (room, needed) in needs {
            let need = (format!("{room}.rs"), format!("crate::{needed}"));
            rooms.0.entry((*room).to_owned()).or_default().insert((*needed).to_owned(), need);
        }
        rooms.circle()
    };
    assert_eq!(rooms(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]), None, "two ways to one room");
    let circle = rooms(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]).expect("b, c, d");
    let named = ["b needs c: crate::c in b.rs", "c needs d: crate::d in c.rs", "d needs b: crate::b in d.rs"];
    assert_eq!(circle, named);
}

/// The public signatures of a file, each up to its body: functions, fields, aliases, and whole enums and traits.
fn public_signatures(code: &str) -> Vec<String> {
    let lines: Vec<_> = code.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let item = line.trim_start();
        let Some(rest) = item.strip_prefix("pub ") else { continue };
        // The fields of a tuple are private, and those of other structs have lines of their own.
        if ["use ", "mod ", "struct "].iter().any(|kind| rest.starts_with(kind)) && !rest.contains("(pub ") {
            continue;
        }
        let is_whole = ["enum ", "trait "].iter().any(|kind| rest.starts_with(kind));
        let indent = line.len() - item.len();
        let end = if is_whole { format!("{}}}", " ".repeat(indent)) } else { String::new() };
        let mut signature = String::new();
        for line in &lines[number..] {
            signature.push_str(line);
            signature.push('\n');
            let is_over = if is_whole { *line == end } else { line.trim_end().ends_with(['{', ';', ',', '}']) };
            // The arguments of a function may stand on lines of their own.
            let is_open = signature.matches('(').count() > signature.matches(')').count();
            if is_over && (is_whole || !is_open) {
                break;
            }
        }
        found.push(signature);
    }
    found
}

/// If this fails, an app breaks, or does not compile, when karafka goes to another version of a library that it uses within:
/// only the crates that `karafka` re-exports may be named where an app's author sees it.
#[test]
fn public_signatures_name_only_what_is_re_exported() {
    const WITHIN: [&str; 9] =
        ["rdkafka", "rdkafka_sys", "redis", "hyper", "hyper_util", "clap", "indexmap", "futures_util", "tracing"];
    let mut faults = Vec::new();
    let mut seen = 0;
    for (path, code) in sources("runtime/src") {
        let foreign = imports(&code).into_iter().filter_map(|import| {
            let (krate, _) = import.split_once("::")?;
            let name = import.rsplit([' ', ':']).next()?.to_owned();
            (WITHIN.contains(&krate) && name != "_" && name != "self").then_some((name, import.clone()))
        });
        let foreign: Vec<_> = foreign.collect();
        for signature in public_signatures(&code) {
            seen += 1;
            let words: Vec<_> = signature.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
            for (name, import) in &foreign {
                if words.contains(&name.as_str()) {
                    faults.push(format!("{}: `{import}` in `{}`", path.display(), signature.trim()));
                }
            }
            for krate in WITHIN {
                if signature.contains(&format!("{krate}::")) {
                    faults.push(format!("{}: `{krate}` in `{}`", path.display(), signature.trim()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "beside chrono, rust_decimal and uuid nothing is promised:\n{}", faults.join("\n"));
    assert!(seen > 300, "only {seen} public signatures were looked at");
    let named = ["pub fn f(x: u8) -> KafkaError {", "pub enum E {\n    A(KafkaError),\n}", "pub x: KafkaError,"];
    assert!(named.iter().all(|code| public_signatures(code)[0].contains("KafkaError")));
}
