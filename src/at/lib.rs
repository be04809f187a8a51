//! The nouns that both ends of the AT line share: control characters, commands and their forms, result codes,
//! MQTT vocabulary, and the dialects as rows.
//!
//! Nothing here knows which end it serves. There is no reader and no writer: DTE to DCE and DCE to DTE are two
//! different grammars, and a reading shared by both ends would hide a shared mistake.

pub mod ascii;
pub mod codes;
mod command;
pub mod dialect;
pub mod find;
pub mod general;
mod mqtt;
pub mod secrets;
pub mod shown;
pub mod tls;

pub use command::{Command, Form, Operation, SettingKey};
pub use mqtt::{ClientIndex, MessageId, Qos, Version};
