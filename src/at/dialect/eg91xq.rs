//! EG800Q, EG915Q and EG916Q: LTE Cat 1 bis. "EG800Q&EG91xQ Series MQTT Application Note", 2024.

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
const TOPIC: Parameter = text("topic", 1, MQTT_STRING);
const NETWORK: Wait = Wait::Fixed(Duration::from_mins(2));
const CLOSING: Wait = Wait::Fixed(Duration::from_secs(30));

pub(super) static DIALECT: Dialect = Dialect {
    name: "eg91xq",
    revision: None,
    note: "EG800Q&EG91xQ Series MQTT Application Note, 2024",
    experimental: false,
    models: &[
        Model {
            name: "EG800Q",
            stem: "EG800Q",
            identification: &["Quectel", "EG800Q", "Revision: EG800QEULCR07A01M04"],
            model_line: "EG800Q",
        },
        Model {
            name: "EG915Q",
            stem: "EG915Q",
            identification: &["Quectel", "EG915Q", "Revision: EG915QNALCR01A01M04"],
            model_line: "EG915QNA",
        },
        Model {
            name: "EG916Q",
            stem: "EG916Q",
            identification: &["Quectel", "EG916Q", "Revision: EG916QGLLCR01A01M08"],
            model_line: "EG916QGL",
        },
    ],
    // 3.3.1, <client_idx>.
    last_client: 5,
    rows: ROWS,
    urcs: &[
        Urc {
            name: "QMTSTAT",
            fields: "<client_idx>,<err_code>",
            source: "4.1",
        },
        Urc {
            name: "QMTRECV",
            fields: "<client_idx>,<msgID>,<topic>[,<payload_len>],<payload>",
            source: "4.2",
        },
        Urc {
            name: "QMTRECV",
            fields: "<client_idx>,<recv_id>",
            source: "4.2",
        },
        Urc {
            name: "QMTPING",
            fields: "<client_idx>,<result>",
            source: "4.3",
        },
    ],
    // 3.3.1, <vsn>.
    versions: &[(Version::V31, 3), (Version::V311, 4)],
    // The note gives no default.
    default_version: Version::V311,
    // 3.3.8, note 2.
    payload: 1500,
    command_line: 2048,
    // 3.3.8, note 1.
    window: 5,
    read_back: ReadBack::KeyThenValues,
    // 4.2; 5.1 shows both in quotes.
    receive: ReceiveUrc {
        length: ReceiveLength::Switchable {
            key: SettingKey::RECEIVE_MODE,
            value: 1,
        },
        topic_quoted: true,
        payload_quoted: true,
    },
    // 3.3.9, <store_status>.
    buffer: Some(Buffer {
        key: SettingKey::RECEIVE_MODE,
        slots: 5,
    }),
    // 3.3.1, send/mode: the note has no other limit for digits.
    hex_payload: None,
    // Every command: "If there is any error: ERROR".
    refusals: Refusals {
        parameter: Refusal::Error,
        state: Refusal::Error,
        window: Refusal::Error,
    },
    // 3.3.2, <result>.
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
    // EG800Q&EG91xQ Series AT Commands Manual V1.1, and the file errors of the family's file application notes.
    vendor_errors: &[
        (400, "invalid input value"),
        (403, "disk full"),
        (405, "file not found"),
        (407, "file already exists"),
        (421, "timeout"),
        (901, "audio unknown error"),
        (902, "audio invalid parameters"),
        (903, "audio operation not supported"),
        (904, "audio device busy"),
    ],
    // 3.3.5: "Disconnecting a client closes the socket."
    disconnect_closes: true,
    // 3.3.1, edit/timeout, when it is enabled.
    data_idle: None,
    // EG800Q&EG91xQ Series AT Commands Manual V1.1, 2024-11-03.
    start: Start::Line("RDY"),
    boot: &[
        "RDY",
        "+CFUN: 1",
        "+CPIN: READY",
        "+QUSIM: 1",
        "+QIND: SMS DONE",
        "+QIND: PB DONE",
    ],
    starting: &[],
    joined: Joined::Last,
    // EG800Q&EG91xQ Series AT Commands Manual V1.1.
    reboots: &[FixedCommand {
        name: "CFUN",
        values: &[1, 1],
        answer: None,
    }],
    // Quectel TCP/IP Application Notes: after `+QIURC: "pdpdeact"` the context is given up before it is had again.
    deactivate: Some(FixedCommand {
        name: "QIDEACT",
        values: &[1],
        answer: None,
    }),
    // `AT+QSCLK`: only while DTR is not asserted.
    sleeps_after: None,
    echo: true,
    error_levels: &[0, 1, 2],
    error_level: 1,
    registration: &["CREG", "CGREG", "CEREG"],
    tls: Some(Tls {
        source: "5.2",
        ..FILE_SYSTEM_TLS
    }),
    blank_after_colon: true,
    data_commands: super::data_commands::LTE,
    around: &super::around::EG91XQ,
};

const ROWS: &[Row] = &[
    test(
        Command::Configure,
        &[
            "+QMTCFG: \"version\",(0-5),(3,4)",
            "+QMTCFG: \"pdpcid\",(0-5),(1-15)",
            "+QMTCFG: \"ssl\",(0-5),(0,1),(0-5)",
            "+QMTCFG: \"keepalive\",(0-5),(0-3600)",
            "+QMTCFG: \"session\",(0-5),(0,1)",
            "+QMTCFG: \"timeout\",(0-5),(1-60),(0-10),(0,1)",
            "+QMTCFG: \"will\",(0-5),(0,1),(0-2),(0,1),\"willtopic\",\"willmessage\"",
            "+QMTCFG: \"willex\",(0-5),(0,1),(0-2),(0,1),\"willtopic\",(0-256)",
            "+QMTCFG: \"recv/mode\",(0-5),(0,1),(0,1)",
            "+QMTCFG: \"qmtping\",(0-5),(5-60)",
            "+QMTCFG: \"send/mode\",(0-5),(0,1)",
            "+QMTCFG: \"aliauth\",(0-5),\"product_key\",\"device_name\",\"device_secret\"",
            "+QMTCFG: \"onenet\",(0-5),\"product_id\",\"access_key\"",
            "+QMTCFG: \"dataformat\",(0-5),(0,1),(0,1)",
            "+QMTCFG: \"view/mode\",(0-5),(0,1)",
            "+QMTCFG: \"edit/timeout\",(0-5),(0,1),(1-180)",
        ],
        "3.3.1",
    ),
    Row {
        setting: Some(SettingKey::VERSION),
        parameters: &[CLIENT, integer("vsn", 3, 4)],
        arity: Arity::Exact(2),
        defaults: &[4],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::VERSION, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::PDP_CONTEXT),
        parameters: &[CLIENT, integer("cid", 1, 15)],
        arity: Arity::Exact(2),
        defaults: &[1],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::PDP_CONTEXT, &[CLIENT], "3.3.1"),
    Row {
        // Note 2: the context must be given with 1.
        flag: Flag::Complete,
        setting: Some(SettingKey::TLS),
        parameters: &[CLIENT, integer("SSL_enable", 0, 1), integer("SSL_ctx_idx", 0, 5)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::TLS, &[CLIENT], "3.3.1"),
    Row {
        // The note has 1 to 3600 and speaks of zero all the same; modules take 0.
        setting: Some(SettingKey::KEEP_ALIVE),
        parameters: &[CLIENT, integer("keep_alive_time", 0, 3600)],
        arity: Arity::Exact(2),
        defaults: &[120],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::KEEP_ALIVE, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::SESSION),
        parameters: &[CLIENT, integer("clean_session", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[1],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::SESSION, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::TIMEOUT),
        parameters: &[
            CLIENT,
            integer("pkt_timeout", 1, 60),
            integer("retry_times", 0, 10),
            integer("timeout_notice", 0, 1),
        ],
        arity: Arity::Exact(4),
        defaults: &[5, 3, 0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::TIMEOUT, &[CLIENT], "3.3.1"),
    Row {
        // Note 1: all of them with flag 1, none with flag 0.
        flag: Flag::Whole,
        setting: Some(SettingKey::WILL),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_qos", 0, 2),
            integer("will_retain", 0, 1),
            text("willtopic", 1, 256),
            text("willmessage", 0, 256),
        ],
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::WILL, &[CLIENT], "3.3.1"),
    Row {
        // The note has 1 to 256 for the length; modules take 0. Note 1 holds here too.
        flag: Flag::Whole,
        setting: Some(SettingKey::WILL_EXACT),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_qos", 0, 2),
            integer("will_retain", 0, 1),
            text("willtopic", 1, 256),
            integer("will_len", 0, 256),
        ],
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        data: Some(DataPhase::Counted),
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::WILL_EXACT, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::RECEIVE_MODE),
        parameters: &[CLIENT, integer("msg_recv_mode", 0, 1), integer("msg_len_enable", 0, 1)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0, 0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::RECEIVE_MODE, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::PING_INTERVAL),
        parameters: &[CLIENT, integer("qmtping_interval", 5, 60)],
        arity: Arity::Exact(2),
        defaults: &[5],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::PING_INTERVAL, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::SEND_MODE),
        parameters: &[CLIENT, integer("send_mode", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::SEND_MODE, &[CLIENT], "3.3.1"),
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
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::ALIBABA, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::ONE_NET),
        parameters: &[
            CLIENT,
            text("product_id", 1, MQTT_STRING),
            secret("access_key", 1, MQTT_STRING),
        ],
        arity: Arity::Exact(3),
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::ONE_NET, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::DATA_FORMAT),
        parameters: &[CLIENT, integer("send_mode", 0, 1), integer("recv_mode", 0, 1)],
        arity: Arity::Exact(3),
        defaults: &[0, 0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::DATA_FORMAT, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::VIEW_MODE),
        parameters: &[CLIENT, integer("view_mode", 0, 1)],
        arity: Arity::Exact(2),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::VIEW_MODE, &[CLIENT], "3.3.1"),
    Row {
        setting: Some(SettingKey::EDIT_TIMEOUT),
        parameters: &[CLIENT, integer("enable_timeout", 0, 1), integer("edit_timeout", 1, 180)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0],
        gate: Gate::NotConnected,
        source: "3.3.1",
        ..ROW
    },
    read_setting(SettingKey::EDIT_TIMEOUT, &[CLIENT], "3.3.1"),
    test(Command::Open, &["+QMTOPEN: (0-5),\"hostname\",(1-65535)"], "3.3.2"),
    read(Command::Open, "3.3.2"),
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
        source: "3.3.2",
        ..ROW
    },
    test(Command::Close, &["+QMTCLOSE: (0-5)"], "3.3.3"),
    Row {
        command: Command::Close,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Opened,
        wait: CLOSING,
        source: "3.3.3",
        ..ROW
    },
    test(
        Command::Connect,
        &["+QMTCONN: (0-5),\"clientID\",\"username\",\"password\""],
        "3.3.4",
    ),
    read(Command::Connect, "3.3.4"),
    Row {
        command: Command::Connect,
        parameters: &[
            CLIENT,
            text("clientID", 0, MQTT_STRING),
            text("username", 0, MQTT_STRING),
            secret("password", 0, MQTT_STRING),
        ],
        arity: Arity::OneOf(&[2, 4]),
        gate: Gate::Opened,
        wait: Wait::Delivery,
        source: "3.3.4",
        ..ROW
    },
    test(Command::Disconnect, &["+QMTDISC: (0-5)"], "3.3.5"),
    Row {
        command: Command::Disconnect,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Connected,
        wait: CLOSING,
        source: "3.3.5",
        ..ROW
    },
    test(
        Command::Subscribe,
        &["+QMTSUB: (0-5),<msgID>,list of [\"topic\",qos]"],
        "3.3.6",
    ),
    Row {
        // Message id 0 is allowed here; a SUBSCRIBE of id 0 is dropped by servers, so the host never sends it.
        command: Command::Subscribe,
        parameters: &[CLIENT, integer("msgID", 0, 65535), TOPIC, integer("qos", 0, 2)],
        arity: Arity::Groups { fixed: 2, group: 2 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.6",
        ..ROW
    },
    test(
        Command::Unsubscribe,
        &["+QMTUNS: (0-5),<msgID>,\"topic\"[,\"topic\"...]"],
        "3.3.7",
    ),
    Row {
        command: Command::Unsubscribe,
        parameters: &[CLIENT, integer("msgID", 0, 65535), TOPIC],
        arity: Arity::Groups { fixed: 2, group: 1 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.7",
        ..ROW
    },
    test(
        Command::PublishExact,
        &["+QMTPUBEX: (0-5),<msgID>,(0-2),(0,1),\"topic\",\"length\""],
        "3.3.8",
    ),
    Row {
        command: Command::PublishExact,
        parameters: &[
            CLIENT,
            integer("msgID", 0, 65535),
            integer("qos", 0, 2),
            integer("retain", 0, 1),
            TOPIC,
            integer("length", 0, 1500),
        ],
        arity: Arity::Exact(6),
        data: Some(DataPhase::Counted),
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.3.8",
        ..ROW
    },
    test(Command::Receive, &[], "3.3.9"),
    read(Command::Receive, "3.3.9"),
    Row {
        command: Command::Receive,
        parameters: &[CLIENT, integer("recv_id", 0, 4)],
        arity: Arity::OneOf(&[1, 2]),
        gate: Gate::Connected,
        source: "3.3.9",
        ..ROW
    },
];
