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
    /// `QMTPUBEX`: publish a message of exact length.
    PublishExact,
    /// `QMTRECV`: read messages out of the module's buffer.
    Receive,
    /// `QMTENAUTH`: get a token from Tencent Cloud.
    Token,
}

impl Command {
    /// Every command, in the order of the notes.
    pub const ALL: [Self; 11] = [
        Self::Configure,
        Self::Open,
        Self::Close,
        Self::Connect,
        Self::Disconnect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::PublishExact,
        Self::Receive,
        Self::Token,
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
            Self::PublishExact => "QMTPUBEX",
            Self::Receive => "QMTRECV",
            Self::Token => "QMTENAUTH",
        }
    }

    /// A second spelling. The BC35-G&BC28 note has `QMTENAUTH` in its headings and `QMTTENAUTH` in its syntax (3.2.2).
    #[must_use]
    pub const fn other_name(self) -> Option<&'static str> {
        match self {
            Self::Token => Some("QMTTENAUTH"),
            _ => None,
        }
    }

    /// The command of that name; V.250 section 5.4.1 lets letters be of either case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|command| {
            [Some(command.name()), command.other_name()]
                .into_iter()
                .flatten()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
        })
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
    /// `willex`: the same, its payload handed over behind a prompt.
    WillExact,
    /// `timeout`: how long a packet may stay unacknowledged, how often it is sent again, and whether that is reported.
    Timeout,
    /// `session`: whether the server keeps subscriptions between connections.
    Session,
    /// `keepalive`: seconds between signs of life.
    KeepAlive,
    /// `version`: the MQTT version of the CONNECT packet.
    Version,
    /// `aliauth`: device credentials for Alibaba Cloud.
    Alibaba,
    /// `onenet`: device credentials for China Mobile `OneNET`.
    OneNet,
    /// `ssl`: whether the connection is secured, and by which context.
    Tls,
    /// `showrecvlen`: whether `+QMTRECV` carries the length of the payload.
    ShowReceiveLength,
    /// `echo_mode`: whether the data of a publish are echoed.
    EchoData,
    /// `dataformat`: text or hexadecimal digits, for sending and for receiving.
    DataFormat,
    /// `pdpcid`: the PDP context.
    PdpContext,
    /// `recv/mode`: whether messages come in URCs or are kept in the module's buffer, and whether with their length.
    ReceiveMode,
    /// `qmtping`: seconds between a PINGREQ without answer and the next.
    PingInterval,
    /// `send/mode`: text or hexadecimal digits, for sending.
    SendMode,
    /// `view/mode`: whether the data of a publish are echoed.
    ViewMode,
    /// `edit/timeout`: how long the data phase of a publish may be idle.
    EditTimeout,
}

impl SettingKey {
    /// Every key, in the order in which the host reads them.
    pub const ALL: [Self; 18] = [
        Self::Will,
        Self::WillExact,
        Self::Timeout,
        Self::Session,
        Self::KeepAlive,
        Self::Version,
        Self::Alibaba,
        Self::OneNet,
        Self::Tls,
        Self::ShowReceiveLength,
        Self::EchoData,
        Self::DataFormat,
        Self::PdpContext,
        Self::ReceiveMode,
        Self::PingInterval,
        Self::SendMode,
        Self::ViewMode,
        Self::EditTimeout,
    ];

    /// The key as the host sends it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Will => "will",
            Self::WillExact => "willex",
            Self::Timeout => "timeout",
            Self::Session => "session",
            Self::KeepAlive => "keepalive",
            Self::Version => "version",
            Self::Alibaba => "aliauth",
            Self::OneNet => "onenet",
            Self::Tls => "ssl",
            Self::ShowReceiveLength => "showrecvlen",
            Self::EchoData => "echo_mode",
            Self::DataFormat => "dataformat",
            Self::PdpContext => "pdpcid",
            Self::ReceiveMode => "recv/mode",
            Self::PingInterval => "qmtping",
            Self::SendMode => "send/mode",
            Self::ViewMode => "view/mode",
            Self::EditTimeout => "edit/timeout",
        }
    }

    /// A second spelling: the BC660K-GL note has `echo_mode` in its test command and `echomode` in its syntax (3.3.1).
    #[must_use]
    pub const fn other_name(self) -> Option<&'static str> {
        match self {
            Self::EchoData => Some("echomode"),
            _ => None,
        }
    }
}
