//! Result codes, a newtype for each table. A value that no table names survives as its number.

/// One line per code: value, constant, name.
macro_rules! codes {
    ($(#[$doc:meta])* $type:ident($int:ty) { $($value:literal $constant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub $int);

        impl $type {
            $(
                #[doc = $name]
                pub const $constant: Self = Self($value);
            )*

            /// The codes that the table names.
            pub const TABLE: &'static [(Self, &'static str)] = &[$((Self($value), $name)),*];

            /// The name of the code; `None` for one outside the table.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                Self::TABLE.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{} ({name})", self.0),
                    None => write!(f, "{} (not in the table)", self.0),
                }
            }
        }
    };
}

mod errors;

pub use errors::{CmeCode, CmsCode};

/// Takes the place of a granted QoS if the server has refused the topic (MQTT 3.1.1 section 3.9.3).
pub const SUBSCRIPTION_REFUSED: i64 = 128;

codes! {
    /// `<result>` of `+QMTOPEN` (M95 MQTT Application Note V1.0, 3.2.2; BC660K-GL MQTT Application Note V1.1, 3.3.2).
    OpenResult(i64) {
        -1 FAILED "failed to open the network connection",
        0 OPENED "opened",
        1 WRONG_PARAMETER "wrong parameter",
        2 OCCUPIED "client index occupied",
        3 PDP_FAILED "PDP activation failed",
        4 NAME_NOT_RESOLVED "host name not resolved",
        5 NETWORK_ERROR "network error",
    }
}

codes! {
    /// `<result>` of `+QMTCLOSE` and `+QMTDISC` (M95 note 3.2.3 and 3.2.5; BC660K-GL note 3.3.3 and 3.3.5).
    CloseResult(i64) {
        -1 FAILED "failed to close",
        0 CLOSED "closed",
    }
}

codes! {
    /// `<result>` of `+QMTCONN`, `+QMTSUB`, `+QMTUNS` and `+QMTPUB` (M95 note 3.2.4 to 3.2.8; BC660K-GL note 3.3.4 to 3.3.8).
    PacketResult(i64) {
        0 ACKNOWLEDGED "acknowledged",
        1 RETRANSMISSION "retransmission",
        2 FAILED "failed to send the packet",
    }
}

codes! {
    /// `<ret_code>` of `+QMTCONN`: the return code of the CONNACK packet (MQTT 3.1.1 section 3.2.2.3).
    ReturnCode(i64) {
        0 ACCEPTED "connection accepted",
        1 PROTOCOL_VERSION "unacceptable protocol version",
        2 IDENTIFIER_REJECTED "identifier rejected",
        3 SERVER_UNAVAILABLE "server unavailable",
        4 BAD_CREDENTIALS "bad user name or password",
        5 NOT_AUTHORISED "not authorised",
    }
}

codes! {
    /// `<state>` of `AT+QMTCONN?` (M95 note 3.2.4; BC660K-GL note 3.3.4).
    ConnectionState(i64) {
        1 INITIALISING "initialising",
        2 CONNECTING "connecting",
        3 CONNECTED "connected",
        4 DISCONNECTING "disconnecting",
    }
}

codes! {
    /// `<err_code>` of `+QMTSTAT` (M95 note 4.1.1, table 2; BC660K-GL note 5.1, table 4). The EG800Q/EG91xQ note adds 8.
    StatCode(i64) {
        1 PEER_CLOSED "connection closed or reset by the peer",
        2 PING_FAILED "PINGREQ timed out or could not be sent",
        3 CONNECT_FAILED "CONNECT timed out or could not be sent",
        4 CONNACK_FAILED "CONNACK timed out or was not received",
        5 SERVER_CLOSED "server closed the connection after DISCONNECT",
        6 SEND_FAILED "client closed the connection after repeated send failures",
        7 LINK_DOWN "link down or server unreachable",
        8 CLIENT_CLOSED "client closed the connection",
    }
}

codes! {
    /// `<result_code>` of `+QMTENAUTH` (BC35-G&BC28 MQTT Application Note V1.0, 3.2.2).
    TokenResult(i64) {
        0 OK "token received",
        1 NAME_NOT_RESOLVED "DNS resolution failed",
        2 SOCKET "socket could not be made",
        3 HTTP_PACKET "HTTP packet error",
        4 SEND "socket send error",
        5 HTTP_PARSING "HTTP packet could not be parsed",
        6 TIMEOUT "timeout",
    }
}

impl OpenResult {
    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::OCCUPIED => "use another client index, or end the program that uses this one",
            Self::PDP_FAILED => "check that the module is registered, and the access point's name",
            Self::NAME_NOT_RESOLVED => "check the name; the module asks the DNS servers of its network",
            Self::FAILED | Self::NETWORK_ERROR => {
                "check host and port, which are as the module sees them: localhost is the module itself"
            }
            _ => return None,
        })
    }
}

impl ReturnCode {
    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::PROTOCOL_VERSION => "set another version of MQTT",
            Self::IDENTIFIER_REJECTED => "use another client id",
            Self::SERVER_UNAVAILABLE => "try again later",
            Self::BAD_CREDENTIALS => "check user name and password",
            Self::NOT_AUTHORISED => "check user name and password, and what the server lets this client do",
            _ => return None,
        })
    }
}

impl StatCode {
    /// Whether the notes advise bringing up the PDP context afresh before opening the connection again.
    #[must_use]
    pub fn wants_fresh_context(self) -> bool {
        self == Self::PING_FAILED
    }

    /// The advice of the notes, in the tables named above.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::PEER_CLOSED => "open the connection again",
            Self::PING_FAILED => "deactivate and activate the PDP context, then open again",
            Self::CONNECT_FAILED | Self::CONNACK_FAILED => {
                "check user name, password and whether the client id is in use, then open and connect again"
            }
            Self::SERVER_CLOSED => "nothing: this is the normal end",
            Self::SEND_FAILED => "check the data; the network may be congested; open again",
            Self::CLIENT_CLOSED => "connect again",
            Self::LINK_DOWN => "make sure that the link is alive and the server reachable, then open again",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_name() {
        assert_eq!(OpenResult(2).name(), Some("client index occupied"));
        assert_eq!(StatCode(2).to_string(), "2 (PINGREQ timed out or could not be sent)");
    }

    #[test]
    fn a_code_outside_the_table_survives_as_its_number() {
        assert_eq!(StatCode(77).name(), None);
        assert_eq!(StatCode(77).to_string(), "77 (not in the table)");
    }
}
