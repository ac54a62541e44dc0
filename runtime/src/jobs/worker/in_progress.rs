//! What a worker has in progress, as far as it knows.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use crate::jobs::job::Job;
use crate::sync::Mutex;

/// A job is found in progress this many times, a heartbeat apart, before it is taken for one that this process knows
/// nothing of: an answer that is still on its way may name it.
const LOOKS: u32 = 3;

/// The largest job, in bytes, that Sidekiq's page is shown as it is: what is shown is written at each heartbeat.
const SHOWN: usize = 256 << 10;

/// The jobs that this process has in progress, as they stand in Redis.
#[derive(Debug, Default)]
pub(super) struct InProgress {
    jobs: Mutex<BTreeMap<Arc<str>, Held>>,
    /// Jobs that stand in Redis as in progress here, and are not: how often they were seen there.
    strays: Mutex<BTreeMap<String, u32>>,
}

#[derive(Debug, Default)]
struct Held {
    /// How many of the same text: a queue may hold one twice.
    count: u32,
    /// `None`: not begun yet.
    began: Option<Begun>,
}

/// A job at work, for Sidekiq's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// In seconds since 1970.
    pub(super) at: i64,
    pub(super) queue: String,
    /// The job; of a large one only its name.
    pub(super) shown: Arc<str>,
}

impl InProgress {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<Arc<str>, Held>) -> T) -> T {
        change(&mut self.jobs.lock())
    }

    pub(super) fn take(&self, job: &Arc<str>) {
        self.with(|jobs| jobs.entry(Arc::clone(job)).or_default().count += 1);
    }

    /// A job is begun at `now`, in seconds since 1970; it was read as `job`.
    pub(super) fn begin(&self, text: &Arc<str>, job: &Job<'_>, now: i64) {
        let shown = if text.len() <= SHOWN { Arc::clone(text) } else { brief(job, text.len()).into() };
        self.with(|jobs| {
            if let Some(held) = jobs.get_mut(text) {
                held.began = Some(Begun { at: now, queue: job.queue.clone(), shown });
            }
        });
    }

    pub(super) fn let_go(&self, job: &str) {
        self.with(|jobs| {
            if let Some(held) = jobs.get_mut(job) {
                held.count = held.count.saturating_sub(1);
                if held.count == 0 {
                    jobs.remove(job);
                }
            }
        });
    }

    pub(super) fn len(&self) -> u64 {
        self.with(|jobs| jobs.values().map(|held| u64::from(held.count)).sum())
    }

    /// What was begun and is not settled.
    pub(super) fn begun(&self) -> Vec<Begun> {
        self.with(|jobs| jobs.values().filter_map(|held| held.began.clone()).collect())
    }

    pub(super) fn all(&self) -> Vec<Arc<str>> {
        self.with(|jobs| {
            jobs.iter().flat_map(|(job, held)| std::iter::repeat_n(Arc::clone(job), held.count as usize)).collect()
        })
    }

    /// Those that this process knows nothing of.
    pub(super) fn unknown(&self, in_redis: Vec<String>) -> Vec<String> {
        self.with(|jobs| in_redis.into_iter().filter(|job| !jobs.contains_key(job.as_str())).collect())
    }

    /// Looks at what Redis says is in progress here. Returns what this process has known nothing of for some heartbeats: Redis
    /// has moved it here, and its answer was lost.
    pub(super) fn strays(&self, in_redis: Vec<String>) -> Vec<String> {
        let mut strays = self.strays.lock();
        let seen = std::mem::take(&mut *strays);
        let mut found = Vec::new();
        for job in self.unknown(in_redis) {
            let looks = seen.get(&job).map_or(1, |looks| looks + 1);
            if looks >= LOOKS {
                found.push(job);
            } else {
                strays.insert(job, looks);
            }
        }
        found
    }
}

/// What a job is called, and how large it is.
fn brief(job: &Job<'_>, bytes: usize) -> String {
    let args = [format!("a job of {bytes} bytes, too large to be shown here")];
    json!({ "class": job.class, "jid": job.jid, "queue": job.queue, "args": args }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a job whose answer was lost stays in progress until the process dies, or one that has just come is
    /// put back and performed twice.
    #[test]
    fn what_nobody_knows_of_is_a_stray_after_some_looks() {
        let in_progress = InProgress::default();
        in_progress.take(&"known".into());
        let strays = |in_redis: &[&str]| in_progress.strays(in_redis.iter().map(|job| (*job).to_owned()).collect());
        assert!(strays(&["known", "lost"]).is_empty());
        assert!(strays(&["known", "lost"]).is_empty());
        assert_eq!(strays(&["known", "lost"]), ["lost"]);
        // One that is named in time, or is gone, is forgotten.
        assert!(strays(&["late"]).is_empty());
        in_progress.take(&"late".into());
        assert!(strays(&["late"]).is_empty());
        in_progress.let_go("late");
        assert!(strays(&["late"]).is_empty());
    }

    /// If this fails, the second of two jobs with one text is lost with the first.
    #[test]
    fn a_job_can_be_held_twice() {
        let in_progress = InProgress::default();
        let text: Arc<str> = r#"{"class":"W","queue":"low","args":[]}"#.into();
        let job = Job::read(&text).expect("a job");
        in_progress.take(&text);
        in_progress.take(&text);
        in_progress.begin(&text, &job, 7);
        in_progress.let_go(&text);
        assert_eq!((in_progress.len(), in_progress.all()), (1, vec![Arc::clone(&text)]));
        assert_eq!(in_progress.begun(), [Begun { at: 7, queue: "low".to_owned(), shown: Arc::clone(&text) }]);
        in_progress.let_go(&text);
        assert_eq!(in_progress.len(), 0);
    }

    /// If this fails, a heartbeat with large jobs is more than Redis takes, and a worker is taken for dead amid its work.
    #[test]
    fn of_a_large_job_only_its_name_is_shown() {
        let in_progress = InProgress::default();
        let text: Arc<str> = format!(r#"{{"class":"W","jid":"x","args":["t","{}"]}}"#, "x".repeat(SHOWN)).into();
        in_progress.take(&text);
        in_progress.begin(&text, &Job::read(&text).expect("a job"), 7);
        let at_work = in_progress.begun();
        let shown = Job::read(&at_work[0].shown).expect("a job");
        assert_eq!((shown.class.as_str(), shown.jid.as_str(), shown.queue.as_str()), ("W", "x", "default"));
        assert!(at_work[0].shown.contains("262183 bytes"), "{}", at_work[0].shown);
    }
}
