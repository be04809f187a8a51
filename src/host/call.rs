//! What a program may ask for, and how each call ends.

use std::borrow::Cow;
use std::fmt;

use modemqtt_at::dialect::DataPhase;
use modemqtt_at::{ClientIndex, Command, Operation, Qos};

pub use crate::errand::{Errand, Login, Values};
pub use crate::event::{ClientState, Event, Reconnected};
pub use crate::message::Message;
pub use crate::options::{Configuration, Options};
use crate::writer::Argument;

/// What a program submits: one call, or an errand, which makes several.
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
    /// The client concerned.
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
    /// Bring the module to a known state and identify it.
    SetUp,
    /// The same for a module known to have restarted without reporting it.
    SetUpAnew,
    /// Send one command line; its final result code answers it.
    Command {
        /// From `AT` on, without its CR.
        line: String,
        /// The data to send when the module asks for them.
        data: Option<Vec<u8>>,
    },
    /// Change options of a client.
    Configure {
        /// The client.
        client: ClientIndex,
        /// The options to set.
        options: Options,
    },
    /// Read every option of a client.
    Configuration {
        /// The client.
        client: ClientIndex,
    },
    /// Open the network connection.
    Open {
        /// The client.
        client: ClientIndex,
        /// Name or address of the server.
        host: String,
        /// Its TCP port.
        port: u16,
    },
    /// Any other operation that takes one command.
    Operate {
        /// The operation.
        operation: Operation,
        /// The client, if the result belongs to one.
        client: ClientIndex,
        /// The values after the client index, in the order of the row; `None` leaves one out.
        values: Vec<Option<Value>>,
    },
    /// Close whatever the client still has open. While an opening is under way, the call ends at once and the
    /// connection is closed when the opening has ended.
    CloseBehind {
        /// The client.
        client: ClientIndex,
    },
    /// Subscribe to topics.
    Subscribe {
        /// The client.
        client: ClientIndex,
        /// Topic filters, each with the QoS requested.
        topics: Vec<(String, Qos)>,
    },
    /// End subscriptions.
    Unsubscribe {
        /// The client.
        client: ClientIndex,
        /// Filters.
        topics: Vec<String>,
    },
    /// Publish a message.
    Publish {
        /// The client.
        client: ClientIndex,
        /// Topic name.
        topic: String,
        /// Payload.
        payload: Vec<u8>,
        /// Quality of service.
        qos: Qos,
        /// Whether the server keeps the message for later subscribers.
        retain: bool,
        /// The form of the command; `None` takes the safest one that can carry the payload.
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

    /// The client concerned.
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

    /// A command line that asks for no data.
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

/// Leaves the value out, since it may be a password.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A string that never appears in a trace or an error.
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

/// The parameters of a request for a Tencent Cloud token (`AT+QMTENAUTH`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tencent {
    /// Product id.
    pub product_id: String,
    /// Device name.
    pub device_name: String,
    /// Client id; the note gives it as `<product_id>@<device_name>`.
    pub client_id: String,
    /// Device secret.
    pub device_secret: Secret,
    /// When the token expires.
    pub expire: Option<u32>,
    /// The URL that the token comes from; only with `expire`.
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

/// Identifies a call from its submission to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// How a call succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, with nothing else to report.
    Done,
    /// Lines and the final result code.
    Response {
        /// Information responses, in order.
        lines: Vec<String>,
    },
    /// The token.
    Token(Secret),
    /// A number, if known.
    Number(Option<i64>),
    /// A text.
    Text(String),
    /// Every option that the module reported.
    Configuration(Box<Configuration>),
    /// The keys of `AT+QMTCFG` that the module lists, in lower case, each with the values of its parameters.
    Capabilities(Vec<(String, Vec<Values>)>),
    /// The granted QoS of each topic; 128 where the server refused it.
    Granted(Vec<i64>),
    /// The module has sent the message and, above QoS 0, has received its acknowledgement.
    Published,
}
