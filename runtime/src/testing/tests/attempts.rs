//! Attempts that fail, hang or are put off, and what comes of their records.

use super::*;

/// If this fails, an author cannot test what happens when a message fails for good, or has to wait for its backoffs.
#[tokio::test]
async fn what_fails_for_good_goes_to_the_dead_letter_topic() {
    let begun = std::time::Instant::now();
    let run = run(&WITH_DEAD_LETTER);
    run.fail_always("payments", "card declined");
    let payment = run.send_keyed("payments", "c-1", "7");
    run.settle().await;
    assert_eq!(run.attempts(&payment), 5, "{}", run.history(&payment));
    assert!(run.is_done(&payment));
    let letters = run.dead_letters("payments");
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].key(), letters[0].value()), (Some(&b"c-1"[..]), Some(&b"7"[..])));
    assert_eq!(letters[0].topic(), "shop.payments.dead");
    assert_eq!(letters[0].header(header::ERROR_MESSAGE), Some(&b"card declined"[..]));
    assert_eq!(run.committed("payments", 0), Some(1));
    assert_eq!((run.lag("payments"), run.pending("payments")), (0, vec![]));
    assert_eq!(*run.state().gave_up.lock().expect("no panic"), ["card declined"], "the worker's hooks are called");
    assert!(run.emitted("confirmed").is_empty());
    assert!(run.elapsed() > Duration::from_secs(1), "the backoffs were waited for: {:?}", run.elapsed());
    assert_at_once(begun);
}

/// If this fails, an author cannot test that a message is tried again, and its controller asked in the end.
#[tokio::test]
async fn what_fails_twice_is_performed_the_third_time() {
    let run = run(&WITHOUT);
    run.fail("payments", 2, "the till is locked");
    let (first, second) = (run.send("payments", "1"), run.send("payments", "2"));
    run.settle().await;
    assert_eq!((run.attempts(&first), run.attempts(&second)), (3, 3));
    assert_eq!(performed(&run), [1, 2], "in order");
    assert_eq!(run.emitted("confirmed").len(), 2);
    let confirmed = run.emitted_messages(Confirmed);
    assert_eq!(confirmed.iter().map(|message| message.payload).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(run.committed("payments", 0), Some(2));
    let history = run.history(&first);
    assert!(history.contains("attempt 2 failed: the till is locked") && history.ends_with("done\n"), "{history}");
}

/// If this fails, the test of a controller whose messages are not repeated waits for what never comes.
#[tokio::test]
async fn what_is_not_repeated_is_done_with() {
    let run = run(&AT_MOST_ONCE);
    run.fail("payments", 1, "the till is locked");
    let (failed, foreign) = (run.send("payments", "1"), run.send("payments", "not a payment"));
    run.settle().await;
    for (sent, words) in [(&failed, "failed, and is not repeated: the till is locked"), (&foreign, "cannot be parsed")]
    {
        assert!(run.is_done(sent) && run.history(sent).contains(words), "{}", run.history(sent));
    }
    assert_eq!((run.attempts(&failed), performed(&run).len()), (1, 0));
}

/// If this fails, a script cannot panic, hang or be slow, or `timeout` and panics are not failures like others.
#[tokio::test]
async fn scripts_panic_hang_and_delay() {
    let run = run(&WITH_DEAD_LETTER);
    run.script("payments", |call| match call.attempt {
        1 => Act::Panic("the till is on fire".to_owned()),
        2 => Act::Hang,
        _ => Act::Delay(Duration::from_secs(29)),
    });
    let payment = run.send("payments", "7");
    run.settle().await;
    let history = run.history(&payment);
    assert!(history.contains("attempt 1 panicked: the till is on fire"), "{history}");
    assert!(history.contains("attempt 2 failed: not done within 30s"), "{history}");
    assert_eq!((run.attempts(&payment), performed(&run)), (3, vec![7]));
    run.script("payments", |_| Act::Fail(Error::permanent(Error::new("no such account"))));
    let payment = run.send("payments", "8");
    run.settle().await;
    assert_eq!((run.attempts(&payment), run.dead_letters("payments").len()), (1, 1), "for good at once");
}

/// If this fails, a service that says when to come back is asked too early, one that says it to an app that gives up is asked
/// for ever, or a permanent failure waits for what never comes.
#[tokio::test]
async fn the_next_attempt_comes_when_the_error_says() {
    let run = run(&WITH_DEAD_LETTER);
    let wait = Duration::from_secs(600);
    run.script("payments", move |call| match call.attempt {
        1..=3 => Act::Fail(Error::new("429").retry_after(wait)),
        _ => Act::Perform,
    });
    let payment = run.send("payments", "7");
    for attempts in 1..=3 {
        run.advance(Duration::from_secs(1)).await;
        assert_eq!(run.attempts(&payment), attempts);
        run.advance(wait - Duration::from_secs(2)).await;
        assert_eq!(run.attempts(&payment), attempts, "it has another second");
        run.advance(Duration::from_secs(1)).await;
    }
    run.settle().await;
    assert_eq!((run.attempts(&payment), performed(&run)), (4, vec![7]));
    run.script("payments", move |_| Act::Fail(Error::new("429").retry_after(wait)));
    let payment = run.send("payments", "8");
    run.settle().await;
    assert_eq!((run.attempts(&payment), run.dead_letters("payments").len()), (5, 1));
}

/// If this fails, a message that is put off for an hour takes an hour of the author's time, or its attempts.
#[tokio::test]
async fn an_hour_of_putting_off_passes_at_once() {
    let begun = std::time::Instant::now();
    let run = run(&WITHOUT);
    run.state().put_off.lock().expect("no panic").insert(7, (3, Duration::from_secs(3_600)));
    let (payment, next) = (run.send("payments", "7"), run.send("payments", "8"));
    run.advance(Duration::from_secs(3_599)).await;
    assert_eq!(run.pending("payments"), [payment.clone(), next.clone()], "the partition waits");
    run.settle().await;
    assert_eq!((run.attempts(&payment), performed(&run)), (1, vec![7, 8]));
    assert_eq!(run.elapsed().as_secs() / 3_600, 3);
    assert_at_once(begun);
}

/// If this fails, a controller that puts a message off for as long as can be said ends the process, at each start anew.
#[tokio::test]
async fn what_is_put_off_for_ever_waits_and_ends_nothing() {
    let run = run(&KEYED);
    run.state().put_off.lock().expect("no panic").insert(7, (2, Duration::MAX));
    // Of the time that a lane counts by, something has passed.
    run.advance(Duration::from_secs(60)).await;
    let (payment, next) = (run.send_keyed("payments", "c-1", "7"), run.send_keyed("payments", "c-1", "8"));
    run.send_keyed("payments", "c-2", "9");
    for _ in 0..2 {
        run.advance(Duration::from_secs(24 * 3_600)).await;
        assert_eq!(run.pending("payments"), [payment.clone(), next.clone()], "{}", run.history(&payment));
        assert_eq!(performed(&run), [9], "another key goes on");
        assert!(run.stop().await.blocked.is_empty());
        run.start();
    }
    run.settle().await;
    assert_eq!(performed(&run), [9, 7, 8], "asked again at each start");
}

/// If this fails, `ordering: key` cannot be tested: a key that fails holds up others, or lets its own pass.
#[tokio::test]
async fn a_key_waits_for_itself_and_for_no_other() {
    let run = run(&KEYED);
    run.script("payments", |call| {
        let is_first = call.value.as_deref() == Some(b"1");
        if is_first && call.attempt <= 3 { Act::fail("not now") } else { Act::Perform }
    });
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
        run.send_keyed("payments", key, value);
    }
    run.settle().await;
    assert_eq!(performed(&run), [2, 4, 1, 3]);
}

/// If this fails, a record that waits for a person keeps `settle` waiting, or is taken for done.
#[tokio::test]
async fn what_cannot_be_parsed_waits_for_a_person_or_is_dead() {
    for manifest in [&WITHOUT, &KEYED] {
        let run = run(manifest);
        let good = run.send_keyed("payments", "a", "1");
        let bad = run.send_keyed("payments", "b", "not json");
        let behind = run.send_keyed("payments", "b", "2");
        let beside = run.send_keyed("payments", "c", "3");
        run.settle().await;
        assert!(run.is_done(&good) && !run.is_done(&bad) && !run.is_done(&behind));
        assert_eq!(run.is_done(&beside), std::ptr::eq(manifest, &KEYED));
        assert_eq!((run.committed("payments", 0), run.lag("payments"), run.attempts(&bad)), (Some(1), 3, 0));
        assert!(run.history(&bad).contains("it waits for a person"), "{}", run.history(&bad));
    }
    let run = run(&WITH_DEAD_LETTER);
    let bad = run.send("payments", "not json");
    let tombstone = run.send_record("payments", OwnedRecord::default());
    run.settle().await;
    assert!(run.is_done(&bad) && run.is_done(&tombstone));
    assert_eq!(run.dead_letters("payments").len(), 2);
}
