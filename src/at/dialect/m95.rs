//! M95: GSM/GPRS. "M95 MQTT Application Note", V1.0, 2017-06-12.

use std::time::Duration;

use super::make::{MQTT_STRING, ROW, integer, read, read_setting, secret, test, text};
use super::rows::{
    Arity, DataPhase, Dialect, FixedCommand, Flag, Gate, Joined, Kind, Model, Parameter, ReadBack, ReceiveLength,
    ReceiveUrc, Refusal, Refusals, Row, Start, Urc, Wait,
};
use crate::codes::{CmeCode, OpenResult};
use crate::tls::{
    Credential, FileAction, FileRefusals, Files, Storage, Tls, TlsForm, TlsKey, TlsOption, Upload, credential, number,
    suites,
};
use crate::{Command, SettingKey, Version};

const CLIENT: Parameter = integer("tcpconnectID", 0, 5);
const MESSAGE_ID: Parameter = integer("msgID", 1, 65_535);
const TOPIC: Parameter = text("topic", 1, MQTT_STRING);
const NETWORK: Wait = Wait::Fixed(Duration::from_secs(75));

pub(super) static DIALECT: Dialect = Dialect {
    name: "m95",
    revision: None,
    note: "M95 MQTT Application Note V1.0, 2017-06-12",
    experimental: false,
    models: &[Model {
        name: "M95",
        stem: "M95",
        identification: &["Quectel_Ltd", "Quectel_M95", "Revision: M95FAR02A08"],
        model_line: "Quectel_M95",
    }],
    // 3.2.1, <tcpconnectID>.
    last_client: 5,
    rows: ROWS,
    urcs: &[
        Urc {
            name: "QMTSTAT",
            fields: "<tcpconnectID>,<err_code>",
            source: "4.1.1",
        },
        Urc {
            name: "QMTRECV",
            fields: "<tcpconnectID>,<msgID>,<topic>,<payload>",
            source: "4.1.2",
        },
    ],
    // 3.2.1 has no key for it; chapter 6.1 cites MQTT 3.1 only, modules of this family have been seen to speak 3.1.1.
    versions: &[],
    default_version: Version::V311,
    // 3.2.8, note 2; what is beyond is dropped (5.1).
    payload: 1548,
    command_line: 2048,
    // 3.2.8, note 1.
    window: 5,
    read_back: ReadBack::Values,
    // 4.1.2 has no length; 5.1 shows the topic in quotes, the payload once in quotes and twice without. Seen in the
    // field: without.
    receive: ReceiveUrc {
        length: ReceiveLength::Never,
        topic_quoted: true,
        payload_quoted: false,
    },
    buffer: None,
    hex_payload: None,
    // 3.2.1 to 3.2.8 have `+CME ERROR: <err>` only; 6.2 has the codes.
    refusals: Refusals {
        parameter: Refusal::Cme(CmeCode::MQTT_INVALID_PARAMETER),
        state: Refusal::Cme(CmeCode::MQTT_LINK),
        window: Refusal::Cme(CmeCode::MQTT_WINDOW),
    },
    // 3.2.2, <result>.
    open_results: &[
        OpenResult::FAILED,
        OpenResult::OPENED,
        OpenResult::WRONG_PARAMETER,
        OpenResult::OCCUPIED,
        OpenResult::PDP_FAILED,
        OpenResult::NAME_NOT_RESOLVED,
        OpenResult::NETWORK_ERROR,
    ],
    // 3.2.1, in capitals throughout.
    spellings: &[
        (SettingKey::WILL, "WILL"),
        (SettingKey::TIMEOUT, "TIMEOUT"),
        (SettingKey::SESSION, "SESSION"),
        (SettingKey::KEEP_ALIVE, "KEEPALIVE"),
        (SettingKey::TLS, "SSL"),
    ],
    vendor_errors: &[],
    // 3.2.5 is silent. 4.1.1 has code 5 for the server that closes after DISCONNECT, so the connection outlives it.
    disconnect_closes: false,
    data_idle: None,
    // M95 Hardware Design, 3.4: at a fixed baud rate.
    start: Start::Line("RDY"),
    boot: &["RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready"],
    starting: &[],
    joined: Joined::Last,
    // 3GPP TS 27.007 section 8.2.
    reboots: &[FixedCommand {
        name: "CFUN",
        values: &[1, 1],
        answer: None,
    }],
    // Hosts of the family; it is answered by a final result code of its own.
    deactivate: Some(FixedCommand {
        name: "QIDEACT",
        values: &[],
        answer: Some("DEACT OK"),
    }),
    // `AT+QSCLK=2`; its idle time could not be read. Hosts of the family wake it before any command.
    sleeps_after: Some(Duration::from_secs(10)),
    // Logs of modules as they come.
    echo: true,
    // 3GPP TS 27.007 section 9.1; the default of the manual could not be read.
    error_levels: &[0, 1, 2],
    error_level: 1,
    // GSM/GPRS: circuit-switched and packet-switched.
    registration: &["CREG", "CGREG"],
    tls: Some(Tls {
        last_context: 5,
        form: TlsForm::OptionFirst,
        options: &[
            // Note 3 of 3.2.1 names what there is, 5.2 shows it. `secllevel` there is a slip: modules take `seclevel`.
            number(TlsKey::Version, "sslversion", (0, 4), 4),
            suites(true),
            number(TlsKey::Level, "seclevel", (0, 2), 0),
            credential(Credential::Authority),
            credential(Credential::Certificate),
            credential(Credential::Key),
            TlsOption {
                of_context: false,
                ..number(TlsKey::IgnoreTime, "ignorertctime", (0, 1), 0)
            },
        ],
        others: &[],
        upload: Upload::SecureFile(Files {
            commands: &[
                (FileAction::Write, "QSECWRITE"),
                (FileAction::Delete, "QSECDEL"),
                (FileAction::Checksum, "QSECREAD"),
            ],
            storages: &[
                // 5.2. The sizes are those of programs for the family.
                Storage {
                    prefix: "RAM:",
                    most: 32_768,
                    total: 65_536,
                    kept: false,
                },
                Storage {
                    prefix: "NVRAM:",
                    most: 2017,
                    total: 12_102,
                    kept: true,
                },
            ],
            // Logs: what has come in time is kept, and its length printed.
            patience: 5,
            acknowledged: None,
            refusals: FileRefusals {
                parameter: Refusal::Error,
                missing: Refusal::Error,
                exists: Refusal::Error,
                full: Refusal::Error,
                late: None,
            },
        }),
        source: "5.2",
    }),
    blank_after_colon: true,
    data_commands: super::data_commands::M95,
    around: &super::around::M95,
};

const ROWS: &[Row] = &[
    test(
        Command::Configure,
        &[
            "+QMTCFG: \"WILL\",(0-5),(0,1),(0-2),(0,1),\"<will_topic>\",\"<will_msg>\"",
            "+QMTCFG: \"TIMEOUT\",(0-5),(1-60),(0-10),(0,1)",
            "+QMTCFG: \"SESSION\",(0-5),(0,1)",
            "+QMTCFG: \"KEEPALIVE\",(0-5),(0-3600)",
            "+QMTCFG: \"SSL\",(0-5),(0,1),(0-5)",
        ],
        "3.2.1",
    ),
    Row {
        setting: Some(SettingKey::WILL),
        parameters: &[
            CLIENT,
            integer("will_fg", 0, 1),
            integer("will_qos", 0, 2),
            integer("will_retain", 0, 1),
            text("will_topic", 1, MQTT_STRING),
            text("will_msg", 0, MQTT_STRING),
        ],
        // Note 1: all of them with flag 1, none with flag 0.
        flag: Flag::Whole,
        arity: Arity::OneOf(&[2, 6]),
        defaults: &[0],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::WILL, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::TIMEOUT),
        parameters: &[
            CLIENT,
            integer("pkt_timeout", 1, 60),
            integer("retry_times", 0, 10),
            integer("timeout_notice", 0, 1),
        ],
        arity: Arity::OneOf(&[2, 3, 4]),
        skips: &[2],
        defaults: &[5, 3, 0],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::TIMEOUT, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::SESSION),
        parameters: &[CLIENT, integer("clean_session", 0, 1)],
        arity: Arity::Exact(2),
        // The default is not given; 1 is what every other family has.
        defaults: &[1],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::SESSION, &[CLIENT], "3.2.1"),
    Row {
        setting: Some(SettingKey::KEEP_ALIVE),
        parameters: &[CLIENT, integer("keep-alive time", 0, 3600)],
        arity: Arity::Exact(2),
        defaults: &[120],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::KEEP_ALIVE, &[CLIENT], "3.2.1"),
    Row {
        // Note 3: the context must be given with 1.
        flag: Flag::Complete,
        setting: Some(SettingKey::TLS),
        parameters: &[CLIENT, integer("sslenable", 0, 1), integer("ctxindex", 0, 5)],
        arity: Arity::OneOf(&[2, 3]),
        defaults: &[0],
        source: "3.2.1",
        ..ROW
    },
    read_setting(SettingKey::TLS, &[CLIENT], "3.2.1"),
    test(Command::Open, &["+QMTOPEN: (0-5),\"<host_name>\",(1-65535)"], "3.2.2"),
    read(Command::Open, "3.2.2"),
    Row {
        command: Command::Open,
        parameters: &[
            CLIENT,
            text("host_name", 1, 100),
            // 5.2 gives the port in quotes.
            Parameter {
                name: "port",
                kind: Kind::Port { quoted_too: true },
                secret: false,
            },
        ],
        arity: Arity::Exact(3),
        wait: NETWORK,
        source: "3.2.2",
        ..ROW
    },
    test(Command::Close, &["+QMTCLOSE: (0-5)"], "3.2.3"),
    Row {
        command: Command::Close,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Opened,
        source: "3.2.3",
        ..ROW
    },
    test(
        Command::Connect,
        &["+QMTCONN: (0-5),\"<clientID>\"[,\"<username>\"[,\"<password>\"]]"],
        "3.2.4",
    ),
    read(Command::Connect, "3.2.4"),
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
        source: "3.2.4",
        ..ROW
    },
    test(Command::Disconnect, &["+QMTDISC: (0-5)"], "3.2.5"),
    Row {
        command: Command::Disconnect,
        parameters: &[CLIENT],
        arity: Arity::Exact(1),
        gate: Gate::Connected,
        source: "3.2.5",
        ..ROW
    },
    test(
        Command::Subscribe,
        &["+QMTSUB: (0-5),(1-65535),\"<topic>\",(0-2)"],
        "3.2.6",
    ),
    Row {
        command: Command::Subscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC, integer("qos", 0, 2)],
        arity: Arity::Groups { fixed: 2, group: 2 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.2.6",
        ..ROW
    },
    test(Command::Unsubscribe, &["+QMTUNS: (0-5),(1-65535),\"<topic>\""], "3.2.7"),
    Row {
        command: Command::Unsubscribe,
        parameters: &[CLIENT, MESSAGE_ID, TOPIC],
        arity: Arity::Groups { fixed: 2, group: 1 },
        gate: Gate::Connected,
        wait: Wait::Delivery,
        source: "3.2.7",
        ..ROW
    },
    test(
        Command::Publish,
        &["+QMTPUB: (0-5),(0-65535),(0-2),(0,1),\"<topic>\",\"<msg>\""],
        "3.2.8",
    ),
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
        source: "3.2.8",
        ..ROW
    },
];
