//! The host: the DTE end of the line.
//!
//! From the line upward: `tokens` the lines that are known anywhere, [`framer`] bytes to frames, [`reader`] frames to meaning, [`writer`] calls to command lines,
//! [`session`] the conversation, `mqtt` the clients, [`keep`] the sessions that connect again by themselves. None of these does I/O, starts a thread or reads a clock;
//! [`engine`] and [`port`] do, and know nothing of AT.

pub mod call;
pub mod credentials;
pub mod engine;
pub mod errand;
pub mod error;
pub mod event;
pub mod framer;
mod job;
pub mod keep;
mod limit;
mod mqtt;
pub mod names;
pub mod options;
pub mod port;
pub mod reader;
pub mod receive;
pub mod session;
mod timers;
mod tokens;
pub mod trace;
pub mod writer;
