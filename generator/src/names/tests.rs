//! The tables of `cases.md`, each row a test, and what holds for any name.

use proptest::prelude::*;

use super::{case::*, *};

/// The rows under a heading of the table, backquotes taken off.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let table = include_str!("cases.md");
    let (_, section) = table.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<Vec<String>> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            cells
                .map(|cell| cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')).unwrap_or(cell).to_owned())
                .collect()
        })
        .collect();
    assert!(!rows.is_empty(), "no rows under {heading}");
    rows
}

fn role(word: &str) -> Option<Role> {
    [Role::Controller, Role::Worker, Role::Parser, Role::Interchanger].into_iter().find(|role| role.key() == word)
}

/// What the name is made into, whatever it names.
fn read(what: &str, name: &str) -> Result<String, NameError> {
    match what {
        "message" => message_name(name).map(|()| name.to_owned()),
        "topic" => topic_type(name),
        "field" => field_name(name),
        "value" => variant_name(name),
        "app" => app_name(name).map(|()| crate_name(name)),
        _ => Constant::parse(name, role(what).unwrap()).map(|constant| constant.file()),
    }
}

/// If this fails, an app's code lands in another file than its manifest's reader expects.
#[test]
fn constants_have_their_paths_and_files() {
    for row in rows("Constants") {
        let constant = Constant::parse(&row[1], role(&row[0]).unwrap()).unwrap();
        assert_eq!((constant.rust_path(), constant.file()), (row[2].clone(), row[3].clone()), "{}", row[1]);
    }
}

/// If this fails, a controller gets a worker of another name than Ruby's Karafka would give it.
#[test]
fn workers_are_derived() {
    for row in rows("Derived workers") {
        let controller = Constant::parse(&row[0], Role::Controller).unwrap();
        let worker = controller.derived_worker();
        assert_eq!(worker.as_str(), row[1]);
        assert_eq!((worker.role(), worker.modules()), (Role::Worker, controller.modules()));
    }
}

/// If this fails, `karafka generate controller Videos::Details` makes another controller or topic than it says.
#[test]
fn generate_completes_names() {
    for row in rows("`karafka generate`") {
        let constant = Constant::complete(&row[1], role(&row[0]).unwrap()).unwrap();
        assert_eq!(constant.as_str(), row[2]);
        if constant.role() == Role::Controller {
            assert_eq!(constant.default_topic(), row[3]);
        }
    }
}

/// If this fails, generated code names a topic, a field, a variant or a crate in another way than documented.
#[test]
fn other_names_are_as_the_tables_say() {
    for (heading, what) in
        [("Topics", "topic"), ("Fields", "field"), ("Enum values and tags", "value"), ("Apps", "app")]
    {
        for row in rows(heading) {
            assert_eq!(read(what, &row[0]).as_deref(), Ok(row[1].as_str()), "{what} {}", row[0]);
        }
    }
}

/// If this fails, a name that cannot work gets through, or its refusal does not say why or what to write.
#[test]
fn refusals_say_why_and_what_to_write() {
    for row in rows("Refused") {
        let error = read(&row[0], &row[1]).expect_err(&row[1]);
        assert_eq!(error.instead.as_deref().unwrap_or_default(), row[2], "{}", row[1]);
        assert_eq!(error.why.to_string(), row[3], "{}", row[1]);
    }
}

/// If this fails, a person who writes what the error says gets the next error.
#[test]
fn what_is_offered_instead_works() {
    for row in rows("Refused").into_iter().filter(|row| !row[2].is_empty()) {
        read(&row[0], &row[2]).unwrap();
    }
}

/// If this fails, a Ruby app cannot keep a name because Rust, its prelude or the runtime has it too.
#[test]
fn a_name_is_not_taken_by_what_others_call_so() {
    let words = "Admission Batch BatchController Bytes Clone Context Controller Date Debug Decimal Default Drop Err Error \
                 Failure FnOnce From FromState Interchanger Into Iterator Json Key Message None Ok Option Parser Record \
                 Result Send Serialize Sized Some State String Sync Time Timestamp Uuid Vec Worker";
    for word in words.split_ascii_whitespace() {
        message_name(word).unwrap();
        assert_eq!(topic_type(word).unwrap(), word);
        for role in [Role::Controller, Role::Worker, Role::Parser, Role::Interchanger] {
            for constant in [word.to_owned(), format!("Payments::{word}"), format!("Karafka::{word}")] {
                assert_eq!(Constant::parse(&constant, role).unwrap().type_name(), word);
            }
        }
    }
    assert_eq!(message_name("Self").unwrap_err().why, Refusal::KeywordItself);
}

/// If this fails, a name that has nothing to offer instead sends the generator round in circles.
#[test]
fn names_without_anything_in_them_are_refused() {
    for what in ["controller", "parser", "message", "topic", "field", "value", "app"] {
        for name in ["", " ", "/", "::", "ü"] {
            assert_eq!(read(what, name).unwrap_err().instead, None, "{what} {name:?}");
        }
    }
}

/// If this fails, a topic that Kafka refuses is found out only when the app starts.
#[test]
fn a_topic_has_at_most_249_bytes() {
    topic_name(&"a".repeat(249)).unwrap();
    assert_eq!(topic_name(&"a".repeat(250)).unwrap_err().why, Refusal::TooLong { length: 250, limit: 249 });
}

/// If this fails, a name that no disk can hold is found out when its file is written, or its test built.
#[test]
fn files_have_names_that_a_disk_can_hold() {
    let name = |length: usize| format!("C{}", "c".repeat(length - 1));
    for role in [Role::Controller, Role::Worker, Role::Parser, Role::Interchanger] {
        Constant::parse(&name(200), role).unwrap();
        for long in [name(201), format!("{}::Part", name(201))] {
            let error = Constant::parse(&long, role).unwrap_err();
            assert!(matches!(error.why, Refusal::LongFile { limit: 200, .. }), "{role:?} {error:?}");
        }
    }
    // A controller's test is named after all of it.
    let both = format!("{}::{}", name(100), name(99) + "d");
    Constant::parse(&both, Role::Parser).unwrap();
    assert_eq!(
        Constant::parse(&both, Role::Controller).unwrap_err().why,
        Refusal::LongFile { length: 201, limit: 200 }
    );
}

proptest! {
    /// If this fails, a name in camel case does not come back from its file, and two files could be one type.
    #[test]
    fn names_of_whole_words_round_trip(words in prop::collection::vec("[A-Z][a-z]{1,6}[0-9]{0,2}", 1..5)) {
        let name = words.concat();
        prop_assert_eq!(camel(&snake(&name)), name);
    }

    /// If this fails, a field that is written in snake case gets another name in Rust.
    #[test]
    fn snake_case_stays(text in "[a-z0-9_]{0,12}") {
        use heck::ToSnakeCase;
        prop_assert_eq!(snake(&text), text.to_snake_case());
    }

    /// If this fails, a topic that is written in snake case gets another name in Rust.
    #[test]
    fn small_words_are_capitalized(text in "[a-z0-9_]{0,12}") {
        use heck::ToUpperCamelCase;
        prop_assert_eq!(camel(&text), text.to_upper_camel_case());
    }

    /// If this fails, a constant's path names another constant than the manifest does.
    #[test]
    fn constants_round_trip(segments in prop::collection::vec("[A-Z][a-z]{2,5}(X[a-z]{1,3})?", 1..4)) {
        let text = segments.join("::");
        if let Ok(constant) = Constant::parse(&text, Role::Controller) {
            let path = constant.rust_path();
            let mut parts: Vec<String> = path.split("::").skip(2).map(camel).collect();
            if segments.len() > 1 && segments[0] == "Controllers" {
                parts.insert(0, "Controllers".to_owned());
            }
            prop_assert_eq!(parts.join("::"), text);
            let inner = constant.file();
            let inner = inner.strip_prefix("src/controllers/").unwrap().strip_suffix(".rs").unwrap();
            prop_assert_eq!(inner.split('/').map(camel).collect::<Vec<_>>(), path.split("::").skip(2).map(camel).collect::<Vec<_>>());
        }
    }

    /// If this fails, a file or module gets a name that Rust warns about or a file system confuses.
    #[test]
    fn files_are_in_plain_snake_case(text in "[A-Z][A-Za-z0-9]{0,12}(::[A-Z][A-Za-z0-9]{0,12}){0,2}") {
        if let Ok(constant) = Constant::parse(&text, Role::Parser) {
            for module in constant.modules().iter().cloned().chain([constant.file_module()]) {
                prop_assert!(module.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
                prop_assert!(!module.contains("__") && !module.starts_with('_') && !module.ends_with('_'));
                prop_assert!(!is_keyword(&module));
                prop_assert_eq!(snake(&module), module);
            }
        }
    }

    /// If this fails, some text in a manifest makes the generator panic, or sends its author in circles.
    #[test]
    fn any_text_is_a_name_or_a_refusal_that_helps(text in "\\PC{0,12}|[A-Za-z0-9_:./ -]{0,16}") {
        for what in ["controller", "worker", "parser", "interchanger", "message", "topic", "field", "value", "app"] {
            if let Err(NameError { instead: Some(instead), .. }) = read(what, &text) {
                prop_assert!(read(what, &instead).is_ok(), "{what} {text:?} → {instead:?}");
            }
        }
    }

    /// If this fails, a field or a variant of a generated type does not compile.
    #[test]
    fn rust_names_are_identifiers(wire in "[ -~]{1,10}") {
        for name in [field_name(&wire), variant_name(&wire)].into_iter().flatten() {
            let bare = name.strip_prefix("r#").unwrap_or(&name);
            prop_assert!(!bare.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert!(bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            prop_assert!(name.starts_with("r#") || !is_keyword(&name));
        }
    }
}
