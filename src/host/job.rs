//! One call on its way: the steps that remain, and what it is about.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use modemqtt_at::dialect::{DataPhase, Wait};
use modemqtt_at::{ClientIndex, Form, MessageId, Operation, SettingKey};

use crate::call::{Call, Ticket};
use crate::error::Error;
use crate::mqtt::{Change, Own};
use crate::writer::CommandLine;

/// Calls of the session's own have this ticket; no one is told of them.
pub(crate) const INTERNAL: Ticket = Ticket(0);

/// The empty command line, which any module answers `OK` (V.250 section 5.2.1).
pub(crate) const SYNC: &str = "AT";
/// The same of a module that another program has told to answer in digits or not at all (V.250, 6.2.5 and 6.2.6).
pub(crate) const SYNC_IN_WORDS: &str = "ATQ0V1";
/// A question whose answer cannot be mistaken for the late answer to another command (3GPP TS 27.007 section 9.1).
pub(crate) const PROBE: &str = "AT+CMEE?";

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) task: Task,
    pub(crate) steps: VecDeque<Step>,
    /// What the program has asked for, where the steps follow from settings that may change before it is its turn.
    pub(crate) call: Option<Call>,
    pub(crate) submitted_at: Instant,
    pub(crate) caller: Caller,
}

/// Whether the caller of a job has been told its end, which happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Not yet.
    Untold,
    /// It has been, by a result, an error or its own time. The job only keeps its place until the module is done with it.
    Told,
}

impl Job {
    /// One of the session's own.
    pub(crate) fn internal(task: Task, steps: impl Into<VecDeque<Step>>, now: Instant) -> Self {
        Self {
            ticket: INTERNAL,
            task,
            steps: steps.into(),
            call: None,
            submitted_at: now,
            caller: Caller::Untold,
        }
    }

    /// Whether its caller has been told the end.
    pub(crate) fn is_told(&self) -> bool {
        self.caller == Caller::Told
    }

    /// Whether one of the steps ahead starts that operation.
    pub(crate) fn leads_to(&self, operation: OutcomeKey) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(&step.goal, Goal::Outcome { key, .. } if *key == operation))
    }
}

/// What a job is about.
#[derive(Debug)]
pub(crate) enum Task {
    /// Bring the module to a known state.
    SetUp(Sync),
    /// See whether the module answers again after a command that was not answered.
    Probe(Sync),
    /// Ask where a client stands.
    Ask {
        client: ClientIndex,
        doubt: Doubt,
        /// What the module has said so far; `None` while it has answered no question.
        told: Option<Vec<String>>,
    },
    /// What is in the module's buffers.
    Unread,
    /// One message out of the module's buffer.
    Drain {
        client: ClientIndex,
        slot: u8,
        /// How often it was asked for in vain.
        tries: u8,
        /// Its message was printed, and its place may hold another by now.
        printed: bool,
    },
    /// A call of the program's.
    Call(About, Box<dyn Own>),
}

/// What a call is about, which decides what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The module, or a client whose other calls need not keep their order with it.
    Module,
    /// The settings of a client.
    Client(ClientIndex),
    /// What has its result in a URC.
    Operation(OutcomeKey),
}

impl Task {
    /// An operation, and what that call of it has of its own.
    pub(crate) fn of(key: OutcomeKey, own: impl Own + 'static) -> Self {
        Self::Call(About::Operation(key), Box::new(own))
    }

    /// What the call has of its own.
    pub(crate) fn own(&self) -> Option<&dyn Own> {
        match self {
            Self::Call(_, own) => Some(&**own),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn own_mut(&mut self) -> Option<&mut dyn Own> {
        match self {
            Self::Call(_, own) => Some(&mut **own),
            _ => None,
        }
    }

    /// The operation that it is, whose, and by which message id.
    pub(crate) fn key(&self) -> Option<OutcomeKey> {
        match self {
            Self::Call(About::Operation(key), _) => Some(*key),
            _ => None,
        }
    }

    /// The operation that it is.
    pub(crate) fn operation(&self) -> Option<Operation> {
        self.key().map(|key| key.operation)
    }

    /// The client whose calls keep their order with it.
    pub(crate) fn client(&self) -> Option<ClientIndex> {
        match self {
            Self::Call(About::Client(client), _) => Some(*client),
            Self::Call(About::Operation(key), _) if key.operation.has_client() => Some(key.client),
            _ => None,
        }
    }

    pub(crate) fn message_id(&self) -> Option<MessageId> {
        self.key()?.message_id
    }

    /// Whether its line is the program's own.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.own().is_some_and(Own::is_verbatim)
    }

    /// Whether it sets what the program wants.
    pub(crate) fn configures(&self) -> bool {
        self.own().is_some_and(Own::configures)
    }

    pub(crate) fn is_publish(&self) -> bool {
        self.operation() == Some(Operation::Publish)
    }
}

/// Why a client's state is in doubt.
#[derive(Clone, Debug)]
pub(crate) enum Doubt {
    /// The module has refused what needs a connection; whether the refusal itself says that there is none.
    Connection { denied: bool },
    /// The module has refused, with that error, what needs a connection, on a client that is not known to have one.
    Refused { error: Error },
    /// A PINGREQ has failed, and no report of the loss has followed.
    Ping,
    /// An operation has ended without a word of what it has come to; whether it was to end the connection.
    Outcome { ending: bool },
    /// The module would not close the client; whether that may mean that nothing was left to close.
    Close { error: Error, nothing_left: bool },
}

/// Where a question stands that is asked again until the module answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sync {
    /// How often an error has answered it.
    pub(crate) refusals: u8,
    /// How many copies have had no answer yet, besides the last.
    pub(crate) unanswered: u8,
    /// The first answer has come.
    pub(crate) answered: bool,
    /// How many final result codes have come without its line, each of which may be the late answer to something else.
    pub(crate) bare: u8,
    /// How often the module has started since.
    pub(crate) restarts: u8,
}

/// One command of a job.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: CommandLine,
    /// The same with the other spelling of its key, of which there may be two.
    pub(crate) other: Option<CommandLine>,
    pub(crate) form: Form,
    /// The names whose lines answer it, with the prefix; none for a basic command.
    pub(crate) name: String,
    /// The key of `AT+QMTCFG` that it is about.
    pub(crate) setting: Option<SettingKey>,
    pub(crate) data: Option<Data>,
    pub(crate) goal: Goal,
    /// How long the final result code may take.
    pub(crate) final_wait: Duration,
    /// The settings that are in force once the module has accepted it.
    pub(crate) change: Option<Change>,
}

impl Step {
    /// Whether it asks no more than whether anyone is there.
    pub(crate) fn is_sync(&self) -> bool {
        [SYNC, SYNC_IN_WORDS]
            .iter()
            .any(|line| self.line.bytes == line.as_bytes())
    }

    /// Whether it asks what only it is the answer to.
    pub(crate) fn is_probe(&self) -> bool {
        self.line.bytes == PROBE.as_bytes()
    }
}

/// What is handed over when the module asks for it.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) phase: DataPhase,
    pub(crate) invitation: Invitation,
    /// The name of the credential that it is; then no trace shows it. Otherwise it is a payload.
    pub(crate) upload: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
}

impl Data {
    /// The payload of a publish or of a will.
    pub(crate) fn payload(phase: DataPhase, bytes: Vec<u8>) -> Self {
        Self {
            phase,
            invitation: Invitation::Prompt,
            upload: None,
            bytes,
        }
    }
}

/// Not what it holds: that may be a key.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} bytes", self.phase, self.bytes.len())
    }
}

/// How the module asks for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invitation {
    /// `>`
    Prompt,
    /// The line `CONNECT`.
    Connect,
    /// Either: the command is the program's own.
    Any,
}

/// What the module has been given to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its file; `None` for what has none.
    pub(crate) name: Option<String>,
    pub(crate) size: usize,
    pub(crate) checksum: u16,
    /// What tells it apart from others that have the same two.
    pub(crate) digest: u64,
}

/// What ends a step.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// The final result code, whichever it is, or none in time.
    AnyFinal,
    /// A final result code, whichever it is.
    Whatever,
    /// `OK` and the size and checksum of what was handed over, or its size.
    Stored(Stored),
    /// Whichever final result code; where a line before it has the checksum of the file, the two steps that would replace
    /// it are left out.
    Present(Stored),
    /// `OK`.
    Final,
    /// `OK`, and the lines before it.
    Lines,
    /// `OK` and the lines before it, the values of that setting.
    Values(SettingKey),
    /// `OK`, then the result URC.
    Outcome { key: OutcomeKey, wait: Wait },
}

/// Names the operation that a result URC is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutcomeKey {
    pub(crate) operation: Operation,
    pub(crate) client: ClientIndex,
    pub(crate) message_id: Option<MessageId>,
}
