//! What arrived on a port where no module answered, for the error that reports this.

use std::borrow::Cow;

use modemqtt_at::ascii::{CR, ESC, LF};

use super::{Exchange, Search, Session};
use crate::job::{SYNC_IN_WORDS, Task};

/// How many bytes are examined.
const SAMPLE: usize = 256;
/// How much of a line is shown.
const SHOWN: usize = 40;

/// What has arrived since the search for the module began.
#[derive(Debug, Default)]
pub(super) struct Heard {
    bytes: usize,
    /// The first bytes, without ESC and blank lines.
    sample: Vec<u8>,
    answered: bool,
    /// The last error that the module gave when asked whether it is there.
    refusal: Option<String>,
}

/// What the bytes look like.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// An echo of what the host sent, and nothing else.
    Echo,
    /// This many bytes, few of them printable.
    Noise(usize),
    /// Lines that answer nothing; the first one.
    Lines(String),
}

impl Heard {
    /// Adds bytes that were read.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        for &byte in bytes.iter().filter(|byte| **byte != ESC) {
            let blank = is_end(byte) && self.sample.last().is_none_or(|last| is_end(*last));
            if self.sample.len() < SAMPLE && !blank {
                self.sample.push(byte);
            }
        }
    }

    /// A final result code has come, so a module is there.
    pub(super) fn note_answer(&mut self) {
        self.answered = true;
    }

    /// Whether anything has arrived at all.
    pub(super) fn anything(&self) -> bool {
        self.bytes > 0
    }

    /// The module is ready now.
    pub(super) fn ready(&mut self) {
        self.refusal = None;
    }

    /// The module is there but not ready.
    pub(super) fn note_refusal(&mut self, refusal: String) {
        self.refusal = Some(refusal);
    }

    fn kind(&self) -> Kind {
        if !self.anything() {
            return Kind::Nothing;
        }
        let others: Vec<_> = self
            .sample
            .split(|byte| is_end(*byte))
            // The last one may be incomplete.
            .filter(|line| !SYNC_IN_WORDS.as_bytes().starts_with(line))
            .collect();
        let Some(first) = others.first() else {
            return Kind::Echo;
        };
        let bytes = || others.iter().copied().flatten();
        let printable = bytes().filter(|byte| matches!(byte, b'\t' | b' '..=b'~')).count();
        if printable * 10 < bytes().count() * 9 {
            return Kind::Noise(self.bytes);
        }
        let more = if first.len() > SHOWN { "…" } else { "" };
        Kind::Lines(format!("{}{more}", first[..first.len().min(SHOWN)].escape_ascii()))
    }
}

impl Session {
    /// Why a command may have had no answer, to follow the sentence that reports it.
    pub(super) fn why_no_answer(&self, exchange: &Exchange) -> Cow<'static, str> {
        match exchange.job.task {
            Task::SetUp(_) => self.why_not_found(&exchange.job.task),
            _ => format!("{}{}", exchange.damage(), self.pause_hint(exchange)).into(),
        }
    }

    /// The same for an unsuccessful search for the module.
    pub(super) fn why_not_found(&self, task: &Task) -> Cow<'static, str> {
        if !matches!(task, Task::SetUp(_)) {
            return "".into();
        }
        if let Some(refusal) = &self.heard.refusal {
            return format!("; the module is there and not ready: it has answered {refusal}").into();
        }
        if self.heard.answered {
            return "".into();
        }
        let came = match self.heard.kind() {
            Kind::Nothing => "nothing came: check the port, the baud rate and the power of the module".into(),
            Kind::Echo => "only the echo of what was sent came: check that a module is at the other end".into(),
            Kind::Noise(bytes) => format!("{bytes} bytes of noise came: check the baud rate"),
            Kind::Lines(first) => format!(
                "something else came, such as \"{}\": check that this is the AT port of the module",
                self.without_secrets(first.as_bytes())
            ),
        };
        let recover = match self.search {
            Search::Recover => "",
            Search::Gentle | Search::Fill => {
                "; open(recover=True) or --recover gets a module out of a data phase, of PPP and of transparent mode"
            }
        };
        format!("; {came}{recover}").into()
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, CR | LF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(pieces: &[&[u8]]) -> Kind {
        let mut heard = Heard::default();
        for piece in pieces {
            heard.note(piece);
        }
        heard.kind()
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(kind(&[]), Kind::Nothing);
    }

    #[test]
    fn an_echo_is_told_from_an_answer_however_it_is_cut() {
        assert_eq!(kind(&[b"AT\r", b"A", b"T\r\x1bAT\r", &[CR; 4096], b"AT\r"]), Kind::Echo);
        assert_eq!(kind(&[b"AT\r\nA"]), Kind::Echo);
    }

    #[test]
    fn a_line_at_the_wrong_rate_is_noise() {
        assert_eq!(kind(&[&[0xF8, 0x00, 0x80], b"x", &[0xFE; 8]]), Kind::Noise(12));
        assert_eq!(kind(&[&[0]]), Kind::Noise(1));
    }

    #[test]
    fn readable_lines_are_shown_by_the_first() {
        let sentence = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4\r\n";
        assert_eq!(
            kind(&[b"AT\r", sentence, sentence]),
            Kind::Lines("$GPRMC,123519,A,4807.038,N,01131.000,E,0…".into())
        );
        assert_eq!(kind(&[b"login: "]), Kind::Lines("login: ".into()));
    }
}
