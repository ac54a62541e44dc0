//! How much may be in a message, to the field and to the level, and messages that never end.

use super::*;

/// What is said of an app with these messages: each code, the text at its place, and what stands beside it.
fn said_of(lines: &str) -> Vec<String> {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("app: a\nmessages:\n{indented}");
    let found = compile(&source(&text)).diagnostics;
    let line = |found: Diagnostic| {
        let place =
            |span: Span| format!("{}:{}", source(&text).position(span.start).0 - 2, &text[span.start..span.end]);
        let related = found.related.iter().map(|(span, words)| format!(", {words} ({})", place(*span)));
        format!("{} at {}{}", found.code, place(found.span), related.collect::<String>())
    };
    found.into_iter().map(line).collect()
}

/// Fields `a0`, `a1` and so on, all of one type.
fn fields(number: usize, kind: &str) -> String {
    (0..number).map(|at| format!("a{at}: {kind}")).collect::<Vec<_>>().join(", ")
}

/// If this fails, a value that fills the stack is taken, or one that just fits is refused, by the order of the messages in the
/// file, or because of what it need not hold.
#[test]
fn fields_are_counted_as_often_as_they_come_up() {
    let small = format!("Small: {{ {} }}", fields(99, "u8"));
    let large = format!("Large: {{ {} }}", fields(100, "u8"));
    // As `Small`: a text of a few is a field as any other.
    let state = format!("Small: {{ {} }}", fields(99, "open | paid"));
    let either = "Either: { one_of: { a: Small, b: Large }, by: type }";
    let other = "Either: { one_of: { a: Large, b: Small }, by: type }";
    // A hundred that hold 99 each.
    let of = |kind: &str| fields(100, kind);
    let whole = |kind: &str, more: &str| format!("Whole: {{ {}{more} }}", of(kind));
    for (lines, last) in [
        (vec![&*small], "Small"),
        (vec![&*state], "Small"),
        (vec![&*small, &*large, either], "Either"),
        (vec![&*large, &*small, other], "Either"),
        (vec![&*small, &*large, other], "Either"),
    ] {
        for is_first in [true, false] {
            let app = |whole: String| {
                let mut lines = lines.clone();
                lines.insert(if is_first { 0 } else { lines.len() }, &whole);
                lines.join("\n")
            };
            let line = if is_first { 1 } else { lines.len() + 1 };
            assert_eq!(said_of(&app(whole(last, ""))), [""; 0], "{lines:?}");
            for rest in [", note?: u8, of?: Whole, all: [Whole], by: { string: Small }", ", one_more: u8"] {
                let found = said_of(&app(whole(last, rest)));
                assert_eq!(found, [format!("oversized-message at {line}:Whole")], "{rest} {lines:?}");
            }
            // Of those that hold it nothing is said: there is one to mend.
            let around = app(whole(last, ", one_more: u8")) + "\nAround: { whole: Whole, again: Whole }";
            assert_eq!(said_of(&around), [format!("oversized-message at {line}:Whole")]);
        }
    }
    let optional = format!("{small}\nWhole: {{ {}, more?: Small }}", fields(99, "Small"));
    assert_eq!(said_of(&optional), [""; 0], "what may be absent counts as a field");
}

/// If this fails, a message that no value can have is found out by the first who wants to send one, or one that can end is
/// refused; or it is said at another field than the first that could be made optional.
#[test]
fn what_never_ends_is_said_once_at_its_first_field() {
    for (lines, said) in [
        ("A: { b: B, next: A }\nB: { id: u8 }", &["infinite-message at 1:next"][..]),
        ("B: { id: u8 }\nA: { next: A, b: B, c: B }", &["infinite-message at 2:next"]),
        (
            "A: { e: E, next: A }\nE: { one_of: { x: X, y: Y }, by: type }\nX: { id: u8 }\nY: { id: u8 }",
            &["infinite-message at 1:next"],
        ),
        ("A: { a: A }\nB: { b: B }", &["infinite-message at 1:a", "infinite-message at 2:b"]),
        // From outside of the circle, from before and from behind.
        ("X: { a: A }\nA: { b: B }\nB: { a: A }\nY: { b: B }", &["infinite-message at 2:b, by way of `B.a` (3:a)"]),
        (
            "A: { id: u8, c: C }\nB: { a: A }\nC: { b: B }",
            &["infinite-message at 1:c, by way of `C.b` (3:b), by way of `B.a` (2:a)"],
        ),
        // By way of a choice all of whose messages come back.
        ("E: { one_of: { a: A }, by: type }\nA: { id: u8, e: E }", &["infinite-message at 2:e"]),
        ("E: { one_of: { a: A, b: B }, by: type }\nA: { id: u8, e: E }\nB: { a: A }", &["infinite-message at 2:e"]),
        ("A: { home: { city: string, a: A } }", &["infinite-message at 1:home, by way of `A.home.a` (1:a)"]),
        // Each of these ends.
        ("E: { one_of: { a: A, z: Z }, by: type }\nA: { e: E, f: E }\nZ: { id: u8 }", &[]),
        ("E: { one_of: { z: Z, a: A }, by: type }\nZ: { id: u8 }\nA: { e: E, f: E }", &[]),
        ("A: { a?: A, all: [A], named: { string: A } }\nB: { a: A, again: A, b?: B }", &[]),
        ("A: { b: B, c: C }\nB: { c: C, c2: C }\nC: { id: u8 }", &[]),
    ] {
        assert_eq!(said_of(lines), said, "{lines}");
    }
}

/// If this fails, what a box puts around a message is not counted, and rustc stops at an app that was called right.
#[test]
fn a_box_is_two_levels() {
    // From `Z` by a list (3) into `B`, whose `a?` is in a box (1 and 2), and on through a chain of messages.
    let of = |length: usize| {
        let chain = (1..length).map(|at| format!("M{at}: {{ m: M{} }}\n", at + 1)).collect::<String>();
        said_of(&format!("Z: {{ all: [B] }}\nA: {{ b?: B, m: M1 }}\nB: {{ a?: A }}\n{chain}M{length}: {{ id: u8 }}"))
    };
    assert_eq!(of(55), [""; 0]);
    assert_eq!(of(56), ["deep-message at 1:Z"]);
}
