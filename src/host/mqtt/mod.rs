//! MQTT as the AT commands present it: the state of each client, the steps of each call, the meaning of each result.

mod clients;
mod close;
mod configuration;
mod configure;
mod connect;
mod disconnect;
mod known_end;
mod open;
mod own;
mod parts;
mod plan;
mod prepare;
mod publish;
mod rules;
mod settings;
mod subscribe;
mod tls;
mod token;
mod topics;
mod unsubscribe;
mod verbatim;

pub use clients::Ids;
pub(crate) use clients::{Client, Clients, Context, Spelling};
pub(crate) use own::Own;
pub(crate) use parts::declared_at_most;
pub(crate) use plan::{drain, outcome_wait, plan, question};
pub(crate) use rules::{Effect, Loss, Meaning, Refused, ended_by, rules};
pub(crate) use settings::Change;
