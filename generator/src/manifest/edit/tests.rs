//! What an edit changes, and what it leaves alone.

use proptest::prelude::*;

use super::*;

fn topic(text: &str) -> String {
    add_topic(text, "clicks", &[("controller", "ClicksController"), ("emits", "[a]")]).unwrap()
}

/// If this fails, `karafka generate controller` puts a topic where a person would not.
#[test]
fn a_topic_goes_to_the_end_of_its_section() {
    assert_eq!(
        topic("app: x\ntopics:\n  a:\n    controller: A\n"),
        "app: x\ntopics:\n  a:\n    controller: A\n  clicks:\n    controller: ClicksController\n    emits: [a]\n",
    );
    // Another section, with comments of its own, follows.
    assert_eq!(
        topic("topics:\n    a: {}   # a\n    # end of topics\n\n# About messages.\nmessages: {}\n"),
        "topics:\n    a: {}   # a\n    # end of topics\n    clicks:\n        controller: ClicksController\n        emits: [a]\n\n\
         # About messages.\nmessages: {}\n",
    );
    // Neighbours are set apart by empty lines; the text has no newline at its end.
    assert_eq!(
        topic("topics:\n  b: {}\n\n  a: {}"),
        "topics:\n  b: {}\n\n  a: {}\n\n  clicks:\n    controller: ClicksController\n    emits: [a]",
    );
    // Windows.
    assert_eq!(
        topic("topics:\r\n  a: {}\r\n"),
        "topics:\r\n  a: {}\r\n  clicks:\r\n    controller: ClicksController\r\n    emits: [a]\r\n",
    );
    // One blank of indentation, and the same for what is inside.
    assert_eq!(
        topic("topics:\n a:\n  controller: A\n"),
        "topics:\n a:\n  controller: A\n clicks:\n  controller: ClicksController\n  emits: [a]\n",
    );
}

/// If this fails, the first topic of an app has to be written by hand.
#[test]
fn a_section_that_is_empty_or_missing_is_begun() {
    let lines = "  clicks:\n    controller: ClicksController\n    emits: [a]\n";
    assert_eq!(topic("app: x\ntopics:\n"), format!("app: x\ntopics:\n{lines}"));
    assert_eq!(topic("app: x\ntopics: {} # none yet\n"), format!("app: x\ntopics: # none yet\n{lines}"));
    assert_eq!(topic("topics: ~\napp: x\n"), format!("topics:\n{lines}app: x\n"));
    assert_eq!(topic("app: x\n# The end.\n"), format!("app: x\n\ntopics:\n{lines}# The end.\n"));
    assert_eq!(topic("app: x"), format!("app: x\n\ntopics:\n{}", lines.trim_end()));
    assert_eq!(
        add_message("app: x\n\n# Topics.\ntopics:\n  a: {}\n", "Order", &[("id", "uuid"), ("note?", "string")])
            .unwrap(),
        "app: x\n\nmessages:\n  Order:\n    id: uuid\n    note?: string\n\n# Topics.\ntopics:\n  a: {}\n",
    );
    assert_eq!(add_topic("app: x\n", "a.b", &[]).unwrap(), "app: x\n\ntopics:\n  a.b: {}\n");
}

/// If this fails, a manifest that is written between braces has to be edited by hand.
#[test]
fn braces_are_edited_inside() {
    let entry = "clicks: { controller: ClicksController, emits: [a] }";
    assert_eq!(topic("topics: {a: {controller: A}}\n"), format!("topics: {{a: {{controller: A}}, {entry}}}\n"));
    assert_eq!(topic("topics: { a: {}, }\n"), format!("topics: {{ a: {{}}, {entry}, }}\n"));
    assert_eq!(topic("{app: x}\n"), format!("{{app: x, topics: {{ {entry} }}}}\n"));
    assert_eq!(topic("{topics: {}}\n"), format!("{{topics: {{ {entry} }}}}\n"));
}

/// If this fails, a comment between braces is deleted when the first entry is put there.
#[test]
fn comments_between_braces_stay() {
    let entry = "clicks: { controller: ClicksController, emits: [a] }";
    assert_eq!(topic("app: x\ntopics: {\n  # none\n}\n"), format!("app: x\ntopics: {{\n  # none\n  {entry}\n}}\n"));
    assert_eq!(
        topic("topics: { # none\r\n  # yet\r\n  } # end\r\n"),
        format!("topics: {{ # none\r\n  # yet\r\n    {entry}\r\n  }} # end\r\n"),
    );
    assert_eq!(topic("{topics: { # }\n }}\n"), format!("{{topics: {{ # }}\n   {entry}\n }}}}\n"));
    assert_eq!(
        set_topic_key("topics:\n  a: {\n    # mine\n  }\n", "a", "controller", "A").unwrap(),
        "topics:\n  a: {\n    # mine\n    controller: A\n  }\n",
    );
    assert_eq!(
        add_emits("topics:\n  a: { controller: A, emits: [\n    # none\n  ] }\n", "a", "A", "z").unwrap(),
        "topics:\n  a: { controller: A, emits: [\n    # none\n    z\n  ] }\n",
    );
}

/// If this fails, `--worker` or `--emits` on a topic that is there loses what stood beside it.
#[test]
fn a_topics_keys_are_added_and_replaced() {
    let set = |text: &str, key: &str, value: &str| set_topic_key(text, "a", key, value).unwrap();
    assert_eq!(
        set("topics:\n  a:\n    controller: A # mine\n    # later: emits\n  b: {}\n", "worker", "W"),
        "topics:\n  a:\n    controller: A # mine\n    # later: emits\n    worker: W\n  b: {}\n",
    );
    assert_eq!(set("topics:\n  a: { controller: A }\n", "controller", "B"), "topics:\n  a: { controller: B }\n");
    assert_eq!(set("topics:\n  a: {}\n", "controller", "B"), "topics:\n  a: { controller: B }\n");
    assert_eq!(set("topics:\n  a:\n", "controller", "B"), "topics:\n  a:\n    controller: B\n");
    assert_eq!(set("topics:\n  a:\n    worker:  # none\n", "worker", "B"), "topics:\n  a:\n    worker: B  # none\n");
    assert_eq!(set("topics:\n  a: { x: 'y' } # c\n", "x", "\"${Z?}\""), "topics:\n  a: { x: \"${Z?}\" } # c\n");
}

/// If this fails, `--emits` on a topic that is there loses what it emitted.
#[test]
fn emits_grow() {
    let add = |text: &str| add_emits(text, "a", "A", "z").unwrap();
    assert_eq!(add("topics:\n  a: { controller: A }\n"), "topics:\n  a: { controller: A, emits: [z] }\n");
    assert_eq!(add("topics:\n  a: { emits: [x, y] }\n"), "topics:\n  a: { emits: [x, y, z] }\n");
    assert_eq!(add("topics:\n  a: { emits: [] }\n"), "topics:\n  a: { emits: [z] }\n");
    assert_eq!(add("topics:\n  a: { emits: [z] }\n"), "topics:\n  a: { emits: [z] }\n");
    assert_eq!(
        add("topics:\n  a:\n    emits:\n      - x # one\n      # two\n    worker: W\n"),
        "topics:\n  a:\n    emits:\n      - x # one\n      # two\n      - z\n    worker: W\n",
    );
    assert_eq!(add("topics:\n  a:\n    emits:\n    - x\n"), "topics:\n  a:\n    emits:\n    - x\n    - z\n");
}

/// If this fails, keys drift apart with empty lines that nobody wrote.
#[test]
fn empty_lines_are_for_topics_not_for_their_keys() {
    let text = "topics:\n  b: {}\n\n  a:\n    controller: A\n    emits: [b]\n";
    let once = set_topic_key(text, "a", "worker", "W").unwrap();
    assert_eq!(once, format!("{text}    worker: W\n"));
    assert_eq!(set_topic_key(&once, "a", "parser", "P").unwrap(), format!("{text}    worker: W\n    parser: P\n"));
    assert_eq!(add_topic("topics:\n  a: {}\n  b: {}\n", "c", &[]).unwrap(), "topics:\n  a: {}\n  b: {}\n  c: {}\n");
    let commented = "topics:\n  a: {}\n\n  # The other.\n  b: {}\n";
    assert_eq!(add_topic(commented, "c", &[]).unwrap(), format!("{commented}\n  c: {{}}\n"));
}

/// If this fails, a topic that several groups consume has to be edited by hand, or another group's consumer changes.
#[test]
fn consumers_in_a_list_are_edited_one_by_one() {
    let block = "topics:\n  a:\n    consumers:\n      - controller: A\n        # Slow.\n      - controller: B\n        group: g\n  c: {}\n";
    let set = |text: &str, key: &str| set_consumer_key(text, "a", "A", key, "V").unwrap();
    assert_eq!(set(block, "worker"), block.replace("        # Slow.\n", "        # Slow.\n        worker: V\n"));
    let last = set_consumer_key(block, "a", "B", "worker", "W").unwrap();
    assert_eq!(last, block.replace("group: g\n", "group: g\n        worker: W\n"));
    assert_eq!(set_consumer_key(block, "a", "B", "group", "h").unwrap(), block.replace("group: g", "group: h"));

    let flow = "topics:\n  a:\n    consumers:\n      - { controller: A } # one\n      - { group: g, controller: B }\n";
    assert_eq!(set(flow, "worker"), flow.replace("controller: A }", "controller: A, worker: V }"));
    let emits = add_emits(flow, "a", "B", "z").unwrap();
    assert_eq!(emits, flow.replace("controller: B }", "controller: B, emits: [z] }"));
    let more = add_emits(&emits, "a", "B", "y").unwrap();
    assert_eq!(more, emits.replace("[z]", "[z, y]"));
    assert_eq!(add_emits(&more, "a", "B", "y").unwrap(), more);

    let entries = [("group", "audit"), ("controller", "C")];
    assert_eq!(
        add_consumer(flow, "a", &entries).unwrap(),
        format!("{flow}      - {{ group: audit, controller: C }}\n")
    );
    let third = "        group: g\n      - { group: audit, controller: C }\n";
    assert_eq!(add_consumer(block, "a", &entries).unwrap(), block.replace("        group: g\n", third));
    let error = add_consumer("topics: { a: { controller: A } }\n", "a", &entries).unwrap_err();
    assert!(error.to_string().contains("      - { group: audit, controller: C }"), "{error}");
    // A topic without a list is its own consumer.
    let plain = "topics:\n  a: { controller: A }\n";
    assert_eq!(set(plain, "worker"), "topics:\n  a: { controller: A, worker: V }\n");
}

/// If this fails, an edit lands amid comments and empty lines where nobody would look for it, or has another indentation.
#[test]
fn what_is_around_decides_where_and_how() {
    let lines = "  clicks:\n    controller: ClicksController\n    emits: [a]\n";
    let order = |text: &str| add_message(text, "Order", &[("id", "uuid")]).unwrap();
    let message = "messages:\n  Order:\n    id: uuid\n";
    // What comes first stays first.
    assert_eq!(order("topics:\n  a: {}\n"), format!("topics:\n  a: {{}}\n\n{message}"));
    // A comment above an empty line is about something else.
    assert_eq!(order("app: x\n# A.\n\ntopics:\n  a: {}\n"), format!("app: x\n# A.\n\n{message}\ntopics:\n  a: {{}}\n"),);
    // Comments below belong to what they are indented with.
    assert_eq!(topic("app: x\n # one\n"), format!("app: x\n # one\n\ntopics:\n{lines}"));
    assert_eq!(add_topic("topics:\n a: {}\n # c\n", "b", &[]).unwrap(), "topics:\n a: {}\n # c\n b: {}\n");
    // A line of blanks is an empty one.
    assert_eq!(topic("topics:\n  a: {}\n    \nx: y\n"), format!("topics:\n  a: {{}}\n{lines}    \nx: y\n"));
    // The step is the neighbours', but not that of what an alias repeats.
    let wide = lines.replace("    ", "      ");
    assert_eq!(topic("topics:\n  a:\n      x: y\n"), format!("topics:\n  a:\n      x: y\n{wide}"));
    let alias = "b: &b\n      x: y\ntopics:\n  a: *b\n";
    assert_eq!(topic(alias), format!("{alias}{lines}"));
    // A colon or a comma may stand apart.
    assert_eq!(topic("topics :\n"), format!("topics :\n{lines}"));
    assert_eq!(add_topic("topics: { a: {} , }\n", "b", &[]).unwrap(), "topics: { a: {} , b: {}, }\n");
    // Windows, where nothing is there yet.
    assert_eq!(topic("topics: # x\r\n"), format!("topics: # x\n{lines}").replace('\n', "\r\n"));
    // What is between braces and not there has no end to add something after.
    let add = |text: &str| add_topic(text, "b", &[]).map_err(|error| error.to_string());
    for text in ["topics: {a: }\n", "topics: { a }\n", "topics: &t {}\nx: *t\n"] {
        assert_eq!(add(text), Err("add this to the manifest by hand, under `topics:`:\n  b: {}".to_owned()), "{text}");
    }
}

/// If this fails, a name is written so that YAML takes it for something else, or stands in quotes for nothing.
#[test]
fn names_are_quoted_where_they_need_it() {
    for plain in ["a", "_a", "9", "a-b.c_d?"] {
        assert_eq!(layout::scalar(plain), plain);
    }
    for quoted in ["", "-a", "?a", "a b", "~", "null", "Null", "a:"] {
        assert_eq!(layout::scalar(quoted), format!("{quoted:?}"));
    }
}

/// If this fails, an edit that cannot be made is made halfway, or says nothing of what to do.
#[test]
fn what_cannot_be_edited_is_left_to_a_person() {
    let text = "a: &t { x: {} }\ntopics: *t\n";
    let error = add_topic(text, "y", &[("controller", "Y")]).unwrap_err();
    assert_eq!(error.to_string(), "add this to the manifest by hand, under `topics:`:\n  y:\n    controller: Y");
    assert!(matches!(add_topic("topics: { a: {} }", "a", &[]), Err(EditError::Exists { .. })));
    assert!(matches!(set_topic_key("topics: {}", "a", "worker", "W"), Err(EditError::NoSuchTopic(_))));
    assert!(matches!(add_topic("topics: [", "a", &[]), Err(EditError::Unreadable(_))));
    assert!(matches!(add_topic("- a\n", "a", &[]), Err(EditError::Unreadable(_))));
    assert!(matches!(add_topic("app: x\n", "a", &[("controller", "x: y")]), Err(EditError::ByHand { .. })));
    assert!(matches!(add_topic("app: x\n", "a", &[("controller", "A\nb: c")]), Err(EditError::ByHand { .. })));
}

const MANIFESTS: [&str; 3] = [
    include_str!("../../../../tests/manifests/smallest.yml"),
    include_str!("../../../../tests/manifests/slide.yml"),
    include_str!("../../../../tests/manifests/everything.yml"),
];

/// Whether `edited` is `text` with something put in at one place.
fn is_insertion(text: &str, edited: &str) -> bool {
    let common = text.bytes().zip(edited.bytes()).take_while(|(a, b)| a == b).count();
    let tail = &text.as_bytes()[common..];
    edited.len() > text.len() && edited.as_bytes().ends_with(tail)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// If this fails, an edit loses a comment, a blank or a line of somebody's manifest.
    #[test]
    fn everything_else_stays_to_the_byte(
        which in 0..MANIFESTS.len(),
        comments in prop::collection::vec((any::<prop::sample::Index>(), "[ ]{0,6}# [a-z:{}\\[\\]'\"-]{0,10}|"), 0..6),
        crlf in any::<bool>(),
        newline in any::<bool>(),
        key in "[a-z][a-z0-9._-]{0,8}",
        message in any::<bool>(),
    ) {
        let mut lines: Vec<String> = MANIFESTS[which].lines().map(str::to_owned).collect();
        for (index, comment) in comments {
            lines.insert(index.index(lines.len() + 1), comment);
        }
        let mut text = lines.join(if crlf { "\r\n" } else { "\n" });
        if newline {
            text.push_str(if crlf { "\r\n" } else { "\n" });
        }
        let key = format!("{key}_new");
        let entries = [("controller", "NewController"), ("emits", "[a, b]")];
        let fields = [("id", "uuid"), ("tags?", "[string]")];
        let edited = if message { add_message(&text, "NewMessage", &fields) } else { add_topic(&text, &key, &entries) }.unwrap();
        prop_assert!(is_insertion(&text, &edited), "{edited}");
        prop_assert_eq!(edited.matches('\n').count() == edited.matches("\r\n").count(), crlf || !edited.contains('\n'));
        let (before, _) = crate::manifest::read(&Source::new("k", text.as_str()));
        let (after, diagnostics) = crate::manifest::read(&Source::new("k", edited.as_str()));
        prop_assert_eq!(diagnostics, []);
        let (before, after) = (before.unwrap(), after.unwrap());
        prop_assert_eq!(after.topics.len(), before.topics.len() + usize::from(!message));
        prop_assert_eq!(after.messages.len(), before.messages.len() + usize::from(message));
    }

    /// If this fails, some manifest makes an edit crash, or an edit makes a text that says something else.
    #[test]
    fn never_panics(
        which in 0..MANIFESTS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, "[a-zA-Z{}\\[\\]:,'\"\n\r $?|&*~ö-]{0,4}"), 0..5),
        key in ".{0,8}",
        value in ".{0,8}",
    ) {
        let mut text = MANIFESTS[which].to_owned();
        for (index, length, replacement) in edits {
            let start = crate::source::floor_char_boundary(&text, index.index(text.len() + 1));
            let end = crate::source::floor_char_boundary(&text, start + length).max(start);
            text.replace_range(start..end, &replacement);
        }
        let _ = add_topic(&text, &key, &[(key.as_str(), value.as_str())]);
        let _ = add_message(&text, &key, &[]);
        let _ = set_topic_key(&text, "new_videos", &key, &value);
        let _ = add_emits(&text, "new_videos", "Videos::NewVideosController", &key);
    }
}
