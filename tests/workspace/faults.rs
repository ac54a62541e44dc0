//! The fault table names tests that exist, and all of them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use karafka_tests::checkout;

/// Every word in backticks that looks like a test's name.
fn named(table: &str) -> BTreeSet<String> {
    let cells = table.lines().filter(|line| line.starts_with("| ")).flat_map(|line| line.split('|').skip(3));
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words
        .filter(|word| word.contains('_') && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()))
        .filter(|word| *word != "instance_id")
        .map(str::to_owned)
        .collect()
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The functions of the runtime's tests and of the suite against Kafka.
fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&checkout::root().join("runtime/src"), &mut files);
    rust_files(&checkout::root().join("tests/real_kafka"), &mut files);
    let texts = files.into_iter().map(|file| fs::read_to_string(file).expect("a file"));
    let names = |text: String| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once("fn ").map(|(_, rest)| rest));
        lines.filter_map(|rest| rest.split_once('(').map(|(name, _)| name.to_owned())).collect()
    };
    texts.flat_map(names).collect()
}

/// If this fails, the table claims a test that is not there, or hides one.
#[test]
fn the_table_names_the_tests_that_there_are() {
    let table = fs::read_to_string(checkout::root().join("tests/faults.md")).expect("the table");
    let (named, functions) = (named(&table), functions());
    assert!(named.len() > 30, "the table names only {named:?}");
    let missing: Vec<_> = named.difference(&functions).collect();
    assert!(missing.is_empty(), "the table names tests that do not exist: {missing:?}");
    let rows: BTreeSet<_> = functions.into_iter().filter(|name| name.starts_with("row_")).collect();
    let hidden: Vec<_> = rows.difference(&named).collect();
    assert!(hidden.is_empty(), "the table leaves tests out: {hidden:?}");
}

/// If this fails, the book promises what no test has seen.
#[test]
fn what_repeats_is_held_by_tests_that_there_are() {
    let page = fs::read_to_string(checkout::root().join("docs/src/repeats.md")).expect("the page");
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1).collect();
    assert!(rows.len() > 10, "the page names only {rows:?}");
    let functions = functions();
    for row in rows {
        let held = row.trim_end_matches(" |").rsplit_once("| ").map_or("", |(_, held)| held);
        let names: Vec<_> = held.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test holds: {row}");
        let missing: Vec<_> = names.iter().filter(|name| !functions.contains(**name)).collect();
        assert!(missing.is_empty(), "the page names tests that do not exist: {missing:?}");
    }
}

/// If this fails, a row of the table says nothing of a way, and nobody sees that it is missing.
#[test]
fn each_row_says_something_of_each_way() {
    let table = fs::read_to_string(checkout::root().join("tests/faults.md")).expect("the table");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| row") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 24);
    for row in rows {
        assert_eq!(row.len(), 5, "{row:?}");
        for way in &row[2..] {
            let says = way.contains('`') || way.contains("*not yet*") || way.starts_with("– ");
            assert!(says, "row {}: `{way}` is neither a test, a reason nor *not yet*", row[0]);
        }
    }
}
