//! Sizes that do not go together, and where each of the two stands.

use super::*;
use crate::diagnostic::codes;

/// What is warned of in these lines: the line and the text of each place.
fn places(lines: &str) -> Vec<[String; 2]> {
    let text = format!("app: a\n{lines}");
    let found = compile(&source(&text)).diagnostics;
    let place = |span: Span| format!("{}:{}", source(&text).position(span.start).0, &text[span.start..span.end]);
    let pair = |found: Diagnostic| {
        assert_eq!(found.code, codes::CLASHING_SIZES, "{text}\n{found:?}");
        let other = found.related.first().map(|(span, _)| place(*span));
        [place(found.span), other.unwrap_or_default()]
    };
    found.into_iter().map(pair).collect()
}

/// If this fails, `karafka check` shows another line than the one to change, or names a size that stands nowhere.
#[test]
fn both_places_are_shown() {
    let topic = "topics: { orders: { controller: A } }\n";
    for (lines, first, second) in [
        (
            "kafka: { options: { message.max.bytes: 90000000 } }\ngroups: { a: { memory: 65MiB } }\n",
            "2:90000000",
            "3:65MiB",
        ),
        (
            "kafka: { consumer: { message.max.bytes: 90000000 } }\ngroups: { a: { memory: 65MiB } }\n",
            "2:90000000",
            "3:65MiB",
        ),
        ("groups:\n  a: { kafka: { fetch.max.bytes: 90000000 }, memory: 65MiB }\n", "3:90000000", "3:65MiB"),
        // Nobody has written the second.
        ("kafka: { consumer: { fetch.max.bytes: 90000000 } }\n", "2:90000000", ""),
        ("groups:\n  a: { kafka: { fetch.max.bytes: 90000000 } }\n", "3:90000000", ""),
        // In the sections of the two, whichever those are.
        (
            "kafka:\n  options: { fetch.max.bytes: 10 }\n  consumer: { message.max.bytes: 2000 }\n  producer: { message.max.bytes: 3000 }\n",
            "4:2000",
            "3:10",
        ),
        (
            "kafka:\n  options: { queue.buffering.max.kbytes: 1 }\n  consumer: { message.max.bytes: 1025 }\n  producer: { message.max.bytes: 2000 }\n",
            "5:2000",
            "3:1",
        ),
        (
            "kafka:\n  options: { message.max.bytes: 2000 }\n  consumer: { message.max.bytes: 3000 }\n  producer: { queue.buffering.max.kbytes: 1 }\n",
            "3:2000",
            "5:1",
        ),
        (
            "kafka:\n  options: { message.max.bytes: 3000 }\ngroups:\n  b: { kafka: { fetch.max.bytes: 1 } }\n  a: { kafka: { fetch.max.bytes: 2000 } }\n",
            "3:3000",
            "6:2000",
        ),
    ] {
        let group_b = "topics: { orders: { consumers: [{ controller: A }, { controller: B, group: b }] } }\n";
        // The clash of another group, where there is one, comes beside it.
        let found = places(&format!("{lines}{}", if lines.contains("  b:") { group_b } else { topic }));
        assert!(found.contains(&[first.to_owned(), second.to_owned()]), "{lines}{found:?}");
        assert_eq!(found.len(), if lines.contains("  b:") { 2 } else { 1 }, "{lines}{found:?}");
    }
}

/// If this fails, a topic or a group with a dot in its name is warned of at another one's line.
#[test]
fn names_with_dots_are_found() {
    let found = places(
        "groups:\n  a.b: { memory: 16MiB }\n  a: { memory: 17MiB }\ntopics:\n  a: { partitions: 1, controller: A }\n  a.b: { partitions: 20, group: a.b, controller: B }\n",
    );
    assert_eq!(found, [["7:20", "3:16MiB"]]);
    let found = places(
        "groups:\n  a.b: { kafka: { message.max.bytes: 2000, fetch.max.bytes: 1000 } }\n  a: { kafka: { message.max.bytes: 2000, fetch.max.bytes: 2000 } }\ntopics:\n  a: { controller: A }\n  a.b: { group: a.b, controller: B }\n",
    );
    assert_eq!(found, [["3:2000", "3:1000"]]);
}

/// If this fails, of several topics another is pointed at than the one that takes most, or it depends on the order of the file.
#[test]
fn the_topic_with_most_partitions_is_shown() {
    let of = |topics: &[(&str, &str)]| {
        let topic = |(name, partitions): &(&str, &str)| {
            format!("  {name}: {{ partitions: {partitions}, controller: {} }}\n", name.to_uppercase())
        };
        places(&format!("topics:\n{}", topics.iter().map(topic).collect::<String>()))
    };
    let shown = |place: &str| vec![[place.to_owned(), String::new()]];
    assert_eq!(of(&[("m", "64")]), [[""; 2]; 0], "as many as just fit");
    assert_eq!(of(&[("m", "32"), ("n", "32")]), [[""; 2]; 0]);
    assert_eq!(of(&[("m", "65")]), shown("3:65"));
    assert_eq!(of(&[("m", "20"), ("n", "60")]), shown("4:60"));
    assert_eq!(of(&[("m", "60"), ("n", "20")]), shown("3:60"));
    // Of two of a size it is the first by name.
    assert_eq!(of(&[("m", "40"), ("n", "40")]), shown("3:40"));
    assert_eq!(of(&[("n", "40"), ("m", "40")]), shown("4:40"));
    // What a variable will be is not known; what is known may be too much already.
    assert_eq!(of(&[("m", "\"${P}\""), ("n", "65")]), shown("4:65"));
    assert_eq!(of(&[("m", "65"), ("n", "\"${P}\"")]), shown("3:65"));
    assert_eq!(of(&[("m", "\"${P}\""), ("n", "64")]), [[""; 2]; 0]);
}

/// If this fails, a group is told to write a `memory` that is too small for what it does at once, or far too large.
#[test]
fn the_memory_to_write_counts_what_is_at_work() {
    let memory = |lines: &str, consumer: &str| {
        let text = format!("app: a\n{lines}topics:\n  orders: {{ partitions: 70, controller: A{consumer} }}\n");
        let found = compile(&source(&text)).diagnostics;
        let helps =
            found.iter().filter(|found| found.code == codes::CLASHING_SIZES).filter_map(|found| found.help.as_ref());
        let written = helps.filter_map(|help| Some(help.split_once("`memory: ")?.1.split_once("MiB`")?.0.to_owned()));
        written.collect::<Vec<_>>().join(" ")
    };
    // 70 that wait, and those at work: 32 where nobody says another number.
    for (lines, consumer, mib) in [
        ("", "", "102"),
        ("concurrency: 10\n", "", "80"),
        ("concurrency: 10\ngroups: { a: { concurrency: 20 } }\n", "", "90"),
        ("groups: { a: { concurrency: 20 } }\n", "", "90"),
        // One at a time of a partition, however many could be.
        ("concurrency: 100\n", "", "140"),
        ("concurrency: 100\ngroups: { a: { ordering: partition } }\n", "", "140"),
        ("concurrency: 100\ngroups: { a: { ordering: key } }\n", "", "170"),
        ("concurrency: 100\ngroups: { a: { ordering: none } }\n", "", "170"),
        ("", ", batch: { size: 10 }", "390"),
        ("", ", batch: { size: 1 }", "102"),
        ("", ", batch: {}", "3270"),
        // What is not known yet is taken to be one, or nothing is said.
        ("", ", batch: { size: \"${SIZE}\" }", "102"),
        ("concurrency: \"${C}\"\n", "", ""),
        ("concurrency: 10\ngroups: { a: { concurrency: \"${C}\" } }\n", "", ""),
        ("groups: { a: { memory: \"${M}\" } }\n", "", ""),
        ("groups: { a: { memory: 70MiB } }\n", "", ""),
        ("groups: { a: { memory: 69MiB } }\n", "", "102"),
    ] {
        assert_eq!(memory(lines, consumer), mib, "{lines}{consumer}");
    }
    // What others in the group take counts, and what another group takes does not.
    let with = |other: &str| memory("", &format!(" }}\n  sent: {{ partitions: 1, controller: B, {other}"));
    assert_eq!(with("batch: { size: 2 }"), "135");
    assert_eq!(with("batch: { size: 2 }, group: b"), "102");
}
