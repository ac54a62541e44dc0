//! What a benchmark found: a row a contender, each figure as median and range over the rounds.

use std::fmt::Write;

use serde_json::{Value, json};

/// One run of one contender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Wall time in seconds.
    pub(crate) wall_s: f64,
    /// CPU time of the process in seconds, where it was measured.
    pub(crate) cpu_s: Option<f64>,
    /// The most memory it held, in MiB, where it was measured.
    pub(crate) rss_mb: Option<f64>,
}

/// All runs of one contender.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contender: String,
    /// The contender that it is compared with.
    pub(crate) beside: Option<&'static str>,
    pub(crate) runs: Vec<Run>,
}

/// All rows of one benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    /// Messages (or controllers) a run.
    pub(crate) messages: u64,
    /// What the ratio compares.
    pub(crate) by: Measure,
    pub(crate) rows: Vec<Row>,
}

/// What a ratio compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Wall,
    Cpu,
}

/// The median of some figures, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
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

    fn text(spread: Option<Self>, digits: usize) -> String {
        spread.map_or_else(String::new, |spread| {
            let Self { median, least, greatest } = spread;
            format!("{median:.digits$} ({least:.digits$}–{greatest:.digits$})")
        })
    }
}

impl Row {
    fn spread(&self, figure: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(figure))
    }
}

impl Report {
    /// This contender's figure over its neighbour's, round by round: what the machine does to one round it does to
    /// both.
    fn ratio(&self, row: &Row) -> Option<Spread> {
        let beside = row.beside?;
        let neighbour = self.rows.iter().find(|other| other.contender == beside)?;
        let figure = |run: &Run| match self.by {
            Measure::Wall => Some(run.wall_s),
            Measure::Cpu => run.cpu_s,
        };
        let pairs = row.runs.iter().zip(&neighbour.runs);
        Spread::of(pairs.filter_map(|(ours, theirs)| Some(figure(ours)? / figure(theirs)?)))
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let by = match self.by {
            Measure::Wall => "wall time",
            Measure::Cpu => "CPU",
        };
        let mut lines = vec![[
            self.bench.to_owned(),
            "wall ms".to_owned(),
            "messages/s".to_owned(),
            "CPU µs/message".to_owned(),
            "MiB".to_owned(),
            format!("{by} beside"),
        ]];
        for row in &self.rows {
            let ratio = Spread::text(self.ratio(row), 2);
            lines.push([
                row.contender.clone(),
                Spread::text(row.spread(|run| Some(run.wall_s * 1e3)), 1),
                Spread::text(row.spread(|run| Some(self.count() / run.wall_s)), 0),
                Spread::text(row.spread(|run| Some(run.cpu_s? * 1e6 / self.count())), 3),
                Spread::text(row.spread(|run| run.rss_mb), 0),
                row.beside.map_or_else(String::new, |beside| format!("{ratio} × {beside}")),
            ]);
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<_> = (0..6).map(width).collect();
        let mut text =
            format!("\n{} messages a run, {} rounds: median (least–greatest)\n", self.messages, self.rounds());
        for line in &lines {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        text
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
                "msgs_per_s": median(&|run| Some(self.count() / run.wall_s)),
                "cpu_us_per_msg": median(&|run| Some(run.cpu_s? * 1e6 / self.count())),
                "rss_mb": median(&|run| run.rss_mb),
                "rounds": row.runs.len(),
            });
            if let (Some(beside), Some(ratio), Value::Object(object)) = (row.beside, self.ratio(row), &mut object) {
                object.insert("beside".to_owned(), json!(beside));
                object.insert("ratio".to_owned(), json!([ratio.least, ratio.median, ratio.greatest]));
            }
            let _ = writeln!(text, "{object}");
        }
        text
    }

    fn rounds(&self) -> usize {
        self.rows.iter().map(|row| row.runs.len()).max().unwrap_or_default()
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn count(&self) -> f64 {
        self.messages as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wall_s: f64, cpu_s: f64) -> Run {
        Run { wall_s, cpu_s: Some(cpu_s), rss_mb: None }
    }

    /// If this fails, a published figure is not what was measured.
    #[test]
    fn a_spread_is_median_and_range() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, greatest: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]), Some(Spread { median: 2.5, least: 1.0, greatest: 4.0 }));
        assert_eq!(Spread::of([]), None);
    }

    /// If this fails, one slow round of the machine makes a contender look better or worse than it is.
    #[test]
    fn a_ratio_compares_within_each_round() {
        let rows = vec![
            Row { contender: "ours".to_owned(), beside: Some("theirs"), runs: vec![run(1.0, 2.0), run(1.0, 30.0)] },
            Row { contender: "theirs".to_owned(), beside: None, runs: vec![run(1.0, 1.0), run(1.0, 10.0)] },
        ];
        let report = Report { bench: "x", messages: 10, by: Measure::Cpu, rows };
        assert_eq!(report.ratio(&report.rows[0]), Some(Spread { median: 2.5, least: 2.0, greatest: 3.0 }));
        let line: Value = serde_json::from_str(report.json().lines().next().expect("a line")).expect("JSON");
        assert_eq!((&line["bench"], &line["messages"], &line["wall_s"]), (&json!("x"), &json!(10), &json!(1.0)));
        assert!(report.table().contains("2.50 (2.00–3.00) × theirs"), "{}", report.table());
    }
}
