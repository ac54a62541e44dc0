//! What a run is about to do, written down first, so that the next one can take back what an interrupted one did.

use std::path::{Component, Path};

/// Undoes in the opposite order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A folder that was not there.
    Folder(String),
    /// A file that was not there.
    Create(String),
    /// A file that was there; it is saved under this number.
    Save(usize, String),
}

const HEAD: &str = "karafka journal 1";
const END: &str = "end";

pub(super) fn write(entries: &[Entry]) -> String {
    let mut text = format!("{HEAD}\n");
    for entry in entries {
        match entry {
            Entry::Folder(path) => text.push_str(&format!("folder {path}\n")),
            Entry::Create(path) => text.push_str(&format!("create {path}\n")),
            Entry::Save(number, path) => text.push_str(&format!("save {number} {path}\n")),
        }
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The entries; none when the journal was not written to its end, because then nothing else was done.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) || lines.next_back() != Some(END) || !text.ends_with('\n') {
        return Vec::new();
    }
    lines.filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let (word, rest) = line.split_once(' ')?;
    let inside = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    match word {
        "folder" if inside(rest) => Some(Entry::Folder(rest.to_owned())),
        "create" if inside(rest) => Some(Entry::Create(rest.to_owned())),
        "save" => {
            let (number, path) = rest.split_once(' ')?;
            inside(path).then_some(Entry::Save(number.parse().ok()?, path.to_owned()))
        }
        _ => None,
    }
}
