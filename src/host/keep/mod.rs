//! Sessions that connect again by themselves. Like the session below it does no I/O and reads no clock.
//!
//! [`Keep`] is one of them: what it is at, its waits, what it tells. [`Upkeep`] is the session together with all that are kept
//! in it: it hands their calls to the session's queue, as a caller would, and their results back.

mod machine;
mod subscriptions;
mod upkeep;
mod waits;

pub use machine::{Keep, Login, Plan, State};
pub use upkeep::Upkeep;
