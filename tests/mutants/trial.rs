//! Which tests reach a mutant, and whether one of them notices it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use karafka_tests::{environment, process::Process};

use crate::copy::Program;

/// A test, and what it does without any mutant.
#[derive(Debug)]
pub(crate) struct Test<'a> {
    program: &'a Program,
    name: String,
    took: Duration,
    /// The numbers of the mutants that it comes by.
    reaches: BTreeSet<u32>,
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A test failed, or did not end.
    Caught,
    /// No test failed.
    Survived,
    /// No test even comes by.
    Unreached,
}

/// How long the tests may take that are run together. The first ones are those that take no time.
const TOGETHER: [Duration; 3] = [Duration::from_millis(150), Duration::from_secs(1), Duration::from_secs(5)];

/// What a test may take longer than without a mutant, before it counts as one that hangs.
const SLOWER: u32 = 5;

/// On a busy machine nothing takes no time.
const AT_LEAST: Duration = Duration::from_secs(5);

/// Runs each test alone, without a mutant: what it takes, and what it reaches.
///
/// # Errors
///
/// When one fails: it would fail for every mutant.
pub(crate) fn explore<'a>(programs: &'a [Program], notes: &Path, shown: &dyn Show) -> Result<Vec<Test<'a>>> {
    let mut names = Vec::new();
    for program in programs {
        let mut command = command(program, &["--list", "--format=terse"]);
        let listed = command.output().with_context(|| format!("cannot run {}", program.path.display()))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned);
        names.extend(tests.filter(|test| program.krate.runs(test)).map(|test| (program, test)));
    }
    let tests = side_by_side(&names, shown, |(program, name)| {
        let reached = notes.join(format!("{}.reached", name.replace("::", ".")));
        // One that is caught by the clock of a busy machine gets another chance.
        for _ in 0..2 {
            let _ = fs::remove_file(&reached);
            let begun = Instant::now();
            let mut command = command(program, &["--exact", name]);
            let ended = Process::start(command.env("MUTANTS_REACHED", &reached))?.wait(Duration::from_secs(120))?;
            let took = begun.elapsed();
            if ended.status.success() {
                let numbers = fs::read_to_string(&reached).unwrap_or_default();
                let _ = fs::remove_file(&reached);
                let reaches = numbers.lines().filter_map(|line| line.parse().ok()).collect();
                return Ok(Test { program, name: name.clone(), took, reaches });
            }
        }
        bail!("{name} fails without a mutant")
    })?;
    let mut tests = tests.into_iter().filter(|test| !test.reaches.is_empty()).collect::<Vec<_>>();
    tests.sort_by_key(|test| test.took);
    Ok(tests)
}

/// Switches a mutant on and runs the tests that reach it, quick ones first, until one notices.
///
/// # Errors
///
/// When they cannot be run.
pub(crate) fn judge(number: u32, tests: &[Test<'_>]) -> Result<Verdict> {
    let mut tests: Vec<_> = tests.iter().filter(|test| test.reaches.contains(&number)).collect();
    if tests.is_empty() {
        return Ok(Verdict::Unreached);
    }
    let mut together = TOGETHER.iter().copied();
    let mut limit = Duration::ZERO;
    while !tests.is_empty() {
        limit = together.next().unwrap_or(limit);
        let program = tests[0].program;
        let (mut names, mut sum) = (Vec::new(), Duration::ZERO);
        tests.retain(|test| {
            let is_taken = std::ptr::eq(test.program, program) && (names.is_empty() || sum + test.took <= limit);
            if is_taken {
                sum += test.took;
                names.push(&*test.name);
            }
            !is_taken
        });
        if notices(number, program, &names, sum)? {
            return Ok(Verdict::Caught);
        }
    }
    Ok(Verdict::Survived)
}

fn notices(number: u32, program: &Program, names: &[&str], sum: Duration) -> Result<bool> {
    let mut command = command(program, &["--exact", "--test-threads=2"]);
    command.args(names).env("MUTANT", number.to_string());
    let mut process = Process::start(&mut command)?;
    let has_failed = |line: &str| line.starts_with("test ") && line.ends_with("FAILED");
    if process.wait_for_line("a failure", sum * SLOWER + AT_LEAST, has_failed).is_ok() || process.is_running()? {
        return Ok(true);
    }
    Ok(!process.wait(Duration::from_secs(1))?.status.success())
}

fn command(program: &Program, words: &[&str]) -> Command {
    let mut command = Command::new(&program.path);
    environment::clean(&mut command);
    command.args(words).current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
    // Snapshots are compared and not written; random histories are the same each time.
    let workspace = program.folder.parent().unwrap_or(&program.folder);
    command.env("INSTA_WORKSPACE_ROOT", workspace).env("INSTA_UPDATE", "no").env("INSTA_FORCE_PASS", "0");
    // As on a machine where nobody has said whom TLS trusts.
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command.env("PROPTEST_RNG_SEED", "2016").env("PROPTEST_MAX_SHRINK_ITERS", "0").env("RUST_BACKTRACE", "0");
    command
}

/// Is told how far a run has come.
pub(crate) trait Show: Sync {
    /// One of so many is done.
    fn one_of(&self, all: usize);
}

/// Does something with each item, a thread a core; the results are in the order of the items.
///
/// # Errors
///
/// The first one; what has not begun is not begun then.
pub(crate) fn side_by_side<I: Sync, O: Send>(
    items: &[I],
    shown: &dyn Show,
    work: impl Fn(&I) -> Result<O> + Sync,
) -> Result<Vec<O>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                    shown.one_of(items.len());
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{find, rewrite, rooms::ROOMS};

    const SOURCE: &str = "\
fn most(a: u32, b: u32) -> u32 { if a < b { b } else { a } }
fn never() -> bool { 1 == 2 }
fn count(to: u32) -> u32 { let mut at = 0; while at < to { at += 1; } at }
#[test] fn the_greater_one() { assert_eq!((most(1, 2), most(2, 1)), (2, 2)); }
#[test] fn up_to_three() { assert_eq!(count(3), 3); }
";

    struct Nobody;

    impl Show for Nobody {
        fn one_of(&self, _: usize) {}
    }

    /// If this fails, a run says of mutants that they were caught which were not, or the other way round, or waits for ever.
    #[test]
    fn what_a_test_notices_is_caught() {
        let folder = tempfile::tempdir().expect("a folder");
        let sites = find::sites(SOURCE, 1).expect("Rust");
        let source = rewrite::ALLOW.to_owned() + &rewrite::rewrite(SOURCE, &sites, |_| true).text + rewrite::SWITCH;
        let (file, path) = (folder.path().join("lib.rs"), folder.path().join("tests"));
        fs::write(&file, source).expect("written");
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let rustc = rustc.args(["--test", "--edition=2024", "-o"]).args([&path, &file]).current_dir(folder.path());
        assert!(rustc.status().expect("rustc runs").success());

        let programs = [Program { path, folder: folder.path().to_owned(), krate: ROOMS[0].krate }];
        let tests = explore(&programs, folder.path(), &Nobody).expect("they pass");
        let mutants: Vec<_> = sites.iter().flat_map(|site| &site.mutants).collect();
        let verdicts = side_by_side(&mutants, &Nobody, |mutant| {
            let verdict = judge(mutant.number, &tests)?;
            Ok(format!("{}: {} {verdict:?}", mutant.function, mutant.change))
        });
        let expected = [
            "most: a < b -> a <= b Survived",
            "most: a < b -> a >= b Caught",
            "never: returns true Unreached",
            "never: returns false Unreached",
            "never: 1 == 2 -> 1 != 2 Unreached",
            "never: 1 -> 2 Unreached",
            "never: 2 -> 3 Unreached",
            "count: 0 -> 1 Survived",
            "count: at < to -> at <= to Caught",
            "count: at < to -> at >= to Caught",
            "count: at += 1 -> at -= 1 Caught",
            "count: 1 -> 2 Caught",
        ];
        assert_eq!(verdicts.expect("judged"), expected);
    }
}
