//! The MQTT CONNECT, `AT+QMTCONN`.

use std::borrow::Cow;

use modemqtt_at::ClientIndex;
use modemqtt_at::codes::{ConnectionState, PacketResult, ReturnCode, StatCode};
use modemqtt_at::dialect::Dialect;

use super::clients::Client;
use super::known_end::KnownEnd;
use super::rules::{Effect, Loss, Meaning, Rules, failed};
use crate::call::{ClientState, Reply, Value};
use crate::error::Error;
use crate::reader::Outcome;

pub(super) struct Connect;

impl Rules for Connect {
    fn check(&self, values: &[Option<Value>]) -> Result<(), Error> {
        match values {
            [_, None, Some(_)] => Err(Error::Usage(
                "a password needs a user name (MQTT 3.1.1 section 3.1.2.9)".into(),
            )),
            _ => Ok(()),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Connects
    }

    fn passing(&self) -> Option<ClientState> {
        Some(ClientState::Connecting)
    }

    fn overtakes_publishes(&self) -> bool {
        false
    }

    fn hint(&self, client: ClientIndex, before: &ClientState) -> Cow<'static, str> {
        match before {
            ClientState::Closed => format!("; client {client} is not open; call open() first").into(),
            ClientState::Connected => format!("; client {client} is connected already").into(),
            _ => "".into(),
        }
    }

    fn begins(&self, client: &mut Client, _: Option<(&str, u16)>) {
        client.known_end.settle();
    }

    fn meaning(&self, outcome: &Outcome) -> Meaning {
        let result = PacketResult(outcome.result);
        if result == PacketResult::RETRANSMISSION {
            return Meaning::Interim(outcome.values.first().copied().unwrap_or(1));
        }
        // Old firmware omits the return code, and some of it gives the state instead of the result, as the read form
        // does; the results of a CONNECT are 0 to 2.
        let return_code = outcome.values.first().map(|code| ReturnCode(*code));
        let state = return_code.is_none() && outcome.result == ConnectionState::CONNECTED.0;
        let accepted = return_code.is_none_or(|code| code == ReturnCode::ACCEPTED);
        if state || (outcome.result == 0 && accepted) {
            return Meaning::End(Ok(Reply::Done));
        }
        let name = match return_code {
            Some(code) if outcome.result == 0 => code.name(),
            _ => result.name(),
        };
        let mut error = failed(outcome.operation, outcome.client, outcome.result, name);
        if let Error::Operation { return_code: told, .. } = &mut error {
            *told = return_code;
        }
        Meaning::End(Err(error))
    }

    fn state_after(&self, client: &Client, _: &Dialect, result: &Result<Reply, Error>) -> Option<ClientState> {
        // A connection that has ended meanwhile stays closed, whatever the result.
        client.state.is_passing().then_some(match result {
            Ok(_) => ClientState::Connected,
            Err(_) => ClientState::Open,
        })
    }

    fn ended(&self, client: &mut Client, ok: bool) {
        if ok {
            client.known_end = KnownEnd::Unknown;
        } else {
            client.known_end.refused();
        }
    }

    fn contradicts(&self, state: &ClientState) -> bool {
        matches!(state, ClientState::Closed | ClientState::Open)
    }

    fn loss(&self) -> Loss {
        Loss::EndThatTells
    }

    fn outlasts(&self, code: StatCode) -> bool {
        // Some firmware reports the end first, then the server's return code.
        code == StatCode::CONNACK_FAILED
    }

    fn says_more(&self, result: &Result<Reply, Error>) -> bool {
        matches!(
            result,
            Err(Error::Operation {
                return_code: Some(_),
                result: 0,
                ..
            })
        )
    }
}
