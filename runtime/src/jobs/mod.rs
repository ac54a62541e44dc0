//! Jobs on Redis, in Sidekiq's format, so that Ruby and Rust processes share queues and Sidekiq's web page shows them.
//!
//! <https://github.com/sidekiq/sidekiq/wiki/Job-Format>
//!
//! `server` pushes what it has admitted ([`enqueue`]); `worker` performs it ([`worker`]). A job is moved, never copied:
//! from its queue into the list of the process that works on it, and from there out, or into `retry` or `dead`, or back.
//! Each move is one script, so that a job is in one place whenever a process dies, or Redis refuses a part of it
//! (`scripts/move.lua`).
//!
//! | key | what it is |
//! | --- | --- |
//! | `queues` | set of queues |
//! | `queue:<name>` | list: pushed left, taken right |
//! | `retry`, `schedule`, `dead` | sorted by the second at which a job is due, or died |
//! | `karafka:working` | set of processes that have, or had, jobs in progress |
//! | `karafka:working:<identity>` | list of what a process has in progress |
//! | `processes`, `<identity>`, `<identity>:work`, `<identity>:workers`, `<identity>-signals` | what Sidekiq's page reads |
//! | `stat:processed`, `stat:failed`, and with `:YYYY-MM-DD` | counters |

mod certificates;
pub(crate) mod enqueue;
pub(crate) mod job;
mod link;
pub(crate) mod moves;
pub(crate) mod queues;
mod scripts;
mod sentinels;
pub(crate) mod verdict;
pub(crate) mod worker;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

#[cfg(test)]
pub(crate) mod tests;
