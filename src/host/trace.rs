//! The wire log: what went over the line, secrets masked.

use std::time::Instant;

use modemqtt_at::shown;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// Whether the host sent it.
    pub sent: bool,
    /// The text, without its line end, as [`modemqtt_at::shown`] writes it.
    pub text: String,
}

impl Entry {
    /// A line that the host has sent.
    pub(crate) fn sent(at: Instant, line: &str) -> Self {
        Self::new(at, true, shown::line(line.as_bytes()))
    }

    /// Data that the host has sent, and a byte that ends it.
    pub(crate) fn sent_data(at: Instant, bytes: &[u8], end: Option<u8>) -> Self {
        let first = bytes.iter().copied().chain(end).take(shown::DATA);
        let first: Vec<_> = first.collect();
        let count = bytes.len() + usize::from(end.is_some());
        Self::new(at, true, shown::counted("", &first, count, ""))
    }

    /// A line that the module has printed.
    pub(crate) fn received(at: Instant, line: &[u8]) -> Self {
        Self::new(at, false, shown::line(line))
    }

    /// A message, or the head of something longer: what stands before its payload, that, and what stands behind it.
    pub(crate) fn received_data(at: Instant, before: &[u8], payload: &[u8], behind: &str) -> Self {
        let text = shown::counted(&shown::line(before), payload, payload.len(), behind);
        Self::new(at, false, text)
    }

    const fn new(at: Instant, sent: bool, text: String) -> Self {
        Self { at, sent, text }
    }
}

/// What the module prints must not act on the terminal that shows it, nor make two lines of one.
pub(crate) fn escaped(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    shown::text(&text)
}
