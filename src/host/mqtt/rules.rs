//! What the host must know about an operation beyond its row. Each call's file implements this. The defaults here,
//! which hold for an operation without a file, are those of a single command that needs no connection, changes none,
//! and reports its result in a URC.

use std::borrow::Cow;

use modemqtt_at::codes::{PacketResult, StatCode};
use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, Operation};

use super::clients::Client;
use super::own::Own;
use super::{close, connect, disconnect, open, publish, subscribe, token, unsubscribe};
use crate::call::{Call, ClientState, Reply, Value};
use crate::error::Error;
use crate::job::OutcomeKey;
use crate::reader::Outcome;

/// The rules of an operation.
pub(crate) fn rules(operation: Operation) -> &'static dyn Rules {
    match operation {
        Operation::Open => &open::Open,
        Operation::Close => &close::Close,
        Operation::Connect => &connect::Connect,
        Operation::Disconnect => &disconnect::Disconnect,
        Operation::Subscribe => &subscribe::Subscribe,
        Operation::Unsubscribe => &unsubscribe::Unsubscribe,
        Operation::Publish => &publish::Publish,
        Operation::Token => &token::Token,
        _ => &Plain,
    }
}

/// The client whose connection a call ends.
pub(crate) fn ended_by(call: &Call) -> Option<ClientIndex> {
    match call {
        Call::CloseBehind { client } => Some(*client),
        Call::Operate { operation, client, .. } => (rules(*operation).effect() == Effect::Ends).then_some(*client),
        _ => None,
    }
}

/// An operation known only by its row.
struct Plain;

impl Rules for Plain {}

/// What a result means.
pub(crate) enum Meaning {
    /// The packet was sent again this many times; the final result is still to come.
    Interim(i64),
    /// The end.
    End(Result<Reply, Error>),
}

/// What an operation does to the connection of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// It opens the network connection.
    Opens,
    /// It connects to the server.
    Connects,
    /// It ends one of the two.
    Ends,
}

/// What the loss of a connection means to an operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: its own result is still to come.
    Nothing,
    /// The operation ends.
    End,
    /// The operation ends, and so tells the program of the loss.
    EndThatTells,
}

/// What a refused command means to its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has failed, and has changed nothing.
    Failed,
    /// What it was to achieve was already so.
    NothingToDo,
    /// The module is asked for the state of the client.
    Ask,
}

/// The rules of one operation.
pub(crate) trait Rules: Sync {
    /// Checks its values beyond what its row can check.
    fn check(&self, _values: &[Option<Value>]) -> Result<(), Error> {
        Ok(())
    }

    /// What it does to the connection of its client.
    fn effect(&self) -> Effect {
        Effect::None
    }

    /// Whether it needs a connection to the server.
    fn needs_connection(&self) -> bool {
        false
    }

    /// The state of its client while it is under way, if it changes it.
    fn passing(&self) -> Option<ClientState> {
        None
    }

    /// Whether it waits for another operation of its client, with this effect on the connection, to end.
    fn waits_for(&self, _own: &dyn Own, _effect: Effect) -> bool {
        true
    }

    /// Whether it may overtake publishes of its client that find no room in the window.
    fn overtakes_publishes(&self) -> bool {
        true
    }

    /// Its command is being sent; an opening leads the client to this server.
    fn begins(&self, _client: &mut Client, _server: Option<(&str, u16)>) {}

    /// Its command was refused; `vague` if that may or may not mean that there is no connection.
    fn refused(&self, _client: &Client, _vague: bool) -> Refused {
        Refused::Failed
    }

    /// What a refusal of its command comes from, where the client was in this state before; may be empty.
    fn hint(&self, _client: ClientIndex, _before: &ClientState) -> Cow<'static, str> {
        "".into()
    }

    /// Whether a matching result belongs to an earlier operation that was given up.
    fn is_of_another(&self, _client: &mut Client, _outcome: &Outcome) -> bool {
        false
    }

    /// Reads the fields of its result.
    fn meaning(&self, outcome: &Outcome) -> Meaning {
        acknowledged(outcome, Reply::Done)
    }

    /// The state of its client after a result, if it changes it.
    fn state_after(&self, _client: &Client, _dialect: &Dialect, _result: &Result<Reply, Error>) -> Option<ClientState> {
        None
    }

    /// Called when it has ended.
    fn ended(&self, client: &mut Client, _ok: bool) {
        client.known_end.settle();
    }

    /// Whether a result other than 0 leaves the state of its client in doubt.
    fn leaves_in_doubt(&self, _result: i64) -> bool {
        false
    }

    /// Its result did not come in time.
    fn given_up(&self, _client: &mut Client, _key: OutcomeKey) {}

    /// Whether a success that nobody waits for any more contradicts this state of its client.
    fn contradicts(&self, _state: &ClientState) -> bool {
        false
    }

    /// A success that contradicts the known state came while another operation is under way.
    fn came_late(&self, _client: &mut Client) {}

    /// What the loss of the connection means to it.
    fn loss(&self) -> Loss {
        Loss::End
    }

    /// Whether its result may still come after this loss, and say more.
    fn outlasts(&self, _code: StatCode) -> bool {
        false
    }

    /// Whether a result that came after the loss says more than the loss did.
    fn says_more(&self, _result: &Result<Reply, Error>) -> bool {
        false
    }
}

/// Reads the result of a packet that the server acknowledges.
pub(super) fn acknowledged(outcome: &Outcome, reply: Reply) -> Meaning {
    let result = PacketResult(outcome.result);
    if result == PacketResult::RETRANSMISSION {
        return Meaning::Interim(outcome.values.first().copied().unwrap_or(1));
    }
    ended(outcome, reply, result.name())
}

/// Reads a result where 0 means success.
pub(super) fn ended(outcome: &Outcome, reply: Reply, name: Option<&'static str>) -> Meaning {
    Meaning::End(match outcome.result {
        0 => Ok(reply),
        _ => Err(failed(outcome.operation, outcome.client, outcome.result, name)),
    })
}

/// The error of a result.
pub(super) fn failed(operation: Operation, client: ClientIndex, result: i64, name: Option<&'static str>) -> Error {
    Error::Operation {
        operation,
        client,
        server: None,
        result,
        name,
        return_code: None,
    }
}
