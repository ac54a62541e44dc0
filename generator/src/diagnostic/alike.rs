//! Lines that differ and look alike on a screen: blanks at their ends, tabs, letters of another alphabet, accents that are
//! characters of their own. Where such lines are shown together, they are spelled out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use karafka::foreign;

/// Letters that are one character or two, by the accent that is the second.
const ACCENTS: [(char, &str, &str); 11] = [
    ('\u{300}', "ÀÈÌÒÙàèìòù", "AEIOUaeiou"),
    ('\u{301}', "ÁÉÍÓÚÝĆŃŚŹáéíóúýćńśź", "AEIOUYCNSZaeiouycnsz"),
    ('\u{302}', "ÂÊÎÔÛâêîôû", "AEIOUaeiou"),
    ('\u{303}', "ÃÑÕãñõ", "ANOano"),
    ('\u{306}', "ĂĞЙăğй", "AGИagи"),
    ('\u{308}', "ÄËÏÖÜЁäëïöüÿё", "AEIOUЕaeiouyе"),
    ('\u{30a}', "ÅŮåů", "AUau"),
    ('\u{30b}', "ŐŰőű", "OUou"),
    ('\u{30c}', "ČĎĚŇŘŠŤŽčďěňřšťž", "CDENRSTZcdenrstz"),
    ('\u{327}', "ÇŞçş", "CScs"),
    ('\u{328}', "ĄĘąę", "AEae"),
];

/// Lines as they are shown together, each without what a terminal would act on: of those that differ, no two look alike.
pub(super) fn told_apart(lines: &[&str]) -> Vec<String> {
    let bare: Vec<String> = lines.iter().map(|line| look(&bare(line))).collect();
    let mut alike = groups(bare.iter().map(String::as_str));
    // A tab is as wide as a terminal makes it.
    let without_blanks: Vec<String> = bare.iter().map(|line| words(line).join(" ")).collect();
    let mut but_for_blanks = groups(without_blanks.iter().map(String::as_str));
    but_for_blanks.retain(|group| group.iter().any(|at| lines[*at].contains('\t')));
    alike.append(&mut but_for_blanks);
    let mut shown: Vec<String> = lines.iter().map(|line| foreign::page(line, false).into_owned()).collect();
    let mut spelled = vec![false; lines.len()];
    loop {
        let mut is_done = true;
        for group in &alike {
            let different: BTreeSet<&str> = group.iter().map(|at| lines[*at]).collect();
            for at in group.iter().copied().filter(|_| different.len() > 1) {
                if !spelled[at] {
                    (shown[at], spelled[at], is_done) = (spell(lines[at]), true, false);
                }
            }
        }
        // What is spelled out may look like another line, which has a backslash in it.
        let looks: Vec<String> = shown.iter().map(|text| look(text)).collect();
        let next = groups(looks.iter().map(String::as_str));
        if is_done && next == alike {
            return shown;
        }
        alike = next;
    }
}

/// The numbers of those that are the same.
fn groups<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, text) in texts.enumerate() {
        groups.entry(text).or_default().push(at);
    }
    groups.into_values().collect()
}

/// How the first of two lines differs from the second, in words, if the two look alike: `U+00A0 where U+0020 belongs`.
pub(super) fn in_words(found: &str, wanted: &str) -> Option<String> {
    let looks = [found, wanted].map(|line| look(&foreign::page(line, false)));
    let bare = [found, wanted].map(|line| look(&bare(line)));
    let has_tabs = found.contains('\t') || wanted.contains('\t');
    let are_alike = looks[0] == looks[1] || bare[0] == bare[1] || has_tabs && words(&bare[0]) == words(&bare[1]);
    if found == wanted || !are_alike {
        return None;
    }
    let number = |c: char| format!("U+{:04X}", u32::from(c));
    let at = found.char_indices().zip(wanted.chars()).find(|((_, one), other)| one != other).map(|((at, _), _)| at);
    let at = at.unwrap_or(found.len().min(wanted.len()));
    let (found, wanted) = (&found[at..], &wanted[at..]);
    let (mut here, mut there) = (found.chars(), wanted.chars());
    Some(match (here.next(), there.next()) {
        (Some(extra), _) if here.as_str() == wanted => format!("{} too much", number(extra)),
        (_, Some(missing)) if there.as_str() == found => format!("no {} where it belongs", number(missing)),
        (Some(one), Some(other)) => format!("{} where {} belongs", number(one), number(other)),
        (Some(extra), None) => format!("{} too much", number(extra)),
        (None, Some(missing)) => format!("no {} where it belongs", number(missing)),
        (None, None) => return None,
    })
}

/// The ASCII character that a person would take `c` for, by the confusables of Unicode's UTS 39 that a keyboard or a
/// word processor really produces: Cyrillic and Greek letters, full-width forms, dashes, blanks.
pub(crate) fn look_alike(c: char) -> Option<char> {
    const TWINS: &[(&str, &str)] = &[
        ("АВЕЅІЈКМНОРСТХУԚԜ", "ABESIJKMHOPCTXYQW"),
        ("аеѕіјорсхуһԁԛԝ", "aesijopcxyhdqw"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("ονιρ", "ovip"),
        ("‐‑‒–—−", "------"),
        ("’‘", "''"),
        ("\u{a0}\u{2007}\u{202f}", "   "),
        ("∶", ":"),
    ];
    if ('\u{ff01}'..='\u{ff5e}').contains(&c) {
        return char::from_u32(c as u32 - 0xfee0);
    }
    TWINS.iter().find_map(|(twins, plain)| {
        let index = twins.chars().position(|twin| twin == c)?;
        plain.chars().nth(index)
    })
}

/// What is left of a line where nothing is spelled out.
fn bare(line: &str) -> String {
    let is_seen = |c: &char| *c == '\t' || foreign::is_plain(*c);
    line.chars().map(|c| look_alike(c).unwrap_or(c)).filter(is_seen).collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().collect()
}

/// What a person takes a shown line for.
fn look(shown: &str) -> String {
    let mut out = String::with_capacity(shown.len());
    for c in shown.trim_end_matches([' ', '\t', '\u{3000}']).chars() {
        let accent = |(accent, letters, bases): &(char, &str, &str)| {
            let at = letters.chars().position(|letter| letter == c)?;
            Some((bases.chars().nth(at)?, *accent))
        };
        match ACCENTS.iter().filter(|_| !c.is_ascii()).find_map(accent) {
            None if c.is_ascii() => out.push(c),
            Some((base, accent)) => out.extend([look_alike(base).unwrap_or(base), accent]),
            None if c == '\u{3000}' => out.push(' '),
            None => out.push(look_alike(c).unwrap_or(c)),
        }
    }
    out
}

/// A line so that each other line is spelled in another way, and looks otherwise.
fn spell(line: &str) -> String {
    let inside = line.trim_end_matches(' ');
    let mut out = String::with_capacity(line.len() + 16);
    for c in inside.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(c),
            c => drop(write!(out, "{}", c.escape_unicode())),
        }
    }
    (inside.len()..line.len()).for_each(|_| out.push_str("\\u{20}"));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// If this fails, a person sees a line removed and the same line added, and looks for the difference in vain; or is
    /// shown numbers for letters that anybody can tell apart.
    #[test]
    fn what_looks_alike_is_spelled_out() {
        for (found, wanted, shown, words) in [
            ("a", "a ", ["a", "a\\u{20}"], Some("no U+0020 where it belongs")),
            ("a\t", "a", ["a\\t", "a"], Some("U+0009 too much")),
            ("a\r", "a", ["a\\r", "a"], Some("U+000D too much")),
            ("\ta", "    a", ["\\ta", "    a"], Some("U+0009 where U+0020 belongs")),
            ("a\u{a0}b", "a b", ["a\\u{a0}b", "a b"], Some("U+00A0 where U+0020 belongs")),
            ("a\u{200b}b", "ab", ["a\\u{200b}b", "ab"], Some("U+200B too much")),
            ("Оrder", "Order", ["\\u{41e}rder", "Order"], Some("U+041E where U+004F belongs")),
            (
                "größe",
                "gro\u{308}ße",
                ["gr\\u{f6}\\u{df}e", "gro\\u{308}\\u{df}e"],
                Some("U+00F6 where U+006F belongs"),
            ),
            ("a\u{1b}b", "a\\u{1b}b", ["a\\u{1b}b", "a\\\\u{1b}b"], Some("U+001B where U+005C belongs")),
            ("große", "größe", ["große", "größe"], None),
            ("a  b", "a b", ["a  b", "a b"], None),
            ("    a", "a", ["    a", "a"], None),
            ("a", "b", ["a", "b"], None),
            ("", "", ["", ""], None),
        ] {
            assert_eq!(told_apart(&[found, wanted]), shown, "{found:?} {wanted:?}");
            assert_eq!(in_words(found, wanted).as_deref(), words, "{found:?} {wanted:?}");
        }
        for (_, letters, bases) in ACCENTS {
            assert_eq!(letters.chars().count(), bases.chars().count(), "{letters}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The same, for any lines.
        #[test]
        fn lines_that_differ_never_look_alike(
            lines in prop::collection::vec("([aаoо e\u{301}éè\t\r\u{a0}\u{200b}\u{3000}\u{1b}\\\\]|\\\\t|\\\\u\\{a0\\}|\\\\u\\{20\\}){0,4}", 0..6)
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let shown = told_apart(&lines);
            for (one, first) in lines.iter().zip(&shown) {
                for (other, second) in lines.iter().zip(&shown) {
                    prop_assert_eq!(one == other, look(first) == look(second), "{:?} {:?}: {:?} {:?}", one, other, first, second);
                    let is_harmless = !first.contains(['\r', '\u{1b}', '\u{200b}']);
                    prop_assert!(is_harmless, "{:?}", first);
                }
            }
        }
    }
}
