//! What the binary format and the interchanger promise: whatever goes in comes out again.

use karafka::{Interchanger, types::Json};

use myapp::{frames, interchangers::Binary};

fn messages() -> Vec<Json> {
    let long = "ü".repeat(30_000);
    let rows: [&[(&str, &str)]; 4] = [
        &[],
        &[("id", "v-1"), ("title", "")],
        &[("", "\0"), ("title", "\"quoted\"\n")],
        &[("long", &long)],
    ];
    rows.iter()
        .map(|fields| fields.iter().copied().collect())
        .collect()
}

/// If this fails, a job carries another message than the one that was enqueued.
#[test]
fn a_message_comes_back_from_the_job_queue() {
    for message in messages() {
        let text = Binary.encode(&message).expect("an object of texts");
        assert_eq!(Binary.decode(&text).expect("our own text"), message);
    }
}

/// If this fails, the example of the format in `frames` is wrong.
#[test]
fn the_format_is_the_documented_one() {
    let bytes = b"\x00\x02id\x00\x03v-1\x00\x05title\x00\x00";
    let message = frames::read(bytes).expect("two fields");
    assert_eq!(message, messages()[1]);
    assert_eq!(frames::write(&message).expect("our own message"), bytes);
}

/// If this fails, foreign bytes are taken for a message.
#[test]
fn what_is_not_in_the_format_is_an_error() {
    for bytes in [
        &b"\x00"[..],
        b"\x00\x05abc",
        b"\x00\x01a",
        b"\x00\x01\xff\x00\x00",
    ] {
        assert!(frames::read(bytes).is_err(), "{bytes:?}");
    }
    assert!(frames::read(b"\x00\x01a\x00\x00\x00\x01a\x00\x00").is_err());
    assert!(Binary.decode("0").is_err() && Binary.decode("zz").is_err());
}
