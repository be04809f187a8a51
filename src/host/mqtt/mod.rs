//! MQTT as the AT commands show it: the state of each client, the steps of each call, the meaning of each result.

mod clients;
mod outcome;
mod plan;
mod topics;
mod verbatim;

pub(crate) use clients::{Clients, Settings};
pub(crate) use outcome::{Meaning, meaning};
pub(crate) use plan::{outcome_wait, plan, reopen};
