//! Checkouts that somebody has made to do harm: the real command in each of them, bounded in time, and everything around
//! it looked at before and afterwards.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{Mode, OFlags};

/// Longer than any command takes on a busy machine, and shorter than for ever.
const BOUND: Duration = Duration::from_secs(60);

/// No command needs more address space, in KiB: what reads a device without end comes to it at once.
const MEMORY: u32 = 4 << 20;

/// A folder with an app, a folder beside it that nobody may touch, and a state folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        let (status, said) =
            place.call_in(place.folder.path(), &["new", "--vcs", "none", "app", "--karafka-version", "0.1.0"]);
        assert_eq!(status, Some(0), "{said}");
        place.write("outside/victim", "mine");
        place
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    fn command(&self, folder: &Path, words: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_karafka")]);
        command.args(words).current_dir(folder).env("XDG_STATE_HOME", self.folder.path().join("state"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("KARAFKA_")) {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end, within the bound; gives its exit status and all that it said.
    #[track_caller]
    fn call(&self, words: &[&str]) -> (Option<i32>, String) {
        self.call_in(&self.root(), words)
    }

    #[track_caller]
    fn call_in(&self, folder: &Path, words: &[&str]) -> (Option<i32>, String) {
        let mut child = self.command(folder, words).spawn().expect("it runs");
        let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let read = thread::spawn(move || {
            let (mut text, mut rest) = (String::new(), String::new());
            let _ = err.read_to_string(&mut text);
            let _ = out.read_to_string(&mut rest);
            text + &rest
        });
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is ours") {
                break status;
            }
            if began.elapsed() > BOUND {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{words:?} has not ended after {BOUND:?}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        (status.code(), read.join().expect("read"))
    }

    /// All that there is: what it is, its permissions, its bytes, where it leads, when it was changed.
    fn everything(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.folder.path().to_path_buf()];
        while let Some(at) = open.pop() {
            for item in fs::read_dir(at).expect("a folder") {
                let path = item.expect("an entry").path();
                let about = path.symlink_metadata().expect("it is there");
                let kind = about.file_type();
                let what = if kind.is_symlink() {
                    format!("leads to {:?}", fs::read_link(&path).expect("a link"))
                } else if kind.is_file() && about.len() < 1 << 20 {
                    format!("holds {:?}", fs::read(&path).expect("a file"))
                } else {
                    format!("is {:?} of {}", (kind.is_fifo(), kind.is_dir()), about.len())
                };
                // Of a folder too: whatever is made or removed in it shows.
                let times = (about.mtime(), about.mtime_nsec());
                found.insert(path.clone(), format!("{what}, {:o}, {times:?}", about.permissions().mode()));
                if kind.is_dir() {
                    open.push(path);
                }
            }
        }
        found
    }
}

/// What somebody may have put into a checkout.
type Trap = (&'static str, fn(&Place));

const READERS: [&[&str]; 7] = [
    &["check"],
    &["check", "--diff"],
    &["flow"],
    &["routes"],
    &["info"],
    &["generate", "--dry-run"],
    &["send", "orders", "--sample", "1"],
];

const HOOK: &str = "karafka journal 1\nsave 0 .git/hooks/pre-commit\nend\n";

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

fn in_place(place: &Place, path: &str, put: impl FnOnce(&Path)) {
    let path = place.root().join(path);
    let _ = fs::remove_file(&path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    put(&path);
}

/// Journals of the form that commands obeyed once, wherever they come from.
const JOURNALS: [Trap; 8] = [
    ("a hook of git", |place| {
        place.write("app/.git/config", "");
        place.write("app/.karafka/undo/0", "#!/bin/sh\n");
        place.write("app/.karafka/journal", HOOK);
    }),
    ("an owned file", |place| {
        place.write("app/.karafka/journal", "karafka journal 1\ncreate src/main.rs\ncreate karafka.yml\nend\n");
    }),
    ("through a link", |place| {
        symlink(place.outside(), place.root().join("elsewhere")).expect("a link");
        place.write("app/.karafka/undo/0", "harm");
        place.write(
            "app/.karafka/journal",
            "karafka journal 1\nsave 0 elsewhere/new\ncreate elsewhere/victim\nfolder elsewhere\nend\n",
        );
    }),
    ("a link to a journal", |place| {
        place.write("outside/journal", "karafka journal 1\ncreate src/main.rs\nend\n");
        in_place(place, ".karafka/journal", |path| symlink("../../outside/journal", path).expect("a link"));
    }),
    ("a folder of ours that is a link", |place| {
        place.write("outside/undo/0", "harm");
        place.write("outside/journal", HOOK);
        symlink(place.outside(), place.root().join(".karafka")).expect("a link");
    }),
    ("saved files that are a link", |place| {
        place.write("app/.karafka/journal", HOOK);
        symlink(place.outside(), place.root().join(".karafka/undo")).expect("a link");
    }),
    ("a pipe", |place| in_place(place, ".karafka/journal", pipe)),
    ("saved files of nobody", |place| {
        let journal =
            r#"{"root":"/","token":"00","entries":[{"create":{"path":"src/main.rs","number":0,"after":""}}]}"#;
        place.write("app/.karafka/undo-00/journal.json", journal);
        place.write("app/.karafka/undo-00/0", "harm");
    }),
];

/// If this fails, whoever can make somebody clone something, and look at it with karafka, writes and deletes their files.
#[test]
fn a_journal_that_came_with_a_checkout_is_shown_and_not_obeyed() {
    for (name, trap) in JOURNALS {
        let place = Place::new();
        trap(&place);
        let before = place.everything();
        for words in READERS {
            let (status, said) = place.call(words);
            // Nothing else is wrong here, and nobody's broker runs.
            let expected = if words[0] == "send" { Some(1) } else { Some(0) };
            assert_eq!(status, expected, "{name}: {words:?}: {said}");
            assert_eq!(place.everything(), before, "{name}: {words:?}: {said}");
            if !place.root().join(".karafka").is_symlink() {
                assert!(said.contains("nothing was undone"), "{name}: {words:?}: {said}");
            }
        }
        // Commands that write obey it as little, and are not kept from their work by it.
        let (status, said) = place.call(&["generate"]);
        assert_eq!(status, Some(0), "{name}: {said}");
        assert_eq!(place.everything(), before, "{name}: {said}");
        let (status, said) = place.call(&["generate", "controller", "Parcels"]);
        if place.root().join(".karafka").is_symlink() {
            assert_eq!(status, Some(1), "{name}: {said}");
            assert!(said.contains("`.karafka` is a symbolic link"), "{name}: {said}");
            assert_eq!(place.everything(), before, "{name}: {said}");
        } else {
            assert_eq!(status, Some(0), "{name}: {said}");
            assert_eq!(place.call(&["check", "-q"]), (Some(0), String::new()), "{name}");
        }
        assert!(!place.root().join(".git/hooks").exists(), "{name}");
        assert_eq!(fs::read_to_string(place.outside().join("victim")).expect("a file"), "mine", "{name}");
    }
}

/// If this fails, nobody learns what the journal that was not obeyed would have done, or what to do about it.
#[test]
fn what_a_checkouts_journal_names_is_shown() {
    let place = Place::new();
    place.write("app/.karafka/journal", "karafka journal 1\nsave 0 .git/hooks/pre-commit\ncreate a\u{1b}[2Jb\nend\n");
    let (_, said) = place.call(&["routes"]);
    let first = said.lines().next().expect("a line");
    assert_eq!(
        first,
        "     ignored  `.karafka/journal` was not written by a command of this user on this machine; nothing was undone; it \
         names `.git/hooks/pre-commit`, `a\\u{1b}[2Jb`; delete `.karafka/journal` if you do not know it"
    );
}

/// Links and things that are no files, where a file of the app must be.
const PLACES: [&str; 5] =
    ["src/generated/messages.rs", "src/controllers/mod.rs", "karafka.yml", "karafka.lock", "Cargo.toml"];

/// If this fails, a checkout makes `karafka check` wait for ever, or fill the memory of the machine.
#[test]
fn what_is_no_file_neither_hangs_nor_fills_memory() {
    type Put = fn(&Path, &Place);
    let traps: [(&str, Put); 9] = [
        ("a pipe", |path, _| pipe(path)),
        ("a link to a pipe", |path, place| {
            let target = place.outside().join("pipe");
            pipe(&target);
            symlink(target, path).expect("a link");
        }),
        ("a device without end", |path, _| symlink("/dev/zero", path).expect("a link")),
        ("a terminal", |path, _| symlink("/dev/tty", path).expect("a link")),
        ("a link to nothing", |path, _| symlink("nowhere", path).expect("a link")),
        ("a link to itself", |path, _| symlink(path, path).expect("a link")),
        ("a folder", |path, _| fs::create_dir(path).expect("a folder")),
        ("a link out of the app", |path, place| symlink(place.outside().join("victim"), path).expect("a link")),
        // Holes take no place on the disk, and none in a repository either.
        ("a huge file", |path, _| fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a file")),
    ];
    for path in PLACES {
        for (name, put) in traps {
            let place = Place::new();
            in_place(&place, path, |path| put(path, &place));
            let before = place.everything();
            for words in [&["check"][..], &["check", "--diff"], &["generate", "--dry-run"], &["generate"], &["flow"]] {
                let (status, said) = place.call(words);
                let is_fine = words == ["flow"] && path != "karafka.yml";
                assert!(matches!(status, Some(0 | 1)), "{name} at {path}: {words:?}: {status:?}: {said}");
                assert_eq!(status == Some(0), is_fine, "{name} at {path}: {words:?}: {said}");
                assert!(is_fine || said.contains(path), "{name} at {path}: {words:?} does not say where: {said}");
                // What a person links at the top is theirs to show.
                assert!(
                    !said.contains("mine") || !path.starts_with("src/"),
                    "{name} at {path}: {words:?} shows what is elsewhere: {said}"
                );
                assert_eq!(place.everything(), before, "{name} at {path}: {words:?}: {said}");
            }
        }
    }
}

/// If this fails, a few megabytes of a checkout keep `karafka check` busy for hours.
#[test]
fn no_text_takes_time_by_the_square_of_its_length() {
    const SIZE: usize = 4 << 20;
    let line = |piece: &str| piece.repeat(SIZE / piece.len());
    let manifests = [
        ("words around an address", format!("{}@{}", line("a "), line(" b"))),
        ("passwords of addresses", line("?pass=")),
        ("keys without an end", line("-----BEGIN \n# ")),
        ("anchors", line("&a ")),
        ("anchors of blocks", line("&a\n# ")),
        ("variables without an end", line("password: ${")),
    ];
    for (name, text) in manifests {
        let place = Place::new();
        place.write(
            "app/karafka.yml",
            &format!("app: app\nbad: 1\nkafka: {{ options: {{ sasl.password: *a }} }}\n# {text}\n"),
        );
        let (status, said) = place.call(&["check"]);
        assert_eq!(status, Some(1), "{name}: {}", said.len());
        assert!(said.contains("1 error"), "{name}: {said:.2000}");
    }
    let place = Place::new();
    place.write("app/src/generated/routes.rs", &"x\n".repeat(SIZE / 16));
    for words in [&["check"][..], &["check", "--diff"], &["generate", "--diff"]] {
        let (status, said) = place.call(words);
        assert_eq!(status, Some(1), "{words:?}: {}", said.len());
        assert!(said.contains("more than are compared") && said.contains("edited"), "{words:?}: {}", said.len());
    }
}

/// If this fails, folders in folders of a checkout end a command by a full stack.
#[test]
fn folders_in_folders_end_no_command() {
    let place = Place::new();
    let controllers = place.root().join("src/controllers");
    let mut folder = rustix::fs::open(&controllers, OFlags::PATH, Mode::empty()).expect("it is there");
    // Deeper than a path can name.
    for _ in 0..3_000 {
        rustix::fs::mkdirat(&folder, "a", Mode::from_raw_mode(0o755)).expect("made");
        folder = rustix::fs::openat(&folder, "a", OFlags::PATH, Mode::empty()).expect("it is there");
    }
    let calls = [&["check"][..], &["generate"]].map(|words| (words, place.call(words)));
    // The standard library would need a handle for each of them.
    let removed = Command::new("rm").arg("-rf").arg(controllers).status().expect("rm runs");
    assert!(removed.success());
    for (words, (status, said)) in calls {
        assert_eq!(status, Some(1), "{words:?}: {}", said.len());
        assert!(said.starts_with("error: `./src/controllers/a/a"), "{words:?}: {said:.200}");
    }
}

/// If this fails, the name of a file writes lines of its own into a terminal, or orders into the log of a workflow.
#[test]
fn a_name_stays_on_its_line() {
    const NAME: &str = "x\n::error::y\x1b[8m\u{202e}";
    let large = |path: &Path| fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a file");
    let place = Place::new();
    in_place(&place, &format!("src/controllers/{NAME}/mod.rs"), large);
    let lock = fs::read_to_string(place.root().join("karafka.lock")).expect("a lock");
    let other = Place::new();
    let named = r#"[generated]
"src/generated/x\U0000000A::error::y\U0000001B[8m\U0000202E.rs" = "00""#;
    other.write("app/karafka.lock", &lock.replace("[generated]", named));
    in_place(&other, &format!("src/generated/{NAME}.rs"), |path| symlink("nowhere", path).expect("a link"));
    for (what, place) in [("a file", &place), ("a lock", &other)] {
        for words in [&["check"][..], &["check", "--output-format", "github"], &["generate"]] {
            for color in ["always", "never"] {
                let (status, said) = place.call(&[words, &["--color", color]].concat());
                assert_eq!(status, Some(1), "{what}: {words:?}: {said}");
                assert!(said.contains("y\\u{1b}[8m\\u{202e}"), "{what}: {words:?}: {said}");
                assert!(!said.contains("\n::error::y") && !said.contains("\x1b[8m"), "{what}: {words:?}: {said}");
            }
        }
    }
}

/// If this fails, `karafka info` in somebody's checkout runs the program that its `rust-toolchain.toml` names.
#[test]
fn no_compiler_is_asked_where_a_checkout_chooses_it() {
    for (file, chooses) in [
        ("app/rust-toolchain.toml", true),
        ("app/rust-toolchain", true),
        ("rust-toolchain.toml", true),
        ("app/rustfmt.toml", false),
    ] {
        let place = Place::new();
        place.write("bin/rustc.sh", "#!/bin/sh\necho rustc 0.0.0 of somebody\n");
        let bin = place.folder.path().join("bin");
        // By another process: a program that this one has open for writing, as each process has that another test begins
        // meanwhile, cannot be run.
        let files = [bin.join("rustc.sh"), bin.join("rustc")];
        let installed = Command::new("install").args(["-m", "755"]).args(files).status().expect("it runs");
        assert!(installed.success());
        place.write(file, "");
        let path = format!("{}:{}", place.folder.path().join("bin").display(), std::env::var("PATH").expect("PATH"));
        let output = place.command(&place.root(), &["info"]).env("PATH", path).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let row = said.lines().find(|line| line.starts_with("rustc ")).expect("a row");
        assert_eq!(row.contains("0.0.0 of somebody"), !chooses, "{file}: {row}");
        assert_eq!(row.contains("chosen by /") && row.ends_with(file), chooses, "{file}: {row}");
    }
}

/// If this fails, a change that was killed is not taken back, or a command that only looks takes it back.
#[test]
fn a_killed_change_is_shown_by_what_reads_and_taken_back_by_what_writes() {
    let manifest = |topics: usize| {
        let topics: String = (0..topics).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
        format!("app: app\ntopics:\n{topics}")
    };
    // Now and then it is done before it is killed; then the next one has its turn.
    let tried = (0..20).any(|_| {
        let place = Place::new();
        place.write("app/karafka.yml", &manifest(10));
        assert_eq!(place.call(&["generate", "-q", "--accept-group-change"]).0, Some(0));
        place.write("app/karafka.yml", &manifest(400));
        let before = place.everything();
        let mut child = place.command(&place.root(), &["generate"]).stdout(Stdio::null()).spawn().expect("it runs");
        let began = Instant::now();
        let has_begun = || {
            let listing = fs::read_dir(place.root().join(".karafka")).into_iter().flatten().flatten();
            listing.into_iter().any(|item| fs::read_dir(item.path()).is_ok_and(|files| files.count() > 1))
        };
        while !has_begun() && child.try_wait().expect("ours").is_none() && began.elapsed() < BOUND {
            thread::sleep(Duration::from_micros(200));
        }
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        if fs::read_dir(place.folder.path().join("state/karafka")).expect("a folder").count() == 0 {
            return false;
        }
        let killed = place.everything();
        for words in READERS {
            let (status, said) = place.call(words);
            assert_eq!(status, Some(1), "{words:?}: {said}");
            let wanted = "an interrupted change lies here: run `karafka generate`\n  it takes back what was done to ";
            assert!(said.contains(wanted), "{words:?}: {said}");
            assert_eq!(place.everything(), killed, "{words:?}");
        }
        let (status, said) = place.call(&["generate", "controller", "T0"]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("    restored  "), "{said}");
        // Times of folders tell what was made in them for a while, so only files count here.
        let files = |all: BTreeMap<PathBuf, String>| -> BTreeMap<PathBuf, String> {
            all.into_iter().filter(|(_, what)| what.starts_with("holds")).collect()
        };
        assert_eq!(files(place.everything()), files(before));
        assert!(!place.root().join(".karafka").exists());
        assert_eq!(place.call(&["generate", "-q"]).0, Some(0));
        assert_eq!(place.call(&["check", "-q"]), (Some(0), String::new()));
        true
    });
    assert!(tried, "each run was done before it was killed, so nothing was tried");
}

/// If this fails, a terminal that goes away leaves half an app; or `nohup karafka …` ends with its terminal.
#[test]
fn a_hang_up_is_an_interrupt() {
    let topics: String = (0..500).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
    let run = |before: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("karafka.yml"), format!("app: many\ntopics:\n{topics}")).expect("written");
        let binary = [env!("CARGO_BIN_EXE_karafka"), "generate", "-q"];
        let mut line = before.iter().chain(&binary);
        let mut command = Command::new(line.next().expect("a program"));
        command.args(line).current_dir(folder.path());
        command.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it runs");
        while !folder.path().join(".karafka").exists() && child.try_wait().expect("ours").is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        let _ = Command::new("kill").args(["-HUP", &child.id().to_string()]).stderr(Stdio::null()).status();
        let status = child.wait().expect("it ends");
        (status.code(), fs::read_dir(folder.path()).expect("a folder").count())
    };
    // Now and then the signal comes too late.
    let interrupted = (0..20).map(|_| run(&["env", "--default-signal=HUP"])).find(|(status, _)| *status != Some(0));
    assert_eq!(interrupted, Some((Some(130), 1)), "the manifest alone is left");
    let (status, files) = run(&["nohup"]);
    assert!(status == Some(0) && files > 5, "{status:?}, {files} files");
}

/// If this fails, a home that cannot be written keeps people from working, or they are not told what then does not hold.
#[test]
fn without_a_state_folder_it_works_and_says_what_does_not_hold() {
    let place = Place::new();
    for (name, state) in
        [("no folder", "/dev/null/state".to_owned()), ("the app's", place.root().display().to_string())]
    {
        let words = ["generate", "controller", if name == "no folder" { "Parcels" } else { "Refunds" }];
        let output = place.command(&place.root(), &words).env("XDG_STATE_HOME", state).output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
        assert!(!place.root().join("karafka").exists(), "{name}");
        assert!(said.contains("   unguarded  if this command is killed, what it has begun stays: `"), "{name}: {said}");
    }
}
