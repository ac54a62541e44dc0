use std::sync::Mutex;

use super::*;
use crate::engine::{
    lane_shared::LaneShared,
    lane_status::PollGuard,
    memory_budget::MemoryBudget,
    watch::{ConsumerWatch, GroupWatch, JobsWatch, Phase},
};
use crate::events::JobName;
use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Keeps what is told, as text.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Listener for Notes {
    fn on(&self, event: &Event<'_>) {
        self.0.lock().expect("no panic").push(format!("{event:?}"));
    }
}

/// An app with one group and one consumer, and its watchdog.
struct Scene {
    watch: Watch,
    group: Arc<GroupWatch>,
    watchdog: Watchdog,
    start: Instant,
}

impl Scene {
    fn set(timeout: Option<Duration>, jobs: Option<Arc<JobsWatch>>) -> Self {
        let start = Instant::now();
        let consumer = ConsumerWatch { controller: "OrdersController", timeout, durations: None, enqueues: false };
        let consumers = BTreeMap::from([("orders".to_owned(), consumer)]);
        let group = Arc::new(GroupWatch::new("shop".into(), 32, Arc::new(MemoryBudget::new(1)), consumers, start));
        let watch = jobs.map_or_else(Watch::default, Watch::of);
        watch.add(Arc::clone(&group));
        Self { watch, group, watchdog: Watchdog::default(), start }
    }

    fn lane(&self) -> Arc<LaneShared> {
        let lane = Arc::new(LaneShared::new(None, std::thread::current()));
        self.group.opened(TopicPartition { topic: "orders".into(), partition: 3 }, Arc::clone(&lane));
        lane
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// What is told at this second, as the first words of each event and all of it.
    fn look(&mut self, is_answered: bool, second: u64) -> Vec<String> {
        let (now, notes) = (self.at(second), Notes::default());
        for finding in self.watchdog.look(&self.watch, is_answered, now) {
            tell(&finding, &self.watch, now, &notes);
        }
        notes.0.into_inner().expect("no panic")
    }

    /// As [`Scene::look`], while the group's thread and the runtime do well.
    fn look_alive(&mut self, second: u64) -> Vec<String> {
        self.group.turned(self.at(second));
        self.look(true, second)
    }
}

#[track_caller]
fn expect(told: &[String], wanted: &[&[&str]]) {
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (told, wanted) in told.iter().zip(wanted) {
        assert!(wanted.iter().all(|words| told.contains(words)), "{wanted:?} in {told}");
    }
}

/// If this fails, a group whose thread hangs looks well, or is reported each second.
#[test]
fn a_thread_that_stands_still_is_said_once() {
    let mut scene = Scene::set(None, None);
    expect(&scene.look(true, 29), &[]);
    expect(&scene.look(true, 30), &[&["PollStalled", "shop", "30s"]]);
    expect(&scene.look(true, 31), &[]);
    scene.group.turned(scene.at(32));
    expect(&scene.look(true, 33), &[]);
    expect(&scene.look(true, 62), &[&["PollStalled"]]);
    scene.group.set_phase(Phase::Ended);
    expect(&scene.look(true, 200), &[]);
    expect(&scene.look(true, 300), &[]);
}

/// If this fails, a handler that blocks is not named, or many short ones are taken for one that blocks.
#[test]
fn a_handler_that_keeps_its_thread_is_named_once() {
    let mut scene = Scene::set(None, None);
    let lane = scene.lane();
    for second in 0..10 {
        lane.status.during(4_711, || expect(&scene.look_alive(second), &[]));
    }
    lane.status.during(4_712, || {
        expect(&scene.look_alive(10), &[]);
        expect(&scene.look_alive(11), &[]);
        expect(
            &scene.look_alive(12),
            &[&["Blocking", "partition: 3, offset: 4712", "OrdersController", "running: 2s"]],
        );
        expect(&scene.look_alive(13), &[]);
        assert_eq!(lane.status.blocked(), Some((4_712, Duration::from_secs(3))));
        let said: Vec<_> = (14..600).filter(|second| !scene.look_alive(*second).is_empty()).collect();
        assert_eq!(said, [72, 192, 432], "now and then");
    });
    assert_eq!(lane.status.blocked(), None);
    expect(&scene.look_alive(600), &[]);
}

/// If this fails, a process that a person or its machine has stopped for a while blames its handlers for it, and a supervisor
/// ends it when it goes on.
#[test]
fn time_in_which_the_whole_process_stood_still_does_not_count() {
    let mut scene = Scene::set(None, None);
    let lane = scene.lane();
    lane.status.during(7, || {
        expect(&scene.look_alive(0), &[]);
        expect(&scene.look_alive(1), &[]);
        scene.group.turned(scene.at(100));
        let told = scene.look(false, 100);
        expect(&told, &[&["Blocking", "running: 3s"]]);
        scene.group.turned(scene.at(101));
        expect(&scene.look(true, 101), &[]);
    });
}

/// If this fails, a handler that never returns and has no `timeout` has no name, or fills the log; or one that a person has
/// given an hour is taken for one.
#[test]
fn a_handler_that_never_returns_is_named_now_and_then() {
    for (timeout, is_named) in [(None, true), (Some(Duration::from_secs(3_600)), false)] {
        let mut scene = Scene::set(timeout, None);
        let lane = scene.lane();
        let mut cx = Context::from_waker(Waker::noop());
        let mut guards = [PollGuard::new(&lane.status, 0, 4_711, 2), PollGuard::new(&lane.status, 1, 4_715, 1)];
        for guard in &mut guards {
            assert!(guard.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        }
        let mut said = Vec::new();
        for second in 0..4_000 {
            let told = scene.look_alive(second);
            if let [words] = &*told {
                let wanted = ["Unfinished", "offset: 4711", "OrdersController", "attempt: 2", "others: 1"];
                assert!(wanted.iter().all(|wanted| words.contains(wanted)), "{words}");
                said.push(second);
            }
        }
        let view = scene.watch.view(scene.at(4_000));
        assert_eq!(view.groups[0].lanes[0].unfinished.is_some(), is_named);
        if !is_named {
            assert_eq!(said, [0; 0]);
            continue;
        }
        assert!((300..=302).contains(&said[0]), "{said:?}");
        let waits: Vec<_> = said.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920][..waits.len()], "{said:?}");
        drop(guards);
        assert_eq!(scene.watch.view(scene.at(4_000)).groups[0].lanes[0].unfinished, None);
    }
}

/// If this fails, an app of which nothing runs is not told, or not by whose doing, or tells it each second.
#[test]
fn a_runtime_without_a_free_thread_is_told_with_who_keeps_them() {
    let mut scene = Scene::set(None, None);
    let lane = scene.lane();
    lane.status.during(7, || {
        expect(&scene.look_alive(0), &[]);
        let mut told = Vec::new();
        for second in 1..=8 {
            scene.group.turned(scene.at(second));
            told.extend(scene.look(false, second));
        }
        expect(&told, &[&["Blocking"], &["RuntimeStalled", "stalled: 5s", "OrdersController on orders/3@7 for 5 s"]]);
        assert_eq!(scene.watch.view(scene.at(8)).threads.stalled, Some(Duration::from_secs(8)));
    });
    expect(&scene.look_alive(9), &[&["RuntimeRecovered", "stalled: 9s"]]);
    assert_eq!(scene.watch.view(scene.at(9)).threads.stalled, None);
}

/// If this fails, a job that keeps its thread, or does not end, has no name.
#[test]
fn jobs_are_watched_as_records_are() {
    let jobs = Arc::new(JobsWatch::new(10));
    let mut scene = Scene::set(None, Some(Arc::clone(&jobs)));
    let name = |jid| JobName { queue: "low", class: "OrdersWorker", jid };
    let hour = Some(Duration::from_secs(3_600));
    let mut cx = Context::from_waker(Waker::noop());
    {
        let blocks = async {
            let told: Vec<_> = (0..=4).flat_map(|second| scene.look_alive(second)).collect();
            expect(&told, &[&["JobBlocking", "low", "OrdersWorker", "blocks", "running: 2s"]]);
            let view = scene.watch.view(scene.at(4)).jobs.expect("of a worker");
            assert_eq!(view.at_work[0].blocked, Some(Duration::from_secs(4)));
        };
        let mut blocks = pin!(jobs.during(name("blocks"), 1, None, blocks, |()| true));
        assert_eq!(blocks.as_mut().poll(&mut cx), Poll::Ready(()));
    }

    let mut waits = pin!(jobs.during(name("waits"), 3, None, std::future::pending::<()>(), |()| true));
    let mut may = pin!(jobs.during(name("may"), 1, hour, std::future::pending::<()>(), |()| true));
    assert!(waits.as_mut().poll(&mut cx).is_pending() && may.as_mut().poll(&mut cx).is_pending());
    let told: Vec<_> = (5..310).flat_map(|second| scene.look_alive(second)).collect();
    expect(&told, &[&["JobUnfinished", "waits", "attempt: 3"]]);
    let view = scene.watch.view(scene.at(310)).jobs.expect("of a worker");
    assert_eq!((view.done, view.failed, view.at_work.len()), (1, 0, 2));
}
