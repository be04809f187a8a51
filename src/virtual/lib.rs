//! The virtual module: the DCE end of the line, and the brokers beyond its antenna.

pub mod broker;
pub mod command_line;
mod fault;
pub mod line;
pub mod module;
pub mod profile;
mod random;
pub mod replay;
pub mod script;
mod serve;

pub use fault::{Fault, FaultError, Injection, Takes};
pub use serve::{Options, ReplayError, ReplayModem, ReplayOptions, Report, Section, VirtualError, VirtualModem};
