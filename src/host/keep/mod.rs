//! Sessions that reconnect by themselves. No file here does I/O or reads a clock.
//!
//! [`Keep`] is one such session: its state, its waits, and what it reports. [`Upkeep`] joins a
//! [`crate::session::Session`] with the sessions kept on it: it submits their calls as a caller would, and passes them
//! the results.

mod machine;
mod subscriptions;
mod upkeep;
mod waits;

pub use machine::{Keep, Plan, State};
pub use upkeep::Upkeep;
