//! Constants that meet: in one file, in one module, or but for their capitals.

use std::collections::HashMap;

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    model::{consumers::Named, report::Report},
    names::{Constant, Role},
    source::Span,
};

/// Checks the constants of each role.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    for (role, constants) in &facts.consumers.named {
        of_role(*role, constants, report);
    }
}

/// Checks the constants of one role, all of which have a file of their own.
fn of_role(role: Role, constants: &Named, report: &mut Report<'_>) {
    // In the order of the file, so that the second of two is the one that is reported.
    let mut constants: Vec<(&Constant, Span)> = constants.values().map(|(constant, span)| (constant, *span)).collect();
    constants.sort_by_key(|(_, span)| span.start);

    let mut files: HashMap<String, (&Constant, Span)> = HashMap::with_capacity(constants.len());
    let mut letters: HashMap<String, (&Constant, Span)> = HashMap::with_capacity(constants.len());
    let mut tests: HashMap<String, (&Constant, Span)> = HashMap::with_capacity(constants.len());
    let mut folders: HashMap<String, (&Constant, Span)> = HashMap::new();
    for &(constant, span) in &constants {
        let file = constant.file();
        if let Some(first) = files.insert(file.clone(), (constant, span)) {
            let words = format!("`{}` and `{constant}` would share the file `{file}`", first.0);
            let help = match first.0.rust_path() == constant.rust_path() {
                true => format!("they are one type: write `{}` both times", first.0),
                false => "rename one of them".to_owned(),
            };
            report.add(meeting(span, words, first.1).help(help));
        } else if let Some(first) = letters.insert(constant.as_str().to_ascii_lowercase(), (constant, span)) {
            let words = format!("`{}` and `{constant}` differ only by capital letters", first.0);
            report.add(meeting(span, words, first.1).help("write both the same, or rename one of them"));
        } else if role == Role::Controller
            && let Some(first) = tests.insert(constant.flat_name(), (constant, span))
        {
            let words =
                format!("`{}` and `{constant}` would share the test `tests/{}.rs`", first.0, constant.flat_name());
            report.add(meeting(span, words, first.1).help("rename one of them"));
        }
        for end in 1..=constant.modules().len() {
            let folder = format!("src/{}/{}.rs", role.folder(), constant.modules()[..end].join("/"));
            folders.entry(folder).or_insert((constant, span));
        }
    }
    for &(constant, span) in &constants {
        if let Some(&(inside, inside_span)) = folders.get(&constant.file()) {
            let module = constant.file_module();
            let words =
                format!("`{constant}` would be the file `{module}.rs` beside the folder `{module}/` of `{inside}`");
            let diagnostic = Diagnostic::error(codes::NAME_COLLISION, span, words);
            let help = match Constant::complete(constant.as_str(), role) {
                Ok(complete) if complete != *constant => format!("write `{complete}`: then file and folder differ"),
                _ => "rename one of them: a file and a folder of one name are one module".to_owned(),
            };
            report.add(diagnostic.related(inside_span, "the folder comes from here").help(help));
        }
    }
}

fn meeting(span: Span, words: String, first: Span) -> Diagnostic {
    Diagnostic::error(codes::NAME_COLLISION, span, words).related(first, "first here")
}
