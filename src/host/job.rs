//! A call under way: its remaining steps, and what it is about.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use modemqtt_at::dialect::{DataPhase, Wait};
use modemqtt_at::{ClientIndex, Form, MessageId, Operation, SettingKey};
use modemqtt_os::Moment;

use crate::call::{Call, Ticket};
use crate::error::Error;
use crate::mqtt::{Change, Own};
use crate::writer::CommandLine;

/// The ticket of the session's own calls, whose end nobody is told.
pub(crate) const INTERNAL: Ticket = Ticket(0);

/// The empty command line, which any module answers `OK` (V.250 section 5.2.1).
pub(crate) const SYNC: &str = "AT";
/// The same for a module that another program has set to answer in digits or not at all (V.250, 6.2.5 and 6.2.6).
pub(crate) const SYNC_IN_WORDS: &str = "ATQ0V1";
/// A question whose answer cannot be mistaken for a late answer to another command (3GPP TS 27.007 section 9.1).
pub(crate) const PROBE: &str = "AT+CMEE?";

/// A call under way.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) task: Task,
    pub(crate) steps: VecDeque<Step>,
    /// The program's call, if its steps depend on settings that may change before its turn.
    pub(crate) call: Option<Call>,
    pub(crate) submitted_at: Moment,
    pub(crate) caller: Caller,
}

/// Whether the caller has been told how the job ended, which happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Not yet.
    Untold,
    /// Told of a result, of an error, or that its own time was up. The job only holds its place until the module has
    /// finished with it.
    Told,
}

impl Job {
    /// A job of the session's own.
    pub(crate) fn internal(task: Task, steps: impl Into<VecDeque<Step>>, now: Moment) -> Self {
        Self {
            ticket: INTERNAL,
            task,
            steps: steps.into(),
            call: None,
            submitted_at: now,
            caller: Caller::Untold,
        }
    }

    /// Whether the caller has been told how the job ended.
    pub(crate) fn is_told(&self) -> bool {
        self.caller == Caller::Told
    }

    /// Whether a remaining step starts this operation.
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
    /// Find out whether the module answers again after an unanswered command.
    Probe(Sync),
    /// Ask for the state of a client.
    Ask {
        client: ClientIndex,
        doubt: Doubt,
        /// What the module has said so far; `None` until it has answered a question.
        told: Option<Vec<String>>,
    },
    /// Ask which messages the module's buffers hold.
    Unread,
    /// Fetch one message from the module's buffer.
    Drain {
        client: ClientIndex,
        slot: u8,
        /// How many requests have failed.
        tries: u8,
        /// The message has been printed, and its slot may hold another by now.
        printed: bool,
    },
    /// A call from the program.
    Call(About, Box<dyn Own>),
}

/// What a call is about, which decides what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The module, or a client whose other calls need not keep their order with this one.
    Module,
    /// The settings of a client.
    Client(ClientIndex),
    /// An operation whose result is a URC.
    Operation(OutcomeKey),
}

impl Task {
    /// An operation, with the data particular to this call.
    pub(crate) fn of(key: OutcomeKey, own: impl Own + 'static) -> Self {
        Self::Call(About::Operation(key), Box::new(own))
    }

    /// The data particular to the call.
    pub(crate) fn own(&self) -> Option<&dyn Own> {
        match self {
            Self::Call(_, own) => Some(&**own),
            _ => None,
        }
    }

    /// The same, mutable.
    pub(crate) fn own_mut(&mut self) -> Option<&mut dyn Own> {
        match self {
            Self::Call(_, own) => Some(&mut **own),
            _ => None,
        }
    }

    /// The operation, its client and its message id.
    pub(crate) fn key(&self) -> Option<OutcomeKey> {
        match self {
            Self::Call(About::Operation(key), _) => Some(*key),
            _ => None,
        }
    }

    /// The operation.
    pub(crate) fn operation(&self) -> Option<Operation> {
        self.key().map(|key| key.operation)
    }

    /// The client whose other calls keep their order with this one.
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

    /// Whether the program wrote the line itself.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.own().is_some_and(Own::is_verbatim)
    }

    /// Whether it records what the program wants.
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
    /// The module refused a command that needs a connection; `denied` if the refusal itself says that there is none.
    Connection { denied: bool },
    /// The module refused, with this error, a command that needs a connection, on a client not known to have one.
    Refused { error: Error },
    /// A PINGREQ failed, and no report of the loss followed.
    Ping,
    /// An operation ended without reporting its outcome; `ending` if it was to end the connection.
    Outcome { ending: bool },
    /// The module would not close the client; `nothing_left` if that may mean that nothing was left to close.
    Close { error: Error, nothing_left: bool },
}

/// Progress of a question that is repeated until the module answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sync {
    /// How many errors have answered it.
    pub(crate) refusals: u8,
    /// How many copies besides the last are still unanswered.
    pub(crate) unanswered: u8,
    /// The first answer has come.
    pub(crate) answered: bool,
    /// How many final result codes have come without the question's own line; each may be a late answer to something
    /// else.
    pub(crate) bare: u8,
    /// How many times the module has started since.
    pub(crate) restarts: u8,
}

/// One command of a job.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: CommandLine,
    /// The same command with the key's other spelling, if the note has two.
    pub(crate) other: Option<CommandLine>,
    pub(crate) form: Form,
    /// The names whose lines answer it, with the prefix; empty for a basic command.
    pub(crate) name: String,
    /// The key of `AT+QMTCFG` that the command concerns.
    pub(crate) setting: Option<SettingKey>,
    pub(crate) data: Option<Data>,
    pub(crate) goal: Goal,
    /// Time limit for the final result code.
    pub(crate) final_wait: Duration,
    /// The settings in force once the module has accepted the command.
    pub(crate) change: Option<Change>,
}

impl Step {
    /// Whether it only asks whether a module is there.
    pub(crate) fn is_sync(&self) -> bool {
        [SYNC, SYNC_IN_WORDS]
            .iter()
            .any(|line| self.line.bytes == line.as_bytes())
    }

    /// Whether no other command has the same answer.
    pub(crate) fn is_probe(&self) -> bool {
        self.line.bytes == PROBE.as_bytes()
    }
}

/// The data to send when the module asks for them.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) phase: DataPhase,
    pub(crate) invitation: Invitation,
    /// The name of the credential, which no trace shows; `None` for a payload.
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

/// Leaves the bytes out, since they may be a key.
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
    /// Either: the program wrote the command itself.
    Any,
}

/// What the module was given to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its file name; `None` if it has none.
    pub(crate) name: Option<String>,
    pub(crate) size: usize,
    pub(crate) checksum: u16,
    /// Distinguishes contents that agree in the other two.
    pub(crate) digest: u64,
}

/// What ends a step.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// Any final result code, or none in time.
    AnyFinal,
    /// Any final result code.
    Whatever,
    /// `OK` and the size and checksum of what was sent, or only its size.
    Stored(Stored),
    /// Any final result code; if a line before it has the checksum of the file, the two steps that would replace the
    /// file are skipped.
    Present(Stored),
    /// `OK`.
    Final,
    /// `OK`, and the lines before it.
    Lines,
    /// `OK` and the lines before it, which are the values of this setting.
    Values(SettingKey),
    /// `OK`, then the result URC.
    Outcome { key: OutcomeKey, wait: Wait },
}

/// Identifies the operation that a result URC belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutcomeKey {
    pub(crate) operation: Operation,
    pub(crate) client: ClientIndex,
    pub(crate) message_id: Option<MessageId>,
}
