//! The commands that the book has its reader type, read by the command lines that they are for; and what those have.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use karafka_tests::{cargo::Cargo, checkout, environment, process, readme};

use super::{all, all_right, page};

/// What a reader may be told to run beside karafka and apps.
const OTHERS: [&str; 25] = [
    "bundle",
    "cargo",
    "cd",
    "cp",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "helm",
    "jq",
    "kafka-acls",
    "kafka-configs",
    "kafka-console-producer",
    "kafka-consumer-groups",
    "kafka-topics",
    "kcat",
    "kill",
    "kubectl",
    "mkdir",
    "openssl",
    "printf",
    "redis-cli",
    "sidekiq",
    "systemctl",
];

/// Apps of the book's examples.
const APPS: [&str; 2] = ["shop", "myapp"];

/// Which program reads a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Karafka,
    App,
}

impl Program {
    /// `PROGRAM WORDS`, which is to end at once.
    fn answer(self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.path());
        environment::clean(command.args(words).current_dir(checkout::root().join("examples/shop")));
        let ended = process::run(&mut command, Duration::from_secs(60)).map_err(|error| error.to_string())?;
        if ended.status.success() { Ok(ended.text()) } else { Err(ended.text()) }
    }

    fn path(self) -> &'static Path {
        static SHOP: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Self::Karafka => checkout::karafka().expect("karafka is built"),
            Self::App => SHOP.get_or_init(|| {
                let built =
                    Cargo::within(checkout::root()).and_then(|cargo| cargo.build(&["--workspace", "--bin", "shop"]));
                built.and_then(|built| built.executable("shop")).expect("an app")
            }),
        }
    }
}

/// Each command with its own flags, as its `--help` has them: `karafka generate controller`; of an app `server`.
pub(super) fn commands(program: Program) -> &'static BTreeMap<String, BTreeSet<String>> {
    static KARAFKA: OnceLock<BTreeMap<String, BTreeSet<String>>> = OnceLock::new();
    static APP: OnceLock<BTreeMap<String, BTreeSet<String>>> = OnceLock::new();
    let known = if program == Program::Karafka { &KARAFKA } else { &APP };
    known.get_or_init(|| {
        let mut found = BTreeMap::new();
        collect(program, &mut Vec::new(), &mut found);
        found
    })
}

fn collect(program: Program, command: &mut Vec<String>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    let words: Vec<_> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let help = program.answer(&words).expect("every command has a help");
    // Definitions are indented, by less than the words about them; below them stand examples.
    let lines = || help.lines().take_while(|line| !line.starts_with("Example") && !line.starts_with("Settings come"));
    let flags = lines().filter_map(|line| {
        let words = line.trim_start();
        let words = words.strip_prefix("-").filter(|_| line.starts_with("  "))?;
        let long = format!("-{words}");
        let at = long.find("--")?;
        let name: String = long[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        (at == 0 || at == 4).then_some(name)
    });
    found.insert(command.join(" "), flags.collect());
    let subcommands = lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> = subcommands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    for name in names {
        command.push(name);
        collect(program, command, found);
        command.pop();
    }
}

/// The words of a shell's line, of which each command is a list.
fn words(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut command, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let quoted: String = letters.by_ref().take_while(|c| *c != letter).collect();
                word.get_or_insert_default().push_str(&quoted);
            }
            c if c.is_whitespace() => command.extend(word.take()),
            '|' | ';' | '&' => {
                command.extend(word.take());
                commands.push(std::mem::take(&mut command));
            }
            // What follows is a file.
            '>' | '<' => {
                command.extend(word.take().filter(|word| word != "2"));
                while letters.next_if(|c| c.is_whitespace() || *c == '>').is_some() {}
                while letters.next_if(|c| !c.is_whitespace()).is_some() {}
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    command.extend(word);
    commands.push(command);
    commands.retain(|command| !command.is_empty());
    commands
}

/// What is wrong with a command; its variables stand before it.
fn wrong_with(command: &[String]) -> Option<String> {
    let is_variable = |word: &&String| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()))
    };
    let command: Vec<_> = command.iter().skip_while(is_variable).map(String::as_str).collect();
    let [name, rest @ ..] = command.as_slice() else { return None };
    let file = name.rsplit('/').next().unwrap_or(name);
    match *name {
        "karafka" => {
            let (own, passed) = split(rest);
            if own.is_empty() {
                return Some("names no command".to_owned());
            }
            let answer = Program::Karafka.answer(&[own, &["--help"]].concat());
            answer.err().or_else(|| {
                passed.and_then(|passed| Program::App.answer(&[&own[..1], passed, &["--help"]].concat()).err())
            })
        }
        "cargo" if rest.first() == Some(&"run") => {
            let (_, passed) = split(rest);
            // In the checkout it is the command itself that runs.
            let is_karafka = |words: &[&str]| {
                let has = |program| words.first().is_some_and(|word| commands(program).contains_key(*word));
                has(Program::Karafka) && !has(Program::App)
            };
            let program = if passed.is_some_and(is_karafka) { Program::Karafka } else { Program::App };
            passed.and_then(|passed| program.answer(&[passed, &["--help"]].concat()).err())
        }
        _ if APPS.contains(&file) => Program::App.answer(&[rest, &["--help"]].concat()).err(),
        _ if OTHERS.contains(&file.trim_end_matches(".sh")) => None,
        _ => Some(format!("`{name}` is no program that the book uses: it is not in OTHERS")),
    }
}

/// A command's own words, and those behind `--`.
fn split<'a, 'w>(words: &'a [&'w str]) -> (&'a [&'w str], Option<&'a [&'w str]>) {
    match words.iter().position(|word| *word == "--") {
        Some(at) => (&words[..at], Some(&words[at + 1..])),
        None => (words, None),
    }
}

/// If this fails, a reader types what a command of ours does not know.
#[test]
fn every_call_is_one_that_our_command_lines_take() {
    let mut wrong = Vec::new();
    for page in all() {
        let text =
            page.blocks.iter().map(|block| (block.line, format!("```{}\n{}```\n", block.language(), block.text)));
        for (line, block) in text {
            for call in readme::commands(&block) {
                let commands = words(&call.text);
                let found = commands.iter().filter_map(|command| wrong_with(command));
                wrong
                    .extend(found.map(|why| format!("{}:{}: `{}`: {why}", page.name, line + call.line - 1, call.text)));
            }
        }
    }
    all_right("calls that cannot be made", &wrong);
}

/// If this fails, somebody looks for a command or a flag in the book and does not find it, or finds one that is none.
#[test]
fn the_page_on_commands_has_every_command_and_flag_and_no_other() {
    let page = page("commands.md");
    let mut wrong = Vec::new();
    for (program, prefix) in [(Program::Karafka, "karafka"), (Program::App, "shop")] {
        let known = commands(program);
        for (command, flags) in known {
            let name = format!("{prefix} {command}");
            let title = format!("`{}`", name.trim_end());
            let Some(heading) = page.headings.iter().find(|heading| heading.text == title) else {
                wrong.push(format!("there is no heading {title}"));
                continue;
            };
            // What the command above it takes is told there; an app's own name alone is its `server`.
            let above = match (program, command.rsplit_once(' ')) {
                (Program::Karafka, Some((above, _))) => Some(&known[above]),
                (Program::Karafka, None) if !command.is_empty() => Some(&known[""]),
                (Program::App, None) if command.is_empty() => Some(&known["server"]),
                _ => None,
            };
            let is_told =
                |flag: &str| flag == "--help" || flag == "--version" || above.is_some_and(|above| above.contains(flag));
            let expected: BTreeSet<&str> = flags.iter().map(String::as_str).filter(|flag| !is_told(flag)).collect();
            let rows = page.first_cells((heading.line, page.next_heading(heading.line)));
            let has: BTreeSet<&str> = rows.iter().filter_map(|(_, cell)| flag_of(cell)).collect();
            let missing: Vec<_> = expected.difference(&has).collect();
            let unknown: Vec<_> = has.iter().filter(|flag| !flags.contains(**flag)).collect();
            if !missing.is_empty() || !unknown.is_empty() {
                wrong.push(format!("{title}: not there {missing:?}, and none of its flags {unknown:?}"));
            }
        }
    }
    all_right("docs/src/commands.md", &wrong);
}

/// The flag of a table's cell, `--topic KEY`.
fn flag_of(cell: &str) -> Option<&str> {
    let words = cell.strip_prefix('`')?;
    let flag = words.split([' ', '`', ',']).find(|word| word.starts_with("--"))?;
    Some(flag)
}
