use proptest::prelude::*;

use super::{tokens::cut, *};
use crate::{
    compile,
    render::{BANNER, Dependency, FileKind, RenderedFile, render},
    source::Source,
};

const MANIFESTS: [&str; 3] = [
    include_str!("../../../tests/manifests/smallest.yml"),
    include_str!("../../../tests/manifests/slide.yml"),
    include_str!("../../../tests/manifests/largest.yml"),
];

fn rendered(manifest: &str) -> Vec<RenderedFile> {
    let compiled = compile(&Source::new("karafka.yml", manifest));
    let model = compiled.model.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    render(&model, Dependency::Version("0.1.0".into()))
}

fn generated(manifest: &str) -> impl Iterator<Item = RenderedFile> {
    rendered(manifest).into_iter().filter(|file| file.kind == FileKind::Generated)
}

/// If this fails, what is no edit is one, or an edit is lost with the next `karafka generate`.
#[test]
fn what_counts_is_what_a_compiler_or_a_reader_sees() {
    for (one, same) in [
        ("a  b", "\u{feff}a\r\n\tb\n"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("Vec<Vec<u8>>", "Vec<\n Vec<u8,>,\n>"),
        ("use a::{c, b};", "use a::b;\nuse a::c;"),
        (
            "use ::a::{c::{self, d as e}, b::*};",
            "use ::a::b::*;\nuse ::a::{c, c::d as e};".replace("{c,", "{c::self,").as_str(),
        ),
        ("#[x]\npub(crate) use a::{b};", "#[x] pub(crate) use a::b;"),
        ("mod b;\npub mod a;", "pub mod a; mod b;"),
        ("match a { B => c, D => e }", "match a { B => { c } D => { e }, }"),
        ("/// one two\nx", "///   one\n/// two\nx"),
        ("/* a\n b */", "/*   a b*/"),
    ] {
        assert_eq!(of(one), of(same), "{one} and {same}");
    }
    for (one, other) in [
        ("a b", "ab"),
        ("a b", "a\u{a0}b"),
        ("\"a  b\"", "\"a b\""),
        ("\"\\\" // a\"", "\"\\\" // b\""),
        ("\"\\\"  \"", "\"\\\" \""),
        ("r#\"a \"  b\"#", "r#\"a \" b\"#"),
        ("br\"\\\" \"  \"", "br\"\\\" \" \""),
        ("b\"a  b\"", "b\"a b\""),
        ("'\"' \"  \"", "'\"' \" \""),
        ("'\\'' \"  \"", "'\\'' \" \""),
        ("b'\"' \"  \"", "b'\"' \" \""),
        ("'a \"  \"", "'a \" \""),
        ("r#a", "ra"),
        ("f(a, b)", "f(a b)"),
        ("f(a, b)", "f(b, a)"),
        ("1.0", "1.1"),
        ("// a", "/// a"),
        ("//! a", "/// a"),
        ("x // a", "x // b"),
        ("x", "x // b"),
        ("/* a /* b */ */ c", "/* a /* b */ */ d"),
        ("/**/ c", "/**/ d"),
        ("// a  \" b\nx  \"y  z\"", "// a  \" b\nx  \"y z\""),
        ("use a; fn b() {} use c;", "use c; fn b() {} use a;"),
        ("use a::b;", "pub use a::b;"),
        ("#[x] use a; use b;", "use a; #[x] use b;"),
        ("use a::{b, c};", "use a::{b, c, d};"),
        ("use a::{b, c};", "use a::{b,, c};"),
        ("use a::{b}, c;", "use a::b, c;"),
        ("mod a;", "mod a {}"),
        ("match a { B => { c } }", "match a { B => { d } }"),
        ("fn a() { b }", "fn a() b"),
        // No Rust at all: only line ends do not count.
        ("\"a", "\"a "),
        ("/* a", "/*  a"),
    ] {
        assert_ne!(of(one), of(other), "{one} and {other}");
    }
    assert_eq!(of("\"a\nb"), of("\"a\r\nb"));
}

/// If this fails, a checkout can keep a command busy for minutes.
#[test]
fn hostile_texts_take_no_longer_than_others() {
    for piece in
        ["use ", "#[", "#[a]", "pub(", "use a::{", "{", "use a::{b::{", "/*", "r#", "mod a;", "=>{", "a::{b,", "'"]
    {
        let _ = of(&piece.repeat(50_000));
        let _ = of(&format!("{}use {}x;", "#[a]".repeat(25_000), "a,".repeat(25_000)));
    }
}

/// A change to one token of a text.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Removed,
    Doubled,
    Renamed,
    Swapped,
}

/// The text with a change to the token of this number; nothing where a formatter might have done it.
fn edited(text: &str, number: usize, edit: Edit) -> Option<String> {
    let tokens = cut(text).unwrap().tokens;
    let number = number.checked_rem(tokens.len())?;
    let (token, next) = (tokens[number], tokens.get(number + 1).copied());
    let start = token.as_ptr() as usize - text.as_ptr() as usize;
    let end = start + token.len();
    let closes = |token: Option<&str>| matches!(token, Some(")" | "]" | "}" | ">"));
    let (with, end) = match edit {
        Edit::Removed if token == "," && closes(next) => return None,
        Edit::Removed => (String::new(), end),
        // A second comma before a bracket is one more that does not count.
        Edit::Doubled => (format!("{token} {token}"), end),
        Edit::Renamed => ("edited".to_owned(), end),
        Edit::Swapped => {
            // `> ,` before a bracket is what `, >` is: a comma less.
            let is_comma = |token: &str, other: &str| token == "," && closes(Some(other));
            let next = next.filter(|next| *next != token && !is_comma(token, next) && !is_comma(next, token))?;
            let second = next.as_ptr() as usize - text.as_ptr() as usize;
            (format!("{next} {} {token}", &text[end..second]), second + next.len())
        }
    };
    Some(format!("{}{with}{}", &text[..start], &text[end..]))
}

fn files() -> Vec<String> {
    let mut files: Vec<String> =
        MANIFESTS.iter().flat_map(|manifest| generated(manifest)).map(|file| file.text).collect();
    files.sort();
    files.dedup();
    files
}

/// If this fails, somebody changes a generated file, no command says so, and the change is lost one day.
#[test]
fn every_token_counts() {
    for text in files() {
        let shape = of(&text);
        let number = cut(&text).unwrap().tokens.len();
        // Those of small files all, and some of large ones: each is looked at as a whole.
        for at in (0..number).step_by(1 + number / 25) {
            for edit in [Edit::Removed, Edit::Doubled, Edit::Renamed, Edit::Swapped] {
                let Some(edited) = edited(&text, at, edit) else { continue };
                assert_ne!(of(&edited), shape, "{edit:?}, token {at} of\n{edited}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The same, for tokens anywhere, and for words of comments.
    #[test]
    fn any_edit_counts(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), edit in 0..4_usize, word in "[a-z]{1,4}") {
        let files = files();
        let text = file.get(&files);
        let shape = of(text);
        let edit = [Edit::Removed, Edit::Doubled, Edit::Renamed, Edit::Swapped][edit];
        if let Some(edited) = edited(text, at.index(usize::MAX), edit) {
            prop_assert_ne!(&of(&edited), &shape, "{:?} of\n{}", edit, edited);
        }
        let lines: Vec<&str> = text.lines().collect();
        let line = at.index(lines.len() + 1);
        let mut commented = lines.clone();
        let comment = format!("// {word}");
        commented.insert(line, &comment);
        prop_assert_ne!(&of(&commented.join("\n")), &shape, "a comment before line {}", line);
        let banner = text.replace(BANNER, &format!("{BANNER} {word}"));
        prop_assert_ne!(of(&banner), shape);
    }

    /// If this fails, an edit of somebody else's making ends the command.
    #[test]
    fn any_text_has_a_shape(text in "([a-z{}()<>,;#\\[\\]'\"/*!\\\\ \r\né\u{a0}]|use |mod |pub |=>|r#|b'|//|/\\*){0,60}") {
        prop_assert_eq!(of(&text), of(&text.replace('\n', "\r\n").replace("\r\r\n", "\r\n")));
    }
}
