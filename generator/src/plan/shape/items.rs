//! `use` and `mod` items in an order of their own, each `use` cut up into what it brings: rustfmt sorts them, joins them
//! and takes them apart.

use std::cmp::Ordering;

/// What kind of item follows another of its kind in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Use,
    Mod,
}

/// The tokens, with the items of each run of `use` or `mod` items in an order that does not depend on theirs.
pub(super) fn in_order<'t>(tokens: &[&'t str]) -> Vec<&'t str> {
    let mut out: Vec<&str> = Vec::with_capacity(tokens.len());
    let mut run: Option<(Kind, Vec<Vec<&str>>)> = None;
    let mut at = 0;
    while at < tokens.len() {
        let keyword = behind_attributes(tokens, at);
        let end = match item(tokens, at, keyword) {
            Some((kind, items, end)) => {
                match &mut run {
                    Some((same, all)) if *same == kind => all.extend(items),
                    _ => {
                        end_run(run.take(), &mut out);
                        run = Some((kind, items));
                    }
                }
                at = end;
                continue;
            }
            // What has been looked through is not looked through again.
            None => keyword.max(at + 1),
        };
        end_run(run.take(), &mut out);
        out.extend(&tokens[at..end]);
        at = end;
    }
    end_run(run, &mut out);
    out
}

fn end_run<'t>(run: Option<(Kind, Vec<Vec<&'t str>>)>, out: &mut Vec<&'t str>) {
    let Some((_, mut items)) = run else { return };
    items.sort_unstable();
    out.extend(items.into_iter().flatten());
}

/// Where attributes and `pub(…)` end that begin at `at`: all of the text, for brackets that are not closed.
fn behind_attributes(tokens: &[&str], mut at: usize) -> usize {
    while tokens[at..].starts_with(&["#", "["]) {
        at = behind_bracket(tokens, at + 1);
    }
    if tokens.get(at) == Some(&"pub") {
        at += 1;
        if tokens.get(at) == Some(&"(") {
            at = behind_bracket(tokens, at);
        }
    }
    at
}

/// Where the bracket at `at` is closed.
fn behind_bracket(tokens: &[&str], at: usize) -> usize {
    let mut depth = 0_usize;
    for (number, token) in tokens[at..].iter().enumerate() {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + number + 1;
        }
    }
    tokens.len()
}

/// The `use` or `mod` item at `at`, whose keyword stands at `keyword`: its kind, what it stands for, and its end.
fn item<'t>(tokens: &[&'t str], at: usize, keyword: usize) -> Option<(Kind, Vec<Vec<&'t str>>, usize)> {
    let head = &tokens[at..keyword];
    match tokens.get(keyword..)? {
        ["mod", name, ";", ..] => Some((Kind::Mod, vec![[head, &["mod", name, ";"]].concat()], keyword + 3)),
        ["use", rest @ ..] => {
            // A word that no path has in it ends the search, so that no text is searched again and again.
            let length = rest.iter().position(|token| matches!(*token, ";" | "use" | "mod"))?;
            if rest[length] != ";" {
                return None;
            }
            let paths = paths(&rest[..length], head.len())?;
            let whole = |path: Vec<&'t str>| [head, &["use"], &path, &[";"]].concat();
            Some((Kind::Use, paths.into_iter().map(whole).collect(), keyword + 1 + length + 1))
        }
        _ => None,
    }
}

/// The paths of a `use`, each whole; nothing for what is no list of paths, or for one that is much longer when it is
/// written out, with `head` tokens before each path.
fn paths<'t>(tree: &[&'t str], head: usize) -> Option<Vec<Vec<&'t str>>> {
    let mut room = 1_000 + 20 * (head + tree.len());
    let mut found = Vec::new();
    // How much of the path each group that is open begins with.
    let mut groups: Vec<usize> = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    // A group has just been closed, and its paths are found.
    let mut closed = false;
    for token in tree.iter().copied().chain([";"]) {
        let begin = groups.last().copied().unwrap_or_default();
        match (token, closed, path.len().cmp(&begin)) {
            // Only a group is a list.
            (",", _, _) if groups.is_empty() => return None,
            ("{", false, _) => groups.push(path.len()),
            ("," | "}" | ";", false, Ordering::Greater) => {
                room = room.checked_sub(head + path.len())?;
                found.push(path.clone());
            }
            ("," | "}" | ";", true, _) => {}
            // A comma may stand before the end of a group, and nowhere else by itself.
            ("}", false, _) => {}
            (_, false, _) if token != "," && token != ";" => {
                path.push(token);
                continue;
            }
            _ => return None,
        }
        match token {
            "," => path.truncate(begin),
            "}" => {
                path.truncate(begin);
                groups.pop()?;
            }
            _ => {}
        }
        closed = token == "}";
    }
    groups.is_empty().then_some(found)
}
