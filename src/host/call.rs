//! What a program may ask for, and how that ends.

use std::borrow::Cow;
use std::fmt;

use modemqtt_at::dialect::DataPhase;
use modemqtt_at::{ClientIndex, Command, Operation, Qos};

pub use crate::errand::{Errand, Login, Values};
pub use crate::event::{ClientState, Event, Message, Reconnected};
pub use crate::options::{Configuration, Options};
use crate::writer::Argument;

/// What a program hands over: one call, or an errand, which makes several.
#[expect(
    clippy::large_enum_variant,
    reason = "an allocation for each call costs more than its moves"
)]
#[derive(Clone, Debug)]
pub enum Submission {
    /// One call.
    Call(Call),
    /// An errand.
    Errand(Errand),
}

impl From<Call> for Submission {
    fn from(call: Call) -> Self {
        Self::Call(call)
    }
}

impl From<Errand> for Submission {
    fn from(errand: Errand) -> Self {
        Self::Errand(errand)
    }
}

impl Submission {
    /// The client that it is about.
    pub fn client(&self) -> Option<ClientIndex> {
        match self {
            Self::Call(call) => call.client(),
            Self::Errand(errand) => errand.client(),
        }
    }

    /// What an error calls it.
    pub fn subject(&self) -> Cow<'static, str> {
        match self {
            Self::Call(call) => call.subject(),
            Self::Errand(errand) => errand.subject().into(),
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub enum Call {
    /// Bring the module to a known state and find out which it is.
    SetUp,
    /// The same for a module that is known to have started again without a word.
    SetUpAnew,
    /// One command line, answered by its final result code.
    Command {
        /// From `AT` on, without its CR.
        line: String,
        /// What the module is given when it asks for data.
        data: Option<Vec<u8>>,
    },
    /// Change options of a client.
    Configure {
        /// Whose.
        client: ClientIndex,
        /// Which.
        options: Options,
    },
    /// Read every option of a client.
    Configuration {
        /// Whose.
        client: ClientIndex,
    },
    /// Open the network connection.
    Open {
        /// Whose.
        client: ClientIndex,
        /// Name or address of the server.
        host: String,
        /// Its TCP port.
        port: u16,
    },
    /// Any other operation that is one command.
    Operate {
        /// Which.
        operation: Operation,
        /// Whose, if its result is that of a client.
        client: ClientIndex,
        /// The values behind the client index, in the order of its row; `None` for one that is left out.
        values: Vec<Option<Value>>,
    },
    /// Close whatever a client still has open. If an opening is under way, the call ends at once, and the connection is
    /// closed when the opening has ended.
    CloseBehind {
        /// Whose.
        client: ClientIndex,
    },
    /// Subscribe to topics.
    Subscribe {
        /// Whose.
        client: ClientIndex,
        /// Filters with the QoS asked for.
        topics: Vec<(String, Qos)>,
    },
    /// End subscriptions.
    Unsubscribe {
        /// Whose.
        client: ClientIndex,
        /// Filters.
        topics: Vec<String>,
    },
    /// Publish a message.
    Publish {
        /// Whose.
        client: ClientIndex,
        /// Topic name.
        topic: String,
        /// Payload.
        payload: Vec<u8>,
        /// Quality of service.
        qos: Qos,
        /// Whether the server keeps it for later subscribers.
        retain: bool,
        /// The form of the command; `None` takes the safest that can carry the payload.
        form: Option<DataPhase>,
    },
}

impl Call {
    /// The MQTT CONNECT.
    pub fn connect(client: ClientIndex, client_id: String, username: Option<String>, password: Option<Secret>) -> Self {
        Self::Operate {
            operation: Operation::Connect,
            client,
            values: vec![
                Some(Value::Text(client_id)),
                username.map(Value::Text),
                password.map(|secret| Value::Text(secret.0)),
            ],
        }
    }

    /// The MQTT DISCONNECT.
    pub fn disconnect(client: ClientIndex) -> Self {
        Self::Operate {
            operation: Operation::Disconnect,
            client,
            values: Vec::new(),
        }
    }

    /// The end of the network connection.
    pub fn close(client: ClientIndex) -> Self {
        Self::Operate {
            operation: Operation::Close,
            client,
            values: Vec::new(),
        }
    }

    /// A token from Tencent Cloud.
    pub fn token(device: Tencent) -> Self {
        let texts = [
            device.product_id,
            device.device_name,
            device.client_id,
            device.device_secret.0,
        ];
        let mut values: Vec<_> = texts.map(|text| Some(Value::Text(text))).into();
        values.push(device.expire.map(|expire| Value::Number(expire.into())));
        values.push(device.url.map(Value::Text));
        Self::Operate {
            operation: Operation::Token,
            client: ClientIndex(0),
            values,
        }
    }

    /// The client that it is about.
    pub fn client(&self) -> Option<ClientIndex> {
        match self {
            Self::Operate { operation, client, .. } => operation.has_client().then_some(*client),
            Self::Configure { client, .. }
            | Self::Configuration { client }
            | Self::Open { client, .. }
            | Self::CloseBehind { client }
            | Self::Subscribe { client, .. }
            | Self::Unsubscribe { client, .. }
            | Self::Publish { client, .. } => Some(*client),
            _ => None,
        }
    }

    /// What an error calls it.
    pub fn subject(&self) -> Cow<'static, str> {
        let command = match self {
            Self::SetUp | Self::SetUpAnew => return "the set-up".into(),
            Self::Command { .. } => return "the command".into(),
            Self::Publish { .. } => return "the publish".into(),
            Self::Configure { .. } | Self::Configuration { .. } => Command::Configure,
            Self::Open { .. } => Command::Open,
            Self::CloseBehind { .. } => Command::Close,
            Self::Subscribe { .. } => Command::Subscribe,
            Self::Unsubscribe { .. } => Command::Unsubscribe,
            Self::Operate { operation, .. } => operation.command(),
        };
        command.to_string().into()
    }

    /// One command line that asks for no data.
    pub fn command(line: impl Into<String>) -> Self {
        Self::Command {
            line: line.into(),
            data: None,
        }
    }
}

/// One value of a command.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Value {
    pub(crate) fn argument(&self) -> Argument<'_> {
        match self {
            Self::Number(number) => Argument::Number(*number),
            Self::Text(text) => Argument::Text(text.as_bytes()),
        }
    }
}

/// Not what it holds: that may be a password.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A string that no trace and no error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Device credentials for Alibaba Cloud (`AT+QMTCFG="aliauth"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alibaba {
    /// Product key.
    pub product_key: String,
    /// Device name.
    pub device_name: String,
    /// Device secret.
    pub device_secret: Secret,
}

/// Device credentials for China Mobile `OneNET` (`AT+QMTCFG="onenet"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneNet {
    /// Product id.
    pub product_id: String,
    /// Access key.
    pub access_key: Secret,
}

/// What a token of Tencent Cloud is asked for with (`AT+QMTENAUTH`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tencent {
    /// Product id.
    pub product_id: String,
    /// Device name.
    pub device_name: String,
    /// Client id, by the note `<product_id>@<device_name>`.
    pub client_id: String,
    /// Device secret.
    pub device_secret: Secret,
    /// When the token expires.
    pub expire: Option<u32>,
    /// Where the token is got; only with `expire`.
    pub url: Option<String>,
}

/// The message that the server publishes when the client vanishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic name.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Quality of service.
    pub qos: Qos,
    /// Whether the server keeps it.
    pub retain: bool,
}

/// Names one call from its submission to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// How a call ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing to say but that it is done.
    Done,
    /// Lines and the final result code.
    Response {
        /// Information responses, in order.
        lines: Vec<String>,
    },
    /// The token.
    Token(Secret),
    /// A number, where it is known.
    Number(Option<i64>),
    /// A text.
    Text(String),
    /// Every option that the module has told.
    Configuration(Box<Configuration>),
    /// The keys of `AT+QMTCFG` as the module names them in lower case, and the values of each of their parameters.
    Capabilities(Vec<(String, Vec<Values>)>),
    /// The granted QoS of each topic; 128: refused by the server.
    Granted(Vec<i64>),
    /// The module has sent the message and, above QoS 0, has its acknowledgement.
    Published,
}
