//! What is mutated, and which tests are to notice.

use std::path::Path;

use anyhow::{Result, ensure};
use karafka_tests::checkout;

/// Sources that are mutated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    pub(crate) krate: &'static Crate,
    /// Its files and folders, relative to the checkout.
    paths: &'static [&'static str],
}

/// A crate whose tests notice mutants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crate {
    pub(crate) package: &'static str,
    pub(crate) folder: &'static str,
    /// How the names of tests begin that are not run: they wait for a broker, or do something a hundred thousand times, and
    /// would take seconds for each mutant that they reach.
    slow: &'static [&'static str],
}

const RUNTIME: &Crate = &Crate {
    package: "karafka",
    folder: "runtime",
    slow: &[
        "broker::",
        "client::kafka::",
        "engine::tests::",
        "retry::",
        "health::",
        "producer::",
        "running::",
        "server::tests::process",
        "testing::tests::stops::a_stop_amid_thousands",
    ],
};

const GENERATOR: &Crate = &Crate {
    package: "karafka-cli",
    folder: "generator",
    slow: &[
        "folders_in_folders_end_no_command",
        "interrupted::",
        "manifest::read::tests::large_manifests",
        "no_command_says_a_secret",
        "no_text_takes_time",
        "what_is_no_file_neither_hangs",
    ],
};

/// All rooms.
pub(crate) const ROOMS: &[Room] = &[
    Room { name: "core", krate: RUNTIME, paths: &["runtime/src/engine/core"] },
    Room { name: "jobs", krate: RUNTIME, paths: &["runtime/src/jobs/verdict.rs", "runtime/src/jobs/job.rs"] },
    Room { name: "settings", krate: RUNTIME, paths: &["runtime/src/settings"] },
    Room { name: "manifest", krate: GENERATOR, paths: &["generator/src/manifest"] },
    Room { name: "model", krate: GENERATOR, paths: &["generator/src/model"] },
    Room { name: "plan", krate: GENERATOR, paths: &["generator/src/plan"] },
];

impl Crate {
    /// Whether a test is run.
    pub(crate) fn runs(&self, test: &str) -> bool {
        !self.slow.iter().any(|slow| test.starts_with(slow))
    }
}

/// The files that `words` name, each with its room: names of rooms, files or folders within one; nothing is everything.
///
/// # Errors
///
/// When a word names nothing that is mutated.
pub(crate) fn files(words: &[String]) -> Result<Vec<(Room, String)>> {
    let all = checkout::files()?;
    let all: Vec<_> = all.iter().filter_map(|file| file.to_str()).filter(|file| is_source(file)).collect();
    let mut found = Vec::new();
    let mut used = vec![false; words.len()];
    for room in ROOMS {
        for file in all.iter().filter(|file| room.paths.iter().any(|path| Path::new(file).starts_with(path))) {
            let mut is_wanted = words.is_empty();
            for (word, used) in words.iter().zip(&mut used) {
                if word == room.name || Path::new(file).starts_with(word) {
                    (is_wanted, *used) = (true, true);
                }
            }
            if is_wanted {
                found.push((*room, (*file).to_owned()));
            }
        }
    }
    if let Some(unused) = used.iter().position(|used| !used) {
        let names: Vec<_> = ROOMS.iter().map(|room| room.name).collect();
        ensure!(false, "`{}` is no path in a room, and no room: {}", words[unused], names.join(", "));
    }
    Ok(found)
}

/// Whether it holds what is no test.
fn is_source(file: &str) -> bool {
    file.ends_with(".rs") && !file.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
}
