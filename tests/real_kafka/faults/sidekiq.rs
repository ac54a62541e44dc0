//! Ruby's Sidekiq and the app on one Redis: each performs the other's jobs, and Sidekiq's page sees the app's workers.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    faulty::Route,
    growing::{self, Growing},
    kafka::Producer,
    process::Process,
    redis::Redis,
    sidekiq::{Sidekiq, ruby},
};
use serde_json::{Value, json};

use super::{
    PATIENCE,
    jobs::{QUEUE, expect_nothing_left, summary},
    trial,
};
use crate::bench::Bench;

/// Ruby's classes for the app's workers: each writes down what it is given, in one line.
const WORKERS: &str = r"
module Performs
  def perform(*args)
    line = JSON.generate({ 'class' => self.class.name, 'jid' => jid, 'args' => args })
    File.open('performed', 'a') { |file| file.syswrite(line + %(\n)) }
  end
end
class QueuedWorker
  include Sidekiq::Worker
  include Performs
end
module Retried
  class EntriesWorker
    include Sidekiq::Worker
    include Performs
  end
end
";

/// A name twice, without a value, empty, with a value that is not text.
const HEADERS: &[(&str, Option<&[u8]>)] = &[
    ("name", Some(b"value")),
    ("name", None),
    ("", Some(b"")),
    ("bytes", Some(&[0x00, 0xfe])),
    ("schnee", Some("雪".as_bytes())),
];

/// A record, with what Ruby is to be told of it.
struct Sent {
    key: Option<&'static [u8]>,
    value: Option<&'static str>,
    headers: &'static [(&'static str, Option<&'static [u8]>)],
    told_key: Value,
    told_headers: Value,
}

fn sent() -> Vec<Sent> {
    let plain = |key: Option<&'static [u8]>, told_key: Value| Sent {
        key,
        value: Some(r#"{"id":7,"act":""}"#),
        headers: &[],
        told_key,
        told_headers: json!([]),
    };
    vec![
        plain(Some(b"c-1"), json!("c-1")),
        plain(None, Value::Null),
        plain(Some(b""), json!("")),
        plain(Some(&[0xff, 0x00]), json!({ "base64": "/wA=" })),
        Sent {
            value: Some(r#"{"id":18446744073709551615,"act":"ü \" \\ \u0000 雪"}"#),
            headers: HEADERS,
            told_headers: json!([
                ["name", "value"],
                ["name", null],
                ["", ""],
                ["bytes", { "base64": "AP4=" }],
                ["schnee", "雪"]
            ]),
            ..plain(Some("ключ".as_bytes()), json!("ключ"))
        },
    ]
}

/// If this fails, a team cannot leave its jobs to the Ruby workers that it has: they do not find them, or are told
/// something else than what was in Kafka.
pub(super) fn sidekiq_performs_what_the_app_pushes(bench: &Bench) -> Result<()> {
    let redis = Redis::start()?;
    let mut queued = trial(bench, "to-ruby", Route::Queued, 1)?.on(&redis);
    let mut retried = trial(bench, "to-ruby", Route::Retried, 1)?.on(&redis);
    let producer = Producer::new(bench.kafka.address())?;
    let sent = sent();
    for record in &sent {
        let value = record.value.map(str::as_bytes);
        producer.send_with_headers(queued.topic(), 0, record.key, value, record.headers)?;
    }
    producer.send(retried.topic(), 0, "k", r#"{"id":1,"act":"in base64"}"#)?;
    producer.send_bytes(retried.topic(), 0, Some(b"gone"), None)?;
    producer.flush()?;
    for trial in [&mut queued, &mut retried] {
        let server = trial.start()?;
        trial.wait_committed(PATIENCE).with_context(|| server.text())?;
        trial.stop(server)?;
    }
    expect_ages(&redis, sent.len() + 2)?;
    let mut sidekiq = Sidekiq::start(&redis.url(), WORKERS, &["-q", "default", "-q", "retried"])?;
    let mut performed = Growing::at(sidekiq.file("performed"));
    let mut lines: Vec<Value> = Vec::new();
    growing::wait_until("all jobs performed", &mut [sidekiq.process()], PATIENCE, || {
        lines.extend(performed.read(|line| serde_json::from_str(line).ok())?);
        Ok((lines.len() >= sent.len() + 2, lines.len()))
    })?;
    sidekiq.stop()?;
    expect_nothing_left(&redis)?;

    let found = |class: &str, offset: usize| -> Result<&Value> {
        let mut of = lines.iter().filter(|line| line["class"] == class && line["args"][2]["offset"] == offset);
        let (one, other) = (of.next(), of.next());
        ensure!(other.is_none(), "offset {offset} of {class} was performed twice");
        one.with_context(|| format!("offset {offset} of {class} was not performed: {lines:?}"))
    };
    for (offset, record) in sent.iter().enumerate() {
        let line = found("QueuedWorker", offset)?;
        let [topic, Value::String(text), origin] = &line["args"].as_array().context("no arguments")?[..] else {
            anyhow::bail!("no three arguments: {line}");
        };
        let message: Value = serde_json::from_str(text)?;
        ensure!(topic == "queued" && Some(message) == record.value.and_then(|text| text.parse().ok()), "{line}");
        expect_origin(origin, 0, offset, &record.told_key, &record.told_headers)?;
        let jid = line["jid"].as_str().unwrap_or_default();
        ensure!(jid.len() == 24 && jid.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "no job id: {line}");
    }
    let line = found("Retried::EntriesWorker", 0)?;
    // `{"id":1,"act":"in base64"}`
    ensure!(line["args"][1] == "eyJpZCI6MSwiYWN0IjoiaW4gYmFzZTY0In0=", "{line}");
    let line = found("Retried::EntriesWorker", 1)?;
    ensure!(line["args"][0] == "retried" && line["args"][1].is_null(), "a tombstone has no text: {line}");
    expect_origin(&line["args"][2], 0, 1, &json!("gone"), &json!([]))?;
    println!("  Sidekiq has performed {} jobs; lost 0 / repeated 0; one: {}", lines.len(), lines[0]);
    Ok(())
}

/// Checks that each waiting job is as old for Sidekiq as it is: pushed by this case, some moments ago.
fn expect_ages(redis: &Redis, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ages = ruby(
        &redis.url(),
        folder.path(),
        "ages = Sidekiq::Queue.all.flat_map do |queue|
           [queue.latency] + queue.flat_map { |job| [job.latency, Time.now - job.created_at, Time.now - job.enqueued_at] }
         end
         puts JSON.generate(ages)",
    )?;
    let ages: Vec<f64> = serde_json::from_value(ages)?;
    ensure!(ages.len() == 2 + 3 * count, "{} ages of {count} jobs in two queues", ages.len());
    ensure!(ages.iter().all(|age| (0.0..300.0).contains(age)), "Sidekiq says that jobs are {ages:?} seconds old");
    for job in redis.jobs()?.open() {
        job.seconds("created_at").and_then(|_| job.seconds("enqueued_at"))?;
    }
    Ok(())
}

fn expect_origin(origin: &Value, partition: i32, offset: usize, key: &Value, headers: &Value) -> Result<()> {
    let time = origin["timestamp"].as_i64().context("no time in milliseconds")?;
    ensure!(time > 1_700_000_000_000, "a time in milliseconds: {origin}");
    let mut told = json!({ "partition": partition, "offset": offset, "timestamp": time });
    // What a record does not have is left out, which Ruby reads as nil.
    if !key.is_null() {
        told["key"] = key.clone();
    }
    if *headers != json!([]) {
        told["headers"] = headers.clone();
    }
    ensure!(*origin == told, "Ruby was told {origin} and not {told}");
    Ok(())
}

/// If this fails, jobs that a Ruby app pushes do not reach the Rust workers, come too early, or lose what they carry.
pub(super) fn the_app_performs_what_sidekiq_pushes(bench: &Bench) -> Result<()> {
    const BULK: usize = 200;
    let redis = Redis::start()?;
    let trial = trial(bench, "from-ruby", Route::Queued, 1)?.on(&redis);
    let seen = trial.file("seen");
    let trial = trial.with("FAULTY_SEEN", &seen.to_string_lossy());
    let folder = tempfile::tempdir()?;
    let pushed = ruby(
        &redis.url(),
        folder.path(),
        &format!(
            r#"{WORKERS}
            message = ->(id, act = "") {{ JSON.generate({{ "id" => id, "act" => act }}) }}
            origin = {{ "partition" => 3, "offset" => 14, "timestamp" => 1_700_000_000_123,
                        "key" => {{ "base64" => "/wA=" }}, "headers" => [["a", "1"], ["a", nil], ["b", {{ "base64" => "AP4=" }}]] }}
            Sidekiq::Client.push("class" => "QueuedWorker", "args" => ["queued", message[1]])
            Sidekiq::Client.push("class" => "QueuedWorker", "args" => ["queued", message[2], origin])
            QueuedWorker.perform_async("queued", message[3])
            QueuedWorker.perform_in(4, "queued", message[4])
            Sidekiq::Client.push_bulk("class" => "QueuedWorker", "args" => (1000...1000 + {BULK}).map {{ |id| ["queued", message[id]] }})
            failing = Sidekiq::Client.push("class" => "QueuedWorker", "args" => ["queued", message[5, "fail"]], "custom" => {{ "kept" => [1, nil] }})
            nobodys = Sidekiq::Client.push("class" => "NobodysWorker", "args" => ["queued", message[6]])
            puts JSON.generate({{ "at" => Time.now.to_f, "failing" => failing, "nobodys" => nobodys }})"#
        ),
    )?;
    let at = Instant::now();
    let mut worker = trial.start_worker(&["--concurrency", "10"], &[])?;
    let mut file = Growing::at(seen);
    let (mut times, mut lines) = (BTreeMap::<u64, Duration>::new(), Vec::new());
    let wanted = BULK + 5;
    growing::wait_until("all jobs", &mut [&mut worker], PATIENCE, || {
        for line in file.read(|line| serde_json::from_str::<Value>(line).ok())? {
            let id = line["id"].as_u64().context("no id")?;
            ensure!(times.insert(id, at.elapsed()).is_none(), "a job was performed twice: {line}");
            lines.push(line);
        }
        Ok((times.len() >= wanted, times.len()))
    })
    .with_context(|| redis.jobs().map_or_else(|error| format!("{error:?}"), |jobs| summary(&jobs)))?;
    let due = times.get(&4).context("`perform_in` was performed")?;
    println!("  `perform_in(4)` was performed after {due:.1?}");
    // Less than that: Ruby ends only some time after it has pushed.
    ensure!(*due > Duration::from_secs(2), "`perform_in(4)` was performed after {due:.1?}");
    let given = lines.iter().find(|line| line["id"] == 2).context("the job with an origin")?;
    let expected = json!({
        "partition": 3, "offset": 14, "timestamp": 1_700_000_000_123_i64, "key": [0xff, 0x00],
        "headers": [[[0x61], [0x31]], [[0x61], null], [[0x62], [0x00, 0xfe]]], "attempt": 1
    });
    for (name, value) in expected.as_object().into_iter().flatten() {
        ensure!(given[name] == *value, "`{name}` is {} and not {value}", given[name]);
    }
    let plain = lines.iter().find(|line| line["id"] == 1).context("the job without an origin")?;
    ensure!(plain["key"].is_null() && plain["headers"] == json!([]), "{plain}");

    // What failed, and what nobody here performs, waits to be tried again, with all that it came with.
    let mut kept = Vec::new();
    growing::wait_until("both failed jobs", &mut [&mut worker], PATIENCE, || {
        kept = redis.jobs()?.retried;
        Ok((kept.len() >= 2, times.len()))
    })
    .with_context(|| redis.jobs().map_or_else(|error| format!("{error:?}"), |jobs| summary(&jobs)))?;
    let job = |jid: &Value| {
        kept.iter().find(|job| job.json["jid"] == *jid).with_context(|| format!("job {jid} is not tried again"))
    };
    let (failing, nobodys) = (&job(&pushed["failing"])?.json, &job(&pushed["nobodys"])?.json);
    ensure!(failing["custom"] == json!({ "kept": [1, null] }), "unknown keys are kept: {failing}");
    ensure!(failing["retry"] == true && failing["retry_count"] == 0, "{failing}");
    ensure!(failing["error_message"] == "this record fails", "{failing}");
    ensure!(nobodys["error_message"].as_str().is_some_and(|words| words.contains("NobodysWorker")), "{nobodys}");
    println!("  {} jobs of Ruby were performed; lost 0 / repeated 0; failed: {failing}", times.len() - 1);
    trial.stop(worker)?;
    Ok(())
}

/// What Sidekiq's API says of everything.
const API: &str = r#"
processes = Sidekiq::ProcessSet.new.map do |process|
  %w[identity hostname pid concurrency queues busy quiet rss beat started_at tag labels].to_h { |key| [key, process[key]] }
    .merge("stopping" => process.stopping?)
end
works = Sidekiq::Workers.new.map { |process, thread, work| { "process" => process, "thread" => thread, "work" => work } }
stats = Sidekiq::Stats.new
failed = ->(job) { { "jid" => job.jid, "class" => job.klass, "args" => job.args, "message" => job["error_message"],
                     "age" => Time.now - Time.at(job["failed_at"]), "count" => job["retry_count"], "at" => job.at.to_f, "error" => job.error? } }
puts JSON.generate({
  "processes" => processes, "works" => works,
  "queues" => Sidekiq::Queue.all.to_h { |queue| [queue.name, queue.size] },
  "retries" => Sidekiq::RetrySet.new.map(&failed), "dead" => Sidekiq::DeadSet.new.map(&failed),
  "stats" => { "processed" => stats.processed, "failed" => stats.failed, "enqueued" => stats.enqueued,
               "retry" => stats.retry_size, "dead" => stats.dead_size, "processes" => stats.processes_size, "workers" => stats.workers_size }
})
"#;

/// Asks Sidekiq's API until it says what is wanted.
fn asked(
    redis: &Redis,
    folder: &Path,
    worker: &mut Process,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let mut said = Value::Null;
    let result = growing::wait_until(what, &mut [worker], Duration::from_secs(45), || {
        said = ruby(&redis.url(), folder, API)?;
        Ok((wanted(&said), 0))
    });
    result.with_context(|| format!("Sidekiq says {said:#}"))?;
    Ok(said)
}

/// If this fails, Sidekiq's page is blind to the app's workers, shows their failed jobs wrongly, or its buttons do nothing.
pub(super) fn sidekiq_sees_and_steers_the_workers(bench: &Bench) -> Result<()> {
    let redis = Redis::start()?;
    let trial = trial(bench, "seen-by-ruby", Route::Queued, 1)?.on(&redis);
    let folder = tempfile::tempdir()?;
    let mut worker = trial.start_worker(&["--concurrency", "7", "--shutdown-timeout", "1s"], &[])?;
    let pushed = ruby(
        &redis.url(),
        folder.path(),
        r#"
        message = ->(act) { JSON.generate({ "id" => 1, "act" => act }) }
        jids = {
          "long" => ["QueuedWorker", "default", true, "queued", message["sleep 600000"]],
          "fails" => ["QueuedWorker", "default", true, "queued", message["fail"]],
          "dies" => ["Retried::EntriesWorker", "retried", 0, "retried", [message["fail"]].pack("m0")],
          "other" => ["Nobodys", "elsewhere", true, 1, 2]
        }.transform_values do |name, queue, retries, *args|
          Sidekiq::Client.push("class" => name, "queue" => queue, "retry" => retries, "args" => args)
        end
        puts JSON.generate(jids)"#,
    )?;
    let said = asked(&redis, folder.path(), &mut worker, "a job at work, one that failed, one that died", |said| {
        let lists = ["processes", "works", "retries", "dead"];
        lists.iter().all(|list| said[list].as_array().is_some_and(|list| list.len() == 1))
            && said["processes"][0]["busy"] == 1
    })?;
    let (process, work) = (&said["processes"][0], &said["works"][0]);
    ensure!(process["pid"] == worker.id() && process["concurrency"] == 7, "not our process: {process}");
    ensure!(process["rss"].as_u64().is_some_and(|kibibytes| kibibytes > 1_000), "it has no memory: {process}");
    ensure!(process["stopping"] == false, "{process}");
    let queues = process["queues"].as_array().context("it has queues")?;
    ensure!(["default", "retried"].iter().all(|queue| queues.contains(&json!(queue))), "not its queues: {process}");
    ensure!(work["process"] == process["identity"] && work["work"]["queue"] == "default", "{work}");
    ensure!(work["work"]["payload"]["jid"] == pushed["long"] && work["work"]["run_at"].is_u64(), "{work}");
    let (retry, dead) = (&said["retries"][0], &said["dead"][0]);
    ensure!(retry["jid"] == pushed["fails"] && retry["class"] == "QueuedWorker" && retry["count"] == 0, "{retry}");
    ensure!(retry["message"] == "this record fails" && retry["error"] == true, "{retry}");
    let is_new = |job: &Value| job["age"].as_f64().is_some_and(|seconds| (0.0..300.0).contains(&seconds));
    ensure!(is_new(retry) && is_new(dead), "they failed some moments ago: {retry} and {dead}");
    ensure!(dead["jid"] == pushed["dies"] && dead["message"] == "this record fails", "{dead}");
    ensure!(
        said["queues"] == json!({ "default": 0, "elsewhere": 1, "retried": 0 })
            || said["queues"] == json!({ "elsewhere": 1 }),
        "{}",
        said["queues"]
    );
    let stats =
        json!({ "processed": 2, "failed": 2, "enqueued": 1, "retry": 1, "dead": 1, "processes": 1, "workers": 1 });
    ensure!(said["stats"] == stats, "{} and not {stats}", said["stats"]);
    println!("  Sidekiq sees {process}");

    let order = |order: &str| {
        ruby(&redis.url(), folder.path(), &format!("Sidekiq::ProcessSet.new.each(&:{order})")).map(|_| Instant::now())
    };
    let quiet = order("quiet!")?;
    asked(&redis, folder.path(), &mut worker, "a quiet worker", |said| said["processes"][0]["stopping"] == true)?;
    println!("  `quiet!` was obeyed after {:.1?}", quiet.elapsed());
    let late = ruby(
        &redis.url(),
        folder.path(),
        r#"puts JSON.generate(Sidekiq::Client.push("class" => "QueuedWorker", "args" => ["queued", '{"id":2,"act":""}']))"#,
    )?;
    let stop = order("stop!")?;
    // It has no connection to anybody who could tell it sooner than its next heartbeat.
    let ended = worker.wait(Duration::from_secs(30))?;
    println!("  `stop!` was obeyed after {:.1?}: {}", stop.elapsed(), ended.status);
    let jobs = redis.jobs()?;
    ensure!(jobs.working.is_empty(), "it has left jobs in its hand: {}", summary(&jobs));
    for (what, jid) in [("the long job went back", &pushed["long"]), ("the late one was not taken", &late)] {
        let waits = jobs.queued.get(QUEUE).is_some_and(|queue| queue.iter().any(|job| job.json["jid"] == *jid));
        ensure!(waits, "{what}: {}", summary(&jobs));
    }
    let said = ruby(&redis.url(), folder.path(), API)?;
    ensure!(said["processes"] == json!([]) && said["works"] == json!([]), "it is gone, and Sidekiq says {said}");
    Ok(())
}
