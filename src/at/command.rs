//! The commands of the MQTT application notes and the forms in which they are given.

use std::fmt;

/// A command of the `AT+QMT…` group, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    /// `QMTCFG`: options of one client.
    Configure,
    /// `QMTOPEN`: the network connection to the server.
    Open,
    /// `QMTCLOSE`: close the network connection.
    Close,
    /// `QMTCONN`: the MQTT CONNECT.
    Connect,
    /// `QMTDISC`: the MQTT DISCONNECT.
    Disconnect,
    /// `QMTSUB`: subscribe to topics.
    Subscribe,
    /// `QMTUNS`: unsubscribe from topics.
    Unsubscribe,
    /// `QMTPUB`: publish a message.
    Publish,
}

impl Command {
    /// Every command, in the order of the notes.
    pub const ALL: [Self; 8] = [
        Self::Configure,
        Self::Open,
        Self::Close,
        Self::Connect,
        Self::Disconnect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
    ];

    /// The name as it stands after `AT+` and before the colon of its answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configure => "QMTCFG",
            Self::Open => "QMTOPEN",
            Self::Close => "QMTCLOSE",
            Self::Connect => "QMTCONN",
            Self::Disconnect => "QMTDISC",
            Self::Subscribe => "QMTSUB",
            Self::Unsubscribe => "QMTUNS",
            Self::Publish => "QMTPUB",
        }
    }

    /// The command of that name; V.250 section 5.4.1 lets letters be of either case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|command| command.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+{}", self.name())
    }
}

/// The form in which a command is given (V.250 section 5.4.3, and "AT Command Syntax" of each note).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// `AT+X=?`: which parameters and ranges there are.
    Test,
    /// `AT+X?`, or `AT+QMTCFG="key",<client>`: the present value.
    Read,
    /// `AT+X=<…>`: set a value or act on it.
    Set,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Read => "read",
            Self::Set => "set",
        })
    }
}

/// The first parameter of `AT+QMTCFG`: which option is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SettingKey {
    /// `will`: the message that the server publishes when the client vanishes.
    Will,
    /// `timeout`: how long a packet may stay unacknowledged, how often it is sent again, and whether that is reported.
    Timeout,
    /// `session`: whether the server keeps subscriptions between connections.
    Session,
    /// `keepalive`: seconds between signs of life.
    KeepAlive,
    /// `version`: the MQTT version of the CONNECT packet.
    Version,
    /// `showrecvlen`: whether `+QMTRECV` carries the length of the payload.
    ShowReceiveLength,
}

impl SettingKey {
    /// The key as the host sends it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Will => "will",
            Self::Timeout => "timeout",
            Self::Session => "session",
            Self::KeepAlive => "keepalive",
            Self::Version => "version",
            Self::ShowReceiveLength => "showrecvlen",
        }
    }
}
