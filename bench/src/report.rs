//! What a benchmark found: a row a contender, each figure as median and range over the rounds, and what it is compared
//! with.

use std::fmt::Write;

use serde_json::{Value, json};

/// One run of one contender.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    /// Wall time in seconds.
    pub(crate) wall_s: f64,
    /// CPU time of the process in seconds, where it was measured.
    pub(crate) cpu_s: Option<f64>,
    /// The most memory it held, in MiB, where it was measured.
    pub(crate) rss_mb: Option<f64>,
    /// What only this benchmark measures, by name with its unit.
    pub(crate) more: Vec<(&'static str, f64)>,
}

/// All runs of one contender.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contender: String,
    pub(crate) runs: Vec<Run>,
}

/// All rows of one benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    /// Messages (or controllers) a run; 0 where a run is not of so many.
    pub(crate) messages: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) comparisons: Vec<Comparison>,
}

/// One figure of a contender, by itself or over its neighbour's.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) contender: String,
    pub(crate) figure: Figure,
    pub(crate) beside: Option<&'static str>,
    pub(crate) aim: Option<Aim>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Wall,
    Cpu,
    Rate,
    Memory,
    More(&'static str),
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// The median.
    AtMost(f64),
    /// The median.
    AtLeast(f64),
    /// Every round: what is promised holds each time, not half of the time.
    NeverAbove(f64),
}

/// The median of some figures, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Comparison {
    /// A ratio, as yet without an aim.
    pub(crate) fn of(contender: &str, figure: Figure, beside: &'static str) -> Self {
        Self { contender: contender.to_owned(), figure, beside: Some(beside), aim: None }
    }

    /// A figure by itself.
    pub(crate) fn alone(contender: &str, figure: Figure) -> Self {
        Self { contender: contender.to_owned(), figure, beside: None, aim: None }
    }

    pub(crate) fn aims(mut self, aim: Aim) -> Self {
        self.aim = Some(aim);
        self
    }
}

impl Figure {
    fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall time",
            Self::Cpu => "CPU",
            Self::Rate => "rate",
            Self::Memory => "MiB",
            Self::More(name) => name,
        }
    }

    /// The figure of a run; of the rate, all runs of a benchmark being of as many messages.
    fn of(self, run: &Run) -> Option<f64> {
        match self {
            Self::Wall => Some(run.wall_s),
            Self::Cpu => run.cpu_s,
            Self::Rate => Some(1.0 / run.wall_s),
            Self::Memory => run.rss_mb,
            Self::More(name) => run.more.iter().find(|(other, _)| *other == name).map(|(_, figure)| *figure),
        }
    }
}

impl Aim {
    fn is_met(self, spread: Spread) -> bool {
        match self {
            Self::AtMost(bound) => spread.median <= bound,
            Self::AtLeast(bound) => spread.median >= bound,
            Self::NeverAbove(bound) => spread.greatest <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::NeverAbove(bound) => format!("never > {bound}"),
        }
    }
}

impl Spread {
    /// The spread of `figures`; `None` of none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<_> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: low.midpoint(high), least, greatest })
    }

    fn text(self, digits: usize) -> String {
        let Self { median, least, greatest } = self;
        format!("{median:.digits$} ({least:.digits$}–{greatest:.digits$})")
    }
}

impl Row {
    /// A contender that has not run yet.
    pub(crate) fn of(contender: &str) -> Self {
        Self { contender: contender.to_owned(), runs: Vec::new() }
    }

    fn spread(&self, figure: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(figure))
    }

    /// The names of what only this benchmark measures, in their order.
    fn more(&self) -> impl Iterator<Item = &'static str> {
        self.runs.first().into_iter().flat_map(|run| run.more.iter().map(|(name, _)| *name))
    }
}

impl Report {
    /// A comparison's figure. A ratio is taken round by round: what the machine does to one round it does to both.
    fn compare(&self, comparison: &Comparison) -> Option<Spread> {
        let runs_of = |name: &str| self.rows.iter().find(|row| row.contender == name).map(|row| &row.runs);
        let (ours, figure) = (runs_of(&comparison.contender)?, comparison.figure);
        let Some(beside) = comparison.beside else { return Spread::of(ours.iter().filter_map(|run| figure.of(run))) };
        let pairs = ours.iter().zip(runs_of(beside)?);
        Spread::of(pairs.filter_map(|(ours, theirs)| Some(figure.of(ours)? / figure.of(theirs)?)))
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let messages = if self.messages > 0 { format!("{} messages a run, ", self.messages) } else { String::new() };
        let mut text = format!("\n{messages}{} rounds: median (least–greatest)\n", self.rounds());
        text += &aligned(&self.lines());
        let compared = self.comparisons.iter().filter_map(|comparison| {
            let spread = self.compare(comparison)?;
            let beside = comparison.beside.map_or_else(String::new, |beside| format!("× {beside}"));
            let aim = comparison.aim.map_or_else(String::new, |aim| {
                format!("aim {}: {}", aim.text(), if aim.is_met(spread) { "met" } else { "missed" })
            });
            Some(vec![comparison.contender.clone(), comparison.figure.name().to_owned(), spread.text(2), beside, aim])
        });
        text + &aligned(&compared.collect::<Vec<_>>())
    }

    /// The table of figures; what no row has is left out.
    fn lines(&self) -> Vec<Vec<String>> {
        let mut columns: Vec<Vec<String>> = vec![vec![self.bench.to_owned()]];
        columns[0].extend(self.rows.iter().map(|row| row.contender.clone()));
        let mut add = |title: &str, digits, figure: &dyn Fn(&Run) -> Option<f64>| {
            let cells: Vec<_> = self.rows.iter().map(|row| row.spread(figure)).collect();
            if cells.iter().any(Option::is_some) {
                let cells = cells.into_iter().map(|cell| cell.map_or_else(String::new, |spread| spread.text(digits)));
                columns.push(std::iter::once(title.to_owned()).chain(cells).collect());
            }
        };
        add("wall ms", 1, &|run| Some(run.wall_s * 1e3));
        add("messages/s", 0, &|run| Some(self.count()? / run.wall_s));
        add("CPU µs/message", 3, &|run| Some(run.cpu_s? * 1e6 / self.count()?));
        add("MiB", 0, &|run| run.rss_mb);
        let mut names: Vec<&'static str> = Vec::new();
        for name in self.rows.iter().flat_map(Row::more) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            add(name, 2, &|run| Figure::More(name).of(run));
        }
        (0..=self.rows.len()).map(|line| columns.iter().map(|column| column[line].clone()).collect()).collect()
    }

    /// For programs: a line a row, of medians.
    pub(crate) fn json(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let median = |figure: &dyn Fn(&Run) -> Option<f64>| row.spread(figure).map(|spread| spread.median);
            let mut object = json!({
                "bench": self.bench,
                "contender": row.contender,
                "messages": self.messages,
                "wall_s": median(&|run| Some(run.wall_s)),
                "msgs_per_s": median(&|run| Some(self.count()? / run.wall_s)),
                "cpu_us_per_msg": median(&|run| Some(run.cpu_s? * 1e6 / self.count()?)),
                "rss_mb": median(&|run| run.rss_mb),
                "rounds": row.runs.len(),
            });
            let compared = self.comparisons.iter().filter(|comparison| comparison.contender == row.contender);
            let compared: Vec<Value> = compared.filter_map(|comparison| self.comparison_json(comparison)).collect();
            if let Value::Object(object) = &mut object {
                object
                    .extend(row.more().map(|name| (name.to_owned(), json!(median(&|run| Figure::More(name).of(run))))));
                object.insert("compared".to_owned(), Value::Array(compared));
            }
            let _ = writeln!(text, "{object}");
        }
        text
    }

    fn comparison_json(&self, comparison: &Comparison) -> Option<Value> {
        let spread = self.compare(comparison)?;
        let Spread { median, least, greatest } = spread;
        Some(json!({
            "figure": comparison.figure.name(),
            "beside": comparison.beside,
            "is": [least, median, greatest],
            "aim": comparison.aim.map(Aim::text),
            "met": comparison.aim.map(|aim| aim.is_met(spread)),
        }))
    }

    fn rounds(&self) -> usize {
        self.rows.iter().map(|row| row.runs.len()).max().unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn count(&self) -> Option<f64> {
        (self.messages > 0).then_some(self.messages as f64)
    }
}

/// Lines of cells, each column as wide as its widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wall_s: f64, cpu_s: f64) -> Run {
        Run { wall_s, cpu_s: Some(cpu_s), ..Run::default() }
    }

    /// If this fails, a published figure is not what was measured.
    #[test]
    fn a_spread_is_median_and_range() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, greatest: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]), Some(Spread { median: 2.5, least: 1.0, greatest: 4.0 }));
        assert_eq!(Spread::of([]), None);
    }

    /// If this fails, a slow minute of the machine is published as a slow contender.
    #[test]
    fn a_ratio_compares_within_each_round() {
        let rows = vec![
            Row { contender: "ours".to_owned(), runs: vec![run(1.0, 2.0), run(1.0, 30.0)] },
            Row { contender: "theirs".to_owned(), runs: vec![run(1.0, 1.0), run(1.0, 10.0)] },
        ];
        let comparisons = vec![Comparison::of("ours", Figure::Cpu, "theirs").aims(Aim::AtMost(2.0))];
        let report = Report { bench: "x", messages: 10, rows, comparisons };
        let spread = Spread { median: 2.5, least: 2.0, greatest: 3.0 };
        assert_eq!(report.compare(&report.comparisons[0]), Some(spread));
        let line: Value = serde_json::from_str(report.json().lines().next().expect("a line")).expect("JSON");
        assert_eq!((&line["bench"], &line["messages"], &line["wall_s"]), (&json!("x"), &json!(10), &json!(1.0)));
        assert_eq!(line["compared"][0]["is"], json!([2.0, 2.5, 3.0]));
        let last = "ours  CPU  2.50 (2.00–3.00)  × theirs  aim ≤ 2: missed\n";
        assert!(report.table().ends_with(last), "{}", report.table());
    }

    /// If this fails, a promise that was broken in one round of three is published as kept.
    #[test]
    fn a_promise_holds_in_every_round() {
        let spread = Spread { median: 0.5, least: 0.1, greatest: 1.1 };
        assert!(Aim::AtMost(1.0).is_met(spread) && !Aim::NeverAbove(1.0).is_met(spread));
    }

    /// If this fails, the faster of two is published as the slower one.
    #[test]
    fn a_rate_is_the_other_way_round() {
        let (ours, theirs) = (Row { runs: vec![run(1.0, 1.0)], ..Row::of("a") }, Row::of("b"));
        let rows = vec![ours, Row { runs: vec![run(4.0, 1.0)], ..theirs }];
        let comparisons = vec![Comparison::of("a", Figure::Rate, "b").aims(Aim::AtLeast(4.0))];
        let report = Report { bench: "x", messages: 10, rows, comparisons };
        assert!(report.table().ends_with("4.00 (4.00–4.00)  × b  aim ≥ 4: met\n"), "{}", report.table());
    }
}
