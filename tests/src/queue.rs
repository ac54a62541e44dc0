//! Runs cases of a suite: first those that need the machine for themselves, then the others side by side.
//!
//! Most cases wait: for sessions to end, for servers to come back. Each thread has a bench of its own (a Kafka, say), so
//! that a case may freeze or kill what it stands on, and meets nobody there.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

/// A case, on a bench that no other case uses at the same time.
#[derive(Debug)]
pub struct Case<B> {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&B) -> Result<()>,
    /// Whether it runs beside no other: it measures, or it bounds something by the clock.
    pub alone: bool,
}

/// Runs cases.
pub struct Queue<'a, B> {
    /// How many run at a time.
    pub jobs: usize,
    /// Makes another bench.
    pub bench: &'a (dyn Fn() -> Result<B> + Sync),
    /// Shows what a case has printed, in one piece, when it has ended.
    pub show: &'a (dyn Fn(&str) + Sync),
}

/// How a run went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Cases that failed, and benches that could not be made.
    pub failed: usize,
    /// The time that all cases took, one after another.
    pub took: Duration,
}

impl<B: Send> Queue<'_, B> {
    /// Runs all cases, the first ones on `first`.
    #[must_use]
    pub fn run(&self, first: B, cases: &[&Case<B>]) -> Outcome {
        let (alone, beside): (Vec<_>, Vec<_>) = cases.iter().copied().partition(|case| case.alone);
        let outcome = Mutex::default();
        let first = self.take(&alone, &AtomicUsize::new(0), first, &outcome);
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 1..self.jobs.min(beside.len()) {
                scope.spawn(|| self.make(&outcome).map(|bench| self.take(&beside, &next, bench, &outcome)));
            }
            first.or_else(|| self.make(&outcome)).map(|bench| self.take(&beside, &next, bench, &outcome))
        });
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one case after another until all are taken; gives the bench back, unless no other could be made.
    fn take(&self, cases: &[&Case<B>], next: &AtomicUsize, mut bench: B, outcome: &Mutex<Outcome>) -> Option<B> {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !self.one(case, &bench, outcome) {
                // What has failed may have left its bench frozen or dead, which would fail all that come after it.
                bench = self.make(outcome)?;
            }
        }
        Some(bench)
    }

    /// Runs a case; gives whether it went well.
    fn one(&self, case: &Case<B>, bench: &B, outcome: &Mutex<Outcome>) -> bool {
        let begun = Instant::now();
        let (ended, printed) = kept(|| catch_unwind(AssertUnwindSafe(|| (case.run)(bench))));
        let ended = ended.unwrap_or_else(|_| Err(anyhow!("it panicked, with the words that stand above")));
        let took = begun.elapsed();
        let last = match &ended {
            Ok(()) => format!("  ok, {took:.1?}"),
            Err(error) => format!("  FAILED, {took:.1?}\n{error:?}"),
        };
        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        (self.show)(&format!("case {}\n{printed}{last}", case.name));
        outcome.took += took;
        outcome.failed += usize::from(ended.is_err());
        ended.is_ok()
    }

    /// Makes a bench, or says why there is none; the cases are left to other threads then.
    fn make(&self, outcome: &Mutex<Outcome>) -> Option<B> {
        let made = (self.bench)();
        made.inspect_err(|error| {
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            (self.show)(&format!("FAILED to make a bench: {error:?}"));
            outcome.failed += 1;
        })
        .ok()
    }
}

thread_local! {
    /// What the case of this thread has printed; nothing outside of a case.
    static KEPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Prints a line for the case that runs on this thread, or at once if none does.
#[expect(clippy::print_stdout, reason = "a suite's figures are for the terminal")]
pub fn print(line: &str) {
    KEPT.with_borrow_mut(|kept| match kept {
        Some(kept) => {
            kept.push_str(line);
            kept.push('\n');
        }
        None => println!("{line}"),
    });
}

/// Runs something on this thread; gives its answer, and what it has printed.
fn kept<T>(run: impl FnOnce() -> T) -> (T, String) {
    KEPT.set(Some(String::new()));
    let answer = run();
    (answer, KEPT.take().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anyhow::bail;

    use super::*;

    /// Who is at work, and what has happened, for all benches.
    #[derive(Default)]
    struct Seen {
        at_work: AtomicUsize,
        most: AtomicUsize,
        benches: AtomicUsize,
        names: Mutex<Vec<&'static str>>,
    }

    struct Bench {
        seen: Arc<Seen>,
        /// Whether a case has failed on it.
        broken: AtomicUsize,
    }

    fn enter(bench: &Bench, name: &'static str) -> usize {
        bench.seen.names.lock().expect("no poison").push(name);
        let now = bench.seen.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        bench.seen.most.fetch_max(now, Ordering::SeqCst);
        now
    }

    fn leave(bench: &Bench) {
        bench.seen.at_work.fetch_sub(1, Ordering::SeqCst);
    }

    fn alone(bench: &Bench) -> Result<()> {
        let now = enter(bench, "alone");
        thread::sleep(Duration::from_millis(20));
        let most = bench.seen.most.load(Ordering::SeqCst);
        leave(bench);
        anyhow::ensure!(now == 1 && most == 1, "{now} at work");
        Ok(())
    }

    /// Ends only when another is at work as well.
    fn beside(bench: &Bench) -> Result<()> {
        print("one");
        enter(bench, "beside");
        let begun = Instant::now();
        while bench.seen.most.load(Ordering::SeqCst) < 2 {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(60), "nobody else came");
            thread::sleep(Duration::from_millis(1));
        }
        print("two");
        leave(bench);
        anyhow::ensure!(bench.broken.load(Ordering::SeqCst) == 0, "a broken bench");
        Ok(())
    }

    fn fails(bench: &Bench) -> Result<()> {
        bench.broken.store(1, Ordering::SeqCst);
        print("before");
        bail!("no luck")
    }

    #[expect(clippy::panic_in_result_fn, reason = "that is the case")]
    fn panics(bench: &Bench) -> Result<()> {
        bench.broken.store(1, Ordering::SeqCst);
        panic!("out of luck")
    }

    fn run(jobs: usize, cases: &[Case<Bench>]) -> (Outcome, Arc<Seen>, Vec<String>) {
        let (seen, shown) = (Arc::new(Seen::default()), Mutex::new(Vec::new()));
        let bench = || {
            seen.benches.fetch_add(1, Ordering::SeqCst);
            Ok(Bench { seen: Arc::clone(&seen), broken: AtomicUsize::new(0) })
        };
        let show = |text: &str| shown.lock().expect("no poison").push(text.to_owned());
        let queue = Queue { jobs, bench: &bench, show: &show };
        let first = bench().expect("a bench");
        let outcome = queue.run(first, &cases.iter().collect::<Vec<_>>());
        (outcome, Arc::clone(&seen), shown.into_inner().expect("no poison"))
    }

    const fn case(name: &'static str, run: fn(&Bench) -> Result<()>, alone: bool) -> Case<Bench> {
        Case { name, run, alone }
    }

    /// If this fails, a case that measures does so beside others, or a suite that waits waits for one thing at a time.
    #[test]
    fn who_is_alone_comes_first_and_the_others_run_side_by_side() {
        let cases =
            [case("b", beside, false), case("a", alone, true), case("b", beside, false), case("a", alone, true)];
        let (outcome, seen, shown) = run(2, &cases);
        assert_eq!(outcome.failed, 0, "{shown:#?}");
        assert_eq!(*seen.names.lock().expect("no poison"), ["alone", "alone", "beside", "beside"]);
        assert_eq!(seen.benches.load(Ordering::SeqCst), 2, "each thread has one of its own");
    }

    /// If this fails, what two cases print is mixed, and nobody knows whose figures they are.
    #[test]
    fn what_a_case_prints_is_shown_in_one_piece() {
        let (_, _, shown) = run(2, &[case("x", beside, false), case("y", beside, false)]);
        assert_eq!(shown.len(), 2);
        for text in &shown {
            assert!(text.starts_with("case ") && text[6..].starts_with("\none\ntwo\n  ok, "), "{text}");
        }
    }

    /// If this fails, a case that fails is not counted, takes the suite down, or leaves others a bench that it has broken.
    #[test]
    fn who_fails_or_panics_is_counted_and_leaves_its_bench_to_nobody() {
        let cases = [
            case("one fails", fails, true),
            case("another panics", panics, false),
            case("b", beside, false),
            case("b", beside, false),
        ];
        let (outcome, seen, shown) = run(2, &cases);
        assert_eq!(outcome.failed, 2, "{shown:#?}");
        assert_eq!(seen.benches.load(Ordering::SeqCst), 4, "two threads, and a new one for each that was broken");
        assert!(shown[0].starts_with("case one fails\nbefore\n  FAILED") && shown[0].contains("no luck"), "{shown:#?}");
    }

    /// If this fails, a suite without its servers hangs, or passes with cases that nobody has run.
    #[test]
    fn a_bench_that_cannot_be_made_fails_the_run() {
        let seen = Arc::new(Seen::default());
        let shown = Mutex::new(Vec::new());
        let show = |text: &str| shown.lock().expect("no poison").push(text.to_owned());
        let queue = Queue { jobs: 2, bench: &|| bail!("no Java"), show: &show };
        let (failing, other) = (case("f", fails, false), case("a", alone, false));
        let outcome = queue.run(Bench { seen, broken: AtomicUsize::new(0) }, &[&failing, &other]);
        assert!(outcome.failed >= 2, "{outcome:?}");
        assert!(shown.lock().expect("no poison").iter().any(|text| text.contains("no Java")));
    }
}
