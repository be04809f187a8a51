//! Recordings of what went over a line: JSON lines, as docs/recording.md describes them.
//!
//! The host writes them and the replay reads them. [`Masker`] takes bytes as they come and gives entries in which no secret is left;
//! [`Recording`] reads a file and the parts that follow it, an entry at a time.

mod encodings;
mod entry;
mod finder;
mod header;
mod known;
mod line;
mod masker;
mod read;
mod substitute;

pub use entry::{Entry, Fact, Kind, Note, Piece, Span, What};
pub use header::{FORMAT, Header, VERSION};
pub use masker::{Masker, begins_command};
pub use read::{Contents, ReadError, Recording};

/// How many bytes a part has before the next one begins.
pub const PART: u64 = 64 * 1024 * 1024;
