//! The commands of the MQTT application notes, the operations that they start, and the forms in which they are given.
//!
//! A new command is a line of [`Command`]. If its result comes in a URC, it is a line of [`Operation`] and of [`Operation::of`] as well.

use std::fmt;

/// One line per variant: its documentation, the variant, its name. Both ends handle a command
/// of which they know only the rows in a default arm: none of these enums is exhaustive.
macro_rules! named {
    (
        $(#[$doc:meta])*
        $type:ident
        $(#[$of:meta])*
        $function:ident
        { $($(#[$each:meta])* $variant:ident $name:literal,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$each])* $variant,)*
        }

        impl $type {
            /// Every one, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            $(#[$of])*
            #[must_use]
            pub const fn $function(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

named! {
    /// A command of the `AT+QMT…` group, without its prefix.
    Command
    /// The name as it stands after `AT+` and before the colon of its answers.
    name
    {
        /// `QMTCFG`: options of one client.
        Configure "QMTCFG",
        /// `QMTOPEN`: the network connection to the server.
        Open "QMTOPEN",
        /// `QMTCLOSE`: close the network connection.
        Close "QMTCLOSE",
        /// `QMTCONN`: the MQTT CONNECT.
        Connect "QMTCONN",
        /// `QMTDISC`: the MQTT DISCONNECT.
        Disconnect "QMTDISC",
        /// `QMTSUB`: subscribe to topics.
        Subscribe "QMTSUB",
        /// `QMTUNS`: unsubscribe from topics.
        Unsubscribe "QMTUNS",
        /// `QMTPUB`: publish a message.
        Publish "QMTPUB",
        /// `QMTPUBEX`: publish a message of exact length.
        PublishExact "QMTPUBEX",
        /// `QMTRECV`: read messages from the module's buffer.
        Receive "QMTRECV",
        /// `QMTENAUTH`: get a token from Tencent Cloud.
        Token "QMTENAUTH",
    }
}

impl Command {
    /// A second spelling. The BC35-G&BC28 note has `QMTENAUTH` in its headings and `QMTTENAUTH` in its syntax (3.2.2).
    #[must_use]
    pub const fn other_name(self) -> Option<&'static str> {
        match self {
            Self::Token => Some("QMTTENAUTH"),
            _ => None,
        }
    }

    /// The command of that name, in upper or lower case (V.250 section 5.4.1).
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| {
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

named! {
    /// What a result URC reports on. Together with the client index and the message id it names one operation.
    Operation
    /// The word for it in a sentence.
    word
    {
        /// Opening the network connection.
        Open "open",
        /// Closing it.
        Close "close",
        /// The MQTT CONNECT.
        Connect "connect",
        /// The MQTT DISCONNECT.
        Disconnect "disconnect",
        /// A subscription.
        Subscribe "subscribe",
        /// The end of a subscription.
        Unsubscribe "unsubscribe",
        /// A publish.
        Publish "publish",
        /// A token of Tencent Cloud. It belongs to no client.
        Token "token",
    }
}

impl Operation {
    /// The operation that a command starts; `QMTCFG` and `QMTRECV` start none.
    #[must_use]
    pub const fn of(command: Command) -> Option<Self> {
        match command {
            Command::Configure | Command::Receive => None,
            Command::Open => Some(Self::Open),
            Command::Close => Some(Self::Close),
            Command::Connect => Some(Self::Connect),
            Command::Disconnect => Some(Self::Disconnect),
            Command::Subscribe => Some(Self::Subscribe),
            Command::Unsubscribe => Some(Self::Unsubscribe),
            Command::Publish | Command::PublishExact => Some(Self::Publish),
            Command::Token => Some(Self::Token),
        }
    }

    /// The command that starts it; `QMTPUB` of the two that publish.
    #[must_use]
    pub fn command(self) -> Command {
        let starts = |command: &Command| Self::of(*command) == Some(self);
        Command::ALL.iter().copied().find(starts).unwrap_or(Command::Configure)
    }

    /// The operation of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.word() == word)
    }

    /// Whether its result URC carries a client index.
    #[must_use]
    pub const fn has_client(self) -> bool {
        !matches!(self, Self::Token)
    }

    /// Whether its result URC carries a message id after the client index.
    #[must_use]
    pub const fn has_message_id(self) -> bool {
        matches!(self, Self::Subscribe | Self::Unsubscribe | Self::Publish)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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

/// The first parameter of `AT+QMTCFG`: the option, by its name as most notes spell it. Keys with consequences
/// beyond their rows are named here; a row may have any other, as `SettingKey::new("mode")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingKey(&'static str);

impl SettingKey {
    /// The key of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The key as most notes spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// `will`: the message that the server publishes when the client vanishes.
    pub const WILL: Self = Self("will");
    /// `willex`: the same, its payload handed over behind a prompt.
    pub const WILL_EXACT: Self = Self("willex");
    /// `timeout`: how long a packet may stay unacknowledged, how often it is sent again, and whether that is reported.
    pub const TIMEOUT: Self = Self("timeout");
    /// `session`: whether the server keeps subscriptions between connections.
    pub const SESSION: Self = Self("session");
    /// `keepalive`: the keep-alive in seconds.
    pub const KEEP_ALIVE: Self = Self("keepalive");
    /// `version`: the MQTT version of the CONNECT packet.
    pub const VERSION: Self = Self("version");
    /// `aliauth`: device credentials for Alibaba Cloud.
    pub const ALIBABA: Self = Self("aliauth");
    /// `onenet`: device credentials for China Mobile `OneNET`.
    pub const ONE_NET: Self = Self("onenet");
    /// `ssl`: whether the connection is secured, and by which context.
    pub const TLS: Self = Self("ssl");
    /// `showrecvlen`: whether `+QMTRECV` carries the length of the payload.
    pub const SHOW_RECEIVE_LENGTH: Self = Self("showrecvlen");
    /// `echo_mode`: whether the data of a publish are echoed.
    pub const ECHO_DATA: Self = Self("echo_mode");
    /// `dataformat`: text or hexadecimal digits, for sending and for receiving.
    pub const DATA_FORMAT: Self = Self("dataformat");
    /// `pdpcid`: the PDP context.
    pub const PDP_CONTEXT: Self = Self("pdpcid");
    /// `recv/mode`: whether messages come in URCs or are kept in the module's buffer, and whether with their length.
    pub const RECEIVE_MODE: Self = Self("recv/mode");
    /// `qmtping`: seconds between a PINGREQ without answer and the next.
    pub const PING_INTERVAL: Self = Self("qmtping");
    /// `send/mode`: text or hexadecimal digits, for sending.
    pub const SEND_MODE: Self = Self("send/mode");
    /// `view/mode`: whether the data of a publish are echoed.
    pub const VIEW_MODE: Self = Self("view/mode");
    /// `edit/timeout`: how long the data phase of a publish may be idle.
    pub const EDIT_TIMEOUT: Self = Self("edit/timeout");
}
