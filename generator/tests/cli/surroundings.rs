//! An app inside of something: a workspace, a crate that was there before, a repository, CI.

use super::*;

/// Files by their paths, with their texts.
type Files<'f> = &'f [(&'f str, &'f str)];

/// A folder with these files.
fn tree(files: Files<'_>) -> tempfile::TempDir {
    let folder = folder();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the packages that cargo finds in a workspace.
fn packages(root: &Path) -> Vec<String> {
    let mut command = cargo_metadata::MetadataCommand::new();
    let metadata = command.current_dir(root).manifest_path(root.join("Cargo.toml")).no_deps();
    let metadata = metadata.exec().expect("cargo reads the workspace");
    let mut names: Vec<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    names.sort();
    names
}

const WORKSPACE: &str = "\
[workspace]
resolver = \"3\"
members = [\"crates/*\"]
exclude = [\"apart\"]

[workspace.package]
version = \"1.2.3\"
edition = \"2021\"

[workspace.dependencies]
serde = \"1\"

[workspace.lints.rust]
unsafe_code = \"deny\"
";

/// If this fails, `karafka new` in a workspace breaks cargo for every crate in it, or states again what all have.
#[test]
fn a_new_app_becomes_a_member_as_with_cargo_new() {
    let folder = tree(&[("Cargo.toml", WORKSPACE)]);
    let root = folder.path();
    calls(root, &["new", "crates/billing"], 0);
    let dry = calls(root, &["new", "services/mail", "--dry-run"], 0);
    assert!(dry.contains("+1 member, `services/mail`") && !root.join("services").exists(), "{dry}");
    assert_eq!(read(root, "Cargo.toml"), WORKSPACE, "it is listed already");
    let said = calls(root, &["new", "services/mail"], 0);
    assert!(said.contains("+1 member, `services/mail`"), "{said}");
    assert_eq!(read(root, "Cargo.toml"), WORKSPACE.replace("[\"crates/*\"]", "[\"crates/*\", \"services/mail\"]"));
    assert_eq!(packages(root), ["billing", "mail"]);

    let app = root.join("crates/billing");
    let cargo = read(&app, "Cargo.toml");
    for line in ["version.workspace = true", "edition.workspace = true", "[lints]\nworkspace = true"] {
        assert!(cargo.contains(line), "{cargo}");
    }
    assert!(cargo.contains("serde = { workspace = true, features = [\"derive\"] }"), "{cargo}");
    assert!(!cargo.contains("[workspace]"), "{cargo}");
    for path in [".cargo", "Cargo.lock", "rustfmt.toml", ".git"] {
        assert!(!app.join(path).exists(), "{path}");
    }
    calls(&app, &["check"], 0);
    let info = calls(&app, &["info"], 0);
    assert!(info.contains("1.2.3"), "{info}");

    // What the workspace keeps out is a workspace of its own.
    calls(root, &["new", "apart"], 0);
    assert!(read(root, "apart/Cargo.toml").contains("[workspace]"));
    assert_eq!(packages(&root.join("apart")), ["apart"]);
    assert_eq!(packages(root), ["billing", "mail"]);
}

/// If this fails, `karafka new` makes a second package of a name, and cargo refuses every command in the workspace from then on.
#[test]
fn a_name_that_the_workspace_has_is_refused() {
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nedition = \"2021\"\n");
    let root_too = format!("{WORKSPACE}\n{}", package("whole"));
    for (text, taken, at) in [
        (WORKSPACE.to_owned(), "crates/mail", "`crates/mail`"),
        (WORKSPACE.replace("crates/*", "crates/mail"), "crates/mail", "`crates/mail`"),
        (root_too, "src", "`.`"),
    ] {
        let named = if at == "`.`" { "whole" } else { "mail" };
        let member = format!("{taken}/Cargo.toml");
        let mut files = vec![("Cargo.toml", text.as_str())];
        let mail = package("mail");
        if at != "`.`" {
            files.push((&member, &mail));
        }
        let folder = tree(&files);
        for more in [&[][..], &["--dry-run"]] {
            let said = calls(folder.path(), &[&["new", &format!("services/{named}")], more].concat(), 1);
            assert!(said.contains(&format!("has a package `{named}` already, in {at}")), "{said}");
            assert!(!folder.path().join("services").join(named).exists(), "{said}");
        }
        assert_eq!(read(folder.path(), "Cargo.toml"), text);
        calls(folder.path(), &["new", "services/other"], 0);
    }
    // What is kept out is no package of it.
    let folder = tree(&[("Cargo.toml", WORKSPACE), ("apart/Cargo.toml", &package("mail"))]);
    calls(folder.path(), &["new", "services/mail"], 0);
}

/// If this fails, `cargo build --locked` of a new app fails until somebody has built it without.
#[test]
fn the_lock_file_of_a_new_app_is_right_at_once() {
    let folder = folder();
    calls(folder.path(), &["new", "shop"], 0);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["update", "--workspace", "--locked", "--offline"]).current_dir(folder.path().join("shop"));
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!read(folder.path(), "shop/Cargo.lock").contains("name = \"karafka-cli\""), "it is the checkout's own");
}

/// If this fails, somebody who puts consumers into the crate that he has loses what is in it, gets what he has no use
/// for, or does not learn what to call.
#[test]
fn consumers_come_into_a_crate_that_is_there_and_nothing_else_changes() {
    let main = "fn main() {\n    println!(\"mine\");\n}\n";
    let package = "[package]\nname = \"web-shop\"\nedition = \"2021\" # ours\n";
    let cases: [(&str, Files<'_>, &[&str]); 3] = [
        (
            "a library",
            &[("Cargo.toml", package), ("src/lib.rs", "//! Mine.\n\npub mod money;\n"), ("src/money.rs", "")],
            &["Cargo.toml", "src/lib.rs"],
        ),
        (
            "a program",
            &[("Cargo.toml", package), ("src/main.rs", main), ("README.md", "mine"), (".gitignore", "x")],
            &["Cargo.toml"],
        ),
        (
            "one that has serde",
            &[
                ("Cargo.toml", "[package]\nname = \"web-shop\"\n\n[dependencies]\nserde = \"1\"\n"),
                ("src/main.rs", main),
            ],
            &["Cargo.toml"],
        ),
    ];
    for (what, files, changed) in cases {
        let folder = tree(files);
        let root = folder.path();
        let said = calls(root, &["new", ".", "--karafka-version", "0.1.0"], 0);
        assert!(said.contains("next: call the consumers in your program"), "{what}: {said}");
        assert!(said.contains("web_shop::generated::app()"), "{what}: {said}");
        for (path, text) in files {
            let now = read(root, path);
            assert_eq!(now != *text, changed.contains(path), "{what}: {path}: {now}");
            // Lines are added, and none is taken.
            assert!(text.lines().all(|line| now.contains(line) || line == "serde = \"1\""), "{what}: {path}: {now}");
        }
        for path in ["README.md", ".gitignore", "rustfmt.toml", "src/main.rs", ".cargo", ".git"] {
            let was_there = files.iter().any(|(file, _)| *file == path);
            assert_eq!(root.join(path).exists(), was_there, "{what}: {path}");
        }
        assert!(read(root, "karafka.yml").contains("\napp: web-shop\n"), "{what}");
        assert!(read(root, "src/lib.rs").contains("pub mod generated;"), "{what}");
        calls(root, &["check"], 0);
        let again = calls(root, &["install"], 1);
        assert!(again.contains("there is a karafka.yml here already"), "{what}: {again}");
    }
}

/// If this fails, a crate's own folders are taken over because they are called as those of parts are, or keep an app out that
/// needs none of them; or its author is told to give up a module that is in nobody's way.
#[test]
fn a_crate_keeps_the_folders_that_it_has() {
    const SENDS: &str =
        "app: web-shop\nmessages:\n  Order: { id: uuid }\ntopics:\n  orders: { message: Order, key: id }\n";
    let consumes = SENDS.replace("key: id", "key: id, controller: OrdersController");
    let package = "[package]\nname = \"web-shop\"\nedition = \"2024\"\n";
    let library = "mod parsers { pub fn parse() {} }\npub mod workers;\n";
    let own: Files<'_> = &[
        ("src/controllers/pages.rs", ""),
        ("src/interchangers/mod.rs", "pub mod inner;\n"),
        ("src/interchangers/inner.rs", ""),
        ("src/parsers/unused.rs", ""),
        ("src/workers/mod.rs", "pub mod mail;\n"),
        ("src/workers/mail.rs", ""),
        ("src/main.rs", "mod workers;\nmod parsers;\nfn main() {}\n"),
    ];
    for (manifest, declared, said_of) in [
        (SENDS, "pub mod generated;\n", &[][..]),
        (consumes.as_str(), "pub mod controllers;\npub mod generated;\npub mod state;\n", &["controllers"]),
    ] {
        let folder = tree(&[own, &[("Cargo.toml", package), ("src/lib.rs", library), ("mine.yml", manifest)]].concat());
        let root = folder.path();
        let said = calls(root, &["install", "--manifest", "mine.yml", "--karafka-version", "0.1.0"], 0);
        assert!(!said.contains("src/main.rs declares"), "{said}");
        for (path, text) in own {
            assert_eq!(read(root, path), *text, "{path}");
        }
        assert_eq!(
            read(root, "src/lib.rs"),
            format!("mod parsers {{ pub fn parse() {{}} }}\n{declared}pub mod workers;\n")
        );
        for folder in ["controllers", "parsers"] {
            assert_eq!(root.join(format!("src/{folder}/mod.rs")).exists(), said_of.contains(&folder), "{folder}");
        }
        assert_eq!(read(root, "Cargo.toml").contains("[dev-dependencies]"), manifest != SENDS);
        calls(root, &["check"], 0);
        calls(root, &["generate"], 0);
        assert_eq!(read(root, "src/workers/mod.rs"), "pub mod mail;\n");
    }
    // What the app needs and the crate has is named, as a folder and as a file.
    let main = ("src/main.rs", "mod controllers;\nfn main() {}\n");
    for (path, words) in [
        ("src/controllers/mod.rs", "is yours, and karafka would generate a file there"),
        ("src/controllers.rs", "`src/controllers.rs` and `src/controllers/mod.rs` would be one module"),
    ] {
        let files: Files<'_> = &[("Cargo.toml", package), ("mine.yml", &consumes), (path, ""), main];
        let folder = tree(files);
        let before = everything(folder.path());
        let made = ["install", "--manifest", "mine.yml", "--karafka-version", "0.1.0"];
        let said = calls(folder.path(), &made, 1);
        assert!(said.contains(words), "{said}");
        assert_eq!(everything(folder.path()), before);
    }
}

/// If this fails, `karafka new .` does not say what its generated code will miss, or makes an app where none can be.
#[test]
fn what_a_crate_must_have_of_its_own_is_said() {
    let package = "[package]\nname = \"shop\"\n";
    const NO_STATE: &str = "generated code needs a `pub struct State` in it";
    const NO_BUILD: &str = "generated tests call `State::build()`";
    const BUILD: &str = "shop::state::State::build";
    for (state, told) in [
        ("pub struct Other;\n", NO_STATE),
        ("pub struct State { pool: Pool }\n", NO_BUILD),
        ("pub struct State;\nimpl State {\n    pub fn build(pool: Pool) -> Self {\n", NO_BUILD),
        ("pub use crate::app::AppState as State;\n", NO_BUILD),
        ("// pub struct State;\nstruct State;\n", NO_STATE),
        ("pub struct State;\nimpl State {\n    pub async fn build() -> karafka::Result<Self> {\n", ""),
    ] {
        let folder = tree(&[("Cargo.toml", package), ("src/main.rs", "mod state;\n"), ("src/state.rs", state)]);
        for arguments in [&["install", "--dry-run"][..], &["install"]] {
            let said = calls(folder.path(), &[arguments, &["--karafka-version", "0.1.0"]].concat(), 0);
            for note in [NO_STATE, NO_BUILD] {
                assert_eq!(said.contains(note), note == told, "{state}: {said}");
            }
            assert!(said.contains("src/main.rs declares `mod state;`"), "{said}");
            let is_dry = arguments.contains(&"--dry-run");
            assert_eq!(said.contains(BUILD), told.is_empty() && !is_dry, "{state}: {said}");
            assert_eq!(said.contains(".start(state).await?"), !told.is_empty() && !is_dry, "{state}: {said}");
        }
        assert_eq!(read(folder.path(), "src/state.rs"), state);
    }
    let refused: [(&str, Files<'_>, &[&str], &str); 5] = [
        ("a workspace", &[("Cargo.toml", "[workspace]\n")], &["new", "."], "that of no crate"),
        ("not to be run", &[("Cargo.toml", package)], &["new", ".", "--run"], "`--run` is for a new app"),
        ("a bad name", &[("Cargo.toml", "[package]\nname = \"Shop\"\n")], &["new", "."], "Rust warns about capitals"),
        (
            "karafka under another name",
            &[("Cargo.toml", "[package]\nname = \"shop\"\n[dependencies]\nk = { package = \"karafka\" }\n")],
            &["new", "."],
            "generated code says `karafka::`, and here `karafka` is called `k`",
        ),
        (
            "a folder of controllers",
            &[("Cargo.toml", package), ("src/controllers/mod.rs", "pub mod a;\n")],
            &["new", "."],
            "src/controllers/mod.rs",
        ),
    ];
    for (what, files, arguments, words) in refused {
        let folder = tree(files);
        let before = everything(folder.path());
        let said = call(folder.path(), &[arguments, &["--karafka-version", "0.1.0"]].concat());
        assert!(said.starts_with("exit 1") || said.starts_with("exit 2"), "{what}: {said}");
        assert!(said.contains(words), "{what}: {said}");
        assert_eq!(everything(folder.path()), before, "{what}");
    }
}

/// If this fails, a library's author is told to call what no program can name.
#[test]
fn a_state_that_only_the_library_sees_is_named() {
    let package = ("Cargo.toml", "[package]\nname = \"shop\"\n");
    for (library, is_told) in [("mod state;\n", true), ("pub(crate) mod state;\n", true), ("pub mod state;\n", false)] {
        let folder = tree(&[package, ("src/lib.rs", library), ("src/state.rs", "pub struct State;\n")]);
        let said = calls(folder.path(), &["install", "--karafka-version", "0.1.0"], 0);
        assert_eq!(said.contains("src/lib.rs declares `mod state;` for itself"), is_told, "{library}: {said}");
    }
}

/// If this fails, somebody who looks first does not see what his crate depends on afterwards, or sees something else.
#[test]
fn a_dry_run_of_install_says_what_comes_as_the_real_one_does() {
    let folder = tree(&[("Cargo.toml", "[package]\nname = \"shop\"\n"), ("src/lib.rs", "")]);
    let facts = |said: &str| {
        let is_fact = |line: &&str| {
            ["update", "create", "depends", "too old", "note"].iter().any(|word| line.trim_start().starts_with(word))
        };
        said.lines().filter(is_fact).map(str::to_owned).collect::<Vec<_>>()
    };
    let dry = facts(&calls(folder.path(), &["install", "--dry-run"], 0));
    let line = |word: &str| dry.iter().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {dry:?}"));
    assert!(line("Cargo.toml").ends_with(": karafka, serde; for tests karafka, tokio"), "{dry:?}");
    assert!(line("depends").contains("on the checkout in"), "{dry:?}");
    assert_eq!(dry, facts(&calls(folder.path(), &["install"], 0)));
}

/// If this fails, a team that promises an older Rust hears from cargo in somebody else's build that it no longer does.
#[test]
fn a_rust_version_that_is_too_old_is_said() {
    const PACKAGE: &str = "[package]\nname = \"shop\"\n";
    const INHERITS: &str = "[package]\nname = \"shop\"\nrust-version.workspace = true\n";
    let workspace = |version: &str| {
        format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.package]\nrust-version = \"{version}\"\n"
        )
    };
    let (old, new) = (workspace("1.70"), workspace("1.89"));
    let at_once = format!("{INHERITS}{}", old.replace("members = [\"crates/*\"]\n", ""));
    let cases: [(&str, Files<'_>, &str, bool); 8] = [
        ("of its own", &[("Cargo.toml", "[package]\nname = \"shop\"\nrust-version = \"1.88.2\"\n")], ".", true),
        ("enough", &[("Cargo.toml", "[package]\nname = \"shop\"\nrust-version = \"1.89\"\n")], ".", false),
        ("none", &[("Cargo.toml", PACKAGE)], ".", false),
        ("at the root", &[("Cargo.toml", &at_once)], ".", true),
        ("of the workspace", &[("Cargo.toml", &old), ("crates/shop/Cargo.toml", INHERITS)], "crates/shop", true),
        ("not inherited", &[("Cargo.toml", &old), ("crates/shop/Cargo.toml", PACKAGE)], "crates/shop", false),
        ("a new member", &[("Cargo.toml", &old)], ".", true),
        ("a new member of one that has enough", &[("Cargo.toml", &new)], ".", false),
    ];
    for (what, files, from, told) in cases {
        let arguments: &[&str] = if what.starts_with("a new member") { &["new", "crates/mail"] } else { &["install"] };
        let folder = tree(files);
        for dry in [&["--dry-run"][..], &[]] {
            let said = calls(&folder.path().join(from), &[arguments, &["--karafka-version", "0.1.0"], dry].concat(), 0);
            let line = said.lines().find(|line| line.trim_start().starts_with("too old"));
            assert_eq!(line.is_some(), told, "{what}: {said}");
            if let Some(line) = line {
                assert!(line.contains("Cargo.toml promises") && !line.contains("crates/"), "{what}: {line}");
                assert!(line.contains("write \"1.89\" there"), "{what}: {line}");
            }
        }
    }
}

/// If this fails, a new app is in no repository, or is one inside of another.
#[test]
fn a_new_app_has_a_repository_unless_it_lies_in_one() {
    let folder = folder();
    let root = folder.path();
    calls(root, &["new", "alone", "-q", "--karafka-version", "0.1.0"], 0);
    assert!(root.join("alone/.git/HEAD").is_file());
    calls(root, &["new", "alone/inner", "-q", "--karafka-version", "0.1.0"], 0);
    assert!(!root.join("alone/inner/.git").exists());
    calls(root, &["new", "without", "-q", "--vcs", "none", "--karafka-version", "0.1.0"], 0);
    assert!(!root.join("without/.git").exists());
    calls(root, &["new", "dry", "--dry-run", "--karafka-version", "0.1.0"], 0);
    assert!(!root.join("dry").exists());
}

/// If this fails, an app that only builds on its author's machine is found out in CI, by an error of cargo's.
#[test]
fn an_app_that_stays_on_this_machine_is_told_by_new_and_in_ci() {
    let folder = folder();
    let root = folder.path();
    let new = calls(root, &["new", "here"], 0);
    assert!(new.contains("depends  on the checkout in ") && new.contains("`--karafka-git URL`"), "{new}");
    assert!(new.contains("shares  what the checkout has built; `cargo clean`"), "{new}");
    let new = calls(root, &["new", "portable", "--karafka-version", "0.1.0"], 0);
    assert!(!new.contains("depends"), "{new}");

    // The runtime inside of the app's own repository is everywhere.
    fs::create_dir_all(root.join("mono/.git")).unwrap();
    fs::create_dir_all(root.join("mono/karafka")).unwrap();
    fs::write(root.join("mono/karafka/Cargo.toml"), "[package]\nname = \"karafka\"\n").unwrap();
    calls(root, &["new", "mono/app", "-q", "--karafka-path", "mono/karafka"], 0);
    for (app, ci, warns) in [
        ("here", Some("true"), true),
        ("here", Some("false"), false),
        ("here", None, false),
        ("portable", Some("true"), false),
        ("mono/app", Some("1"), false),
    ] {
        let mut command = karafka(&root.join(app), &["check", "--output-format", "concise"]);
        command.env_remove("CI");
        ci.map(|value| command.env("CI", value));
        let checked = said(&command.output().unwrap(), root);
        assert!(checked.starts_with("exit 0\n"), "{app}: {checked}");
        assert_eq!(checked.contains("[local-runtime]"), warns, "{app}: {ci:?}: {checked}");
    }
}

/// If this fails, whoever waits for the first build in a workflow or behind a pipe sees nothing for minutes, and stops it.
#[cfg(unix)]
#[test]
fn a_build_that_nobody_sees_says_that_it_goes_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let cargo = folder.path().join("cargo.sh");
    fs::write(&cargo, "#!/bin/sh\nif [ \"$1\" = build ]; then echo \"cargo $@\" >&2; fi\n").unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    for (name, quiet) in [("shop", &[][..]), ("mail", &["--quiet"])] {
        let mut command =
            karafka(folder.path(), &[&["new", name, "--run", "--karafka-version", "0.1.0"], quiet].concat());
        let said = said(&command.env("CARGO", &cargo).output().unwrap(), folder.path());
        let (before, after) = said.split_once("cargo build").unwrap_or_else(|| panic!("{said}"));
        assert_eq!(before.contains(&format!("building  {name} and up to ")), quiet.is_empty(), "{said}");
        assert_eq!(after.lines().next().unwrap().contains("--quiet"), !quiet.is_empty(), "{said}");
    }
}

/// If this fails, a second binary, another name of the package or a profile is the end of `karafka server`.
#[cfg(unix)]
#[test]
fn server_runs_the_binary_of_main_whatever_else_there_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, root) = shop();
    // Cargo, but what it would run is only shown.
    let cargo = root.join("cargo.sh");
    let real = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = run ]; then shift 3; echo \"run $@\"; exit 0; fi\nexec {real} \"$@\"\n");
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let server = |arguments: &[&str]| {
        let output = karafka(&root, &[&["server"], arguments].concat()).env("CARGO", &cargo).output().unwrap();
        said(&output, &root)
    };
    let manifest = root.join("Cargo.toml");
    let original = fs::read_to_string(&manifest).unwrap();
    fs::create_dir_all(root.join("src/bin")).unwrap();
    fs::write(root.join("src/bin/backfill.rs"), "fn main() {}\n").unwrap();
    for (from, to, arguments, ran) in [
        ("", "", &[][..], "run --bin shop -- server\n"),
        (
            "name = \"shop\"",
            "name = \"shop-consumer\"\n[lib]\nname = \"shop\"\n[package.metadata]\nx = 1",
            &[],
            "run --bin shop-consumer -- server\n",
        ),
        (
            "default-run = \"shop\"\n",
            "[[bin]]\nname = \"serve\"\npath = \"src/main.rs\"\n\n[package.metadata]\n",
            &[],
            "run --bin serve -- server\n",
        ),
        ("", "", &["--profile", "dist"], "run --bin shop --profile dist -- server\n"),
        (
            "",
            "",
            &["--bin", "backfill", "--release", "--", "--groups", "a"],
            "run --bin backfill --release -- server --groups a\n",
        ),
    ] {
        fs::write(&manifest, original.replacen(from, to, 1)).unwrap();
        let said = server(arguments);
        // Cargo says nothing while it waits, and little into a file.
        let binary = ran.split_whitespace().nth(2).unwrap();
        assert_eq!(said, format!("exit 0\n---- out\n{ran}---- err\n    building  {binary}, with cargo\n"), "{to}");
    }
    fs::write(&manifest, &original).unwrap();
    fs::remove_file(root.join("src/main.rs")).unwrap();
    fs::write(root.join("src/bin/other.rs"), "fn main() {}\n").unwrap();
    fs::write(&manifest, original.replace("default-run = \"shop\"\n", "")).unwrap();
    let said = server(&[]);
    assert!(
        said.contains("none of `backfill`, `other` is made of src/main.rs\n  say which one runs the app: `--bin NAME`"),
        "{said}"
    );
}
