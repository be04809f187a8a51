//! What the module prints: echo, information responses, result codes (V.250 section 5.7).

use std::collections::VecDeque;

use modemqtt_at::dialect::Refusal;

/// How much may wait for the end of a data phase. A real module has less; beyond it messages are lost.
const HELD: usize = 64 * 1024;

/// The printing end of the serial line, and the settings about it.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) echo: bool,
    /// `+CMEE`: 0 `ERROR` only, 1 numbers, 2 words (3GPP TS 27.007 section 9.1).
    pub(super) cmee: u8,
    /// `V`: words or digits (V.250 section 6.2.6).
    pub(super) verbose: bool,
    /// `Q`: whether there are result codes at all (V.250 section 6.2.5).
    pub(super) quiet: bool,
    output: Vec<u8>,
    urcs: VecDeque<Vec<u8>>,
    held: usize,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            echo: true,
            cmee: 1,
            verbose: true,
            quiet: false,
            output: Vec::new(),
            urcs: VecDeque::new(),
            held: 0,
        }
    }
}

impl Terminal {
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(super) fn print(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(super) fn echo(&mut self, byte: u8) {
        if self.echo {
            self.output.push(byte);
        }
    }

    /// An information response of one line or of several (V.250 section 5.7.1).
    pub(super) fn information(&mut self, lines: &[impl AsRef<str>]) {
        if self.verbose {
            self.print(b"\r\n");
        }
        for line in lines {
            self.print(line.as_ref().as_bytes());
            self.print(b"\r\n");
        }
    }

    pub(super) fn ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.print(&code);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let code = match refusal {
            Refusal::Cme(code) if self.cmee == 1 => format!("\r\n+CME ERROR: {}\r\n", code.0).into_bytes(),
            Refusal::Cme(code) if self.cmee == 2 => {
                let name = code.name().map_or_else(|| code.0.to_string(), str::to_string);
                format!("\r\n+CME ERROR: {name}\r\n").into_bytes()
            }
            Refusal::Error | Refusal::Cme(_) => self.result_code("ERROR", "4"),
        };
        self.print(&code);
    }

    /// Queues an unsolicited line.
    pub(super) fn urc(&mut self, text: &str) {
        self.queue(format!("\r\n{text}\r\n").into_bytes());
    }

    /// Queues a received message; when too much waits already, it is lost.
    pub(super) fn message(&mut self, line: Vec<u8>) {
        if self.held + line.len() <= HELD {
            self.queue(line);
        }
    }

    /// Queues `OK` behind the unsolicited lines.
    pub(super) fn late_ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.queue(code);
    }

    pub(super) fn flush_urcs(&mut self) {
        for line in self.urcs.drain(..) {
            self.output.extend(line);
        }
        self.held = 0;
    }

    fn queue(&mut self, line: Vec<u8>) {
        self.held += line.len();
        self.urcs.push_back(line);
    }

    fn result_code(&self, word: &str, digit: &str) -> Vec<u8> {
        match (self.quiet, self.verbose) {
            (true, _) => Vec::new(),
            (false, true) => format!("\r\n{word}\r\n").into_bytes(),
            (false, false) => format!("{digit}\r").into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use modemqtt_at::codes::CmeCode;

    use super::*;

    fn printed(cmee: u8, refusal: Refusal) -> String {
        let mut terminal = Terminal {
            cmee,
            ..Terminal::default()
        };
        terminal.refuse(refusal);
        String::from_utf8(terminal.take_output()).unwrap()
    }

    #[test]
    fn cmee_tells_how_an_error_is_named() {
        let refusal = Refusal::Cme(CmeCode::MQTT_LINK);
        assert_eq!(printed(0, refusal), "\r\nERROR\r\n");
        assert_eq!(printed(1, refusal), "\r\n+CME ERROR: 8503\r\n");
        assert_eq!(printed(2, refusal), "\r\n+CME ERROR: MQTT link error\r\n");
        assert_eq!(printed(1, Refusal::Error), "\r\nERROR\r\n");
    }

    #[test]
    fn messages_that_find_no_room_are_lost_but_results_are_not() {
        let mut terminal = Terminal::default();
        for _ in 0..100 {
            terminal.message(vec![b'x'; 1000]);
        }
        terminal.urc("+QMTSTAT: 0,1");
        terminal.flush_urcs();
        assert_eq!(terminal.take_output().len(), 65_000 + 17);
        terminal.message(vec![b'x'; 1000]);
        assert_eq!(terminal.urcs.len(), 1);
    }
}
