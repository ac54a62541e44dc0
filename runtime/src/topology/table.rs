//! Columns of text.

use std::fmt::Write as _;

/// Lays rows out in columns, each as wide as its widest cell, `separator` between them, nothing behind the last.
#[must_use]
pub fn table(rows: &[Vec<String>], indent: &str, separator: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let separator = if index == 0 { "" } else { separator };
            let _ = write!(line, "{separator}{cell:width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
