//! The host: the DTE end of the line.
//!
//! From the line upward: `tokens` knows the lines that mean the same everywhere, [`framer`] turns bytes into frames,
//! [`reader`] frames into meaning, [`writer`] calls into command lines. [`session`] holds the conversation, `mqtt` the
//! clients, [`keep`] the sessions that reconnect by themselves. None of these does I/O, starts a thread or reads a
//! clock; [`engine`] and [`port`] do, and know nothing of AT.

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
pub mod message;
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
