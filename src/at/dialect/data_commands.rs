//! Commands other than those of the MQTT notes that ask for data: a message, a packet, a file.
//!
//! The host needs them for command lines of the program's own: such a line is sent only together with its data.

/// A command that asks for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataCommand {
    /// Its name, without `+`.
    pub name: &'static str,
    /// Which parameter declares how many bytes follow.
    pub count: Count,
    /// What a line without a count asks for.
    pub uncounted: Uncounted,
    /// Whether a count of 0 asks for nothing, but reports what was sent before.
    pub zero_reports: bool,
    /// Whether the data are a file: it may be a private key, and is never shown.
    pub file: bool,
    /// Document and section.
    pub source: &'static str,
}

/// Where a command declares how many bytes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Nowhere.
    Never,
    /// In the parameter at this position, counted from 0.
    At(usize),
    /// In its last parameter.
    Last,
}

/// What a line without a count asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// Data that Ctrl-Z ends and ESC cancels.
    UntilCtrlZ,
    /// An unknown number of bytes; the host sends no such line.
    Unbounded,
}

const MESSAGE: DataCommand = DataCommand {
    name: "CMGS",
    count: Count::Never,
    uncounted: Uncounted::UntilCtrlZ,
    zero_reports: false,
    file: false,
    source: "3GPP TS 27.005 sections 3.5.1 and 4.3",
};
const STORED_MESSAGE: DataCommand = DataCommand {
    name: "CMGW",
    source: "3GPP TS 27.005 sections 3.5.3 and 4.4",
    ..MESSAGE
};
const MESSAGE_COMMAND: DataCommand = DataCommand {
    name: "CMGC",
    source: "3GPP TS 27.005 sections 3.5.7 and 4.5",
    ..MESSAGE
};
const PACKET: DataCommand = DataCommand {
    name: "QISEND",
    count: Count::At(1),
    zero_reports: true,
    source: "TCP/IP application note of the family, AT+QISEND",
    ..MESSAGE
};
const FILE: DataCommand = DataCommand {
    name: "QFUPL",
    count: Count::At(1),
    uncounted: Uncounted::Unbounded,
    zero_reports: false,
    file: true,
    source: "FILE application note of the family, AT+QFUPL",
};
const SECURE_PACKET: DataCommand = DataCommand {
    name: "QSSLSEND",
    source: "SSL application note of the family, AT+QSSLSEND",
    ..PACKET
};
const URL: DataCommand = DataCommand {
    name: "QHTTPURL",
    count: Count::At(0),
    file: false,
    source: "HTTP application note of the family, AT+QHTTPURL",
    ..FILE
};
const POST: DataCommand = DataCommand {
    name: "QHTTPPOST",
    source: "HTTP application note of the family, AT+QHTTPPOST",
    ..URL
};

/// M95. Without `AT+QIMUX=1` its `AT+QISEND` has no connection id in front of the count.
pub(super) const M95: &[DataCommand] = &[
    MESSAGE,
    STORED_MESSAGE,
    MESSAGE_COMMAND,
    DataCommand {
        count: Count::Last,
        zero_reports: false,
        ..PACKET
    },
    DataCommand {
        name: "QSECWRITE",
        source: "SSL application note of the family, AT+QSECWRITE",
        ..FILE
    },
    FILE,
    SECURE_PACKET,
    URL,
    POST,
];

/// BC35-G, BC28 and BC660K-GL.
pub(super) const NB_IOT: &[DataCommand] = &[MESSAGE, STORED_MESSAGE, MESSAGE_COMMAND, PACKET, SECURE_PACKET];

/// EG800Q, EG915Q, EG916Q, BG95, BG96 and BG77.
pub(super) const LTE: &[DataCommand] = &[
    MESSAGE,
    STORED_MESSAGE,
    MESSAGE_COMMAND,
    PACKET,
    SECURE_PACKET,
    FILE,
    DataCommand {
        name: "QFWRITE",
        source: "FILE application note of the family, AT+QFWRITE",
        ..FILE
    },
    URL,
    POST,
    DataCommand {
        name: "QHTTPPUT",
        source: "HTTP application note of the family, AT+QHTTPPUT",
        ..URL
    },
];
