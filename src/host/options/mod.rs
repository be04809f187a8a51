//! The options of a client: one table, used to configure them, to read them back, and to name them to programs.
//!
//! A new option takes one field of [`Options`] and one line of [`OPTIONS`], besides the rows of the dialects that have
//! it.

mod read;

use modemqtt_at::dialect::{Dialect, Kind};
use modemqtt_at::{Form, SettingKey, Version};

pub use self::read::{Configuration, Printed, WillHead};
pub(crate) use self::read::{number_in, read_setting};
use crate::call::{Alibaba, OneNet, Will};
use crate::credentials::Tls;

/// Options of a client; `None` leaves an option unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// MQTT version of the CONNECT.
    pub version: Option<Version>,
    /// Keep-alive in seconds; 0 switches it off.
    pub keep_alive: Option<u16>,
    /// Whether the server forgets the session.
    pub clean_session: Option<bool>,
    /// Seconds until a packet without acknowledgement is sent again.
    pub packet_timeout: Option<u8>,
    /// How often it is sent again.
    pub retries: Option<u8>,
    /// Whether the module reports each resend.
    pub timeout_notice: Option<bool>,
    /// The will: `Some(None)` takes it back.
    pub will: Option<Option<Will>>,
    /// Whether `+QMTRECV` carries the payload's length.
    pub show_length: Option<bool>,
    /// Device credentials for Alibaba Cloud.
    pub alibaba: Option<Alibaba>,
    /// Device credentials for China Mobile `OneNET`.
    pub onenet: Option<OneNet>,
    /// What secures the connection; `Some(None)` removes it.
    pub tls: Option<Option<Box<Tls>>>,
    /// The TLS context that secures the connection; `Some(None)` removes it.
    pub tls_context: Option<Option<u8>>,
    /// The PDP context.
    pub pdp_context: Option<u8>,
    /// Seconds from an unanswered PINGREQ to the next one.
    pub ping_interval: Option<u8>,
    /// Whether the module keeps messages in its buffer until they are read.
    pub buffered: Option<bool>,
    /// Whether payloads are sent as hexadecimal digits.
    pub send_hex: Option<bool>,
    /// The same by `send/mode`, for dialects that also have that key.
    pub send_mode_hex: Option<bool>,
    /// Whether payloads are received as hexadecimal digits.
    pub receive_hex: Option<bool>,
    /// Whether the data of a publish are echoed, by `echo_mode`.
    pub echo_data: Option<bool>,
    /// Whether the data of a publish are echoed, by `view/mode`.
    pub view_data: Option<bool>,
    /// Seconds that the data phase may be idle; `Some(None)` removes the limit.
    pub edit_timeout: Option<Option<u8>>,
}

/// Access to the field of an option.
pub type Field<T> = fn(&mut Options) -> &mut Option<T>;

/// One option of a client.
#[derive(Debug)]
pub struct Definition {
    /// The name that programs use.
    pub name: &'static str,
    /// The unit after its number in a sentence, with the blank before it.
    pub unit: &'static str,
    /// The key of `AT+QMTCFG` that it belongs to.
    pub key: SettingKey,
    /// Its position among the key's values, counted from 0 after the client index.
    pub position: usize,
    /// Its form.
    pub shape: Shape,
}

/// The form of an option, and its field.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A small number.
    Byte(Field<u8>),
    /// A number.
    Short(Field<u16>),
    /// 0 or 1.
    Flag(Field<bool>),
    /// One of two words; the second means true.
    Word(Field<bool>, [&'static str; 2]),
    /// 1 and then a number; 0 for `None`.
    Unless(Field<Option<u8>>),
    /// A code of the dialect.
    Version(Field<Version>),
    /// The will; 0 for `None`.
    Will(Field<Option<Will>>),
    /// Three strings.
    Alibaba(Field<Alibaba>),
    /// Two strings.
    OneNet(Field<OneNet>),
    /// More than one command: configured this way, and read back as `tls_context`.
    Tls(Field<Option<Box<Tls>>>),
}

const fn definition(name: &'static str, key: SettingKey, position: usize, shape: Shape) -> Definition {
    Definition {
        name,
        unit: "",
        key,
        position,
        shape,
    }
}

const fn seconds(name: &'static str, key: SettingKey, position: usize, shape: Shape) -> Definition {
    Definition {
        unit: " s",
        ..definition(name, key, position, shape)
    }
}

const TEXT_OR_HEX: [&str; 2] = ["text", "hex"];

/// Every option, with those of one key together. Keys are set in this order: the version decides what the others mean,
/// and of `dataformat` and `send/mode` the last one wins. An option with two keys uses the one that the dialect has.
pub const OPTIONS: &[Definition] = &[
    definition("tls", SettingKey::TLS, 0, Shape::Tls(|options| &mut options.tls)),
    definition(
        "version",
        SettingKey::VERSION,
        0,
        Shape::Version(|options| &mut options.version),
    ),
    seconds(
        "keepalive",
        SettingKey::KEEP_ALIVE,
        0,
        Shape::Short(|options| &mut options.keep_alive),
    ),
    definition(
        "clean_session",
        SettingKey::SESSION,
        0,
        Shape::Flag(|options| &mut options.clean_session),
    ),
    seconds(
        "packet_timeout",
        SettingKey::TIMEOUT,
        0,
        Shape::Byte(|options| &mut options.packet_timeout),
    ),
    definition(
        "retries",
        SettingKey::TIMEOUT,
        1,
        Shape::Byte(|options| &mut options.retries),
    ),
    definition(
        "timeout_notice",
        SettingKey::TIMEOUT,
        2,
        Shape::Flag(|options| &mut options.timeout_notice),
    ),
    definition("will", SettingKey::WILL, 0, Shape::Will(|options| &mut options.will)),
    definition(
        "alibaba",
        SettingKey::ALIBABA,
        0,
        Shape::Alibaba(|options| &mut options.alibaba),
    ),
    definition(
        "onenet",
        SettingKey::ONE_NET,
        0,
        Shape::OneNet(|options| &mut options.onenet),
    ),
    definition(
        "tls_context",
        SettingKey::TLS,
        0,
        Shape::Unless(|options| &mut options.tls_context),
    ),
    definition(
        "show_length",
        SettingKey::SHOW_RECEIVE_LENGTH,
        0,
        Shape::Flag(|options| &mut options.show_length),
    ),
    definition(
        "echo_data",
        SettingKey::ECHO_DATA,
        0,
        Shape::Flag(|options| &mut options.echo_data),
    ),
    definition(
        "send_format",
        SettingKey::DATA_FORMAT,
        0,
        Shape::Word(|options| &mut options.send_hex, TEXT_OR_HEX),
    ),
    definition(
        "receive_format",
        SettingKey::DATA_FORMAT,
        1,
        Shape::Word(|options| &mut options.receive_hex, TEXT_OR_HEX),
    ),
    definition(
        "pdp_context",
        SettingKey::PDP_CONTEXT,
        0,
        Shape::Byte(|options| &mut options.pdp_context),
    ),
    definition(
        "receive",
        SettingKey::RECEIVE_MODE,
        0,
        Shape::Word(|options| &mut options.buffered, ["urc", "buffer"]),
    ),
    definition(
        "show_length",
        SettingKey::RECEIVE_MODE,
        1,
        Shape::Flag(|options| &mut options.show_length),
    ),
    seconds(
        "ping_interval",
        SettingKey::PING_INTERVAL,
        0,
        Shape::Byte(|options| &mut options.ping_interval),
    ),
    definition(
        "send_mode",
        SettingKey::SEND_MODE,
        0,
        Shape::Word(|options| &mut options.send_mode_hex, TEXT_OR_HEX),
    ),
    definition(
        "view_data",
        SettingKey::VIEW_MODE,
        0,
        Shape::Flag(|options| &mut options.view_data),
    ),
    seconds(
        "edit_timeout",
        SettingKey::EDIT_TIMEOUT,
        0,
        Shape::Unless(|options| &mut options.edit_timeout),
    ),
];

impl Definition {
    /// The option with this name; if it has two keys, the definition with the dialect's key.
    pub fn of(dialect: Option<&Dialect>, name: &str) -> Option<&'static Self> {
        let mut named = OPTIONS.iter().filter(|definition| definition.name == name);
        let first = named.clone().next();
        named
            .find(|definition| dialect.is_some_and(|dialect| definition.is_of(dialect)))
            .or(first)
    }

    /// Whether the dialect has its key.
    pub fn is_of(&self, dialect: &Dialect) -> bool {
        dialect.setting(self.key, Form::Set).is_some()
    }

    /// The range of its numbers; `None` if it is not a number, or the dialect lacks it.
    pub fn range(&self, dialect: &Dialect) -> Option<(i64, i64)> {
        let row = dialect.setting(self.key, Form::Set)?;
        // After the client index.
        match row.parameter(self.number()? + 1)?.kind {
            Kind::Integer { low, high } => Some((low, high)),
            _ => None,
        }
    }

    /// The position of its number among the key's values.
    pub(crate) fn number(&self) -> Option<usize> {
        match self.shape {
            Shape::Byte(_) | Shape::Short(_) => Some(self.position),
            Shape::Unless(_) => Some(self.position + 1),
            _ => None,
        }
    }

    /// Whether it is one of those given.
    pub(crate) fn is_given(&self, options: &mut Options) -> bool {
        match self.shape {
            Shape::Byte(place) => place(options).is_some(),
            Shape::Short(place) => place(options).is_some(),
            Shape::Flag(place) | Shape::Word(place, _) => place(options).is_some(),
            Shape::Unless(place) => place(options).is_some(),
            Shape::Version(place) => place(options).is_some(),
            Shape::Will(place) => place(options).is_some(),
            Shape::Alibaba(place) => place(options).is_some(),
            Shape::OneNet(place) => place(options).is_some(),
            Shape::Tls(place) => place(options).is_some(),
        }
    }
}
