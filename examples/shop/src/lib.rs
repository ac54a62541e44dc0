//! shop: what it consumes and sends stands in `karafka.yml`.

pub mod controllers;
pub mod generated;
pub mod interchangers;
pub mod parsers;
pub mod state;
pub mod workers;
