//! How this module prints messages: by its row, by its settings, and by what it has been seen to print.

use modemqtt_at::dialect::{ReceiveLength, ReceiveUrc};

/// Whether quotes around a payload without a length are the module's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// The note says so.
    #[default]
    Always,
    /// The note shows both.
    Doubtful,
    /// The note says so, but the module was seen to print a payload without quotes.
    Mixed,
    /// The module was seen to print a payload without quotes: any quotes are the payload's own.
    Never,
}

/// How this module prints messages.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(super) wrapping: Wrapping,
    pub(super) length_shown: Flags,
    pub(super) hex: Flags,
    /// Whether the module can show lengths at all.
    pub(super) switchable: bool,
}

/// A flag for each client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags(u32);

impl Flags {
    fn set(&mut self, client: u8, on: bool) {
        let bit = 1u32.checked_shl(u32::from(client)).unwrap_or(0);
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }

    pub(super) fn get(self, client: u8) -> bool {
        self.0.checked_shr(u32::from(client)).unwrap_or(0) & 1 == 1
    }
}

impl Layout {
    pub(crate) fn of(row: ReceiveUrc) -> Self {
        Self {
            wrapping: if row.payload_quoted {
                Wrapping::Always
            } else {
                Wrapping::Doubtful
            },
            length_shown: Flags::default(),
            hex: Flags::default(),
            switchable: !matches!(row.length, ReceiveLength::Never),
        }
    }

    /// A payload without a length had no quotes around it.
    pub(super) fn unquoted_payload_seen(&mut self) {
        self.wrapping = match self.wrapping {
            Wrapping::Always | Wrapping::Mixed => Wrapping::Mixed,
            Wrapping::Doubtful | Wrapping::Never => Wrapping::Never,
        };
    }

    pub(crate) fn set_length_shown(&mut self, client: u8, shown: bool) {
        self.length_shown.set(client, shown);
    }

    pub(crate) fn set_hex(&mut self, client: u8, hex: bool) {
        self.hex.set(client, hex);
    }
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn undigits(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    digits.chunks_exact(2).map(pair).collect()
}
