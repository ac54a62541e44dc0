//! Jobs as they lie in Redis, in Sidekiq's wire format.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checker::Place;

/// All jobs that there are, as triples of where, of which (queue, process, time when due) and what. A script runs at one
/// moment, so that a job on its way is in one place.
pub(super) const SCRIPT: &str = "
local found = {}
local function add(place, name, job)
  found[#found + 1] = place
  found[#found + 1] = name
  found[#found + 1] = job
end
for _, queue in ipairs(redis.call('SMEMBERS', 'queues')) do
  for _, job in ipairs(redis.call('LRANGE', 'queue:' .. queue, 0, -1)) do add('queue', queue, job) end
end
for _, list in ipairs(redis.call('KEYS', 'karafka:working:*')) do
  local identity = string.sub(list, #'karafka:working:' + 1)
  for _, job in ipairs(redis.call('LRANGE', list, 0, -1)) do add('working', identity, job) end
end
for _, set in ipairs({'schedule', 'retry', 'dead'}) do
  local jobs = redis.call('ZRANGE', set, 0, -1, 'WITHSCORES')
  for index = 1, #jobs, 2 do add(set, jobs[index + 1], jobs[index]) end
end
return found";

/// Every job in a Redis, by where it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Jobs {
    /// Those that wait, by queue; the newest first.
    pub queued: BTreeMap<String, Vec<Job>>,
    /// Those at work, by the identity of the process that has them.
    pub working: BTreeMap<String, Vec<Job>>,
    /// Those that are not due.
    pub scheduled: Vec<Job>,
    /// Those that have failed and are tried again.
    pub retried: Vec<Job>,
    /// Those that were given up.
    pub dead: Vec<Job>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What it says.
    pub json: Value,
    /// When it is due, or when it died, in seconds since 1970; nothing in a queue or at work.
    pub at: Option<f64>,
}

impl Jobs {
    pub(super) fn read(triples: &[String]) -> Result<Self> {
        let mut jobs = Self::default();
        for triple in triples.chunks(3) {
            let [place, name, text] = triple else { bail!("no triple: {triple:?}") };
            let json = serde_json::from_str(text).with_context(|| format!("no job: {text}"))?;
            let mut job = Job { json, at: None };
            match place.as_str() {
                "queue" => jobs.queued.entry(name.clone()).or_default().push(job),
                "working" => jobs.working.entry(name.clone()).or_default().push(job),
                set => {
                    job.at = Some(name.parse()?);
                    match set {
                        "schedule" => jobs.scheduled.push(job),
                        "retry" => jobs.retried.push(job),
                        "dead" => jobs.dead.push(job),
                        other => bail!("nothing lies in `{other}`"),
                    }
                }
            }
        }
        Ok(jobs)
    }

    /// Those that are still to be performed, wherever they are.
    pub fn open(&self) -> impl Iterator<Item = &Job> {
        let lists = self.queued.values().chain(self.working.values()).flatten();
        lists.chain(&self.scheduled).chain(&self.retried)
    }

    /// The places of all that are still to be performed; of a job that is there twice, twice.
    ///
    /// # Errors
    ///
    /// When one has no place.
    pub fn open_places(&self) -> Result<Vec<Place>> {
        self.open().map(Job::place).collect()
    }
}

impl Job {
    /// The place in Kafka of the record that it was made from.
    ///
    /// # Errors
    ///
    /// When it does not say one: it was not made from a record.
    pub fn place(&self) -> Result<Place> {
        let origin = &self.json["args"][2];
        let number = |name: &str| origin[name].as_i64().with_context(|| format!("no `{name}` in {}", self.json));
        Ok((i32::try_from(number("partition")?)?, number("offset")?))
    }

    /// What it says under `key`, as text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.json[key].as_str()
    }

    /// When it was made, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// When it does not say so in seconds with a fraction.
    pub fn created_ms(&self) -> Result<u64> {
        self.seconds("created_at").map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// A time of it, since 1970, in the one form that Sidekiq 6, 7 and 8 all read: seconds with a fraction, even of a whole
    /// second.
    ///
    /// # Errors
    ///
    /// When it does not have the time in that form.
    pub fn seconds(&self, key: &str) -> Result<Duration> {
        let time = Some(&self.json[key]).filter(|time| time.is_f64()).and_then(Value::as_f64);
        let time = time.with_context(|| format!("no seconds with a fraction in `{key}` of {}", self.json))?;
        // To the millisecond, which is what it was made of.
        Ok(Duration::try_from_secs_f64((time * 1_000.0).round() / 1_000.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a job that lies somewhere counts as lost, or one that was lost as lying there.
    #[test]
    fn each_job_is_where_it_lies() {
        let job = |offset: i64| format!(r#"{{"args":["t","x",{{"partition":3,"offset":{offset}}}],"created_at":7.0}}"#);
        let places =
            [("queue", "default"), ("working", "host:1:a"), ("schedule", "1.5"), ("retry", "2"), ("dead", "3")];
        let triples = places
            .iter()
            .zip(0..)
            .flat_map(|((place, name), offset)| [(*place).to_owned(), (*name).to_owned(), job(offset)]);
        let jobs = Jobs::read(&triples.collect::<Vec<_>>()).expect("jobs");
        assert_eq!(jobs.open_places().expect("places"), [(3, 0), (3, 1), (3, 2), (3, 3)]);
        assert_eq!(jobs.dead[0].place().expect("a place"), (3, 4));
        assert_eq!((jobs.scheduled[0].at, jobs.dead[0].created_ms().expect("a time")), (Some(1.5), 7_000));
        assert!(Jobs::read(&["queue".to_owned(), "default".to_owned(), "torn".to_owned()]).is_err());
        assert!(Jobs::read(&["queue".to_owned()]).is_err());
    }
}
