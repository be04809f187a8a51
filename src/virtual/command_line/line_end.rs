//! The LF that some hosts send after the CR of a command line. It belongs neither to the line nor to the data that the line asks for.

use modemqtt_at::ascii::LF;

/// Tells that LF apart from a payload that begins with one.
///
/// An LF that comes in one piece with its CR belongs to it: nobody has read the prompt yet. One that comes later may be the answer to the
/// prompt, so it belongs to the CR only if the host ended its last line with CR and LF as well.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineEnd {
    behind: Behind,
    /// Whether the host ends its lines by CR and LF.
    pairs: bool,
}

/// What precedes the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Behind {
    #[default]
    Text,
    /// The CR of a command line, in the same piece.
    Cr,
    /// The same, in an earlier piece.
    EarlierCr,
}

impl LineEnd {
    /// A CR has ended a command line.
    pub(crate) const fn ended(&mut self) {
        self.behind = Behind::Cr;
    }

    /// What comes next comes in another piece.
    pub(crate) fn next_piece(&mut self) {
        if self.behind == Behind::Cr {
            self.behind = Behind::EarlierCr;
        }
    }

    /// Whether a byte is that LF. Ask once about each byte; `data` says whether it would be data otherwise.
    pub(crate) fn absorbs(&mut self, byte: u8, data: bool) -> bool {
        let behind = std::mem::take(&mut self.behind);
        if behind == Behind::Text {
            return false;
        }
        let ends = byte == LF && (behind == Behind::Cr || self.pairs || !data);
        self.pairs = ends;
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the byte after the CR of a line that asks for data counts as part of the line.
    fn taken(line_end: &mut LineEnd, together: bool, byte: u8) -> bool {
        line_end.ended();
        if !together {
            line_end.next_piece();
        }
        line_end.absorbs(byte, true)
    }

    #[test]
    fn an_lf_that_comes_with_its_cr_belongs_to_it() {
        assert!(taken(&mut LineEnd::default(), true, LF));
        assert!(!taken(&mut LineEnd::default(), true, b'H'));
    }

    #[test]
    fn an_lf_that_comes_later_belongs_to_its_cr_where_the_line_before_ended_so() {
        let mut line_end = LineEnd::default();
        assert!(!taken(&mut line_end, false, LF), "it may be the answer to the prompt");
        line_end.ended();
        line_end.next_piece();
        assert!(line_end.absorbs(LF, false));
        assert!(taken(&mut line_end, false, LF));
        assert!(!line_end.absorbs(LF, true), "one LF, not two");
        assert!(!taken(&mut line_end, false, b'H'));
        assert!(!taken(&mut line_end, false, LF), "the host has changed its mind");
    }
}
