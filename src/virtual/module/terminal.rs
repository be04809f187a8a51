//! What the module prints: echo, information responses, result codes (V.250 section 5.7).

use std::collections::VecDeque;

use modemqtt_at::Operation;
use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{Dialect, Refusal};

/// How many bytes may wait for the end of a data phase; further messages are lost. A real module keeps fewer.
pub(super) const HELD: usize = 64 * 1024;

/// The printing end of the serial line, and the settings about it.
#[derive(Debug)]
pub(super) struct Terminal {
    dialect: &'static Dialect,
    pub(super) echo: bool,
    /// `+CMEE`: 0 `ERROR` only, 1 numbers, 2 words (3GPP TS 27.007 section 9.1).
    pub(super) cmee: u8,
    pub(super) codes: ResultCodes,
    output: VecDeque<Piece>,
    urcs: VecDeque<Piece>,
    held: usize,
}

/// How result codes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResultCodes {
    /// `V`: words or digits (V.250 section 6.2.6).
    pub(super) verbose: bool,
    /// `Q`: none at all (V.250 section 6.2.5).
    pub(super) quiet: bool,
}

/// The settings that `AT&W` stores.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredSettings {
    pub(super) echo: bool,
    pub(super) codes: ResultCodes,
}

/// One piece of what a strict module prints, and its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    pub(super) bytes: Vec<u8>,
    /// On which side of it the `OK` of its command stands, if that was held back for it.
    pub(super) ok: Option<Side>,
    /// Its payload.
    pub(super) payload: Option<Payload>,
}

/// The place of a message's payload, counted from the end, since faults change what precedes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) length: usize,
    /// How many bytes follow it.
    pub(super) behind: usize,
}

impl Payload {
    const fn before(self, more: usize) -> Self {
        Self {
            behind: self.behind + more,
            ..self
        }
    }
}

impl Piece {
    pub(super) const fn of(kind: PieceKind, bytes: Vec<u8>) -> Self {
        Self {
            kind,
            bytes,
            ok: None,
            payload: None,
        }
    }
}

/// On which side of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    Behind,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// No line.
    Echo,
    /// What asks for data.
    Prompt,
    /// What asks for the content of a file.
    Connect,
    /// An information response, or boot text.
    Information,
    /// The final result code of success.
    Ok,
    /// That of failure.
    Error(Refusal),
    /// A result URC, and what it reports on.
    Result(Operation),
    /// `+QMTSTAT`.
    Stat,
    /// A received message.
    Message,
    /// Any other unsolicited line.
    Urc,
}

/// What a piece comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A command, which it answers.
    Command,
    /// What a connection to a broker has brought, or its end.
    Connection,
    /// Nothing that a host or a broker has done.
    Nothing,
}

impl PieceKind {
    /// What it comes of.
    pub(super) const fn cause(self) -> Cause {
        match self {
            Self::Result(_) | Self::Stat | Self::Message => Cause::Connection,
            Self::Urc => Cause::Nothing,
            Self::Echo | Self::Prompt | Self::Connect | Self::Information | Self::Ok | Self::Error(_) => Cause::Command,
        }
    }

    /// Whether no command has asked for it.
    pub(super) fn is_unsolicited(self) -> bool {
        self.cause() != Cause::Command
    }
}

impl Terminal {
    /// The state after a start.
    pub(super) const fn new(dialect: &'static Dialect) -> Self {
        Self {
            dialect,
            echo: dialect.echo,
            cmee: dialect.error_level,
            codes: ResultCodes {
                verbose: true,
                quiet: false,
            },
            output: VecDeque::new(),
            urcs: VecDeque::new(),
            held: 0,
        }
    }

    /// Resets the settings to those after a start (V.250 sections 6.1.1 and 6.1.2).
    pub(super) fn reset(&mut self) {
        let Self { echo, cmee, codes, .. } = Self::new(self.dialect);
        (self.echo, self.cmee, self.codes) = (echo, cmee, codes);
    }

    /// The settings that `AT&W` stores.
    pub(super) const fn settings(&self) -> StoredSettings {
        StoredSettings {
            echo: self.echo,
            codes: self.codes,
        }
    }

    /// Restores what was stored.
    pub(super) const fn restore(&mut self, stored: StoredSettings) {
        (self.echo, self.codes) = (stored.echo, stored.codes);
    }

    /// The next piece to print.
    pub(super) fn next_piece(&mut self) -> Option<Piece> {
        self.output.pop_front()
    }

    /// Asks for data.
    pub(super) fn prompt(&mut self) {
        self.push(PieceKind::Prompt, b"\r\n> ".to_vec());
    }

    /// Asks for the content of a file.
    pub(super) fn connect(&mut self) {
        let code = self.result_code("CONNECT", "1");
        self.push(PieceKind::Connect, code);
    }

    /// Echoes a character of a command line, if echo is on.
    pub(super) fn echo(&mut self, byte: u8) {
        if self.echo {
            self.echo_data(byte);
        }
    }

    /// Echoes a byte.
    pub(super) fn echo_data(&mut self, byte: u8) {
        match self.output.back_mut().filter(|piece| piece.kind == PieceKind::Echo) {
            Some(last) => last.bytes.push(byte),
            None => self.push(PieceKind::Echo, vec![byte]),
        }
    }

    /// An information response of one line or of several (V.250 section 5.7.1).
    pub(super) fn information(&mut self, lines: &[impl AsRef<[u8]>]) {
        let mut bytes = Vec::new();
        if self.codes.verbose {
            bytes.extend_from_slice(b"\r\n");
        }
        for line in lines {
            bytes.extend_from_slice(line.as_ref());
            bytes.extend_from_slice(b"\r\n");
        }
        self.push(PieceKind::Information, bytes);
    }

    /// A message that the host has asked for.
    pub(super) fn message_read(&mut self, line: &[u8], payload: Payload) {
        self.information(&[line]);
        if let Some(piece) = self.output.back_mut() {
            piece.payload = Some(payload.before(b"\r\n".len()));
        }
    }

    /// Exactly these bytes: what a boot ROM prints, or a script.
    pub(super) fn verbatim(&mut self, text: &[u8]) {
        self.push(PieceKind::Information, text.to_vec());
    }

    pub(super) fn ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.push(PieceKind::Ok, code);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let code = match (refusal, self.cmee) {
            (Refusal::Cme(code), 1) => self.error_number(code),
            (Refusal::Cme(code), 2) => self.error_words(code),
            _ => self.result_code("ERROR", "4"),
        };
        self.push(PieceKind::Error(refusal), code);
    }

    /// `+CME ERROR` with words, if the family has any.
    pub(super) fn error_words(&self, code: CmeCode) -> Vec<u8> {
        match self.dialect.error_name(code) {
            Some(name) => self.extended(format!("+CME ERROR: {name}")),
            None => self.error_number(code),
        }
    }

    /// Queues an unsolicited line.
    pub(super) fn urc(&mut self, kind: PieceKind, text: &(impl AsRef<[u8]> + ?Sized)) {
        let bytes = self.extended(text);
        self.queue(kind, bytes);
    }

    /// Queues a result, with the `OK` of its command.
    pub(super) fn result(&mut self, operation: Operation, text: &str, ok: Option<Side>) {
        let bytes = self.extended(text);
        self.enqueue(Piece {
            kind: PieceKind::Result(operation),
            bytes,
            ok,
            payload: None,
        });
    }

    /// Prints an unsolicited line after everything that was printed.
    pub(super) fn urc_now(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        self.flush_urcs();
        let bytes = self.extended(text);
        self.push(PieceKind::Urc, bytes);
    }

    /// Queues a received message. Returns `false` if too much waits already: then it is lost.
    pub(super) fn message(&mut self, text: &[u8], payload: Payload) -> bool {
        let fits = self.held + text.len() <= HELD;
        if fits {
            let bytes = self.extended(text);
            let end = if self.codes.verbose { "\r\n".len() } else { "\r".len() };
            self.enqueue(Piece {
                kind: PieceKind::Message,
                bytes,
                ok: None,
                payload: Some(payload.before(end)),
            });
        }
        fits
    }

    /// Queues `OK` after the unsolicited lines.
    pub(super) fn late_ok(&mut self) {
        let code = self.result_code("OK", "0");
        self.queue(PieceKind::Ok, code);
    }

    /// Queues what was printed, before the lines that wait.
    pub(super) fn requeue(&mut self, pieces: Vec<Piece>) {
        let later = std::mem::take(&mut self.urcs);
        self.held = 0;
        for piece in pieces.into_iter().chain(later) {
            self.enqueue(piece);
        }
    }

    pub(super) fn flush_urcs(&mut self) {
        self.output.append(&mut self.urcs);
        self.held = 0;
    }

    fn queue(&mut self, kind: PieceKind, bytes: Vec<u8>) {
        self.enqueue(Piece::of(kind, bytes));
    }

    fn enqueue(&mut self, piece: Piece) {
        self.held += piece.bytes.len();
        self.urcs.push_back(piece);
    }

    fn push(&mut self, kind: PieceKind, bytes: Vec<u8>) {
        self.output.push_back(Piece::of(kind, bytes));
    }

    /// `+CME ERROR` with a number.
    pub(super) fn error_number(&self, code: CmeCode) -> Vec<u8> {
        self.extended(format!("+CME ERROR: {}", code.0))
    }

    /// A result code of the extended syntax, unsolicited ones included: it never comes as digits, but `V` decides what surrounds it,
    /// and `Q` whether it comes (V.250 sections 5.7.3, 6.2.5 and 6.2.6).
    pub(super) fn extended(&self, text: impl AsRef<[u8]>) -> Vec<u8> {
        match (self.codes.quiet, self.codes.verbose) {
            (true, _) => Vec::new(),
            (false, true) => framed(text.as_ref()),
            (false, false) => [text.as_ref(), b"\r"].concat(),
        }
    }

    pub(super) fn result_code(&self, word: &str, digit: &str) -> Vec<u8> {
        match (self.codes.quiet, self.codes.verbose) {
            (true, _) => Vec::new(),
            (false, true) => format!("\r\n{word}\r\n").into_bytes(),
            (false, false) => format!("{digit}\r").into_bytes(),
        }
    }
}

/// A line by itself.
pub(super) fn framed(text: &[u8]) -> Vec<u8> {
    [b"\r\n", text, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
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
        String::from_utf8(printed_by(&mut terminal)).unwrap()
    }

    fn printed_by(terminal: &mut Terminal) -> Vec<u8> {
        let pieces = std::iter::from_fn(|| terminal.next_piece());
        pieces.flat_map(|piece| piece.bytes).collect()
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
                codes: ResultCodes {
                    verbose: false,
                    quiet: true,
                },
                ..terminal(model)
            };
            terminal.reset();
            assert_eq!((terminal.echo, terminal.cmee), settings, "{model}");
            assert!(terminal.codes.verbose && !terminal.codes.quiet);
        }
    }

    #[test]
    fn every_line_is_a_piece_of_its_own_and_an_echo_is_one_in_front_of_it() {
        let mut terminal = terminal("M95");
        terminal.echo = true;
        b"AT\r".iter().for_each(|byte| terminal.echo(*byte));
        terminal.information(&["+A: 1", "+A: 2"]);
        terminal.urc(PieceKind::Stat, "+QMTSTAT: 0,1");
        terminal.late_ok();
        terminal.ok();
        terminal.flush_urcs();
        let pieces: Vec<_> = std::iter::from_fn(|| terminal.next_piece())
            .map(|Piece { bytes, kind, .. }| (String::from_utf8(bytes).unwrap(), kind.is_unsolicited()))
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
        let payload = Payload { length: 900, behind: 0 };
        let kept = (0..100).filter(|_| terminal.message(&[b'x'; 996], payload)).count();
        assert_eq!(kept, 65);
        terminal.urc(PieceKind::Stat, "+QMTSTAT: 0,1");
        terminal.flush_urcs();
        assert_eq!(printed_by(&mut terminal).len(), 65_000 + 17);
        assert!(terminal.message(&[b'x'; 996], payload));
    }
}
