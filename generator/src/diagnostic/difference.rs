//! How a file is and how it should be, line for line.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use similar::{ChangeTag, TextDiff};

use super::{alike, secret::redacted};
use crate::source::{Lines, Span};

/// The most lines, of both texts together, among which differences are looked for: that takes time by their square, and
/// a checkout may hold any number of them.
const COMPARED: usize = 10_000;

const HEADER: &str = "\x1b[36m";
const ADDED: &str = "\x1b[1;32m";
const REMOVED: &str = "\x1b[1;31m";

/// A text as it is and as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The text as it is.
    pub before: String,
    /// The text as it should be; empty for a file that should not be there.
    pub after: String,
    /// How many lines of it are shown at most.
    pub limit: usize,
}

impl Difference {
    /// The first line of the text as it is that should be another; its end if only lines are missing there.
    #[must_use]
    pub fn first(&self) -> Span {
        Lines::new(&self.before).span(self.first_line())
    }

    /// What differs first, in words, where nobody would see it: `line 9 has U+00A0 where U+0020 belongs`. `name` is the
    /// file's, and says whether it is a program.
    #[must_use]
    pub fn unseen(&self, name: &str) -> Option<String> {
        let number = self.first_line();
        let (before, after) = compared(&self.before, &self.after);
        let line = |text: &str| text.split_inclusive('\n').nth(number - 1).map(str::to_owned);
        let (found, wanted) = (line(&before)?, line(&after)?);
        let words = match [&found, &wanted].map(|line| without_end(line)) {
            [one, other] if one == other && found.len() < wanted.len() => "no newline at its end".to_owned(),
            [one, other] if one == other => "a newline at its end, where none belongs".to_owned(),
            _ => {
                let shown = |text: &str| line(&redacted(name, text));
                let (found, wanted) = (shown(&before)?, shown(&after)?);
                let [found, wanted] = [&found, &wanted].map(|line| without_end(line));
                if found == wanted { "another secret".to_owned() } else { alike::in_words(found, wanted)? }
            }
        };
        Some(format!("line {number} has {words}"))
    }

    /// The number of the first line that differs.
    fn first_line(&self) -> usize {
        let (before, after) = compared(&self.before, &self.after);
        let same = before.split_inclusive('\n').zip(after.split_inclusive('\n'));
        1 + same.take_while(|(before, after)| before == after).count()
    }
}

/// Two texts as they are compared: if they differ in more than their line ends, these do not count.
fn compared<'t>(before: &'t str, after: &'t str) -> (Cow<'t, str>, Cow<'t, str>) {
    let has = |text: &str| text.contains("\r\n");
    let plain = |text: &'t str| if has(text) { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let (one, other) = (plain(before), plain(after));
    if one == other { (Cow::Borrowed(before), Cow::Borrowed(after)) } else { (one, other) }
}

/// The difference as a unified diff, without its secrets and without what a terminal would act on. `name` is the file's,
/// and says whether it is a program.
///
/// No two lines of it that differ look alike: where they would, they are spelled out.
#[must_use]
pub fn unified(name: &str, Difference { before, after, limit }: &Difference, color: bool) -> String {
    let mut out = String::new();
    let (before, after) = compared(before, after);
    let differing = differing_lines(&before, &after);
    if differing > COMPARED {
        let _ = writeln!(out, "  … {differing} lines, more than are compared");
        return out;
    }
    let (old, new) = (lines(&before), lines(&after));
    let diff = TextDiff::from_slices(&old, &new);
    // What differs is told by the texts as they are, and shown without their secrets.
    let (clean_before, clean_after) = (redacted(name, &before), redacted(name, &after));
    let (clean_old, clean_new) = (lines(&clean_before), lines(&clean_after));
    let mut shown = Vec::new();
    let mut hunks = Vec::new();
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        let left = *limit - shown.len();
        if left == 0 {
            break;
        }
        let changes: Vec<_> = hunk.iter_changes().collect();
        hunks.push((hunk.header().to_string(), changes.len().min(left), changes.len() > left));
        shown.extend(changes.into_iter().take(left).map(|change| {
            let new = change.new_index().and_then(|at| clean_new.get(at));
            let clean = new.or_else(|| clean_old.get(change.old_index()?)).copied().unwrap_or_default();
            Line { tag: change.tag(), text: change.value(), clean }
        }));
    }
    let mut lines = shown.iter().zip(displayed(&shown));
    let paint = |code: &str, text: &str| if color { format!("{code}{text}\x1b[0m") } else { text.to_owned() };
    for (header, count, is_cut) in hunks {
        let _ = writeln!(out, "{}", paint(HEADER, &header));
        for (line, text) in lines.by_ref().take(count) {
            let (sign, code) = match line.tag {
                ChangeTag::Delete => ('-', Some(REMOVED)),
                ChangeTag::Insert => ('+', Some(ADDED)),
                ChangeTag::Equal => (' ', None),
            };
            let text = format!("{sign}{text}");
            let _ = writeln!(out, "{}", code.map_or_else(|| text.clone(), |code| paint(code, &text)));
            if !line.text.ends_with('\n') {
                out.push_str("\\ no newline at the end\n");
            }
        }
        if is_cut {
            out.push_str("  … more with --diff\n");
        }
    }
    out
}

/// A line of a difference.
#[derive(Debug)]
struct Line<'d> {
    tag: ChangeTag,
    /// As it is, with its end.
    text: &'d str,
    /// Without secrets.
    clean: &'d str,
}

/// The lines as they are shown: those that differ in a secret alone have a number each, and no others look alike.
fn displayed(lines: &[Line<'_>]) -> Vec<String> {
    let clean: Vec<&str> = lines.iter().map(|line| without_end(line.clean)).collect();
    let mut secrets: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (line, clean) in lines.iter().zip(&clean) {
        let known = secrets.entry(clean).or_default();
        let number = known.len() + 1;
        known.entry(without_end(line.text)).or_insert(number);
    }
    let mut shown = alike::told_apart(&clean);
    for ((line, clean), shown) in lines.iter().zip(&clean).zip(&mut shown) {
        let known = &secrets[clean];
        if known.len() > 1 {
            let _ = write!(shown, "  (secret {})", known[without_end(line.text)]);
        }
    }
    shown
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn without_end(line: &str) -> &str {
    line.strip_suffix('\n').unwrap_or(line)
}

/// How many lines a text gains and loses.
#[must_use]
pub fn line_changes(before: &str, after: &str) -> (usize, usize) {
    let diff = TextDiff::from_lines(before, after);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (count(ChangeTag::Insert), count(ChangeTag::Delete))
}

/// How many lines two texts have between those that they begin and end with in common.
fn differing_lines(before: &str, after: &str) -> usize {
    let lines = |text| -> Vec<&str> { str::lines(text).collect() };
    let (before, after) = (lines(before), lines(after));
    let same = |(one, other): &(&&str, &&str)| one == other;
    let begin = before.iter().zip(&after).take_while(same).count();
    let end = before[begin..].iter().rev().zip(after[begin..].iter().rev()).take_while(same).count();
    before.len() + after.len() - 2 * (begin + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an editor jumps to a line that is right, or to none.
    #[test]
    fn the_first_line_that_differs_is_found() {
        for (before, after, line) in [
            ("a\nb\nc\n", "a\nB\nc\n", 2),
            ("a\nb\n", "a\nb\nc\n", 3),
            ("a\nb\n", "a\n", 2),
            ("a\nb", "a\nb\n", 2),
            ("a\n", "", 1),
            ("", "a\n", 1),
        ] {
            let found = Difference { before: before.into(), after: after.into(), limit: 9 }.first();
            assert_eq!(Lines::new(before).position(found.start), (line, 1), "{before:?} {after:?}");
        }
    }

    fn difference(before: &str, after: &str) -> Difference {
        Difference { before: before.into(), after: after.into(), limit: usize::MAX }
    }

    /// If this fails, a person is shown two lines that look the same, and not how they differ.
    #[test]
    fn lines_that_look_alike_are_told_apart() {
        for (before, after, shown, words) in [
            (
                "a\nb\n",
                "a\nb",
                " a\n-b\n+b\n\\ no newline at the end\n",
                Some("line 2 has a newline at its end, where none belongs"),
            ),
            ("a\nb", "a\nb\n", " a\n-b\n\\ no newline at the end\n+b\n", Some("line 2 has no newline at its end")),
            ("a \n", "a\n", "-a\\u{20}\n+a\n", Some("line 1 has U+0020 too much")),
            ("a\r\n", "a\n", "-a\\r\n+a\n", Some("line 1 has U+000D too much")),
            // Where more than line ends differs, these are not what a person looks for.
            ("a\r\nb\r\n", "a\nc\n", " a\n-b\n+c\n", None),
            ("a\rb\nc\n", "a\rb\nd\n", " a\\rb\n-c\n+d\n", None),
            (
                "password: a\n",
                "password: b\n",
                "-password: (redacted)  (secret 1)\n+password: (redacted)  (secret 2)\n",
                Some("line 1 has another secret"),
            ),
        ] {
            let difference = difference(before, after);
            let text = unified("karafka.yml", &difference, false);
            assert_eq!(text.split_once("@@\n").map(|(_, lines)| lines), Some(shown), "{before:?} {after:?}");
            assert_eq!(difference.unseen("karafka.yml").as_deref(), words, "{before:?} {after:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// The same, for any texts: what is removed is never shown as what is added.
        #[test]
        fn no_two_lines_that_differ_are_shown_alike(
            before in "([aа \te\u{301}é\r\n\\\\]|\r\n|\\\\t){0,12}",
            after in "([aа \te\u{301}é\r\n\\\\]|\r\n|\\\\t){0,12}",
        ) {
            let text = unified("a.txt", &difference(&before, &after), false);
            // A note about a line's end belongs to the line.
            let text = text.replace("\n\\ no", " no");
            let of = |sign: char| text.lines().filter_map(move |line| line.strip_prefix(sign)).collect::<Vec<_>>();
            let (removed, added) = (of('-'), of('+'));
            // A line that has moved is the same line, and both texts have it.
            let (one, other) = compared(&before, &after);
            let has_moved = lines(&one).iter().any(|line| lines(&other).contains(line));
            for line in removed.iter().filter(|_| !has_moved) {
                let same = added.iter().any(|other| other.trim_end() == line.trim_end());
                proptest::prop_assert!(!same, "{}", text);
            }
        }
    }

    /// If this fails, a listing says that other lines were added to a manifest than were.
    #[test]
    fn lines_that_come_and_go_are_counted() {
        assert_eq!(line_changes("a\nb\nc\n", "a\nc\nd\ne\n"), (2, 1));
        assert_eq!(line_changes("a\n", "a\n"), (0, 0));
    }
}
