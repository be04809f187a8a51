//! BG95, BG96 and BG77: LTE-M and NB-IoT. Experimental: "BG95&BG77&BG600L Series MQTT Application Note" is not among the notes
//! that the other dialects were written from. These rows stand on what public programs and logs show of the family;
//! what is doubtful says so. No row has been compared with a module.

use std::time::Duration;

use super::file_system_tls::FILE_SYSTEM_TLS;
use super::make::{MQTT_STRING, ROW, integer, read, read_setting, secret, test, text};
use super::rows::{
    Arity, Buffer, DataPhase, Dialect, FixedCommand, Flag, Gate, Joined, Kind, Model, Parameter, ReadBack,
    ReceiveLength, ReceiveUrc, Refusal, Refusals, Row, Start, Urc, Wait,
};
use crate::codes::OpenResult;
use crate::tls::Tls;
use crate::{Command, SettingKey, Version};

const CLIENT: Parameter = integer("client_idx", 0, 5);
const MESSAGE_ID: Parameter = integer("msgID", 1, 65_535);
const TOPIC: Parameter = text("topic", 1, MQTT_STRING);
/// Doubtful: programs wait 75 s to 150 s.
const NETWORK: Wait = Wait::Fixed(Duration::from_mins(2));
/// Doubtful: as the EG800Q&EG91xQ note has it.
const CLOSING: Wait = Wait::Fixed(Duration::from_secs(30));

/// The sections of the note are not known, so that a row names the command.
const CFG: &str = "AT+QMTCFG (BG95&BG77&BG600L note)";
const OPEN: &str = "AT+QMTOPEN (BG95&BG77&BG600L note)";
const CLOSE: &str = "AT+QMTCLOSE (BG95&BG77&BG600L note)";
const CONN: &str = "AT+QMTCONN (BG95&BG77&BG600L note)";
const DISC: &str = "AT+QMTDISC (BG95&BG77&BG600L note)";
const SUB: &str = "AT+QMTSUB (BG95&BG77&BG600L note)";
const UNS: &str = "AT+QMTUNS (BG95&BG77&BG600L note)";
const PUB: &str = "AT+QMTPUB (BG95&BG77&BG600L note)";
const PUB_LENGTH: &str = "AT+QMTPUB with a length (log of a BG95)";
const PUBEX: &str = "AT+QMTPUBEX (BG95&BG77&BG600L note, programs for BG77)";
const RECV: &str = "AT+QMTRECV (BG95&BG77&BG600L note)";
const URCS: &str = "MQTT related URCs (BG95&BG77&BG600L note)";

pub(super) static DIALECT: Dialect = Dialect {
    name: "bg9x",
    revision: None,
    note: "BG95&BG77&BG600L Series MQTT Application Note, second hand",
    experimental: true,
    // A stem longer than the name keeps BG951A, BG953A and BG770A out, which are other families. All identification is
    // experimental: the revisions are made up after those in logs.
    models: &[
        Model {
            name: "BG95",
            stem: "BG95M",
            identification: &["Quectel", "BG95-M3", "Revision: BG95M3LAR02A03"],
            model_line: "BG95-M3",
        },
        Model {
            name: "BG96",
            stem: "BG96",
            identification: &["Quectel", "BG96", "Revision: BG96MAR02A07M1G"],
            model_line: "BG96",
        },
        Model {
            name: "BG77",
            stem: "BG77L",
            identification: &["Quectel", "BG77", "Revision: BG77LAR02A04"],
            model_line: "BG77",
        },
    ],
    last_client: 5,
    rows: ROWS,
    urcs: &[
        Urc {
            name: "QMTSTAT",
            fields: "<client_idx>,<err_code>",
            source: URCS,
        },
        Urc {
            name: "QMTRECV",
            fields: "<client_idx>,<msgID>,<topic>[,<payload_len>],<payload>",
            source: URCS,
        },
        Urc {
            name: "QMTRECV",
            fields: "<client_idx>,<recv_id>",
            source: URCS,
        },
    ],
    versions: &[(Version::V31, 3), (Version::V311, 4)],
    // Doubtful: the default was not found.
    default_version: Version::V311,
    payload: 4096,
    command_line: 2048,
    // Doubtful: what the other families have.
    window: 5,
    // Doubtful: as the EG800Q&EG91xQ note has it.
    read_back: ReadBack::KeyThenValues,
    // Logs: both in quotes, those inside the payload not escaped.
    receive: ReceiveUrc {
        length: ReceiveLength::Switchable {
            key: SettingKey::RECEIVE_MODE,
            value: 1,
        },
        topic_quoted: true,
        payload_quoted: true,
    },
    // Doubtful: how many.
    buffer: Some(Buffer {
        key: SettingKey::RECEIVE_MODE,
        slots: 5,
    }),
    hex_payload: None,
    // Doubtful: logs have `ERROR` only.
    refusals: Refusals {
        parameter: Refusal::Error,
        state: Refusal::Error,
        window: Refusal::Error,
    },
    open_results: &[
        OpenResult::FAILED,
        OpenResult::OPENED,
        OpenResult::WRONG_PARAMETER,
        OpenResult::OCCUPIED,
        OpenResult::PDP_FAILED,
        OpenResult::NAME_NOT_RESOLVED,
        OpenResult::NETWORK_ERROR,
    ],
    spellings: &[],
    vendor_errors: &[],
    // Doubtful: as the EG800Q&EG91xQ note has it.
    disconnect_closes: true,
    data_idle: None,
    // Logs of a BG96 and of a BG95.
    start: Start::Line("RDY"),
    boot: &["RDY", "APP RDY", "+CFUN: 1", "+CPIN: READY", "+QIND: SMS DONE"],
    starting: &[],
    joined: Joined::Last,
    // 3GPP TS 27.007 section 8.2.
    reboots: &[FixedCommand {
        name: "CFUN",
        values: &[1, 1],
        answer: None,
    }],
    deactivate: Some(FixedCommand {
        name: "QIDEACT",
        values: &[1],
        answer: None,
    }),
    sleeps_after: None,
    echo: true,
    // 3GPP TS 27.007 section 9.1; the default is doubtful.
    error_levels: &[0, 1, 2],
    error_level: 1,
    registration: &["CREG", "CGREG", "CEREG"],
    // Doubtful: as EG800Q&EG91xQ have it; programs for BG95 and BG96 send the same.
    tls: Some(Tls {
        source: "AT+QSSLCFG (programs for BG95 and BG96)",
        ..FILE_SYSTEM_TLS
    }),
    blank_after_colon: true,
    data_commands: super::data_commands::LTE,
    around: &super::around::BG9X,
};

const ROWS: &[Row] = &[
    test(
        Command::Configure,
        // Doubtful, as is every answer to a test command here: ranges as below.
        &[
            "+QMTCFG: \"version\",(0-5),(3,4)",
            "+QMTCFG: \"pdpcid\",(0-5),(1-16)",
            "+QMTCFG: \"ssl\",(0-5),(0,1),(0-5)",
            "+QMTCFG: \"keepalive\",(0-5),(0-3600)",
            "+QMTCFG: \"session\",(0-5),(0,1)",
            "+QMTCFG: \"timeout\",(0-5),(1-60),(1-10),(0,1)",
            "+QMTCFG: \"will\",(0-5),(0,1),(0-2),(0,1),<will_topic>,<will_message>",
            "+QMTCFG: \"recv/mode\",(0-5),(0,1),(0,1)",
            "+QMTCFG: \"aliauth\",(0-5),<product_key>,<device_name>,<device_secret>",
        ],
        CFG,
    ),
    Row {
        setting: Some(SettingKey::VERSION),
        parameters: &[CLIENT, integer("vsn", 3, 4)],
        arity: Arity::Exact(2),
        defaults: &[4],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::VERSION, &[CLIENT], CFG),
    Row {
        // Doubtful: the upper end.
        setting: Some(SettingKey::PDP_CONTEXT),
        parameters: &[CLIENT, integer("cid", 1, 16)],
        arity: Arity::Exact(2),
        defaults: &[1],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::PDP_CONTEXT, &[CLIENT], CFG),
    Row {
        flag: Flag::Complete,
        setting: Some(SettingKey::TLS),
        parameters: &[CLIENT, integer("SSL_enable", 0, 1), integer("SSL_ctx_idx", 0, 5)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::TLS, &[CLIENT], CFG),
    Row {
        setting: Some(SettingKey::KEEP_ALIVE),
        parameters: &[CLIENT, integer("keep_alive_time", 0, 3600)],
        arity: Arity::Exact(2),
        defaults: &[120],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::KEEP_ALIVE, &[CLIENT], CFG),
    Row {
        setting: Some(SettingKey::SESSION),
        parameters: &[CLIENT, integer("clean_session", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[1],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::SESSION, &[CLIENT], CFG),
    Row {
        // The only family whose retries begin at 1.
        setting: Some(SettingKey::TIMEOUT),
        parameters: &[
            CLIENT,
            integer("pkt_timeout", 1, 60),
            integer("retry_times", 1, 10),
            integer("timeout_notice", 0, 1),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        skips: &[2],
        defaults: &[5, 3, 0],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::TIMEOUT, &[CLIENT], CFG),
    Row {
        flag: Flag::Whole,
        setting: Some(SettingKey::WILL),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_qos", 0, 2),
            integer("will_retain", 0, 1),
            // Doubtful: no limit was found but that of the other families.
            text("will_topic", 1, 256),
            text("will_message", 0, 256),
        ],
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::WILL, &[CLIENT], CFG),
    Row {
        setting: Some(SettingKey::RECEIVE_MODE),
        parameters: &[CLIENT, integer("msg_recv_mode", 0, 1), integer("msg_len_enable", 0, 1)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0, 0],
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::RECEIVE_MODE, &[CLIENT], CFG),
    Row {
        setting: Some(SettingKey::ALIBABA),
        parameters: &[
            CLIENT,
            text("product_key", 1, MQTT_STRING),
            text("device_name", 1, MQTT_STRING),
            secret("device_secret", 1, MQTT_STRING),
        ],
        arity: Arity::Exact(4),
        gate: Gate::NotConnected,
        source: CFG,
        ..ROW
    },
    read_setting(SettingKey::ALIBABA, &[CLIENT], CFG),
    test(Command::Open, &["+QMTOPEN: (0-5),<host_name>,(1-65535)"], OPEN),
    read(Command::Open, OPEN),
    Row {
        command: Command::Open,
        parameters: &[
            CLIENT,
            text("host_name", 1, 100),
            Parameter {
                name: "port",
                kind: Kind::Port { quoted_too: false },
                secret: false,
            },
        ],
        arity: Arity::Exact(3),
        wait: NETWORK,
        source: OPEN,
        ..ROW
    },
    test(Command::Close, &["+QMTCLOSE: (0-5)"], CLOSE),
    Row {
        command: Command::Close,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Opened,
        wait: CLOSING,
        source: CLOSE,
        ..ROW
    },
    test(
        Command::Connect,
        &["+QMTCONN: (0-5),<clientID>,<username>,<password>"],
        CONN,
    ),
    read(Command::Connect, CONN),
    Row {
        command: Command::Connect,
        parameters: &[
            CLIENT,
            text("clientID", 0, MQTT_STRING),
            text("username", 0, MQTT_STRING),
            secret("password", 0, MQTT_STRING),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        gate: Gate::Opened,
        wait: Wait::Delivery,
        source: CONN,
        ..ROW
    },
    test(Command::Disconnect, &["+QMTDISC: (0-5)"], DISC),
    Row {
        command: Command::Disconnect,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Connected,
        wait: CLOSING,
        source: DISC,
        ..ROW
    },
    test(Command::Subscribe, &["+QMTSUB: (0-5),(1-65535),<topic>,(0-2)"], SUB),
    Row {
        command: Command::Subscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC, integer("qos", 0, 2)],
        arity: Arity::Groups { fixed: 2, group: 2 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: SUB,
        ..ROW
    },
    test(Command::Unsubscribe, &["+QMTUNS: (0-5),(1-65535),<topic>"], UNS),
    Row {
        command: Command::Unsubscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC],
        arity: Arity::Groups { fixed: 2, group: 1 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: UNS,
        ..ROW
    },
    test(
        Command::Publish,
        &["+QMTPUB: (0-5),(0-65535),(0-2),(0,1),<topic>,(0-4096)"],
        PUB,
    ),
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("qos", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
            // Doubtful: whether 0 is allowed.
            integer("msg_len", 0, 4096),
        ],
        arity: Arity::Exact(6),
        data: Some(DataPhase::Counted),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: PUB_LENGTH,
        ..ROW
    },
    Row {
        command: Command::Publish,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("qos", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
        ],
        arity: Arity::Exact(5),
        data: Some(DataPhase::UntilCtrlZ),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: PUB,
        ..ROW
    },
    test(
        Command::PublishExact,
        &["+QMTPUBEX: (0-5),(0-65535),(0-2),(0,1),<topic>,<msg>"],
        PUBEX,
    ),
    // Its result comes as `+QMTPUB`.
    Row {
        command: Command::PublishExact,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65_535),
            integer("qos", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
            text("msg", 0, 560),
        ],
        arity: Arity::Exact(6),
        data: Some(DataPhase::Quoted),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: PUBEX,
        ..ROW
    },
    // Doubtful: all three, as the EG800Q&EG91xQ note has them.
    test(Command::Receive, &[], RECV),
    read(Command::Receive, RECV),
    Row {
        command: Command::Receive,
        parameters: &[CLIENT, integer("recv_id", 0, 4)],
        arity: Arity::OneOf(&[1, 2]),
        gate: Gate::Connected,
        source: RECV,
        ..ROW
    },
];
