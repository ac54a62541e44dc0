//! What a run has found, for people.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

use crate::find::Mutant;

/// A mutant, and what became of it.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) room: &'a str,
    pub(crate) file: &'a str,
    pub(crate) mutant: &'a Mutant,
    pub(crate) is_caught: bool,
    /// Whether any test comes by.
    pub(crate) is_reached: bool,
    /// Whether it is listed as one that nobody can notice.
    pub(crate) is_known: bool,
}

/// All mutants of a run, in the order of rooms and files.
#[derive(Debug)]
pub(crate) struct Table<'a>(pub(crate) Vec<Judged<'a>>);

/// Counts of one line of the table.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    mutants: usize,
    caught: usize,
    equivalent: usize,
}

impl Judged<'_> {
    fn survives(&self) -> bool {
        !self.is_caught && !self.is_known
    }
}

impl Table<'_> {
    /// Whether nothing survives that is not known to be equivalent.
    pub(crate) fn is_good(&self) -> bool {
        !self.0.iter().any(Judged::survives)
    }

    fn counts(&self, of: impl Fn(&Judged<'_>) -> bool) -> Counts {
        let mut counts = Counts::default();
        for one in self.0.iter().filter(|one| of(one)) {
            counts.mutants += 1;
            counts.caught += usize::from(one.is_caught);
            counts.equivalent += usize::from(!one.is_caught && one.is_known);
        }
        counts
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { mutants, caught, equivalent } = *self;
        let of = mutants - equivalent;
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let share = if of == 0 { 100.0 } else { caught as f64 * 100.0 / of as f64 };
        write!(f, "{mutants:>7} {caught:>7} {equivalent:>10} {:>8} {share:>7.1} %", of - caught)
    }
}

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for one in self.0.iter().filter(|one| one.survives()) {
            let Judged { file, mutant, .. } = one;
            write!(f, "{file}:{}: {}: {}", mutant.line, mutant.function, mutant.change)?;
            writeln!(f, "{}", if one.is_reached { "" } else { " (no test comes by)" })?;
        }
        let listed = self.0.iter().filter(|one| one.is_caught && one.is_known);
        for Judged { file, mutant, .. } in listed {
            writeln!(f, "{file}: `{}: {}` is listed as equivalent, and was caught", mutant.function, mutant.change)?;
        }
        let mut files: Vec<&str> = self.0.iter().map(|one| one.file).collect();
        files.dedup();
        let width = files.iter().map(|file| file.len()).max().unwrap_or(0);
        writeln!(f, "\n{:width$} mutants  caught equivalent survived  caught", "")?;
        for file in files {
            writeln!(f, "{file:width$} {}", self.counts(|one| one.file == file))?;
        }
        let rooms: BTreeMap<_, _> = self.0.iter().map(|one| (one.room, ())).collect();
        for room in rooms.keys() {
            writeln!(f, "{room:width$} {}", self.counts(|one| one.room == *room))?;
        }
        write!(f, "{:width$} {}", "all", self.counts(|_| true))
    }
}
