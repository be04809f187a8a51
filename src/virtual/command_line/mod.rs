//! The module's reader of command lines: characters to lines, lines to commands, commands to rows of the dialect.
//!
//! It is the DCE's grammar (V.250 section 5.2 and "AT Command Syntax" of each note) and shares no code with the host's writer.

mod check;
mod line_end;
mod parse;
mod reader;

pub(crate) use check::payload_position;
pub use check::{Argument, Checked, Refused, check};
pub(crate) use line_end::LineEnd;
pub use parse::{Access, Cursor, Head, Malformed, Suffix, Value};
pub use reader::{Entered, LineReader};
