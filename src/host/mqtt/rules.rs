//! What the host has to know of an operation beyond its row. The file of a call says it; what that leaves out, and what has no
//! file, is as here: one command of a client that needs no connection, changes none, and has its result in a URC.

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

/// Those of an operation.
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

/// The client whose connection a call is to end.
pub(crate) fn ended_by(call: &Call) -> Option<ClientIndex> {
    match call {
        Call::CloseBehind { client } => Some(*client),
        Call::Operate { operation, client, .. } => (rules(*operation).effect() == Effect::Ends).then_some(*client),
        _ => None,
    }
}

/// An operation of which nothing more is known than its row.
struct Plain;

impl Rules for Plain {}

/// The meaning of a result.
pub(crate) enum Meaning {
    /// The packet was sent again, so many times; the final result still comes.
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

/// What the loss of a connection is to an operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: its own result is still to come.
    Nothing,
    /// Its end.
    End,
    /// Its end, and by that the program knows of the loss.
    EndThatTells,
}

/// What becomes of an operation whose command the module has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has failed, and has changed nothing.
    Failed,
    /// What it was to bring about was so already.
    NothingToDo,
    /// The module is asked where the client stands.
    Ask,
}

/// The rules of one operation.
pub(crate) trait Rules: Sync {
    /// What is wrong with its values that its row cannot say.
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

    /// Where its client stands while it is under way, if elsewhere than before.
    fn passing(&self) -> Option<ClientState> {
        None
    }

    /// Whether it waits until another of its client has ended that has that effect on the connection.
    fn waits_for(&self, _own: &dyn Own, _effect: Effect) -> bool {
        true
    }

    /// Whether it overtakes publishes of its client that find no room in the window.
    fn overtakes_publishes(&self) -> bool {
        true
    }

    /// Its command is being sent, to have the client lead to that server if it is an opening.
    fn begins(&self, _client: &mut Client, _server: Option<(&str, u16)>) {}

    /// Its command was refused, in a way that may mean that there is no connection or not.
    fn refused(&self, _client: &Client, _vague: bool) -> Refused {
        Refused::Failed
    }

    /// Whether a result that fits is that of another, which was given up.
    fn is_of_another(&self, _client: &mut Client, _outcome: &Outcome) -> bool {
        false
    }

    /// Reads the fields of its result.
    fn meaning(&self, outcome: &Outcome) -> Meaning {
        acknowledged(outcome, Reply::Done)
    }

    /// Where its client stands behind a result, if elsewhere than before.
    fn state_after(&self, _client: &Client, _dialect: &Dialect, _result: &Result<Reply, Error>) -> Option<ClientState> {
        None
    }

    /// It has ended.
    fn ended(&self, client: &mut Client, _ok: bool) {
        client.known_end.settle();
    }

    /// Whether a result other than 0 leaves in doubt where its client stands.
    fn leaves_in_doubt(&self, _result: i64) -> bool {
        false
    }

    /// Its result has not come in time.
    fn given_up(&self, _client: &mut Client, _key: OutcomeKey) {}

    /// Whether a success that no one waits for any longer contradicts that its client stands there.
    fn contradicts(&self, _state: &ClientState) -> bool {
        false
    }

    /// A success that contradicts what is known has come while something else is under way.
    fn came_late(&self, _client: &mut Client) {}

    /// What the loss of the connection is to it.
    fn loss(&self) -> Loss {
        Loss::End
    }

    /// Whether its result may still come behind that loss, and say more.
    fn outlasts(&self, _code: StatCode) -> bool {
        false
    }

    /// Whether a result that has come behind the loss says more than that.
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

/// Reads a result of which 0 is the success.
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
