//! web: what it consumes and sends stands in `karafka.yml`.

pub mod controllers;
pub mod generated;
pub mod rates;
pub mod state;
pub mod web;
