//! The state machines of the engine, without IO: who drives them says what happened and what time it is.
//!
//! Nothing here reads a clock, sleeps, sends or knows a client: the room imports itself and plain data only
//! (held by `source::the_core_imports_itself_and_plain_data`, of the workspace's tests).

pub(crate) mod debts;
pub(crate) mod gatherer;
pub(crate) mod lane;
pub(crate) mod progress;
pub(crate) mod retry;
pub(crate) mod tracker;
