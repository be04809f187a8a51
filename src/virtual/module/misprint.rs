//! What the faults do to the answers of a strict module, and to their order.
//!
//! Every piece passes through here, and nothing else asks about these faults.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use modemqtt_at::Operation;
use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::Refusal;
use modemqtt_os::Moment;

use super::Module;
use super::terminal::{Cause, HELD, Payload, Piece, PieceKind, Side};
use crate::fault::Fault;

/// How long the result of `AT+QMTSUB` waits for a message that should come before it.
const SUBSCRIBED: Duration = Duration::from_millis(200);
/// "unknown error" (3GPP TS 27.005 section 3.2.5).
const UNKNOWN_MESSAGE_ERROR: u16 = 500;

/// What the module prints in one piece: a line or several, or an echo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What it comes of.
    pub cause: Cause,
    /// Where its payload stands, if it has one.
    pub payload: Option<Range<usize>>,
}

/// What is to be printed, in order, and what faults keep back.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<Print>,
    /// Whether the last piece is an echo: more echo joins it.
    echoes: bool,
    /// Whether the last line was ended, so that the next needs no line end before it.
    ended: bool,
    delayed: VecDeque<Delayed>,
    /// What comes before the next `OK`.
    stashed: VecDeque<Piece>,
    held: usize,
}

/// A result that comes later.
#[derive(Debug)]
struct Delayed {
    due: Moment,
    piece: Piece,
    /// Whether a message releases it early.
    message: bool,
}

impl Output {
    pub(super) fn next_print(&mut self) -> Option<Print> {
        self.pieces.pop_front()
    }

    pub(super) fn next_timeout(&self) -> Option<Moment> {
        self.delayed.iter().map(|delayed| delayed.due).min()
    }

    /// Forgets what is kept back.
    pub(super) fn forget(&mut self) {
        self.delayed.clear();
        self.stashed.clear();
        self.held = 0;
    }

    /// Whether it keeps something back.
    pub(super) fn keeps(&self) -> bool {
        !self.stashed.is_empty() || !self.delayed.is_empty()
    }

    fn push(
        &mut self,
        Piece {
            kind, bytes, payload, ..
        }: Piece,
    ) {
        if bytes.is_empty() {
            return;
        }
        let echo = kind == PieceKind::Echo;
        self.ended = bytes.ends_with(b"\r\n") && !echo;
        if let Some(last) = self.pieces.back_mut().filter(|_| echo && self.echoes) {
            last.bytes.extend(bytes);
        } else {
            let payload = payload.and_then(|Payload { length, behind }| {
                let end = bytes.len().checked_sub(behind)?;
                Some(end.checked_sub(length)?..end)
            });
            self.pieces.push_back(Print {
                bytes,
                cause: kind.cause(),
                payload,
            });
        }
        self.echoes = echo;
    }

    /// Keeps a piece back, or returns it as an error if too much is kept already.
    fn keep(&mut self, piece: Piece) -> Result<Piece, Piece> {
        let fits = self.held + piece.bytes.len() <= HELD;
        if !fits {
            return Err(piece);
        }
        self.held += piece.bytes.len();
        Ok(piece)
    }

    fn delay(&mut self, piece: Piece, due: Moment, message: bool) {
        match self.keep(piece) {
            Ok(piece) => self.delayed.push_back(Delayed { due, piece, message }),
            Err(piece) => self.push(piece),
        }
    }

    fn stash(&mut self, piece: Piece) {
        match self.keep(piece) {
            Ok(piece) => self.stashed.push_back(piece),
            Err(piece) => self.push(piece),
        }
    }

    fn take_stashed(&mut self) -> VecDeque<Piece> {
        let stashed = std::mem::take(&mut self.stashed);
        self.held -= stashed.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        stashed
    }

    /// Takes out the pieces whose time has come.
    fn take_due(&mut self, is_due: impl Fn(&Delayed) -> bool) -> Vec<Piece> {
        let (due, rest): (VecDeque<_>, _) = std::mem::take(&mut self.delayed).into_iter().partition(is_due);
        self.delayed = rest;
        let due: Vec<_> = due.into_iter().map(|delayed| delayed.piece).collect();
        self.held -= due.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        due
    }
}

impl Module {
    /// Prints what the strict module has printed since.
    pub(super) fn print_all(&mut self, now: Moment) {
        while let Some(piece) = self.terminal.next_piece() {
            if !piece.kind.is_unsolicited() || matches!(piece.kind, PieceKind::Result(_)) {
                self.stay_awake(now);
            }
            if piece.kind.is_unsolicited() && !self.reports_here() {
                continue;
            }
            if self.faults.has(Fault::Mute) {
                continue;
            }
            if let Some(piece) = self.pace.hold(piece, now) {
                self.print(piece, now);
            }
        }
    }

    /// Prints a piece, changed by the faults.
    pub(super) fn print(&mut self, piece: Piece, now: Moment) {
        // A piece that a fault has kept back keeps its place even if the fault has run out.
        if self.faults.any() || self.output.keeps() || piece.ok.is_some() {
            self.misprint(piece, now);
        } else {
            self.output.push(piece);
        }
    }

    /// Prints what was kept back until now.
    pub(super) fn print_delayed(&mut self, now: Moment) {
        if self.output.next_timeout().is_some_and(|due| due <= now) {
            let due = self.output.take_due(|delayed| delayed.due <= now);
            for piece in due {
                self.put_result(piece);
            }
        }
    }

    /// Releases what was kept back by a fault that is off now.
    pub(super) fn give_back(&mut self) {
        let mut kept = Vec::new();
        if !self.faults.has(Fault::LateClose) && !self.faults.has(Fault::LateStat) {
            kept.extend(self.output.take_stashed());
        }
        if !self.faults.has(Fault::ResultDelay) && !self.faults.has(Fault::MessageBeforeSuback) {
            kept.extend(self.output.take_due(|_| true));
        }
        self.terminal.requeue(kept);
    }

    fn misprint(&mut self, mut piece: Piece, now: Moment) {
        match piece.kind {
            PieceKind::Prompt | PieceKind::Connect if self.faults.strikes(Fault::LostPrompt) => return,
            PieceKind::Prompt => piece.bytes = self.prompt(piece.bytes),
            PieceKind::Error(refusal) => piece.bytes = self.error(refusal, piece.bytes),
            PieceKind::Ok => return self.misprint_ok(piece),
            PieceKind::Result(operation) => return self.misprint_result(operation, piece, now),
            PieceKind::Stat if self.faults.strikes(Fault::LateStat) => return self.output.stash(piece),
            PieceKind::Message => {
                self.put(piece);
                for waiting in self.output.take_due(|delayed| delayed.message) {
                    self.put_result(waiting);
                }
                return;
            }
            PieceKind::Connect | PieceKind::Echo | PieceKind::Information | PieceKind::Stat | PieceKind::Urc => {}
        }
        self.put(piece);
    }

    fn misprint_ok(&mut self, piece: Piece) {
        if piece.bytes.is_empty() {
            return;
        }
        for stashed in self.output.take_stashed() {
            self.put(stashed);
        }
        if self.faults.strikes(Fault::UnknownLine) {
            self.put_urc("^VIRTUAL: 7,\"?\"");
        }
        if self.faults.strikes(Fault::UrcBeforeOk) {
            let report = self.registration_report();
            self.put_urc(&report);
        }
        if !self.faults.strikes(Fault::LostOk) {
            self.put(piece);
        }
        if !self.terminal.echo && self.faults.strikes(Fault::EchoReturns) {
            self.terminal.echo = true;
        }
    }

    fn misprint_result(&mut self, operation: Operation, piece: Piece, now: Moment) {
        let silent = operation == Operation::Publish && self.faults.strikes(Fault::SilentPublish);
        if silent || self.faults.strikes(Fault::LostResult) {
            if piece.ok.is_some() {
                self.put_ok();
            }
            return;
        }
        // A result that comes with the `OK` of its own command does not wait for the next.
        if operation == Operation::Close && piece.ok.is_none() && self.faults.strikes(Fault::LateClose) {
            return self.output.stash(piece);
        }
        if let Some(delay) = self.faults.duration(Fault::ResultDelay) {
            return self.output.delay(piece, now + delay, false);
        }
        if operation == Operation::Subscribe && self.faults.strikes(Fault::MessageBeforeSuback) {
            return self.output.delay(piece, now + SUBSCRIBED, true);
        }
        self.put_result(piece);
    }

    /// Prints a result, and the `OK` that was held back for it.
    fn put_result(&mut self, piece: Piece) {
        let ok = piece.ok;
        if ok == Some(Side::Before) {
            self.put_ok();
        }
        self.put(piece);
        if ok == Some(Side::Behind) {
            self.put_ok();
        }
    }

    fn put_ok(&mut self) {
        let bytes = self.terminal.result_code("OK", "0");
        self.misprint_ok(Piece::of(PieceKind::Ok, bytes));
    }

    fn prompt(&mut self, strict: Vec<u8>) -> Vec<u8> {
        let prompts: [(Fault, &[u8]); 4] = [
            (Fault::PromptCrlf, b"\r\n>\r\n"),
            (Fault::PromptNoBlank, b"\r\n>"),
            (Fault::PromptNoCrlf, b"> "),
            (Fault::PromptBare, b">"),
        ];
        let other = prompts.into_iter().find(|(fault, _)| self.faults.strikes(*fault));
        other.map_or(strict, |(_, prompt)| prompt.to_vec())
    }

    fn error(&mut self, refusal: Refusal, strict: Vec<u8>) -> Vec<u8> {
        if let Some(code) = self.faults.code(Fault::CmsCode) {
            return self.terminal.extended(format!("+CMS ERROR: {code}"));
        }
        let code = match refusal {
            Refusal::Error => CmeCode::NOT_ALLOWED,
            Refusal::Cme(code) => code,
        };
        let others = [
            (Fault::BareError, self.terminal.result_code("ERROR", "4")),
            (Fault::CmeNumber, self.terminal.error_number(code)),
            (Fault::CmeText, self.terminal.error_words(code)),
            (
                Fault::CmsError,
                self.terminal.extended(format!("+CMS ERROR: {UNKNOWN_MESSAGE_ERROR}")),
            ),
        ];
        // A fault that makes no difference is not used up.
        let mut others = others.into_iter().filter(|(_, other)| *other != strict);
        let other = others.find(|(fault, _)| self.faults.strikes(*fault));
        other.map_or(strict, |(_, other)| other)
    }

    fn put_urc(&mut self, text: &str) {
        let bytes = self.terminal.extended(text);
        self.put(Piece::of(PieceKind::Urc, bytes));
    }

    /// Prints a piece, changed by the faults of line ends.
    fn put(&mut self, mut piece: Piece) {
        if self.faults.has(Fault::Mute) {
            return;
        }
        if piece.bytes.starts_with(b"\r\n") && !matches!(piece.kind, PieceKind::Prompt | PieceKind::Echo) {
            if self.output.ended && self.faults.strikes(Fault::SingleCrlf) {
                piece.bytes.drain(..2);
            }
            if self.faults.strikes(Fault::BlankLines) {
                piece.bytes.splice(..0, b"\r\n".repeat(6));
            }
        }
        self.output.push(piece);
    }
}
