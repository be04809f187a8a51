//! What a row is made of.

use std::fmt;
use std::time::Duration;

use super::around::Around;
use super::data_commands::DataCommand;
use crate::codes::{CmeCode, OpenResult};
use crate::tls::Tls;
use crate::{Command, Form, SettingKey, Version};

/// One dialect: the rows of one application note and the values that it fixes.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Dialect {
    /// Short name: `m95`, `bc660k`.
    pub name: &'static str,
    /// The edition of the note, by its year, if firmware of the family follows one or another.
    pub revision: Option<&'static str>,
    /// Title, version and date of the application note that the rows cite.
    pub note: &'static str,
    /// Whether the rows are second-hand and have never been compared with a module.
    pub experimental: bool,
    /// The models that speak it.
    pub models: &'static [Model],
    /// The highest client index; the lowest is 0.
    pub last_client: u8,
    /// Every command form.
    pub rows: &'static [Row],
    /// Every unsolicited result code.
    pub urcs: &'static [Urc],
    /// The codes of `QMTCFG="version"`; empty if the version cannot be set.
    pub versions: &'static [(Version, i64)],
    /// The version that the module uses until told otherwise.
    pub default_version: Version,
    /// The longest payload of one publish, in bytes.
    pub payload: usize,
    /// The longest command line, in bytes without its CR. No note gives a figure; this one holds every legal line.
    pub command_line: usize,
    /// How many publishes of one client may await their final result.
    pub window: usize,
    /// How `QMTCFG` reads back.
    pub read_back: ReadBack,
    /// How a received message is reported.
    pub receive: ReceiveUrc,
    /// The buffer that can keep received messages until they are read.
    pub buffer: Option<Buffer>,
    /// The longest payload of one publish that is sent as hexadecimal digits, in bytes before encoding, if that is
    /// less than `payload`.
    pub hex_payload: Option<usize>,
    /// The answers to a line that cannot be carried out.
    pub refusals: Refusals,
    /// The results that `+QMTOPEN` may carry.
    pub open_results: &'static [OpenResult],
    /// Keys whose write form the note spells otherwise than [`SettingKey::name`]; if the module refuses the note's spelling, the host tries that name.
    pub spellings: &'static [(SettingKey, &'static str)],
    /// Codes of `+CME ERROR` that the vendor adds or renames.
    pub vendor_errors: &'static [(i64, &'static str)],
    /// Whether `QMTDISC` closes the network connection as well.
    pub disconnect_closes: bool,
    /// When the module gives up a data phase by itself; `None` if it never does.
    pub data_idle: Option<DataIdle>,
    /// The line that a start begins with.
    pub start: Start,
    /// What the module prints when it has started.
    pub boot: &'static [&'static str],
    /// Lines in the middle of a start, by which one is noticed whose beginning was lost.
    pub starting: &'static [&'static str],
    /// Which commands of a joined line have a final result code.
    pub joined: Joined,
    /// The commands that make it start again.
    pub reboots: &'static [FixedCommand],
    /// The command that gives up the PDP context. After the network has taken a context away, the module gets a new one only by this command.
    pub deactivate: Option<FixedCommand>,
    /// After this long without a byte the module may be asleep and lose the first characters sent to it; `None`:
    /// it does not sleep while DTR is asserted.
    pub sleeps_after: Option<Duration>,
    /// Whether it echoes command lines after a start (V.250 section 6.2.4).
    pub echo: bool,
    /// The levels of `AT+CMEE` (3GPP TS 27.007 section 9.1).
    pub error_levels: &'static [u8],
    /// The level after a start.
    pub error_level: u8,
    /// The commands that report the registration, which depend on the radio (3GPP TS 27.007 sections 7.2, 10.1.20 and
    /// 10.1.22).
    pub registration: &'static [&'static str],
    /// How it secures connections; `None` if it cannot.
    pub tls: Option<Tls>,
    /// Whether a blank follows the colon in the answers to commands other than those of the note.
    pub blank_after_colon: bool,
    /// The commands other than those of the note that ask for data.
    pub data_commands: &'static [DataCommand],
    /// What it has besides MQTT.
    pub around: &'static Around,
}

/// The line that a start begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Exactly this line.
    Line(&'static str),
    /// A line that begins with this and ends with the cause.
    Cause(&'static str),
}

impl Start {
    /// Whether a line begins a start.
    #[must_use]
    pub fn is(self, line: &str) -> bool {
        match self {
            Self::Line(whole) => line == whole,
            Self::Cause(head) => line.starts_with(head),
        }
    }
}

/// How a module gives up an idle data phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataIdle {
    /// How long it waits without a byte.
    pub after: Duration,
    /// The line that it prints before `OK`.
    pub report: &'static str,
}

impl Dialect {
    /// The row of a command that is not a setting; the first of the three forms of publish, see
    /// [`Dialect::publish`].
    #[must_use]
    pub fn row(&self, command: Command, form: Form) -> Option<&'static Row> {
        self.rows
            .iter()
            .find(|row| row.command == command && row.form == form && row.setting.is_none())
    }

    /// The row that reads or sets one key of `QMTCFG`; `None` if the dialect lacks the key.
    #[must_use]
    pub fn setting(&self, key: SettingKey, form: Form) -> Option<&'static Row> {
        self.rows
            .iter()
            .find(|row| row.setting == Some(key) && row.form == form)
    }

    /// How the note spells a key in its write form.
    #[must_use]
    pub fn spelling(&self, key: SettingKey) -> &'static str {
        let own = self.spellings.iter().find(|(spelled, _)| *spelled == key);
        own.map_or(key.name(), |(_, spelling)| spelling)
    }

    /// Whether a text is a key, in either spelling. Modules ignore case.
    #[must_use]
    pub fn is_key(&self, text: &[u8], key: SettingKey) -> bool {
        [self.spelling(key), key.name()]
            .iter()
            .any(|name| name.as_bytes().eq_ignore_ascii_case(text))
    }

    /// The value of a setting after a start; empty if the dialect lacks the key.
    #[must_use]
    pub fn defaults(&self, key: SettingKey) -> &'static [i64] {
        self.setting(key, Form::Set).map_or(&[], |row| row.defaults)
    }

    /// The form of publish that hands over its payload in that way.
    #[must_use]
    pub fn publish(&self, data: DataPhase) -> Option<&'static Row> {
        self.rows
            .iter()
            .find(|row| matches!(row.command, Command::Publish | Command::PublishExact) && row.data == Some(data))
    }

    /// The name of a `+CME ERROR` in this family.
    #[must_use]
    pub fn error_name(&self, code: CmeCode) -> Option<&'static str> {
        let vendor = self.vendor_errors.iter().find(|(number, _)| *number == code.0);
        vendor.map(|(_, name)| *name).or_else(|| code.name())
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&'static Model> {
        self.models.iter().find(|model| model.name.eq_ignore_ascii_case(name))
    }
}

/// Which commands of one line, joined by `;`, have a final result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The last, for all of them (V.250 section 5.2.1).
    Last,
    /// Each.
    Each,
}

/// A command with fixed parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedCommand {
    /// Its name, without `+`.
    pub name: &'static str,
    /// Its parameters.
    pub values: &'static [i64],
    /// The answer to it instead of `OK`.
    pub answer: Option<&'static str>,
}

impl FixedCommand {
    /// The command line, without its CR.
    #[must_use]
    pub fn line(&self) -> String {
        let values: Vec<_> = self.values.iter().map(ToString::to_string).collect();
        let sign = if values.is_empty() { "" } else { "=" };
        format!("AT+{}{sign}{}", self.name, values.join(","))
    }
}

/// One model of module.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name on the label.
    pub name: &'static str,
    /// The beginning of the model's name in its own answers, without hyphens.
    pub stem: &'static str,
    /// The lines that answer `ATI`.
    pub identification: &'static [&'static str],
    /// The line that answers `AT+CGMM`.
    pub model_line: &'static str,
}

/// One form of one command.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The command.
    pub command: Command,
    /// Which key of `QMTCFG` it is about. The key is not among the parameters.
    pub setting: Option<SettingKey>,
    /// Test, read or set.
    pub form: Form,
    /// The parameters, in order.
    pub parameters: &'static [Parameter],
    /// How many of them may be given.
    pub arity: Arity,
    /// The positions of those that may be left empty between two commas, which keeps their values.
    pub skips: &'static [usize],
    /// What the module prints before `OK` when the form is [`Form::Test`].
    pub answer: &'static [&'static str],
    /// The value after a start, for the set form of a setting: the parameters that follow the client index.
    pub defaults: &'static [i64],
    /// What the first value of a setting demands of the others.
    pub flag: Flag,
    /// Parameters of which only one value works, whatever their range: position and value.
    pub only: &'static [(usize, i64)],
    /// How the payload is given, for the set forms of publish and of `willex`.
    pub data: Option<DataPhase>,
    /// The state of the client in which the module carries it out.
    pub gate: Gate,
    /// The maximum response time, up to the result URC if there is one.
    pub wait: Wait,
    /// Document and section.
    pub source: &'static str,
}

impl Row {
    /// The parameter at a position; the trailing group repeats.
    #[must_use]
    pub fn parameter(&self, position: usize) -> Option<&'static Parameter> {
        match self.arity {
            Arity::Groups { fixed, group } if position >= fixed => {
                self.parameters.get(fixed + (position - fixed) % group)
            }
            _ => self.parameters.get(position),
        }
    }

    /// The longest string that the parameter with this name takes, in bytes; `None` if there is no such string.
    #[must_use]
    pub fn longest(&self, name: &str) -> Option<usize> {
        self.parameters.iter().find_map(|parameter| match parameter.kind {
            Kind::Text { most, .. } if parameter.name == name => Some(most),
            _ => None,
        })
    }
}

/// Written as in the notes: `AT+QMTCFG="will" set`, `AT+QMTPUB set, counted data`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.command)?;
        if let Some(key) = self.setting {
            write!(f, "=\"{}\"", key.name())?;
        }
        write!(f, " {}", self.form)?;
        match self.data {
            Some(DataPhase::UntilCtrlZ) => f.write_str(", data until Ctrl-Z"),
            Some(DataPhase::Counted) => f.write_str(", counted data"),
            Some(DataPhase::Inline) => f.write_str(", inline data"),
            Some(DataPhase::Quoted) => f.write_str(", quoted data"),
            None => Ok(()),
        }
    }
}

/// One parameter of a command.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name in the note, without its angle brackets.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// Whether it must never be shown.
    pub secret: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A decimal number in a closed range.
    Integer {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
    },
    /// A string in quotes, its length in bytes in a closed range.
    Text {
        /// The shortest.
        least: usize,
        /// The longest.
        most: usize,
    },
    /// A TCP port, 1 to 65535.
    Port {
        /// Whether the module takes it in quotes as well.
        quoted_too: bool,
    },
    /// A payload in quotes, with its own quotes not escaped: the length before it decides where it ends.
    Payload,
}

/// How many parameters may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// This many.
    Exact(usize),
    /// One of these numbers.
    OneOf(&'static [usize]),
    /// This many, then one group or more.
    Groups {
        /// How many stand before the first group.
        fixed: usize,
        /// How many make one group.
        group: usize,
    },
}

impl Arity {
    /// Whether that many parameters may be given.
    #[must_use]
    pub fn allows(self, count: usize) -> bool {
        match self {
            Self::Exact(exact) => count == exact,
            Self::OneOf(counts) => counts.contains(&count),
            Self::Groups { fixed, group } => count > fixed && (count - fixed).is_multiple_of(group),
        }
    }
}

/// What the first value of a setting demands of those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Nothing: it is not a flag, or the others are optional.
    Free,
    /// With 1 all of them must be given.
    Complete,
    /// With 1 all of them must be given, with 0 none.
    Whole,
}

/// How a publish hands over its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataPhase {
    /// After the prompt, ended by Ctrl-Z; ESC cancels.
    UntilCtrlZ,
    /// After the prompt, exactly as many bytes as the command line said.
    Counted,
    /// In the command line itself, after its length.
    Inline,
    /// In the command line itself, as a string like any other.
    Quoted,
}

/// The state of the client in which a command is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// In every state.
    Always,
    /// Only before the network connection is opened.
    BeforeOpen,
    /// Only while the client is not connected to the server.
    NotConnected,
    /// Only while the network connection is open.
    Opened,
    /// Only after a successful CONNECT.
    Connected,
}

/// A maximum response time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The figure of the note.
    Fixed(Duration),
    /// `<pkt_timeout>` × (`<retry_times>` + 1), from the settings in force. Some notes say × `<retry_times>`, which would end
    /// before the last retransmission has had its time.
    Delivery,
}

/// How `AT+QMTCFG="key",<client>` is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// `+QMTCFG: <values>`.
    Values,
    /// `+QMTCFG: "key",<values>`.
    KeyThenValues,
}

/// How `+QMTRECV` reports a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveUrc {
    /// Whether the payload's length stands before it.
    pub length: ReceiveLength,
    /// Whether the module encloses the topic in quotes.
    pub topic_quoted: bool,
    /// Whether the module encloses the payload in quotes.
    pub payload_quoted: bool,
}

/// Whether `+QMTRECV` carries the payload's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveLength {
    /// Never.
    Never,
    /// If this value of this setting is 1.
    Switchable {
        /// Which setting.
        key: SettingKey,
        /// Which of its values, counted from 0.
        value: usize,
    },
}

/// The module's buffer for received messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Messages go into it while the first value of this setting is 1.
    pub key: SettingKey,
    /// How many messages of one client it holds.
    pub slots: usize,
}

/// A final result code that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `ERROR`.
    Error,
    /// `+CME ERROR: <err>`, or `ERROR` while `+CMEE` is 0.
    Cme(CmeCode),
}

/// The answers to a command that is known but cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// A wrong number of parameters, a wrong type or a value out of range.
    pub parameter: Refusal,
    /// The client is in the wrong state.
    pub state: Refusal,
    /// As many publishes are in flight as the window allows.
    pub window: Refusal,
}

/// One unsolicited result code.
#[derive(Clone, Copy, Debug)]
pub struct Urc {
    /// The name before the colon.
    pub name: &'static str,
    /// Its fields, as the note gives them.
    pub fields: &'static str,
    /// Document and section.
    pub source: &'static str,
}
