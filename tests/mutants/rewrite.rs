//! A source with all its mutants in it, each switched on by its number.
//!
//! Lines stay lines: what the compiler and panics say of the rewritten source holds for the original.

use std::ops::Range;

use crate::find::{Form, Site};

/// What each crate gets that has mutants: whether the mutant of this number is on. What was asked for is noted on request,
/// which says which tests can notice a mutant at all.
pub(crate) const SWITCH: &str = r#"
/// Whether the mutant of this number is on.
#[doc(hidden)]
pub(crate) fn __mutant(number: u32) -> bool {
    struct Switch { on: u32, reached: Option<(std::sync::Mutex<std::fs::File>, Vec<std::sync::atomic::AtomicBool>)> }
    static SWITCH: std::sync::OnceLock<Switch> = std::sync::OnceLock::new();
    let switch = SWITCH.get_or_init(|| {
        let on = std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
        let open = |path| std::fs::OpenOptions::new().append(true).create(true).open(path).ok();
        let reached = std::env::var_os("MUTANTS_REACHED").and_then(open).map(|file| {
            (std::sync::Mutex::new(file), (0..100_000).map(|_| std::sync::atomic::AtomicBool::new(false)).collect())
        });
        Switch { on, reached }
    });
    if let Some((file, seen)) = &switch.reached {
        if !seen[number as usize].swap(true, std::sync::atomic::Ordering::Relaxed) {
            let line = format!("{number}\n");
            let _ = std::io::Write::write_all(&mut *file.lock().unwrap(), line.as_bytes());
        }
    }
    switch.on == number
}
"#;

/// What the root of a crate begins with: what a mutant would be warned of is wanted.
pub(crate) const ALLOW: &str =
    "#![allow(warnings, arithmetic_overflow, overflowing_literals, unconditional_panic, unconditional_recursion)] ";

/// A source with its mutants, and where each site has come to lie.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// Bytes of the new text, and the site's index.
    pub(crate) places: Vec<(Range<usize>, usize)>,
}

/// Writes the mutants of `sites` into `text`; those that `fits` does not like are left out.
pub(crate) fn rewrite(text: &str, sites: &[Site], fits: impl Fn(&Site) -> bool) -> Rewritten {
    let sites: Vec<_> = sites.iter().enumerate().filter(|(_, site)| fits(site)).collect();
    let mut writer = Writer { original: text, sites: &sites, done: 0, text: String::new(), places: Vec::new() };
    writer.write(0..text.len());
    Rewritten { text: writer.text, places: writer.places }
}

struct Writer<'a> {
    original: &'a str,
    sites: &'a [(usize, &'a Site)],
    /// How many of the sites are written.
    done: usize,
    text: String,
    places: Vec<(Range<usize>, usize)>,
}

impl Writer<'_> {
    /// Writes a piece of the original, with the sites in it.
    fn write(&mut self, piece: Range<usize>) {
        let mut at = piece.start;
        while let Some(&(index, site)) = self.sites.get(self.done)
            && site.at.start < piece.end
        {
            self.done += 1;
            self.text.push_str(&self.original[at..site.at.start]);
            let begin = self.text.len();
            self.switch(site);
            self.places.push((begin..self.text.len(), index));
            at = site.at.end;
        }
        self.text.push_str(&self.original[at..piece.end]);
    }

    fn switch(&mut self, site: &Site) {
        let (open, close) = if site.form == Form::Expression { ("(", ")") } else { ("", "") };
        self.text.push_str(open);
        for mutant in &site.mutants {
            let (number, code) = (mutant.number, mutant.code());
            self.text.push_str(&match site.form {
                Form::Expression | Form::Statement => format!("if crate::__mutant({number}) {{ {code} }} else "),
                Form::Entry => format!(" if crate::__mutant({number}) {{ return {code}; }}"),
            });
        }
        if site.form != Form::Entry {
            self.text.push_str("{ ");
            self.write(site.at.clone());
            self.text.push_str(" }");
        }
        self.text.push_str(close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::sites;

    /// What the body of a function becomes.
    fn rewritten(source: &str) -> String {
        let sites = sites(source, 1).expect("Rust");
        rewrite(source, &sites, |_| true).text.replace("crate::__mutant", "m")
    }

    /// If this fails, a mutant is another one than its report says, or what it is in is no longer what it was.
    #[test]
    fn each_site_has_its_mutants_within_what_is_around_it() {
        let table = [
            (
                "fn f(a: u8) -> u8 { a * g(a < b) }",
                "fn f(a: u8) -> u8 { (if m(1) { (a) / (g (a < b)) } else { a * g((if m(2) { (a) <= (b) } else \
                 if m(3) { (a) >= (b) } else { a < b })) }) }",
            ),
            ("fn f() { self.a(); }", "fn f() { if m(1) {  } else { self.a(); } }"),
            (
                "fn f() -> bool { !a }",
                "fn f() -> bool { if m(1) { return true; } if m(2) { return false; } (if m(3) \
                                       { a } else { !a }) }",
            ),
            ("fn f() -> bool { true }", "fn f() -> bool { if m(1) { return false; } true }"),
            (
                "fn f() -> Option<u8> { g(7u8) }",
                "fn f() -> Option<u8> { if m(1) { return None; } g((if m(2) { 8u8 } else { 7u8 })) }",
            ),
            (
                "fn f() { match x { A if y => z } }",
                "fn f() { match x { A if (if m(1) { true } else if m(2) { false } else { y }) => z } }",
            ),
        ];
        for (source, expected) in table {
            assert_eq!(rewritten(source), expected);
        }
    }

    /// If this fails, sources do not compile with their mutants in them.
    #[test]
    fn what_cannot_be_switched_is_left_alone() {
        let table = [
            "const A: u8 = 1 + 2; static B: bool = !true; fn f(x: [u8; 3]) { [a; 4]; }",
            "const fn f() -> bool { 1 < 2 }",
            "fn f() { if let 1..=2 = x && y { } }",
            "fn f() { println!(\"{}\", 1 + 2) }",
            "#[cfg(test)] mod tests { fn f() -> bool { 1 < 2 } }",
            "#[test] fn f() { g(1 < 2); }",
            "fn f() { drop(a); }",
        ];
        for source in table {
            assert_eq!(rewritten(source), source);
        }
    }

    /// If this fails, a list of known mutants does not fit after an edit elsewhere, or a report names the wrong function.
    #[test]
    fn a_mutant_is_known_by_its_function_and_its_change() {
        let source = "impl a::B {\n fn f() { c(1\n + d); }\n}\nimpl C for B { fn g() { e < f } }";
        let sites = sites(source, 1).expect("Rust");
        let mutants = sites.iter().flat_map(|site| &site.mutants);
        let known: Vec<_> = mutants.map(|one| format!("{} {} {}", one.line, one.function, one.change)).collect();
        let expected = [
            "2 B::f c(1 + d); -> left out",
            "2 B::f 1 + d -> 1 - d",
            "2 B::f 1 -> 2",
            "5 <B as C>::g e < f -> e <= f",
            "5 <B as C>::g e < f -> e >= f",
        ];
        assert_eq!(known, expected);
    }

    /// If this fails, what does not compile is not found, and no run begins.
    #[test]
    fn a_place_is_where_a_site_has_come_to_lie() {
        let source = "fn f() { a < b; c == d }";
        let sites = sites(source, 1).expect("Rust");
        let rewritten = rewrite(source, &sites, |site| site.mutants[0].number != 1);
        let (place, index) = &rewritten.places[0];
        assert_eq!(&rewritten.text[place.clone()], "(if crate::__mutant(3) { (c) != (d) } else { c == d })");
        assert_eq!(sites[*index].mutants[0].change, "c == d -> c != d");
    }
}
