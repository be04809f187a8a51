//! The end of the network connection, `AT+QMTCLOSE`.

use modemqtt_at::codes::CloseResult;
use modemqtt_at::dialect::Dialect;

use super::clients::Client;
use super::own::Own;
use super::rules::{Effect, Loss, Meaning, Refused, Rules, ended};
use crate::call::{ClientState, Reply};
use crate::error::Error;
use crate::reader::Outcome;

pub(super) struct Close;

/// A close after an opening that nobody waits for any more.
#[derive(Debug)]
pub(super) struct Behind;

impl Own for Behind {
    fn is_behind(&self) -> bool {
        true
    }
}

impl Rules for Close {
    fn effect(&self) -> Effect {
        Effect::Ends
    }

    fn passing(&self) -> Option<ClientState> {
        Some(ClientState::Closing)
    }

    /// A close may be sent at any stage of connecting, unless it follows an opening that nobody waits for.
    fn waits_for(&self, own: &dyn Own, effect: Effect) -> bool {
        effect == Effect::Opens && own.is_behind()
    }

    /// If nothing was left to close, the close has succeeded; otherwise only the module knows.
    fn refused(&self, client: &Client, vague: bool) -> Refused {
        if vague && client.before == ClientState::Closed {
            Refused::NothingToDo
        } else {
            Refused::Ask
        }
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        ended(outcome, Reply::Done, CloseResult(outcome.result).name())
    }

    fn state_after(&self, client: &Client, _: &Dialect, result: &Result<Reply, Error>) -> Option<ClientState> {
        match result {
            Ok(_) => Some(ClientState::Closed),
            // A connection that has ended meanwhile is closed.
            Err(_) => client.state.is_passing().then(|| client.before.clone()),
        }
    }

    fn leaves_in_doubt(&self, _: i64) -> bool {
        true
    }

    fn contradicts(&self, state: &ClientState) -> bool {
        matches!(state, ClientState::Open | ClientState::Connected)
    }

    fn came_late(&self, client: &mut Client) {
        // The operation now under way began on a closed connection.
        client.before = ClientState::Closed;
    }

    fn loss(&self) -> Loss {
        Loss::Nothing
    }
}
