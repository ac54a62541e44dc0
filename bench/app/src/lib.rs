//! The app that the benchmarks run: a controller a benchmark, and what measures them.

pub mod controllers;
pub mod delays;
pub mod generated;
pub mod interchangers;
pub mod parsers;
pub mod positions;
pub mod probe;
pub mod state;
pub mod workers;
