//! What `karafka` accepts, rustc does too: names that Rust and the runtime have as well, depth, numbers, anything.

use std::{collections::BTreeSet, fmt::Write, fs};

use karafka_tests::app::App;

use crate::app_checks;

const NAMES: &str = include_str!("manifests/names.yml");

/// What a random manifest picks its names from: those of the runtime's prelude and of Rust's, and plain ones.
const WORDS: &[&str] = &[
    "Admission",
    "Batch",
    "Bytes",
    "Clone",
    "Context",
    "Controller",
    "Copy",
    "Debug",
    "Decimal",
    "Default",
    "Drop",
    "Err",
    "Error",
    "Failure",
    "FnOnce",
    "From",
    "FromState",
    "Interchanger",
    "Into",
    "Iterator",
    "Json",
    "Key",
    "Message",
    "None",
    "Ok",
    "Option",
    "Order",
    "Parser",
    "Record",
    "Result",
    "Self2",
    "Send",
    "Serialize",
    "Sized",
    "Some",
    "State",
    "String",
    "Sync",
    "Time",
    "Timestamp",
    "Topic",
    "Uuid",
    "Vec",
    "Video",
    "Worker",
];

/// Leaves an app the tests of these controllers alone: each test is a program, and they differ by their names.
fn keep_tests(app: &App, kept: &[&str]) {
    for entry in fs::read_dir(app.folder().join("tests")).expect("an app has tests") {
        let path = entry.expect("the folder can be read").path();
        if !kept.iter().any(|kept| path.ends_with(kept)) {
            fs::remove_file(&path).expect("a test may be deleted");
        }
    }
}

/// Compiles an app with its tests, and lets clippy look at it.
fn lint(app: &App) {
    let cargo = app.cargo().expect("cargo is there");
    let linted = cargo.run("clippy", &["--all-targets", "--", "-D", "warnings"]).expect("cargo runs");
    linted.expect_code(0).expect("what is accepted compiles, and clippy has nothing to say");
}

/// If this fails, a Ruby app cannot keep the names of its constants and messages.
#[test]
fn names_of_rust_and_of_the_runtime_are_the_manifests_own() {
    let app = App::from_manifest("named", NAMES).expect("`karafka new --manifest` takes every name");
    keep_tests(&app, &["videos_batch.rs", "videos_ok.rs", "videos_result.rs", "several_b2_controller.rs"]);
    app_checks::check(&app);
}

/// If this fails, the runtime's prelude has gained a name, and whether a manifest may have it too is not known.
#[test]
fn every_name_of_the_runtimes_prelude_is_tried() {
    let runtime = include_str!("../../runtime/src/lib.rs");
    let (_, prelude) = runtime.split_once("pub mod prelude {").expect("the runtime has a prelude");
    let (prelude, _) = prelude.split_once("\n}").expect("the prelude ends");
    // What comes without its name is in nobody's way.
    let code = |line: &&str| !line.trim_start().starts_with("//") && !line.trim_end().ends_with(" as _;");
    let untried: Vec<&str> = prelude
        .lines()
        .filter(code)
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !NAMES.contains(&format!("\n  {word}: {{")))
        .collect();
    // One is left: an app whose messages have every name brings nothing of the runtime into its prelude.
    assert_eq!(untried, ["Key"], "add these to manifests/names.yml");
}

/// A chain of messages, each in a field of the one before.
#[derive(Clone, Copy)]
struct Chain {
    name: &'static str,
    /// The field, `M` for the next message.
    field: &'static str,
    /// How many levels a message and what is around it count for.
    levels: usize,
}

const CHAINS: [Chain; 6] = [
    Chain { name: "Plain", field: "next: M", levels: 1 },
    Chain { name: "Optional", field: "next?: M", levels: 2 },
    Chain { name: "Listed", field: "next: [M]", levels: 4 },
    Chain { name: "Mapped", field: "next: { string: M }", levels: 10 },
    Chain { name: "Both", field: "next: [{ string: M }]", levels: 13 },
    Chain { name: "Perhaps", field: "next?: [M]", levels: 5 },
];

/// The messages of a chain of so many.
fn chain(Chain { name, field, .. }: Chain, length: usize) -> String {
    let mut messages = String::new();
    for level in 0..length - 1 {
        let field = field.replace('M', &format!("{name}{}", level + 1));
        let _ = writeln!(messages, "  {name}{level}: {{ id: string, {field} }}");
    }
    let _ = writeln!(messages, "  {name}{}: {{ id: string, at: timestamp(millis), total: decimal }}", length - 1);
    messages
}

/// If this fails, a manifest within the bounds is accepted, and rustc gives up on it: by the depth to which it follows
/// types, or on its stack.
#[test]
fn messages_as_deep_as_may_be_and_300_consumers_compile() {
    const LEVELS: usize = 64;
    const CONSUMERS: usize = 300;
    let mut manifest = String::from("app: many\n\nmessages:\n");
    for of in CHAINS {
        let longest = (LEVELS - 1) / of.levels + 1;
        manifest.push_str(&chain(of, longest));
        let longer = format!("app: deep\nmessages:\n{}", chain(of, longest + 1));
        let refused = format!("{:?}", App::from_manifest("deep", &longer).expect_err("one more is too many"));
        assert!(refused.contains("deep-message"), "{}: {refused}", of.name);
    }
    let firsts = CHAINS.map(|of| format!("{}0", of.name));
    let choices: Vec<_> = CHAINS.iter().skip(1).map(|of| format!("{}: {}1", of.name.to_lowercase(), of.name)).collect();
    let _ = writeln!(manifest, "  Choice: {{ one_of: {{ {} }}, by: type }}", choices.join(", "));
    manifest.push_str("\ntopics:\n");
    manifest.push_str("  deepest: { message: Choice, controller: DeepestController, emits: [deepest], batch: {} }\n");
    for at in 0..CONSUMERS - 1 {
        let message = &firsts[at % firsts.len()];
        let _ = writeln!(
            manifest,
            "  t{at}: {{ message: {message}, key: id, controller: Part{}::C{at}Controller }}",
            at % 7
        );
    }
    let app = App::from_manifest("many", &manifest).expect("the manifest is within the bounds");
    keep_tests(&app, &["deepest_controller.rs"]);
    lint(&app);
}

/// If this fails, there is a manifest that is accepted and gives code that does not compile.
#[test]
fn random_manifests_compile() {
    for seed in 1..=3 {
        let manifest = Random(seed).manifest();
        let app = App::from_manifest("chosen", &manifest).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        keep_tests(&app, &["topic_0_controller.rs"]);
        let ended = app.cargo().and_then(|cargo| cargo.run("check", &["--all-targets"])).expect("cargo runs");
        let ended = ended.expect_code(0).unwrap_or_else(|error| panic!("seed {seed}: {error:?}\n{manifest}"));
        assert!(!ended.text().contains("warning"), "seed {seed}: {}\n{manifest}", ended.text());
    }
}

/// Numbers that look random, and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(0x9e37_79b9);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0 >> 8) % u64::try_from(limit).unwrap_or(1)).unwrap_or_default()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A type of a field, made of scalars and of the messages so far.
    fn field(&mut self, messages: &[&str]) -> String {
        const SCALARS: &[&str] = &[
            "string",
            "bool",
            "u8",
            "i64",
            "f32",
            "decimal",
            "decimal(number)",
            "bytes",
            "uuid",
            "timestamp",
            "timestamp(seconds)",
            "date",
            "time",
            "json",
            "some | none | self",
        ];
        match self.below(6) {
            0 if !messages.is_empty() => self.pick(messages).to_owned(),
            1 => format!("[{}]", self.plain(messages)),
            2 => format!("{{ string: {} }}", self.plain(messages)),
            3 => format!("[{{ string: {} }}]", self.plain(messages)),
            4 => format!("{{ inner: {}, type?: u8 }}", self.plain(messages)),
            _ => self.pick(SCALARS).to_owned(),
        }
    }

    fn plain(&mut self, messages: &[&str]) -> String {
        if messages.is_empty() || self.below(2) == 0 {
            self.pick(&["string", "u64", "f64", "decimal", "timestamp(millis)", "json", "bytes"]).to_owned()
        } else {
            self.pick(messages).to_owned()
        }
    }

    /// A constant of a part, in a namespace or in none. Each has its own, so that none is used for two types.
    fn constant(&mut self, at: usize) -> String {
        format!("N{at}::{}", self.pick(WORDS))
    }

    fn manifest(&mut self) -> String {
        let mut manifest = String::from("app: chosen\n\nmessages:\n");
        let names: BTreeSet<&str> = (0..16).map(|_| self.pick(WORDS)).collect();
        let mut messages = Vec::new();
        for name in names {
            let _ = writeln!(manifest, "  {name}:\n    id: string\n    again?: {name}");
            for at in 0..self.below(6) {
                let mark = self.pick(&["", "?"]);
                let _ = writeln!(manifest, "    f{at}{mark}: {}", self.field(&messages));
            }
            messages.push(name);
        }
        manifest.push_str("\ntopics:\n");
        for at in 0..12 {
            let message = self.pick(&messages);
            let _ = write!(manifest, "  {}_{at}: {{ message: {message}, key: id, ", self.pick(&["topic", "some", "c"]));
            for (key, constant) in ["controller", "worker", "parser", "interchanger"].into_iter().zip([at; 4]) {
                if key == "controller" || self.below(2) == 0 {
                    let _ = write!(manifest, "{key}: {}, ", self.constant(constant));
                }
            }
            let _ = writeln!(manifest, "{} }}", self.pick(&["batch: {}", "tombstones: deliver", "timeout: 1s"]));
        }
        manifest
    }
}
