//! MQTT as the AT commands show it: the state of each client, the steps of each call, the meaning of each result.

mod clients;
mod configure;
mod outcome;
mod plan;
mod prepare;
mod publish;
mod subscribe;
mod tls;
mod topics;
mod verbatim;

pub use clients::Ids;
pub(crate) use clients::{Clients, Context, Debt};
pub(crate) use outcome::{Meaning, meaning};
pub(crate) use plan::{Again, buffered, connections, drain, openings, outcome_wait, plan, read_back, reopen};
pub(crate) use prepare::PREPARED;
pub(crate) use verbatim::declared_at_most;
