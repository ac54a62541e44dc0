//! Consumers in a workspace that was there before: a member that is new, and a program that gets them.

use std::{fs, path::Path, process::Command, time::Duration};

use karafka_tests::{
    cargo::Cargo,
    checkout,
    process::{self, Stream},
};

/// A workspace of 2021, with everything in it that a member can inherit, which has serde without its derives.
const WORKSPACE: &str = "\
[workspace]
resolver = \"2\"
members = [\"crates/*\"]

[workspace.package]
version = \"3.1.4\"
edition = \"2021\"

[workspace.dependencies]
serde = \"1\"

[workspace.lints.rust]
missing_docs = \"warn\"
unreachable_pub = \"warn\"
rust_2018_idioms = { level = \"warn\", priority = -1 }

[profile.dev]
debug = \"line-tables-only\"

[profile.dev.package.\"*\"]
debug = false
";

const PROGRAM: &str = "\
[package]
name = \"web-shop\"
version.workspace = true
edition.workspace = true

[dependencies]
serde.workspace = true
tokio = { version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }

[lints]
workspace = true
";

const MAIN: &str = "\
//! Ours.

#[tokio::main]
async fn main() {
    println!(\"{:?}\", web_shop::state::State::build().await.map(|state| state.greeting));
}
";

const STATE: &str = "\
//! What requests and messages share.

/// It has a greeting.
#[derive(Debug)]
pub struct State {
    /// For everybody.
    pub greeting: &'static str,
}

impl State {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn build() -> karafka::Result<Self> {
        Ok(Self { greeting: \"hello\" })
    }
}
";

/// A `State` that its program makes from what it has.
const GIVEN: &str = "\
//! What requests and messages share.

/// It has a greeting.
#[derive(Debug)]
pub struct State {
    /// For everybody.
    pub greeting: &'static str,
}

impl State {
    /// Makes it.
    #[must_use]
    pub fn build(greeting: &'static str) -> Self {
        Self { greeting }
    }
}
";

/// Programs of the crate `name` that call the consumers as `karafka install` has said, word for word; `state` comes before.
fn told_programs(said: &str, name: &str, state: &str) -> [(String, String); 2] {
    let call = |title: &str| {
        let line = said.lines().find_map(|line| line.trim_start().strip_prefix(title));
        line.unwrap_or_else(|| panic!("{title}: {said}")).trim().to_owned()
    };
    let state = if said.contains(&format!("`state` is a `{name}::state::State`")) { state } else { "" };
    let beside = format!(
        "//! As it was told.\n\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{state}\n{}\n{}\nprintln!(\"{{end}}\");\nOk(())\n}}\n",
        call("beside other work:"),
        call("and at its end:")
    );
    let alone =
        format!("//! As it was told.\n\nfn main() -> std::process::ExitCode {{\n{state}\n{}\n}}\n", call("alone:"));
    [("beside".to_owned(), beside), ("alone".to_owned(), alone)]
}

fn karafka(folder: &Path, arguments: &[&str]) -> String {
    let mut command = checkout::karafka_command(folder).expect("the command is built");
    let ended = process::run(command.args(arguments), Duration::from_secs(60)).expect("it ends");
    let ended = ended.expect_code(0).unwrap_or_else(|error| panic!("{arguments:?}: {error:?}"));
    ended.stream(Stream::Err)
}

/// If this fails, a team that has a workspace cannot have consumers in it: cargo, the compiler or a linter refuses what
/// karafka has put there, or the workspace's own way of saying things is not understood.
#[test]
fn a_member_and_a_program_with_consumers_are_built_and_tested() {
    let home = checkout::target_directory().expect("a folder").join("karafka-tests/surroundings");
    if home.exists() {
        fs::remove_dir_all(&home).expect("it is ours");
    }
    for (path, text) in [
        ("Cargo.toml", WORKSPACE),
        ("crates/web/Cargo.toml", PROGRAM),
        ("crates/web/src/main.rs", MAIN),
        ("crates/web/src/state.rs", STATE),
        ("crates/mail/Cargo.toml", &PROGRAM.replace("web-shop", "web-mail")),
        ("crates/mail/src/lib.rs", "//! Ours.\n"),
        ("crates/mail/src/state.rs", GIVEN),
        ("rustfmt.toml", "max_width = 80\nhard_tabs = true\n"),
    ] {
        let path = home.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    // The versions that are built already.
    fs::copy(checkout::root().join("Cargo.lock"), home.join("Cargo.lock")).expect("copied");
    let web = home.join("crates/web");
    let said = karafka(&web, &["install"]);
    assert!(said.contains("web_shop::generated::app()"), "{said}");
    assert!(!said.contains("src/state.rs is yours"), "{said}");
    let mail = home.join("crates/mail");
    let said_of_mail = karafka(&mail, &["install"]);
    assert!(said_of_mail.contains("make it in another way in these tests"), "{said_of_mail}");
    let test = mail.join("tests/orders_controller.rs");
    let text = fs::read_to_string(&test).expect("a test");
    let made = text.replace("State::build().await.expect(\"the state is built\")", "State::build(\"hello\")");
    assert_ne!(made, text);
    fs::write(&test, made).expect("written");
    for (folder, said, name) in [(&web, &said, "web_shop"), (&mail, &said_of_mail, "web_mail")] {
        fs::create_dir_all(folder.join("src/bin")).expect("made");
        let state = format!("let state = {name}::state::State::build(\"hello\");");
        for (program, text) in told_programs(said, name, &state) {
            fs::write(folder.join(format!("src/bin/{name}_{program}.rs")), text).expect("written");
        }
    }
    karafka(&home, &["new", "crates/billing"]);

    let cargo = Cargo::within(&home).expect("cargo");
    let build = cargo.build_tests(&["--workspace", "--all-targets", "--offline"]).expect("it compiles");
    assert_eq!(build.warnings(), [""; 0]);
    cargo.run("test", &["--workspace", "--offline", "--quiet"]).expect("it ends").expect_code(0).expect("tests pass");
    assert_eq!(fs::read_to_string(web.join("src/main.rs")).expect("a file"), MAIN);

    // A formatter with another taste is no edit.
    let formatted = Command::new("cargo").args(["fmt", "--all"]).current_dir(&home).status().expect("cargo fmt runs");
    assert!(formatted.success());
    for member in ["crates/web", "crates/billing"] {
        karafka(&home.join(member), &["check"]);
    }
    let info = process::run(
        checkout::karafka_command(&web).expect("the command is built").arg("info"),
        Duration::from_secs(60),
    );
    let info = info.expect("it ends");
    assert!(info.stream(Stream::Out).contains("3.1.4"), "{}", info.stream(Stream::Out));
}
