//! The rows of the fault table that need real processes and a real broker; `tests/faults.md` is the table.
//!
//! Each prints what was lost, what was repeated, and the bound that repeats must keep.

mod brokers;
mod crash;
mod health;
mod jobs;
mod members;
mod modes;
mod network;
mod positions;
mod rebalances;
mod records;
mod secured;
mod sidekiq;
mod sizes;
mod topics;
mod workers;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow};
use karafka_tests::{
    checker::Verdict,
    faulty::{Route, Trial, send},
    kafka::Producer,
};

use crate::{Case, bench::Bench};

/// How long a machine that is busy with other things may take for a few thousand records.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) const CASES: &[Case] = cases![
    // The longest are taken first, so that none of them is left for the end.
    brokers::row_7_three_killed_brokers,
    brokers::row_9_the_coordinator_is_killed,
    workers::row_20_a_worker_is_killed_amid_jobs,
    jobs::row_19_redis_is_away,
    // Checks how long a commit is behind the work.
    #[alone]
    crash::row_1_kill_9_ten_times,
    crash::row_1_kill_9_amid_batches,
    modes::row_1_kill_9_at_most_once,
    secured::row_24_each_way_to_be_kept_out_is_named,
    members::row_2_sigterm_amid_slow_handlers,
    members::row_2_sigterm_amid_thousands_of_failing_keys,
    members::row_2_rolling_sigterm_of_three_members,
    members::row_3_members_join_while_handlers_run,
    members::row_3_members_join_under_kip_848,
    members::row_3_members_join_under_eager_assignors,
    // Count what is begun in a commit interval.
    #[alone]
    rebalances::row_3_killed_amid_a_slow_rebalance,
    #[alone]
    rebalances::row_3_killed_amid_a_slow_rebalance_under_kip_848,
    members::row_4_the_drain_does_not_fit,
    members::row_4_a_handler_that_listens_is_told,
    members::row_4_a_drain_that_the_group_does_not_wait_for,
    members::row_5_members_come_and_go,
    members::row_6_a_handler_beyond_the_poll_limit,
    brokers::row_7_a_frozen_broker,
    brokers::row_7_a_frozen_broker_past_the_session,
    brokers::row_7_a_killed_broker,
    brokers::row_7_a_stop_while_the_broker_is_frozen,
    network::row_10_latency_and_cut_connections,
    records::row_11_poison_first_last_and_between,
    records::row_11_nothing_but_poison,
    records::row_11_tombstones_foreign_bytes_and_empty_keys,
    brokers::row_12_no_dead_letter_topic,
    crash::row_13_a_crash_after_a_dead_letter,
    topics::row_14_transactions,
    topics::row_14_compaction,
    modes::row_14_retention_passes_the_position,
    positions::row_14_retention_passes_a_position_that_waits_for_a_person,
    positions::row_14_the_offset_of_one_partition_is_gone,
    positions::row_14_all_offsets_of_a_group_are_gone,
    positions::row_17_a_shorter_topic_is_recreated_between_two_runs,
    // Counts what is done in the three seconds for which a handler blocks.
    #[alone]
    records::row_15_panics_blocks_and_hangs,
    // As many are done in the twenty seconds for which more handlers block than there are cores.
    #[alone]
    records::row_15_more_handlers_block_than_there_are_cores,
    records::row_15_one_in_a_thousand_fails_for_ever,
    records::row_15_only_its_line_waits_for_what_fails_for_ever,
    records::row_16_everything_fails_for_a_while,
    topics::row_17_partitions_are_added,
    topics::row_17_the_topic_comes_later,
    topics::row_17_a_topic_is_recreated,
    topics::row_17_a_topic_is_recreated_at_once,
    topics::row_17_a_topic_is_recreated_unseen,
    // Bounds what a member does until its next commit is answered, by the clock.
    #[alone]
    members::row_18_two_with_one_name,
    jobs::row_19_redis_comes_later,
    jobs::row_19_redis_is_slow,
    jobs::row_19_redis_is_full,
    jobs::row_19_workers_empty_a_full_redis,
    jobs::row_19_redis_restarted_without_its_data,
    workers::row_20_a_worker_is_stopped_amid_jobs,
    workers::a_job_that_fails_is_tried_again_and_then_dead,
    sidekiq::sidekiq_performs_what_the_app_pushes,
    sidekiq::the_app_performs_what_sidekiq_pushes,
    sidekiq::sidekiq_sees_and_steers_the_workers,
    members::row_21_frozen_past_the_session,
    #[alone]
    rebalances::row_21_frozen_amid_a_slow_rebalance,
    #[alone]
    rebalances::row_21_frozen_amid_a_slow_rebalance_under_kip_848,
    sizes::row_22_what_a_source_holds_its_copy_does,
    sizes::row_22_an_emit_waits_until_the_topic_takes_it,
    sizes::row_22_a_dead_letter_waits_until_the_topic_takes_it,
    sizes::row_22_batches_that_are_too_large_arrive_in_smaller_ones,
    // Measures the memory of a process while others would take the machine.
    #[alone]
    sizes::row_23_many_partitions_of_large_records,
];

/// A trial on this run's Kafka.
fn trial<'a>(bench: &'a Bench, name: &str, route: Route, partitions: i32) -> Result<Trial<'a>> {
    Trial::new(&bench.kafka, &bench.faulty, name, route, partitions)
}

/// Sends the records of `ids`; a record's key says its partition.
fn fill(
    bench: &Bench,
    trial: &Trial<'_>,
    partitions: i32,
    ids: std::ops::Range<u64>,
    act: impl Fn(u64) -> String,
) -> Result<()> {
    let producer = Producer::new(bench.kafka.address())?;
    for id in ids {
        send_one(&producer, trial.topic(), partitions, id, &act(id))?;
    }
    producer.flush()
}

fn send_one(producer: &Producer, topic: &str, partitions: i32, id: u64, act: &str) -> Result<()> {
    let key = id % 97;
    send(producer, topic, i32::try_from(key)? % partitions, &format!("k{key}"), id, act)
}

/// Runs `body` while records keep coming, `each` of them every 10 ms; gives how many they were.
///
/// What happens in `body` happens amid records, however fast the machine is.
fn while_records_come(
    bench: &Bench,
    trial: &mut Trial<'_>,
    partitions: i32,
    each: u64,
    body: impl FnOnce(&mut Trial<'_>) -> Result<()>,
) -> Result<usize> {
    let (enough, topic, address) = (AtomicBool::new(false), trial.topic().to_owned(), bench.kafka.address());
    let (sent, result) = thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<u64> {
            let producer = Producer::new(address)?;
            let mut sent = 0;
            while !enough.load(Ordering::Relaxed) {
                for _ in 0..each {
                    send_one(&producer, &topic, partitions, sent, "")?;
                    sent += 1;
                }
                thread::sleep(Duration::from_millis(10));
            }
            producer.flush()?;
            Ok(sent)
        });
        let result = body(trial);
        enough.store(true, Ordering::Relaxed);
        (sender.join(), result)
    });
    result?;
    Ok(usize::try_from(sent.map_err(|_| anyhow!("the sender panicked"))??)?)
}

/// Judges a trial: prints the row's figures; nothing may be lost or out of order, and repeats stay within the bound.
fn conclude(trial: &mut Trial<'_>, bound: usize) -> Result<Verdict> {
    let verdict = trial.judge()?;
    println!("  {} done: {verdict}; the bound of repeats is {bound}", trial.log.done());
    verdict.expect_nothing_lost()?.expect_repeats_within(bound)
}

/// The CPU time of a process so far.
fn cpu_time(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold blanks; after it come the state and, as 12th and 13th, the times.
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = rest.split(' ').skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
