//! The echo of the data, which some modules print behind the prompt.

use modemqtt_at::ascii::{CR, LF};

use super::{Framer, Position};

/// Whether the module echoes data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataEcho {
    /// It has not shown that yet.
    #[default]
    Unknown,
    /// It does.
    On,
    /// It does not.
    Off,
}

impl Framer {
    /// Says whether the module echoes data, or that the last command may have changed it.
    pub fn set_data_echo(&mut self, echo: DataEcho) {
        self.data_echo = echo;
    }

    /// Takes the echo of the data, which comes directly after the prompt and may look like anything. `None` while it is
    /// undecided. A response starts with CRLF, and so does the text after a prompt that has a line end: bytes that
    /// could be either count as an echo unless the module is known not to echo. A late final result code is a lesser
    /// evil than a false one.
    pub(super) fn take_data_echo(&mut self, data: Option<&[u8]>, echoing: bool) -> Option<bool> {
        let Some((data, &first)) = data
            .filter(|_| matches!(self.position, Position::AfterPrompt))
            .and_then(|data| Some((data, data.first()?)))
        else {
            return Some(false);
        };
        let doubtful = echoing || self.data_echo != DataEcho::Off;
        let like_a_response = matches!(first, CR | LF);
        if like_a_response && !doubtful {
            return Some(false);
        }
        let rest = &self.buffer[self.start..];
        // The blank after the prompt may have come by now, or a line end instead.
        let leads: &[&[u8]] = if doubtful { &[b"", b" ", b"\r\n"] } else { &[b"", b" "] };
        let mut undecided = false;
        for lead in leads {
            let echo = lead.iter().chain(data);
            let known = rest
                .iter()
                .zip(echo)
                .take_while(|(there, echoed)| there == echoed)
                .count();
            if known == lead.len() + data.len() {
                self.line = (self.start + lead.len()..self.start + known).into();
                self.consume(known);
                self.position = Position::Line;
                if !like_a_response && lead.len() < 2 {
                    self.data_echo = DataEcho::On;
                }
                return Some(true);
            }
            undecided |= known == rest.len();
        }
        if undecided {
            return None;
        }
        self.position = Position::Line;
        if self.buffer[self.start] == b' ' {
            self.consume(1);
        }
        self.data_echo = DataEcho::Off;
        Some(false)
    }
}
