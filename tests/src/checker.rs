//! Judges a run: what was produced, against the log of what was begun and done, the dead letters and the commits.
//!
//! In the manner of Jepsen's Kafka workload. Pure: everything is counted in places of the log, and no clock is asked.
//! A record stands where the log says it does: processes append a line before and after each attempt, each with one
//! write, and the test appends a line when it knows a process to be gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Result, ensure};

/// A record's place: partition and offset.
pub type Place = (i32, i64);

/// A record in the source topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    /// Where Kafka has put it.
    pub place: Place,
    /// Its key, which need not be text.
    pub key: Option<Vec<u8>>,
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// The record that it happened to; nothing for a process that is gone.
    pub place: Place,
    /// The process that it happened in.
    pub process: u32,
    /// Which attempt, from 1, of this delivery.
    pub attempt: u32,
    /// Milliseconds since 1970, for figures only.
    pub at_ms: u64,
}

/// What a line of the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An attempt has begun.
    Begun,
    /// It has succeeded.
    Done,
    /// It has failed.
    Failed,
    /// The process is gone, whatever it was at.
    Gone,
}

/// A dead letter: the place of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadLetter {
    /// Where the record came from.
    pub source: Place,
}

/// Which records wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All of a partition.
    Partition,
    /// Those of one key in a partition.
    Key,
    /// None: it ends at the job queue.
    None,
}

/// A whole run, for [`check`].
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The source topic's records.
    pub produced: Vec<Produced>,
    /// What the processes logged, in order.
    pub log: Vec<Event>,
    /// What is in the dead letter topic, or was given up as a job.
    pub dead: Vec<DeadLetter>,
    /// What waits as a job in Redis, or is at work there: still to be handled, and not lost by a commit behind it.
    pub jobs: BTreeSet<Place>,
    /// The group's committed offsets.
    pub committed: BTreeMap<i32, i64>,
    /// What was seen of them before, in order: partition and offset.
    pub commits: Vec<Place>,
    /// The offset behind everything in each partition, markers of transactions counted in.
    pub ends: BTreeMap<i32, i64>,
}

/// What is wrong with a run, and how often what may go wrong has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Committed as done, and neither done, dead-lettered nor a job.
    pub lost: Vec<Place>,
    /// Not committed, or a job, and neither done nor dead-lettered: still to be handled.
    pub unseen: Vec<Place>,
    /// Handled and never produced, such as what a transaction took back.
    pub phantoms: Vec<Place>,
    /// Done once more, each as often as it was.
    pub repeated: Vec<Place>,
    /// Begun anew in another delivery, whether or not it had been done: what a fault costs at most.
    pub redelivered: Vec<Place>,
    /// Begun before an earlier record of its line was done or dead-lettered.
    pub reordered: Vec<Place>,
    /// Begun while a record of its line was at work, in a process that was not gone.
    pub beside: Vec<Place>,
    /// Begun by a process that had begun a later record of the line before: it went back, as after a loss.
    pub went_back: Vec<Place>,
    /// Begun by a process that had lost the partition: another had taken over since its own first record of it, begins
    /// the same record, and goes on after it.
    pub after_fencing: Vec<Place>,
    /// Done by a process when another had begun the same record after it: nothing that is done late is committed.
    pub done_late: Vec<Place>,
    /// Copies in the dead letter topic beyond the first.
    pub dead_again: Vec<Place>,
    /// Committed beyond what was produced: partition and offset.
    pub committed_beyond: Vec<Place>,
    /// Committed after a higher offset had been: partition and offset.
    pub committed_back: Vec<Place>,
}

/// Judges a run in which records wait for each other as `order` says.
#[must_use]
pub fn check(run: &Run, order: Order) -> Verdict {
    let mut verdict = Verdict::default();
    let mut dead = BTreeSet::new();
    verdict.dead_again = run.dead.iter().map(|letter| letter.source).filter(|source| !dead.insert(*source)).collect();
    let produced: BTreeMap<Place, &Produced> = run.produced.iter().map(|record| (record.place, record)).collect();
    judge_fates(run, &dead, &produced, &mut verdict);
    judge_commits(run, &mut verdict);
    judge_deliveries(run, &mut verdict);
    judge_order(run, order, &dead, &produced, &mut verdict);
    verdict
}

fn judge_fates(run: &Run, dead: &BTreeSet<Place>, produced: &BTreeMap<Place, &Produced>, verdict: &mut Verdict) {
    let mut done = BTreeSet::new();
    for event in &run.log {
        if event.kind == Kind::Done && !done.insert(event.place) {
            verdict.repeated.push(event.place);
        }
        if event.kind == Kind::Begun && !produced.contains_key(&event.place) {
            verdict.phantoms.push(event.place);
        }
    }
    for place in produced.keys() {
        if !done.contains(place) && !dead.contains(place) {
            let committed = run.committed.get(&place.0).is_some_and(|next| place.1 < *next);
            if committed && !run.jobs.contains(place) { &mut verdict.lost } else { &mut verdict.unseen }.push(*place);
        }
    }
}

fn judge_commits(run: &Run, verdict: &mut Verdict) {
    let beyond = run.committed.iter().filter(|(partition, next)| run.ends.get(partition).is_none_or(|end| *next > end));
    verdict.committed_beyond = beyond.map(|(partition, next)| (*partition, *next)).collect();
    let mut highest = BTreeMap::new();
    let last = run.committed.iter().map(|(partition, next)| (*partition, *next));
    for (partition, next) in run.commits.iter().copied().chain(last) {
        let highest = highest.entry(partition).or_insert(next);
        if next < *highest {
            verdict.committed_back.push((partition, next));
        }
        *highest = next.max(*highest);
    }
}

fn judge_deliveries(run: &Run, verdict: &mut Verdict) {
    let begun = || run.log.iter().enumerate().filter(|(_, event)| event.kind == Kind::Begun);
    // Where in the log a process has begun something of a partition, and who has begun a record at all.
    let mut begins: BTreeMap<(u32, i32), Vec<usize>> = BTreeMap::new();
    let mut begun_by: BTreeMap<Place, BTreeSet<u32>> = BTreeMap::new();
    for (index, event) in begun() {
        begins.entry((event.process, event.place.0)).or_default().push(index);
        begun_by.entry(event.place).or_default().insert(event.process);
    }
    let begins = |process: u32, partition: i32| begins.get(&(process, partition)).map_or(&[][..], Vec::as_slice);
    // What a process did before it went, or was frozen, takes nothing over: its partitions were free then.
    let gone = |process: u32, index: usize| {
        let mut before = run.log[..index].iter();
        before.rposition(|event| event.kind == Kind::Gone && event.process == process)
    };
    let mut delivered = BTreeSet::new();
    for (index, event) in begun() {
        let (place, partition) = (event.place, event.place.0);
        if event.attempt == 1 && !delivered.insert(place) {
            verdict.redelivered.push(place);
        }
        let first = begins(event.process, partition).first().copied().unwrap_or(index);
        let has_taken_over = |other: &u32| {
            let theirs = begins(*other, partition);
            let since = gone(*other, index).map_or(first, |gone| gone.max(first));
            let came_between = theirs.iter().any(|at| (since..index).contains(at));
            came_between && theirs.last().is_some_and(|last| *last > index)
        };
        let others = begun_by.get(&place).into_iter().flatten();
        if others.filter(|other| **other != event.process).any(has_taken_over) {
            verdict.after_fencing.push(place);
        }
    }
    // Who has begun a record last.
    let mut owner: BTreeMap<Place, u32> = BTreeMap::new();
    for event in &run.log {
        match event.kind {
            Kind::Begun => {
                owner.insert(event.place, event.process);
            }
            Kind::Done if owner.get(&event.place).is_some_and(|owner| *owner != event.process) => {
                verdict.done_late.push(event.place);
            }
            _ => {}
        }
    }
}

/// A line's state while the log is read.
#[derive(Default)]
struct Line {
    /// Its records by offset, and whether they are behind us: done or dead.
    open: BTreeSet<i64>,
    /// What is at work in it, and where.
    working: Vec<(Place, u32)>,
    /// The latest record that each process has begun.
    latest: BTreeMap<u32, i64>,
}

fn judge_order(
    run: &Run,
    order: Order,
    dead: &BTreeSet<Place>,
    produced: &BTreeMap<Place, &Produced>,
    verdict: &mut Verdict,
) {
    let line_of = |place: &Place| -> Option<(i32, Option<&[u8]>)> {
        match order {
            Order::Partition => Some((place.0, None)),
            Order::Key => Some((place.0, Some(produced.get(place)?.key.as_deref()?))),
            Order::None => None,
        }
    };
    let mut lines: BTreeMap<(i32, Option<&[u8]>), Line> = BTreeMap::new();
    for place in produced.keys().filter(|place| !dead.contains(*place)) {
        if let Some(line) = line_of(place) {
            lines.entry(line).or_default().open.insert(place.1);
        }
    }
    let mut begun = BTreeSet::new();
    for event in &run.log {
        if event.kind == Kind::Gone {
            for line in lines.values_mut() {
                line.working.retain(|(_, process)| *process != event.process);
            }
            continue;
        }
        let Some(line) = line_of(&event.place) else { continue };
        let line = lines.entry(line).or_default();
        match event.kind {
            Kind::Begun => {
                let first = begun.insert(event.place);
                let latest = line.latest.entry(event.process).or_insert(event.place.1);
                if event.place.1 < *latest {
                    verdict.went_back.push(event.place);
                }
                *latest = event.place.1.max(*latest);
                if first && line.open.first().is_some_and(|open| *open < event.place.1) {
                    verdict.reordered.push(event.place);
                }
                if line.working.iter().any(|(place, _)| *place != event.place) {
                    verdict.beside.push(event.place);
                }
                line.working.push((event.place, event.process));
            }
            Kind::Done | Kind::Failed => {
                if event.kind == Kind::Done {
                    line.open.remove(&event.place.1);
                }
                line.working.retain(|working| *working != (event.place, event.process));
            }
            Kind::Gone => {}
        }
    }
}

impl Verdict {
    /// Itself, if every record was handled or dead-lettered, in order, and nobody worked on what was another's.
    /// Repeats are for the caller to judge: their bound depends on the fault.
    ///
    /// # Errors
    ///
    /// What is wrong, with the first places.
    pub fn expect_nothing_lost(self) -> Result<Self> {
        let wrongs = [
            ("lost", &self.lost),
            ("not handled", &self.unseen),
            ("handled and never produced", &self.phantoms),
            ("begun before an earlier one of their line was done", &self.reordered),
            ("committed beyond the end", &self.committed_beyond),
            ("committed after a higher offset", &self.committed_back),
        ];
        let words: Vec<_> = wrongs
            .into_iter()
            .filter(|(_, places)| !places.is_empty())
            .map(|(what, places)| format!("{} {what}, the first {:?}", places.len(), &places[..places.len().min(3)]))
            .collect();
        ensure!(words.is_empty(), "{}", words.join("; "));
        Ok(self)
    }

    /// Itself, if nothing was delivered twice, nobody worked beside another, and nobody after it was fenced.
    ///
    /// # Errors
    ///
    /// What is wrong, with the first places.
    pub fn expect_no_repeats(self) -> Result<Self> {
        self.expect_repeats_within(0)
    }

    /// Itself, if no two records of a line were at work at once, and nobody worked on what it had lost.
    ///
    /// # Errors
    ///
    /// How often that was, with the first place.
    pub fn expect_nobody_beside(self) -> Result<Self> {
        let places: Vec<_> = self.beside.iter().chain(&self.after_fencing).collect();
        ensure!(
            places.is_empty(),
            "{} records were at work beside another of their line: {:?}",
            places.len(),
            places[0]
        );
        Ok(self)
    }

    /// Itself, if each dead letter is there once.
    ///
    /// # Errors
    ///
    /// How many copies there are, with the first place.
    pub fn expect_no_copies(self) -> Result<Self> {
        let (count, first) = (self.dead_again.len(), self.dead_again.first());
        ensure!(count == 0, "{count} copies of dead letters, the first of {first:?}");
        Ok(self)
    }

    /// Itself, if at most `bound` records were delivered again.
    ///
    /// # Errors
    ///
    /// How many there were, with the first places.
    pub fn expect_repeats_within(self, bound: usize) -> Result<Self> {
        let (count, first) = (self.redelivered.len(), &self.redelivered[..self.redelivered.len().min(3)]);
        ensure!(count <= bound, "{count} records were delivered again, and the bound is {bound}; the first {first:?}");
        Ok(self)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lost {} / done again {} / delivered again {} / went back {} / begun after fencing {} / \
             done after fencing {} / beside another {} / dead again {}",
            self.lost.len() + self.unseen.len(),
            self.repeated.len(),
            self.redelivered.len(),
            self.went_back.len(),
            self.after_fencing.len(),
            self.done_late.len(),
            self.beside.len(),
            self.dead_again.len()
        )
    }
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
