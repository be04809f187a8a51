//! The command with which a module asks a host for an echo (RFC 792).

use super::make::with_contexts;

/// Such a command. Its `OK` comes at once, followed by a line for each echo.
#[derive(Clone, Copy, Debug)]
pub struct Ping {
    /// Its name, without `+`.
    pub name: &'static str,
    /// Its parameters and reports.
    pub kind: PingKind,
    /// Whether its reports have the address in quotes.
    pub quoted: bool,
    /// The bytes of an echo, unless the command says otherwise.
    pub bytes: usize,
    /// The smallest and the largest number of bytes that the command may ask for.
    pub sizes: Option<(i64, i64)>,
    /// How long the module waits for an echo, unless the command says otherwise: seconds for [`PingKind::Series`], milliseconds for
    /// [`PingKind::Once`].
    pub patience: u32,
    /// Document and section, or where it was seen.
    pub source: &'static str,
}

/// The parameters of the command, and its reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingKind {
    /// `[<context>,]"<host>"[,<seconds>[,<echoes>[,<bytes>]]]`: a line for each echo, and a summary.
    Series {
        /// The lowest and the highest context; `None` where none is named.
        contexts: Option<(i64, i64)>,
        /// The beginning of the summary.
        finished: u16,
        /// No echo came in time.
        unanswered: u16,
        /// The host's name has no address.
        unknown: u16,
        /// There is no network.
        no_network: u16,
        /// A series is under way already.
        busy: u16,
    },
    /// `<address>[,<bytes>[,<milliseconds>]]`: one line.
    Once {
        /// What reports that no echo came.
        failed: &'static str,
        /// No echo came in time.
        unanswered: u16,
        /// There is no network.
        unsent: u16,
    },
}

/// The numbers of the TCP/IP Application Notes, chapter "Summary of Error Codes".
const NUMBERED: PingKind = PingKind::Series {
    contexts: Some((1, 15)),
    finished: 0,
    unanswered: 569,
    unknown: 565,
    no_network: 561,
    busy: 568,
};

const SERIES: Ping = Ping {
    name: "QPING",
    kind: NUMBERED,
    quoted: true,
    bytes: 32,
    sizes: None,
    patience: 4,
    source: "BG96 TCP/IP Application Note, AT+QPING; programs for EG915U and EC20, of the same command set",
};

pub(super) const EG91XQ: Ping = SERIES;

pub(super) const BG9X: Ping = Ping {
    kind: with_contexts(NUMBERED, (1, 16)),
    source: "BG95&BG77&BG600L Series TCP/IP Application Note, AT+QPING",
    ..SERIES
};

/// With the size of an echo at the end, as a program for the family sends it; its range is that of BC26.
pub(super) const BC660K: Ping = Ping {
    kind: with_contexts(NUMBERED, (0, 10)),
    sizes: Some((8, 1460)),
    source: "programs for BC660K-GL; BC26 AT Commands Manual, 4.1",
    ..SERIES
};

pub(super) const M95: Ping = Ping {
    kind: PingKind::Series {
        contexts: None,
        finished: 2,
        unanswered: 1,
        unknown: 4,
        no_network: 5,
        busy: 3,
    },
    quoted: false,
    patience: 1,
    source: "M35 AT Commands Manual, AT+QPING, of the same command set",
    ..SERIES
};

pub(super) const BC35: Ping = Ping {
    name: "NPING",
    kind: PingKind::Once {
        failed: "NPINGERR",
        unanswered: 1,
        unsent: 2,
    },
    quoted: false,
    bytes: 12,
    sizes: Some((12, 1500)),
    patience: 10_000,
    source: "BC95 AT Commands Manual, 4.16; programs for BC28",
};
