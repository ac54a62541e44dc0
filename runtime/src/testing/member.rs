//! A group of a simulation: the engine's own turns, in a task instead of a thread, so that its waits take virtual time.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::source::{Source, Waits};
use crate::engine::{
    Prepared,
    group::{GroupEnd, Running},
};
use crate::sync::Mutex;

/// How long a group goes on at its own pace after something has happened, beyond what it takes to commit: metadata come
/// within.
const AWAKE: Duration = Duration::from_millis(300);

/// How long it sleeps at most when nothing happens: long enough that an hour passes at once.
const ASLEEP: Duration = Duration::from_secs(10);

/// Runs a group until it is told to stop, or the app is killed: then `None`.
pub(super) async fn run(group: String, prepared: Prepared, source: Source) -> Option<GroupEnd> {
    let asked = Arc::new(Mutex::new(Duration::ZERO));
    let client = source.join(&group, &prepared.topics, Waits::Task(Arc::clone(&asked)));
    let awake = AWAKE + prepared.commit_interval;
    // Who sleeps does not stand still.
    let asleep = ASLEEP.min(prepared.session.limit() / 2);
    let mut running = prepared.with(client).begin();
    let asked = || *asked.lock();
    while running.goes_on() {
        running.turn();
        #[cfg(test)]
        source.thawed(&group).await;
        let is_awake = source.is_moving(&group) || source.quiet_for() < awake;
        if !rest(&source, asked(), (!is_awake).then_some(asleep)).await {
            return crash(running).await;
        }
    }
    let until = running.drain();
    while running.drain_turn(until) {
        if !rest(&source, asked(), None).await {
            return crash(running).await;
        }
    }
    let end = running.leave(until);
    source.touch_group(&group);
    Some(end)
}

/// Waits for as long as the group has asked, or, if it sleeps, until that long after something happens. Returns whether the
/// app still lives.
async fn rest(source: &Source, asked: Duration, asleep: Option<Duration>) -> bool {
    let mut is_awake = asleep.is_none();
    let mut over = pin!(sleep(asleep.unwrap_or(asked)));
    let mut activity = pin!(source.activity());
    while !source.is_down() {
        tokio::select! {
            biased;
            () = &mut activity => {
                activity.set(source.activity());
                if !is_awake {
                    is_awake = true;
                    over.as_mut().reset(Instant::now() + asked);
                }
            }
            () = &mut over => return !source.is_down(),
        }
    }
    false
}

async fn crash(running: Running) -> Option<GroupEnd> {
    for task in running.crash() {
        // Cancelled, or ended just before.
        let _ = task.await;
    }
    None
}
