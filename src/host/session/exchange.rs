//! The command in flight, and operations whose command has been accepted.
//!
//! An [`Exchange`] lasts from the command line to its final result code, or until the host stops waiting for that.
//! Three parts of its state move independently:
//!
//! | [`DataState`] | moved by |
//! |---|---|
//! | `Impossible`, `NotDue` | nothing: the command has no data, or the program gave none |
//! | `Due` | the prompt: `Invited` if a pause must follow it, else `Sent`. A final result code, a start of the module or the time limit also ends the wait |
//! | `Invited` | the end of the pause: `Sent` |
//! | `Sent` | silence after a length of 0: `Ended` |
//! | `Due`, `Invited`, `Sent`, `Ended` | the module gives up the data phase: `GivenUp` |
//!
//! | [`Seen`] | moved by |
//! |---|---|
//! | `Nothing` | the result URC: `Result`; the end of the connection: `Loss` |
//! | `Result`, `Loss` | nothing: only the final result code is missing |
//!
//! | [`crate::job::Caller`] | moved by |
//! |---|---|
//! | `Untold` | a result, an error, a lost connection, the caller's own time: `Told` |
//! | `Told` | nothing: the exchange keeps the line until the module has finished with it |
//!
//! A command with a result URC becomes a [`Waiting`] when its `OK` comes, unless the result came first.

use modemqtt_at::codes::StatCode;
use modemqtt_at::dialect::DataPhase;
use modemqtt_at::{Command, Form, general};
use modemqtt_os::Moment;

use super::Session;
use super::joined::Codes;
use super::leave::Phase;
use crate::error::Error;
use crate::job::{Data, Invitation, Job, OutcomeKey, Step, Task};
use crate::timers::Timer;

/// The possible effect of a publish whose data phase was filled up.
const PUBLISHED_DAMAGED: &str =
    "; the module may have lost some of the data, and a damaged payload may have been published";
/// The possible effect of any other command.
const STORED_DAMAGED: &str = "; the module may have lost some of the data, and taken the rest with a wrong end";

/// The most bytes that an unknown, unanswered line is assumed to have declared.
const MOST_GUESSED: usize = 2 * 1024;
/// What a line may be waiting for if it is not known to ask for data.
const ASKS_FOR_DATA: &str = "; if the line asks for data, give it as command(line, data=b\"…\")";

/// The command in flight.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) job: Job,
    pub(super) step: Step,
    pub(super) sent_at: Moment,
    /// When the module last answered before this command was sent.
    pub(super) preceded_at: Option<Moment>,
    pub(super) data: DataState,
    pub(super) codes: Codes,
    pub(super) echo_seen: bool,
    pub(super) lines: Vec<String>,
    /// The memory that the lines take up, in bytes.
    pub(super) size: usize,
    pub(super) seen: Seen,
}

/// What is known about an operation before its command's final result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// The result URC has come; a module may send it first.
    Result,
    /// The connection was lost, which ends the operation.
    Loss,
}

/// The progress of a command's data phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataState {
    /// The command has none, and `>` is not a prompt.
    Impossible,
    /// The program wrote the command itself and gave no data; a prompt would ask for some.
    NotDue,
    /// Waiting for the prompt.
    Due,
    /// The prompt has come, and the pause after it has begun.
    Invited,
    /// The data have been handed over.
    Sent,
    /// The module took a length of 0 to mean no length, and was sent Ctrl-Z.
    Ended,
    /// The module has given up the data phase; `written` if any data had been handed over.
    GivenUp { written: bool },
}

/// An operation whose command was accepted and whose result is still to come.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) key: OutcomeKey,
    pub(super) since: Moment,
    pub(super) shown: String,
    /// Its connection has ended for this reason; the server's answer may still follow.
    pub(super) lost: Option<StatCode>,
}

impl Exchange {
    /// Start of the wait for its answer. A search for the module counts from its first question.
    pub(super) fn awaited_since(&self) -> Moment {
        match self.job.task {
            Task::SetUp(_) => self.job.submitted_at,
            _ => self.sent_at,
        }
    }

    /// How the module asks for the data of the command.
    pub(super) fn invitation(&self) -> Option<Invitation> {
        self.step.data.as_ref().map(|data| data.invitation)
    }

    /// The data phase that the module may be in. An unknown line that the program wrote itself may have opened one too.
    pub(super) fn phase(&self) -> Option<Phase> {
        match &self.step.data {
            _ if matches!(self.data, DataState::GivenUp { .. }) => None,
            Some(data) => Some(Phase::of(data)),
            None if self.is_unknown() => Some(Phase::of_unknown(&self.step.line.bytes, MOST_GUESSED)),
            None => None,
        }
    }

    /// Whether the program wrote the line and its last command is in no standard, or is a publish or a setting in a
    /// form that the notes do not have.
    pub(super) fn is_unknown(&self) -> bool {
        let name = self.last_name();
        let maker = self.step.name.contains('+') && !name.starts_with('C');
        let of_the_notes = match Command::from_name(name.as_bytes()) {
            None | Some(Command::Publish | Command::PublishExact) => false,
            Some(_) => true,
        };
        self.data == DataState::NotDue && self.step.form == Form::Set && maker && !of_the_notes
    }

    /// Whether its last command opens a connection through the module.
    pub(super) fn opens_connection(&self) -> bool {
        general::opens_connection(self.last_name())
    }

    /// The name of its last command, without `+`. 3GPP names begin with C.
    fn last_name(&self) -> &str {
        self.step.name.rsplit([';', '+']).next().unwrap_or_default()
    }

    /// Whether the module has asked for data of a declared length of 0.
    pub(super) fn has_sent_nothing(&self) -> bool {
        let empty = |data: &Data| data.phase == DataPhase::Counted && data.bytes.is_empty();
        self.data == DataState::Sent && self.step.data.as_ref().is_some_and(empty)
    }

    /// What an error says about data whose missing bytes are filled in.
    pub(super) fn damage(&self) -> &'static str {
        if !matches!(self.phase(), Some(Phase::Counted(_))) || self.seen != Seen::Nothing {
            return "";
        }
        match (self.data, &self.job.task) {
            (DataState::NotDue, _) => ASKS_FOR_DATA,
            (DataState::Due | DataState::Invited | DataState::Sent, _) if self.last_name().starts_with("QMTPUB") => {
                PUBLISHED_DAMAGED
            }
            (DataState::Due | DataState::Invited | DataState::Sent, _) => STORED_DAMAGED,
            (DataState::Impossible | DataState::Ended | DataState::GivenUp { .. }, _) => "",
        }
    }

    /// The data, once handed over.
    pub(super) fn data_sent(&self) -> Option<&[u8]> {
        let data = self.step.data.as_ref().filter(|_| self.data == DataState::Sent)?;
        Some(&data.bytes)
    }
}

/// The longest answer kept for one command, in bytes of memory. The longest in any manual is the content of a file.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// The memory that a line takes up besides its text.
const LINE: usize = size_of::<String>() + 16;

impl Exchange {
    /// Keeps a line of the answer, unless the answer has become too long.
    pub(super) fn take_line(&mut self, line: String) -> bool {
        self.size += LINE + line.len();
        let fits = self.size <= LONGEST_ANSWER;
        if fits {
            self.lines.push(line);
        }
        fits
    }

    /// Whether the module may be echoing a secret just now.
    pub(super) fn may_echo_a_secret(&self) -> bool {
        !self.echo_seen && !self.step.line.secrets.is_empty()
    }
}

impl Session {
    /// Ends a call whose answer goes on and on. The module is asked another question, which ends most answers and shows
    /// when this one has ended.
    pub(super) fn answer_too_long(&mut self, now: Moment) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        self.timers.clear(Timer::Exchange);
        let error = Error::Protocol {
            expected: "an answer of at most 1 MiB",
            line: exchange.lines.pop().unwrap_or_default(),
        };
        self.end(&mut exchange.job, Err(error));
        self.release(&exchange.job, true);
        self.probe(now);
    }
}
