//! What the fields of a result URC say about the call that waited for it.

use modemqtt_at::codes::{CloseResult, OpenResult, PacketResult, ReturnCode, TokenResult};
use modemqtt_at::{ClientIndex, Operation};

use crate::call::Reply;
use crate::error::Error;
use crate::reader::Outcome;

/// `<state>` of the read form of `QMTCONN`: connected.
const CONNECTED: i64 = 3;

/// The meaning of a result.
pub(crate) enum Meaning {
    /// The packet was sent again, so many times; the final result still comes.
    Interim(i64),
    /// The end.
    End(Result<Reply, Error>),
}

/// Reads a result.
pub(crate) fn meaning(outcome: &Outcome) -> Meaning {
    let Outcome {
        operation,
        client,
        result,
        values,
        ..
    } = outcome;
    match operation {
        Operation::Open => end(*operation, *client, *result, OpenResult(*result).name()),
        Operation::Token => match (&outcome.token, *result) {
            (Some(token), 0) => Meaning::End(Ok(Reply::Token(token.clone()))),
            _ => end(*operation, *client, *result, TokenResult(*result).name()),
        },
        Operation::Close | Operation::Disconnect => end(*operation, *client, *result, CloseResult(*result).name()),
        _ if PacketResult(*result) == PacketResult::RETRANSMISSION => {
            Meaning::Interim(values.first().copied().unwrap_or(1))
        }
        Operation::Connect => connect(*client, *result, values),
        // How many topics were asked for, the job knows.
        Operation::Subscribe if *result == 0 => Meaning::End(Ok(Reply::Granted(values.clone()))),
        Operation::Subscribe | Operation::Unsubscribe | Operation::Publish => {
            end(*operation, *client, *result, PacketResult(*result).name())
        }
    }
}

fn end(operation: Operation, client: ClientIndex, result: i64, name: Option<&'static str>) -> Meaning {
    Meaning::End(match (operation, result) {
        (Operation::Publish, 0) => Ok(Reply::Published),
        (Operation::Token, 0) => Ok(Reply::Token(crate::call::Secret(String::new()))),
        (_, 0) => Ok(Reply::Done),
        _ => Err(Error::Operation {
            operation,
            client,
            server: None,
            result,
            name,
            return_code: None,
        }),
    })
}

fn connect(client: ClientIndex, result: i64, values: &[i64]) -> Meaning {
    // Old firmware leaves the return code off, and some of it has the state in place of the result, as the read form has
    // it; the results of a CONNECT end at 2.
    let return_code = values.first().map(|code| ReturnCode(*code));
    let state = return_code.is_none() && result == CONNECTED;
    if state || (result == 0 && return_code.is_none_or(|code| code == ReturnCode::ACCEPTED)) {
        return Meaning::End(Ok(Reply::Done));
    }
    let name = match return_code {
        Some(code) if result == 0 => code.name(),
        _ => PacketResult(result).name(),
    };
    Meaning::End(Err(Error::Operation {
        operation: Operation::Connect,
        client,
        server: None,
        result,
        name,
        return_code,
    }))
}
