//! The virtual module: the DCE end of the line, and the brokers beyond its antenna.

pub mod broker;
