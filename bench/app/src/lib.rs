//! The app that the benchmarks run: one typed controller, and a probe that every contender reports to.

pub mod controllers;
pub mod generated;
pub mod interchangers;
pub mod parsers;
pub mod probe;
pub mod state;
pub mod workers;
