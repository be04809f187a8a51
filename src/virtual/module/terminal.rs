//! What the module prints: echo, information responses, result codes (V.250 section 5.7).

use std::collections::VecDeque;

use modemqtt_at::dialect::{Dialect, Refusal};

/// How much may wait for the end of a data phase. A real module has less; beyond it messages are lost.
const HELD: usize = 64 * 1024;

/// The printing end of the serial line, and the settings about it.
#[derive(Debug)]
pub(super) struct Terminal {
    dialect: &'static Dialect,
    pub(super) echo: bool,
    /// `+CMEE`: 0 `ERROR` only, 1 numbers, 2 words (3GPP TS 27.007 section 9.1).
    pub(super) cmee: u8,
    /// `V`: words or digits (V.250 section 6.2.6).
    pub(super) verbose: bool,
    /// `Q`: whether there are result codes at all (V.250 section 6.2.5).
    pub(super) quiet: bool,
    output: Output,
    urcs: VecDeque<Print>,
    held: usize,
}

/// What is to be printed, in order.
#[derive(Debug, Default)]
struct Output {
    pieces: VecDeque<Print>,
    /// Whether the last piece is no line, so that more of the kind belongs to it.
    runs_on: bool,
}

/// What the module prints in one piece: a line or several, or an echo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether no command has asked for it.
    pub unsolicited: bool,
}

impl Terminal {
    /// As after a start.
    pub(super) const fn new(dialect: &'static Dialect) -> Self {
        Self {
            dialect,
            echo: dialect.echo,
            cmee: dialect.error_level,
            verbose: true,
            quiet: false,
            output: Output {
                pieces: VecDeque::new(),
                runs_on: false,
            },
            urcs: VecDeque::new(),
            held: 0,
        }
    }

    /// Puts the settings back to what they are after a start (V.250 sections 6.1.1 and 6.1.2).
    pub(super) fn reset(&mut self) {
        let Self {
            echo,
            cmee,
            verbose,
            quiet,
            ..
        } = Self::new(self.dialect);
        (self.echo, self.cmee, self.verbose, self.quiet) = (echo, cmee, verbose, quiet);
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        let prints = self.output.pieces.drain(..).map(|print| print.bytes);
        prints.collect::<Vec<_>>().concat()
    }

    pub(super) fn next_print(&mut self) -> Option<Print> {
        self.output.pieces.pop_front()
    }

    /// Begins with what another has yet to print.
    pub(super) fn inherit(&mut self, former: &mut Self) {
        self.output = std::mem::take(&mut former.output);
    }

    /// Prints what is no line.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        let runs_on = self.output.runs_on;
        match self.output.pieces.back_mut().filter(|_| runs_on) {
            Some(last) => last.bytes.extend_from_slice(bytes),
            None => self.output.push(bytes.to_vec(), false),
        }
        self.output.runs_on = true;
    }

    pub(super) fn echo(&mut self, byte: u8) {
        if self.echo {
            self.print(&[byte]);
        }
    }

    /// An information response of one line or of several (V.250 section 5.7.1).
    pub(super) fn information(&mut self, lines: &[impl AsRef<[u8]>]) {
        let mut bytes = Vec::new();
        if self.verbose {
            bytes.extend_from_slice(b"\r\n");
        }
        for line in lines {
            bytes.extend_from_slice(line.as_ref());
            bytes.extend_from_slice(b"\r\n");
        }
        self.output.push(bytes, false);
    }

    pub(super) fn ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.output.push(code, false);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let code = match refusal {
            Refusal::Cme(code) if self.cmee == 1 => format!("\r\n+CME ERROR: {}\r\n", code.0).into_bytes(),
            Refusal::Cme(code) if self.cmee == 2 => {
                let name = self
                    .dialect
                    .error_name(code)
                    .map_or_else(|| code.0.to_string(), str::to_string);
                format!("\r\n+CME ERROR: {name}\r\n").into_bytes()
            }
            Refusal::Error | Refusal::Cme(_) => self.result_code("ERROR", "4"),
        };
        self.output.push(code, false);
    }

    /// Queues an unsolicited line.
    pub(super) fn urc(&mut self, text: &str) {
        self.queue(format!("\r\n{text}\r\n").into_bytes(), true);
    }

    /// Queues a received message; `false` when too much waits already, so that it is lost.
    pub(super) fn message(&mut self, text: &[u8]) -> bool {
        let fits = self.held + text.len() <= HELD;
        if fits {
            self.queue([b"\r\n", text, b"\r\n"].concat(), true);
        }
        fits
    }

    /// Queues `OK` behind the unsolicited lines.
    pub(super) fn late_ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.queue(code, false);
    }

    pub(super) fn flush_urcs(&mut self) {
        while let Some(Print { bytes, unsolicited }) = self.urcs.pop_front() {
            self.output.push(bytes, unsolicited);
        }
        self.held = 0;
    }

    fn queue(&mut self, bytes: Vec<u8>, unsolicited: bool) {
        self.held += bytes.len();
        self.urcs.push_back(Print { bytes, unsolicited });
    }

    fn result_code(&self, word: &str, digit: &str) -> Vec<u8> {
        match (self.quiet, self.verbose) {
            (true, _) => Vec::new(),
            (false, true) => format!("\r\n{word}\r\n").into_bytes(),
            (false, false) => format!("{digit}\r").into_bytes(),
        }
    }
}

impl Output {
    fn push(&mut self, bytes: Vec<u8>, unsolicited: bool) {
        self.runs_on = false;
        if !bytes.is_empty() {
            self.pieces.push_back(Print { bytes, unsolicited });
        }
    }
}

#[cfg(test)]
mod tests {
    use modemqtt_at::codes::CmeCode;
    use modemqtt_at::dialect::of_model;

    use super::*;

    fn terminal(model: &str) -> Terminal {
        Terminal::new(of_model(model).unwrap().0)
    }

    fn printed(model: &str, cmee: u8, refusal: Refusal) -> String {
        let mut terminal = Terminal {
            cmee,
            ..terminal(model)
        };
        terminal.refuse(refusal);
        String::from_utf8(terminal.take_output()).unwrap()
    }

    #[test]
    fn cmee_tells_how_an_error_is_named() {
        let refusal = Refusal::Cme(CmeCode::MQTT_LINK);
        assert_eq!(printed("M95", 0, refusal), "\r\nERROR\r\n");
        assert_eq!(printed("M95", 1, refusal), "\r\n+CME ERROR: 8503\r\n");
        assert_eq!(printed("M95", 2, refusal), "\r\n+CME ERROR: MQTT link error\r\n");
        assert_eq!(printed("M95", 1, Refusal::Error), "\r\nERROR\r\n");
    }

    #[test]
    fn an_error_has_the_name_that_its_family_gives_it() {
        let refusal = Refusal::Cme(CmeCode(301));
        assert_eq!(
            printed("BC660K-GL", 2, refusal),
            "\r\n+CME ERROR: internal error base\r\n"
        );
        assert_eq!(printed("M95", 2, refusal), "\r\n+CME ERROR: 301\r\n");
    }

    #[test]
    fn a_reset_brings_back_what_the_family_starts_with() {
        for (model, settings) in [("M95", (true, 1)), ("BC35-G", (false, 0))] {
            let mut terminal = Terminal {
                echo: !settings.0,
                cmee: 2,
                quiet: true,
                ..terminal(model)
            };
            terminal.reset();
            assert_eq!((terminal.echo, terminal.cmee), settings, "{model}");
            assert!(terminal.verbose && !terminal.quiet);
        }
    }

    #[test]
    fn every_line_is_a_piece_of_its_own_and_an_echo_is_one_in_front_of_it() {
        let mut terminal = terminal("M95");
        terminal.echo = true;
        b"AT\r".iter().for_each(|byte| terminal.echo(*byte));
        terminal.information(&["+A: 1", "+A: 2"]);
        terminal.urc("+QMTSTAT: 0,1");
        terminal.late_ok();
        terminal.ok();
        terminal.flush_urcs();
        let pieces: Vec<_> = std::iter::from_fn(|| terminal.next_print())
            .map(|Print { bytes, unsolicited }| (String::from_utf8(bytes).unwrap(), unsolicited))
            .collect();
        let pieces: Vec<_> = pieces.iter().map(|(text, flag)| (text.as_str(), *flag)).collect();
        assert_eq!(
            pieces,
            [
                ("AT\r", false),
                ("\r\n+A: 1\r\n+A: 2\r\n", false),
                ("\r\nOK\r\n", false),
                ("\r\n+QMTSTAT: 0,1\r\n", true),
                ("\r\nOK\r\n", false)
            ]
        );
    }

    #[test]
    fn messages_that_find_no_room_are_lost_but_results_are_not() {
        let mut terminal = terminal("M95");
        let kept = (0..100).filter(|_| terminal.message(&[b'x'; 996])).count();
        assert_eq!(kept, 65);
        terminal.urc("+QMTSTAT: 0,1");
        terminal.flush_urcs();
        assert_eq!(terminal.take_output().len(), 65_000 + 17);
        assert!(terminal.message(&[b'x'; 996]));
    }
}
