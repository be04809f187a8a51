//! The wire log: what went over the line, secrets masked.

use std::fmt::Write;
use std::time::Instant;

use modemqtt_at::shown;

/// How much of a payload is shown.
const SHOWN: usize = 64;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// Whether the host sent it.
    pub sent: bool,
    /// The text, without its line end; control characters escaped.
    pub text: String,
}

impl Entry {
    /// What the host has sent.
    pub(crate) fn sent(at: Instant, text: String) -> Self {
        Self {
            at,
            sent: true,
            text: escaped(text),
        }
    }

    /// What the module has printed.
    pub(crate) fn received(at: Instant, text: String) -> Self {
        Self {
            at,
            sent: false,
            text: escaped(text),
        }
    }

    /// A payload between what stands round it, shown as far as it is short, with its length.
    pub(crate) fn payload(before: &str, bytes: &[u8], behind: &str) -> String {
        let head = &bytes[..bytes.len().min(SHOWN)];
        let more = if head.len() < bytes.len() { "…" } else { "" };
        let mut text = String::with_capacity(before.len() + head.len() + 16);
        text.push_str(before);
        text.push_str(&shown::data(head));
        // Writing to a string does not fail.
        let _ = write!(text, "{more}{behind} <{} bytes>", bytes.len());
        text
    }
}

/// What the module prints must not act on the terminal that shows it, nor make two lines of one.
pub(crate) fn escaped(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    shown::text(&text)
}
