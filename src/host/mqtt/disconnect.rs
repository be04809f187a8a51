//! The MQTT DISCONNECT, `AT+QMTDISC`.

use modemqtt_at::codes::CloseResult;
use modemqtt_at::dialect::Dialect;

use super::clients::Client;
use super::known_end::KnownEnd;
use super::own::Own;
use super::rules::{Effect, Loss, Meaning, Rules, ended};
use crate::call::{ClientState, Reply};
use crate::error::Error;
use crate::reader::Outcome;

pub(super) struct Disconnect;

impl Rules for Disconnect {
    fn effect(&self) -> Effect {
        Effect::Ends
    }

    fn passing(&self) -> Option<ClientState> {
        Some(ClientState::Disconnecting)
    }

    /// A DISCONNECT may be sent at any stage of connecting.
    fn waits_for(&self, _: &dyn Own, effect: Effect) -> bool {
        effect == Effect::Ends
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        ended(outcome, Reply::Done, CloseResult(outcome.result).name())
    }

    fn state_after(&self, client: &Client, dialect: &Dialect, result: &Result<Reply, Error>) -> Option<ClientState> {
        // A connection that has ended meanwhile stays closed, whatever the result.
        client.state.is_passing().then(|| match result {
            Ok(_) if dialect.disconnect_closes => ClientState::Closed,
            Ok(_) => ClientState::Open,
            Err(_) => client.before.clone(),
        })
    }

    fn ended(&self, client: &mut Client, ok: bool) {
        if ok {
            client.known_end = KnownEnd::Left;
        } else {
            client.known_end.settle();
        }
    }

    fn leaves_in_doubt(&self, _: i64) -> bool {
        true
    }

    fn contradicts(&self, state: &ClientState) -> bool {
        *state == ClientState::Connected
    }

    fn loss(&self) -> Loss {
        Loss::Nothing
    }
}
