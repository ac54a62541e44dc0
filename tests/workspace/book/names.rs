//! What the book names is there, and what is there is named: variables, codes, metrics, words of health and of the log.

use std::collections::BTreeSet;

use karafka_generator::diagnostic::codes;
use karafka_tests::{checkout, markdown::Page};

use super::{
    all, all_right,
    calls::{self, Program},
    page, reading,
};

/// Words in backquotes of the first column of a page's tables.
fn in_tables(page: &Page) -> BTreeSet<String> {
    let cells = page.first_cells((0, usize::MAX));
    cells
        .iter()
        .flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Headings of a page, without their backquotes.
fn headings(page: &Page) -> Vec<String> {
    page.headings.iter().map(|heading| heading.text.replace('`', "")).collect()
}

/// Compares what a page has with what there is.
fn alike(what: &str, has: &BTreeSet<String>, there: &BTreeSet<String>) {
    let missing: Vec<_> = there.difference(has).collect();
    let unknown: Vec<_> = has.difference(there).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{what}: not in the book {missing:?}; in the book alone {unknown:?}"
    );
}

/// If this fails, somebody sets a variable that nothing reads, or does not know of one that something does.
#[test]
fn the_page_on_variables_has_all_of_them() {
    let has = in_tables(page("variables.md"));
    let is_variable = |text: &String| text.starts_with(|c: char| c.is_ascii_uppercase());
    let has = has.into_iter().filter(is_variable).map(|name| name.trim_end_matches('…').to_owned()).collect();
    alike("docs/src/variables.md", &has, &reading::variables());
}

/// If this fails, a dashboard shows nothing, or an alert has no words in the book.
#[test]
fn the_page_on_metrics_has_all_of_them() {
    let has = in_tables(page("metrics.md")).into_iter().filter(|name| name.starts_with("karafka_")).collect();
    alike("docs/src/metrics.md", &has, &reading::metrics());
}

/// If this fails, a probe says a word that its reader cannot look up.
#[test]
fn the_page_on_health_has_every_word_of_it() {
    let page = page("health.md");
    let has: BTreeSet<_> = page.spans.iter().map(|span| span.text.clone()).collect();
    let there = reading::obstacles().into_iter().chain(reading::reasons());
    let missing: Vec<_> = there.filter(|word| !has.contains(word)).collect();
    assert!(missing.is_empty(), "not in docs/src/health.md: {missing:?}");
    // In its tables, none that is not there.
    let known: BTreeSet<_> = reading::obstacles().into_iter().chain(reading::reasons()).collect();
    let rows = in_tables(page)
        .into_iter()
        .filter(|word| word.contains('_') && word.chars().all(|c| c.is_lowercase() || c == '_'));
    let unknown: Vec<_> = rows.filter(|word| !known.contains(word)).collect();
    assert!(unknown.is_empty(), "in docs/src/health.md alone: {unknown:?}");
}

/// If this fails, a cause that the log names is not explained.
#[test]
fn the_page_on_positions_has_every_cause() {
    let page = page("positions.md");
    let missing: Vec<_> =
        reading::causes().into_iter().filter(|cause| page.spans.iter().all(|span| span.text != *cause)).collect();
    assert!(missing.is_empty(), "not in docs/src/positions.md: {missing:?}");
}

/// If this fails, somebody searches for the code of a mistake and does not find it.
#[test]
fn each_code_has_a_heading_and_each_such_heading_a_code() {
    let has: BTreeSet<String> = page("codes.md")
        .headings
        .iter()
        .filter_map(|heading| heading.text.strip_prefix('`')?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    alike("docs/src/codes.md", &has, &codes::ALL.iter().map(|code| code.name.to_owned()).collect());
}

/// If this fails, somebody searches for a line of the log, or for what health says, and does not find it.
#[test]
fn whatever_asks_for_a_person_has_a_heading() {
    let headings = headings(page("troubleshooting.md"));
    let messages = reading::log_messages().into_iter().chain(reading::warnings()).chain(reading::start_errors());
    let obstacles = reading::obstacles().into_iter().chain(reading::words_of_obstacles());
    let words = messages.chain(obstacles).chain(reading::complaints());
    let missing: Vec<_> =
        words.filter(|words| !headings.iter().any(|heading| heading.contains(words.as_str()))).collect();
    all_right("no heading of docs/src/troubleshooting.md", &missing);
}

/// If this fails, somebody who writes a topic in another language does not find how a type is written.
#[test]
fn the_page_on_types_has_all_of_them() {
    let manifest = page("manifest.md");
    let (line, _) = manifest.prose.iter().find(|(_, text)| text.starts_with("Types of fields: ")).expect("the types");
    let types = manifest.spans.iter().filter(|span| span.line == *line);
    // The list goes on with what may be made of them.
    let scalars: BTreeSet<_> = types.map(|span| span.text.clone()).take_while(|text| text != "[T]").collect();
    assert!(scalars.len() > 15, "{scalars:?}");
    let has = in_tables(page("types.md"));
    let missing: Vec<_> = scalars.difference(&has).collect();
    assert!(missing.is_empty(), "not in docs/src/types.md: {missing:?}");
}

/// If this fails, the book promises a speed that nobody has measured.
#[test]
fn figures_of_speed_are_those_of_the_benchmarks() {
    let measured = std::fs::read_to_string(checkout::root().join("bench/README.md")).expect("the figures");
    let page = page("speed.md");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (line, text) in &page.prose {
        let words = text.replace(',', "");
        let figures = words.split(|c: char| !c.is_ascii_digit() && c != '.').map(|figure| figure.trim_matches('.'));
        for figure in figures.filter(|figure| figure.contains('.') || figure.len() > 4) {
            count += 1;
            if !measured.contains(figure) {
                wrong.push(format!("speed.md:{line}: {figure}"));
            }
        }
    }
    assert!(count > 30, "only {count} figures");
    all_right("figures that are not in bench/README.md", &wrong);
}

/// If this fails, the book tells of a variable, a metric or a flag that there is not.
#[test]
fn the_book_names_nothing_that_is_not_there() {
    let (variables, metrics, fields) = (reading::variables(), reading::metrics(), reading::fields());
    let flags: BTreeSet<&str> = [Program::Karafka, Program::App]
        .iter()
        .flat_map(|program| calls::commands(*program).values().flatten().map(String::as_str))
        .collect();
    let mut wrong = Vec::new();
    for page in all() {
        let blocks = page.blocks.iter().flat_map(|block| {
            block.text.lines().enumerate().map(|(index, line)| (block.line + 1 + index, line.to_owned()))
        });
        for (number, line) in page.prose.iter().cloned().chain(blocks) {
            let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            for word in line.split(|c: char| !is_of_word(c)) {
                let is_option = word.starts_with("KARAFKA_OPTIONS_");
                if word.strip_prefix("KARAFKA_").is_some_and(|rest| !rest.is_empty())
                    && !is_option
                    && !variables.contains(word)
                {
                    wrong.push(format!("{}:{number}: nothing reads {word}", page.name));
                }
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                let is_metric = word.starts_with("karafka_") && word != "karafka_" && !fields.contains(word);
                if is_metric && !metrics.contains(word) && !metrics.contains(base) {
                    wrong.push(format!("{}:{number}: there is no metric {word}", page.name));
                }
            }
        }
        for span in page.spans.iter().filter(|span| span.text.starts_with("--")) {
            let flag = span.text.split([' ', '=', ',']).next().unwrap_or_default();
            if flag[2..].starts_with(|c: char| c.is_ascii_alphabetic()) && !flags.contains(flag) {
                wrong.push(format!("{}:{}: there is no flag {flag}", page.name, span.line));
            }
        }
    }
    all_right("names of the book", &wrong);
}
