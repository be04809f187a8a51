//! How long to wait before an attempt, and which failures no attempt can change.

use modemqtt_at::Operation;
use modemqtt_at::codes::{OpenResult, ReturnCode, StatCode};

use crate::error::Error;

/// The factor by which the wait is longer after each code of `+QMTSTAT` (M95 MQTT Application Note V1.0, 4; BC660K-GL
/// MQTT Application Note V1.1, 5). A fault in the network or the server takes time to clear.
const AFTER_LOSS: &[(StatCode, u32)] = &[
    (StatCode::PEER_CLOSED, 1),
    (StatCode::PING_FAILED, 4),
    (StatCode::CONNECT_FAILED, 4),
    (StatCode::CONNACK_FAILED, 4),
    (StatCode::SEND_FAILED, 4),
    (StatCode::LINK_DOWN, 4),
    (StatCode::CLIENT_CLOSED, 1),
];
/// The factor for a code that is not in the table.
const AFTER_UNKNOWN_LOSS: u32 = 2;
/// The factor if no PDP context could be activated: asking more often does not persuade the network.
const AFTER_PDP_FAILURE: u32 = 4;

/// The server closed the connection after a DISCONNECT, as it should.
const FINAL_LOSSES: &[StatCode] = &[StatCode::SERVER_CLOSED];
/// Return codes of a CONNACK that another attempt would not change (MQTT 3.1.1, 3.2.2.3). 3, server unavailable, is not
/// one of them.
const FINAL_REFUSALS: &[ReturnCode] = &[
    ReturnCode::PROTOCOL_VERSION,
    ReturnCode::IDENTIFIER_REJECTED,
    ReturnCode::BAD_CREDENTIALS,
    ReturnCode::NOT_AUTHORISED,
];

/// The factor by which the wait after this error is longer than usual.
pub(super) fn weight(error: &Error) -> u32 {
    match error {
        Error::ConnectionLost { code, .. } => AFTER_LOSS
            .iter()
            .find(|(known, _)| known == code)
            .map_or(AFTER_UNKNOWN_LOSS, |(_, weight)| *weight),
        Error::Operation {
            operation: Operation::Open,
            result,
            ..
        } if OpenResult(*result) == OpenResult::PDP_FAILED => AFTER_PDP_FAILURE,
        _ => 1,
    }
}

/// Whether another attempt would end the same way.
pub(super) fn is_final(error: &Error) -> bool {
    match error {
        Error::ConnectionLost { code, .. } => FINAL_LOSSES.contains(code),
        Error::Operation {
            operation: Operation::Connect,
            return_code: Some(code),
            ..
        } => FINAL_REFUSALS.contains(code),
        Error::Operation {
            operation: Operation::Open,
            result,
            ..
        } => OpenResult(*result) == OpenResult::WRONG_PARAMETER,
        Error::Usage(_) => true,
        _ => false,
    }
}

/// Whether the port is gone, rather than the connection.
pub(super) fn is_of_port(error: &Error) -> bool {
    matches!(error, Error::Port(_) | Error::Closed)
}
