//! What the sources say that there is: read off their tokens, so that no list is written twice.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::source::sources;

/// The tokens of each source of a folder, without tests and comments.
fn tokens(folder: &str) -> Vec<TokenStream> {
    sources(folder).into_iter().filter_map(|(_, code)| code.parse().ok()).collect()
}

/// The text of a literal, if it is one.
fn literal(tree: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = tree else { return None };
    syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|text| text.value())
}

/// Calls `take` with each token and those before it in its group.
fn each(stream: TokenStream, take: &mut impl FnMut(&[TokenTree], &TokenTree)) {
    let trees: Vec<_> = stream.into_iter().collect();
    for (place, tree) in trees.iter().enumerate() {
        take(&trees[..place], tree);
        if let TokenTree::Group(group) = tree {
            each(group.stream(), take);
        }
    }
}

/// All texts of a folder's sources.
fn texts(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stream in tokens(folder) {
        each(stream, &mut |_, tree| found.extend(literal(tree)));
    }
    found
}

/// Variables that are read by what is within: by Rust's standard library, and by the build of OpenSSL.
const OF_OTHERS: [&str; 3] = ["RUST_BACKTRACE", "HOME", "OPENSSL_NO_VENDOR"];

/// Variables whose names have no `_`.
const SHORT: [&str; 2] = ["CARGO", "CI"];

/// What looks like a variable and is none: a word of librdkafka's log, a variable of an example, one of tests.
const OTHERWISE: [&str; 3] = ["APIVERSION_QUERY", "KAFKA_PASSWORD", "PROPTEST_CASES"];

/// The environment variables that the command and apps read; `KARAFKA_OPTIONS_` is how many begin.
pub(super) fn variables() -> BTreeSet<String> {
    let is_variable = |text: &String| {
        let is_name = text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
        let is_long = is_name && text.contains('_') && text.starts_with(|c: char| c.is_ascii_uppercase());
        // What cargo says to a build is not a person's to set.
        (is_long || SHORT.contains(&text.as_str()))
            && !text.starts_with("CARGO_")
            && !OTHERWISE.contains(&text.as_str())
    };
    let read = ["generator/src", "runtime/src"].iter().flat_map(|folder| texts(folder)).filter(is_variable);
    read.chain(OF_OTHERS.map(str::to_owned)).collect()
}

/// The metrics of an app.
pub(super) fn metrics() -> BTreeSet<String> {
    let is_name =
        |text: &String| text.starts_with("karafka_") && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let names: BTreeSet<_> = texts("runtime/src/metrics").into_iter().filter(is_name).collect();
    // A histogram is three families to the format, and one to its reader.
    let of =
        |name: &str| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).map(str::to_owned);
    names.iter().filter(|name| of(name).is_none_or(|base| !names.contains(&base))).cloned().collect()
}

/// What else begins as metrics do, such as fields of a job.
pub(super) fn fields() -> BTreeSet<String> {
    texts("runtime/src").into_iter().filter(|text| text.starts_with("karafka_") && is_word(text)).collect()
}

/// Whether a text is a word for machines, such as `poll_stalled`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The words that a source's arms and calls give: literals behind `=>` or `,`.
fn words(folder: &str, file: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (_, code) = sources(folder).into_iter().find(|(path, _)| path.ends_with(file)).expect("the source");
    each(code.parse().expect("Rust"), &mut |before, tree| {
        let is_given = matches!(before.last(), Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), '>' | ','));
        found.extend(literal(tree).filter(|text| is_given && is_word(text)));
    });
    found
}

/// What health calls what stands in the way.
pub(super) fn obstacles() -> BTreeSet<String> {
    words("runtime/src", "src/obstacle.rs")
}

/// What health calls its reasons, and the states of groups and workers.
pub(super) fn reasons() -> BTreeSet<String> {
    words("runtime/src/health", "health/verdict.rs")
}

/// Why a group reads from elsewhere than its offset.
pub(super) fn causes() -> BTreeSet<String> {
    words("runtime/src/events", "events/position.rs")
}

/// What is the same in each message of a kind, and says which it is: of its first clause that says enough.
fn fixed(message: &str) -> String {
    const ENOUGH: usize = 10;
    let clauses =
        message.split(['\n', ';']).flat_map(|clause| clause.split(": ")).flat_map(|clause| clause.split(" ("));
    let pieces: Vec<_> = clauses.map(longest_piece).collect();
    let says_enough = |piece: &&String| piece.len() >= ENOUGH && piece.contains(' ');
    let found = pieces.iter().find(says_enough).or_else(|| pieces.iter().max_by_key(|piece| piece.len()));
    found.cloned().unwrap_or_default()
}

/// The longest piece of a text that does not stand for something else, without backquotes.
fn longest_piece(text: &str) -> String {
    let mut pieces = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let piece = pieces.last_mut().expect("one");
        match letter {
            '{' | '}' if letters.next_if_eq(&letter).is_some() => piece.push(letter),
            '{' => {
                let _ = letters.by_ref().take_while(|c| *c != '}').count();
                pieces.push(String::new());
            }
            '`' => {}
            letter => piece.push(letter),
        }
    }
    let pieces = pieces.into_iter().map(|piece| piece.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
    pieces.max_by_key(String::len).unwrap_or_default()
}

/// Messages of the log at ERROR and WARN, by what is the same in each; those that are made of other words alone are left out.
pub(super) fn log_messages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stream in tokens("runtime/src") {
        each(stream, &mut |before, tree| {
            let TokenTree::Group(group) = tree else { return };
            let [.., TokenTree::Ident(name), TokenTree::Punct(mark)] = before else { return };
            if mark.as_char() != '!' {
                return;
            }
            let inside: Vec<_> = group.stream().into_iter().collect();
            let level = match name.to_string().as_str() {
                "about" | "of_job" => inside.first().map(ToString::to_string).unwrap_or_default(),
                name => name.to_owned(),
            };
            let is_message = |tree: &TokenTree| literal(tree).filter(|text| text != "karafka");
            let message = inside.iter().filter_map(is_message).next_back().map(|text| fixed(&text));
            found.extend(message.filter(|text| ["error", "warn"].contains(&&*level) && text.contains(' ')));
        });
    }
    found
}

/// What warnings say that no event has words for: the texts of `warn(&format!(…))` and of `Event::Warning`.
pub(super) fn warnings() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stream in tokens("runtime/src/engine") {
        each(stream, &mut |before, tree| {
            let TokenTree::Group(group) = tree else { return };
            if !matches!(before, [.., TokenTree::Ident(name)] if name == "warn") {
                return;
            }
            each(group.stream(), &mut |_, tree| found.extend(literal(tree).map(|text| fixed(&text))));
        });
    }
    found.retain(|text| text.contains(' '));
    found
}

/// What a process says as it cannot start, or ends: the texts of `complain(…)`, `fail(…)` and `Untold(…)`.
pub(super) fn complaints() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stream in ["runtime/src/server", "runtime/src/running"].into_iter().flat_map(tokens) {
        each(stream, &mut |before, tree| {
            let TokenTree::Group(group) = tree else { return };
            let is_said = |name: &Ident| ["complain", "fail", "Untold"].iter().any(|said| name == said);
            if matches!(before.last(), Some(TokenTree::Ident(name)) if is_said(name)) {
                each(group.stream(), &mut |_, tree| found.extend(literal(tree).map(|text| fixed(&text))));
            }
        });
    }
    found.retain(|text| text.contains(' '));
    found
}

/// The words of what stands in the way, where they are more than somebody else's.
pub(super) fn words_of_obstacles() -> BTreeSet<String> {
    let names = |stream: TokenStream, name: &str| {
        stream.into_iter().any(|tree| matches!(tree, TokenTree::Ident(ident) if ident == name))
    };
    let mut found = BTreeSet::new();
    for stream in
        ["runtime/src/client", "runtime/src/producer", "runtime/src/engine/group"].into_iter().flat_map(tokens)
    {
        each(stream, &mut |before, tree| {
            let TokenTree::Group(group) = tree else { return };
            let is_words = match before {
                [.., TokenTree::Ident(words), TokenTree::Punct(_), TokenTree::Ident(format), TokenTree::Punct(_)] => {
                    words == "words" && format == "format"
                }
                [.., TokenTree::Ident(made)] => {
                    (made == "new" || made == "say") && names(group.stream(), "ObstacleKind")
                }
                _ => false,
            };
            if is_words {
                let mut first = None;
                each(group.stream(), &mut |_, tree| first = first.take().or_else(|| literal(tree)));
                found.extend(first.map(|text| fixed(&text)));
            }
        });
    }
    found.retain(|text| text.contains(' '));
    found
}

/// What keeps an app from starting: the texts of `#[error(…)]` of these enums.
pub(super) fn start_errors() -> BTreeSet<String> {
    let files = ["settings/error.rs", "engine/start_error.rs", "settings/expand.rs", "settings/options.rs"];
    let mut found = BTreeSet::new();
    for (_, code) in
        sources("runtime/src").into_iter().filter(|(path, _)| files.iter().any(|file| path.ends_with(file)))
    {
        each(code.parse().expect("Rust"), &mut |before, tree| {
            let TokenTree::Group(group) = tree else { return };
            if matches!(before, [.., TokenTree::Ident(name)] if name == "error") {
                let first = group.stream().into_iter().next();
                found.extend(first.as_ref().and_then(literal).map(|text| fixed(&text)));
            }
        });
    }
    found.retain(|text| text.contains(' '));
    found
}

/// If this fails, the tests above compare the book with less than there is.
#[test]
fn the_sources_are_read() {
    assert!(variables().contains("KARAFKA_HEALTH") && variables().contains("KARAFKA_OPTIONS_"), "{:?}", variables());
    assert!(metrics().contains("karafka_partition_lag"), "{:?}", metrics());
    assert!(obstacles().contains("broker_away") && obstacles().len() == 12, "{:?}", obstacles());
    assert!(reasons().contains("poll_stalled") && reasons().contains("too_large"), "{:?}", reasons());
    assert!(words_of_obstacles().contains("Kafka takes no commits"), "{:?}", words_of_obstacles());
    assert!(causes().contains("before_log"), "{:?}", causes());
    assert!(log_messages().contains("handler blocks its thread"), "{:?}", log_messages());
    assert!(!warnings().is_empty(), "{:?}", warnings());
    assert!(complaints().contains("health cannot be served at"), "{:?}", complaints());
    assert!(start_errors().contains("no brokers are configured"), "{:?}", start_errors());
    assert_eq!(fixed("group `{group}` cannot be started: {reason}\n  or {{so}}"), "cannot be started");
}
